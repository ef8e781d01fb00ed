import pytest

from proxy.pool.errors import (
    BorrowTimeout,
    Evacuated,
    NotBorrowed,
    PoolClosed,
    PoolError,
    QueueFull,
    TenantQueueFull,
    TenantTimeout,
    is_fatal,
)


@pytest.mark.parametrize("kind", [BorrowTimeout, Evacuated, NotBorrowed, PoolClosed, QueueFull])
def test_all_are_pool_errors(kind):
    assert issubclass(kind, PoolError)
    assert not is_fatal(kind("text"))


def test_a_tenant_is_told_which_limit_it_was():
    full, late = TenantQueueFull("shop", 5, 3, 4), TenantTimeout("shop", 2.5)
    assert isinstance(full, QueueFull)
    assert isinstance(late, BorrowTimeout)
    assert str(full) == (
        "tenant 'shop' has 5 waiting for a database connection, as many as may; it uses 3 of at most 4"
    )
    assert str(late) == "timed out waiting for a database connection after the 2.5 s of tenant 'shop'"
    assert not is_fatal(full)
    assert not is_fatal(late)


def test_the_exception_says_whether_it_is_fatal():
    refused = OSError("access denied")
    refused.fatal = True
    assert is_fatal(refused)
    assert not is_fatal(OSError("no route"))
