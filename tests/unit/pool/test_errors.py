import pytest

from proxy.pool.errors import (
    BorrowTimeout,
    Evacuated,
    NotBorrowed,
    PoolClosed,
    PoolError,
    QueueFull,
    is_fatal,
)


@pytest.mark.parametrize("kind", [BorrowTimeout, Evacuated, NotBorrowed, PoolClosed, QueueFull])
def test_all_are_pool_errors(kind):
    assert issubclass(kind, PoolError)
    assert not is_fatal(kind("text"))


def test_the_exception_says_whether_it_is_fatal():
    refused = OSError("access denied")
    refused.fatal = True
    assert is_fatal(refused)
    assert not is_fatal(OSError("no route"))
