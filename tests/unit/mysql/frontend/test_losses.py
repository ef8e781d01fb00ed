"""What a client is told when its database connection is gone."""

from typing import Any

import pytest

from proxy.mysql.frontend.losses import fate_error, loss_error, loss_of
from proxy.mysql.session.fate import Fate
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.value import SessionValue

AUTOCOMMIT, IN_TRANS = 0x0002, 0x0001
LOST = "the database connection was lost"


@pytest.fixture
def value() -> SessionValue:
    return SessionValue(FRESH, AUTOCOMMIT)


class TestOfASession:
    def test_without_a_tie_there_is_none(self, value: SessionValue) -> None:
        assert loss_of(value) is None
        assert (
            loss_error(value).message == f"Lost connection to MySQL server during query (rds-proxy: {LOST})"
        )

    def test_a_transaction_may_be_tried_again(self, value: SessionValue) -> None:
        value.status |= IN_TRANS
        error = loss_of(value)
        assert error is not None
        assert (error.errno, error.sqlstate) == (1213, "40001")
        assert (
            error.message == f"rds-proxy: {LOST}, the transaction is rolled back; try restarting transaction"
        )
        assert str(loss_error(value)) == str(error)

    @pytest.mark.parametrize("status", [0, IN_TRANS])
    def test_what_pinned_it_is_named(self, value: SessionValue, status: int) -> None:
        """To try the transaction again would not bring that back."""
        value.status |= status
        value.pin(PinReason.NAMED_LOCK, 1.0)
        value.pin(PinReason.TEMPORARY_TABLE, 2.0)
        error = loss_of(value)
        assert error is not None
        assert (error.errno, error.sqlstate) == (2013, "HY000")
        assert PinReason.NAMED_LOCK.value in error.message
        assert PinReason.TEMPORARY_TABLE.value in error.message

    @pytest.mark.parametrize("said", [{"characteristics": "SET TRANSACTION READ ONLY;"}, {"savepoint": True}])
    def test_what_was_said_of_it_before_it_has_begun(self, value: SessionValue, said: dict[str, Any]) -> None:
        for name, each in said.items():
            setattr(value, name, each)
        error = loss_of(value)
        assert error is not None
        assert error.errno == 1213


class TestOfAWrite:
    @pytest.mark.parametrize(("in_transaction", "what"), [(False, "the write"), (True, "the transaction")])
    def test_nothing_has_happened(self, in_transaction: bool, what: str) -> None:
        error = fate_error(Fate.NOT_COMMITTED, LOST, in_transaction=in_transaction)
        assert (error.errno, error.sqlstate) == (1213, "40001")
        assert f"{what} was not committed; try restarting transaction" in error.message

    @pytest.mark.parametrize("fate", [Fate.COMMITTED, Fate.UNKNOWN])
    @pytest.mark.parametrize(("in_transaction", "what"), [(False, "the write"), (True, "the transaction")])
    def test_it_must_not_be_tried_again_unseen(self, fate: Fate, in_transaction: bool, what: str) -> None:
        error = fate_error(fate, LOST, in_transaction=in_transaction)
        assert (error.errno, error.sqlstate) == (2013, "HY000")
        assert error.message.startswith("Lost connection to MySQL server during query (rds-proxy: ")
        assert (f"it is unknown whether {what} was committed" in error.message) is (fate is Fate.UNKNOWN)
        assert (f"; {what} was committed" in error.message) is (fate is Fate.COMMITTED)
        assert "try restarting" not in error.message

    def test_what_else_is_lost_is_said_too(self) -> None:
        error = fate_error(Fate.UNKNOWN, "the named lock is gone", in_transaction=False)
        assert "the named lock is gone; it is unknown" in error.message
