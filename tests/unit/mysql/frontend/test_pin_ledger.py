"""The ledger of pins: what is lost when, totals, their bound."""

import pytest

from proxy.mysql.frontend.pin_ledger import DIGEST_LENGTH, OTHERS, PinLedger
from proxy.mysql.frontend.pin_metrics import DigestPins
from proxy.mysql.session.pins import PinReason

LOCK, TABLE = PinReason.NAMED_LOCK, PinReason.TEMPORARY_TABLE
GET_LOCK, CREATE = "SELECT GET_LOCK(?)", "CREATE TEMPORARY TABLE t"


def rows(ledger: PinLedger, now: float) -> dict[tuple[PinReason, str], DigestPins]:
    return {(row.reason, row.digest): row for row in ledger.metrics(now).by_digest}


def test_a_session_is_known_while_it_is_pinned() -> None:
    ledger = PinLedger()
    ledger.pinned(1, "app", [LOCK], GET_LOCK, 10.0)
    [session] = ledger
    assert (session.client, session.user, session.since, len(ledger)) == (1, "app", 10.0, 1)
    assert [(cause.reason, cause.digest) for cause in session.causes.values()] == [(LOCK, GET_LOCK)]
    assert ledger.unpinned(1, LOCK, 14.0) == 4.0
    assert (list(ledger), ledger.session(1), len(ledger)) == ([], None, 0)


def test_it_stays_until_the_last_cause_has_ended() -> None:
    ledger = PinLedger()
    ledger.pinned(1, "app", [LOCK], GET_LOCK, 0.0)
    ledger.pinned(1, "app", [TABLE], CREATE, 1.0)
    assert ledger.unpinned(1, LOCK, 2.0) == 2.0
    session = ledger.session(1)
    assert session is not None
    assert list(session.causes) == [TABLE]
    assert ledger.unpinned(1, TABLE, 5.0) == 4.0
    assert len(ledger) == 0


def test_only_idle_time_is_lost() -> None:
    ledger = PinLedger()
    session = ledger.pinned(1, "app", [LOCK], GET_LOCK, 0.0)
    ledger.idle(1, 0.0)
    assert session.lost_by(3.0) == 3.0
    ledger.busy(1, 3.0)
    assert session.lost_by(10.0) == 3.0
    ledger.idle(1, 10.0)
    ledger.idle(1, 11.0)
    ledger.unpinned(1, LOCK, 12.0)
    row = rows(ledger, 100.0)[LOCK, GET_LOCK]
    assert (row.pins_total, row.pinned_now, row.seconds, row.lost_connection_seconds) == (1, 0, 12.0, 5.0)


def test_each_cause_is_charged_with_the_time_it_was_there() -> None:
    ledger = PinLedger()
    session = ledger.pinned(1, "app", [LOCK], GET_LOCK, 0.0)
    ledger.idle(1, 0.0)
    ledger.pinned(1, "app", [TABLE], CREATE, 4.0)
    assert session.cause_lost_by(session.causes[LOCK], 10.0) == 10.0
    assert session.cause_lost_by(session.causes[TABLE], 10.0) == 6.0
    assert session.lost_by(10.0) == 10.0
    ledger.unpinned(1, LOCK, 10.0)
    assert session.cause_lost_by(session.causes[TABLE], 12.0) == 8.0


def test_what_pins_again_is_not_counted_twice() -> None:
    ledger = PinLedger()
    ledger.pinned(1, "app", [LOCK], GET_LOCK, 0.0)
    ledger.pinned(1, "app", [LOCK], "SELECT GET_LOCK(?), ?", 1.0)
    assert [row.pins_total for row in rows(ledger, 2.0).values()] == [1]


def test_totals_hold_what_still_pins() -> None:
    ledger = PinLedger()
    for client, since in ((1, 0.0), (2, 5.0)):
        ledger.pinned(client, "app", [LOCK], GET_LOCK, since)
        ledger.idle(client, since)
    ledger.ended(1, 2.0)
    row = rows(ledger, 10.0)[LOCK, GET_LOCK]
    assert (row.pins_total, row.pinned_now, row.seconds, row.lost_connection_seconds) == (2, 1, 7.0, 7.0)


def test_counters_never_fall() -> None:
    ledger = PinLedger()
    ledger.pinned(1, "app", [LOCK], GET_LOCK, 0.0)
    ledger.idle(1, 0.0)
    before = rows(ledger, 5.0)[LOCK, GET_LOCK]
    ledger.ended(1, 5.0)
    after = rows(ledger, 6.0)[LOCK, GET_LOCK]
    assert (after.seconds, after.lost_connection_seconds) == (before.seconds, before.lost_connection_seconds)


def test_by_reason() -> None:
    ledger = PinLedger()
    ledger.pinned(1, "app", [LOCK], GET_LOCK, 0.0)
    ledger.pinned(2, "app", [LOCK, TABLE], "another", 1.0)
    metrics = ledger.metrics(3.0)
    assert metrics.database_connections_currently_session_pinned == 2
    by_reason = {row.reason: row for row in metrics.by_reason}
    assert (by_reason[LOCK].pins_total, by_reason[LOCK].pinned_now, by_reason[LOCK].seconds) == (2, 2, 5.0)
    assert by_reason[TABLE].pins_total == 1


def test_there_are_no_more_totals_than_the_limit_allows() -> None:
    ledger = PinLedger(max_totals=2)
    for client in range(10):
        ledger.pinned(client, "app", [LOCK], f"statement {client}", 0.0)
    ledger.pinned(10, "app", [TABLE], CREATE, 0.0)
    ledger.pinned(11, "app", [LOCK], "statement 0", 0.0)
    counts = {key: row.pins_total for key, row in rows(ledger, 1.0).items()}
    assert counts == {
        (LOCK, "statement 0"): 2,
        (LOCK, "statement 1"): 1,
        (LOCK, OTHERS): 8,
        (TABLE, OTHERS): 1,
    }
    # The session itself still shows its statement.
    session = ledger.session(9)
    assert session is not None
    assert session.causes[LOCK].digest == "statement 9"
    ledger.ended(9, 2.0)
    assert rows(ledger, 2.0)[LOCK, OTHERS].pinned_now == 7


def test_digests_are_cut() -> None:
    ledger = PinLedger()
    session = ledger.pinned(1, "app", [LOCK], "x" * 1000, 0.0)
    assert len(session.causes[LOCK].digest) == DIGEST_LENGTH
    assert [len(digest) for _, digest in rows(ledger, 1.0)] == [DIGEST_LENGTH]


@pytest.mark.parametrize("what", ["busy", "idle", "ended"])
def test_a_session_that_is_not_pinned_is_no_error(what: str) -> None:
    ledger = PinLedger()
    getattr(ledger, what)(1, 0.0)
    assert ledger.unpinned(1, LOCK, 0.0) is None
    assert len(ledger) == 0
