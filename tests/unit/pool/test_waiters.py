import pytest

from proxy.pool.waiters import Deadlines, Waiter


def add(deadlines, now, timeout):
    waiter = Waiter("app", None)
    waiter.deadline = now + timeout
    deadlines.add(waiter)
    return waiter


def test_first_is_the_earliest_over_all_timeouts():
    deadlines = Deadlines()
    late, early = add(deadlines, 0.0, 100.0), add(deadlines, 10.0, 5.0)
    assert deadlines.first() is early
    deadlines.remove(early)
    assert deadlines.first() is late
    assert late.deadline == 100.0


def test_equal_timeouts_expire_in_order_of_arrival():
    deadlines = Deadlines()
    waiters = [add(deadlines, 1.0, 5.0) for _ in range(3)]
    for waiter in waiters:
        assert deadlines.first() is waiter
        deadlines.remove(waiter)
    assert deadlines.first() is None


def test_earlier_deadlines_of_late_comers():
    deadlines = Deadlines()
    waiters = [add(deadlines, 0.0, timeout) for timeout in (9.0, 3.0, 7.0, 3.0, 8.0, 1.0, 12.0)]
    found = []
    while (waiter := deadlines.first()) is not None:
        found.append(waiter)
        deadlines.remove(waiter)
    assert found == sorted(waiters, key=lambda waiter: waiter.deadline)


def test_length_and_membership():
    deadlines = Deadlines()
    waiter = add(deadlines, 0.0, 1.0)
    add(deadlines, 0.0, 2.0)
    assert len(deadlines) == len(list(deadlines)) == 2
    assert waiter in deadlines
    deadlines.remove(waiter)
    assert waiter not in deadlines
    assert len(deadlines) == 1
    with pytest.raises(KeyError):
        deadlines.remove(waiter)


def test_context_is_not_shown():
    assert "hidden" not in repr(Waiter("app", None, context="hidden"))
