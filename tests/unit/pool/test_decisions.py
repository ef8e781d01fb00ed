from proxy.pool.decisions import Close, Expire, Grant, Refuse
from proxy.pool.reasons import CloseReason
from proxy.pool.waiters import Waiter


def test_decisions_are_values():
    waiter, connection = Waiter("app", None), object()
    assert Grant(waiter, connection) == Grant(waiter, connection)
    assert Close(connection, CloseReason.IDLE) != Close(connection, CloseReason.LIFE)
    assert Expire(waiter).cause is None
    assert Refuse(waiter, OSError("a")) != Refuse(Waiter("app", None), OSError("a"))


def test_reasons_are_distinct_words():
    words = [reason.value for reason in CloseReason]
    assert len(set(words)) == len(words)
    assert all(word.replace("_", "").isalpha() and word.islower() for word in words)
