"""The watch over one session's pins: the ledger and the log follow the session's value."""

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from proxy.mysql.frontend.pin_ledger import PinLedger
from proxy.mysql.frontend.pin_watch import PinWatch
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.value import SessionValue

LOCK, TABLE = PinReason.NAMED_LOCK, PinReason.TEMPORARY_TABLE
IN_TRANSACTION = 3


class Watched:
    """A session with its watch."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ledger = PinLedger()
        self.value = SessionValue(FRESH, 2)
        self.watch = PinWatch(self.ledger, self.value, 7, "app", self.clock.seconds)

    def pin(self, reason: PinReason) -> None:
        self.value.pin(reason, self.clock.seconds())
        self.watch.pinned([reason], f"caused {reason.value}")

    def lost(self) -> float:
        session = self.ledger.session(7)
        assert session is not None
        return session.lost_by(self.clock.seconds())


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def ends() -> Iterator[list[dict[str, Any]]]:
    """The log lines about pins that have ended."""
    seen: list[dict[str, Any]] = []

    def observe(event: LogEvent) -> None:
        if "A pin of the client session" in (event.get("log_format") or ""):
            seen.append(dict(event))

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def test_it_is_open_while_the_session_is_pinned(watched: Watched) -> None:
    assert not watched.watch.is_open
    watched.pin(LOCK)
    assert watched.watch.is_open
    watched.value.unpin(LOCK)
    watched.watch.rests()
    assert not watched.watch.is_open
    assert len(watched.ledger) == 0


def test_the_end_of_a_pin_is_a_log_line(watched: Watched, ends: list[dict[str, Any]]) -> None:
    watched.pin(LOCK)
    watched.pin(TABLE)
    watched.clock.advance(2.5)
    watched.value.unpin(LOCK)
    watched.watch.rests()
    [event] = ends
    assert (event["client"], event["reason"], event["seconds"]) == (7, "named_lock", 2.5)
    assert event["log_format"].format(**event) == (
        "[clientConnection=7] A pin of the client session has ended. Reason: named_lock. It lasted 2.500 s."
        " Still pinned by: temporary_table."
    )
    assert watched.watch.is_open


def test_a_reset_ends_all(watched: Watched, ends: list[dict[str, Any]]) -> None:
    watched.pin(LOCK)
    watched.pin(TABLE)
    watched.value.reset()
    watched.watch.follow()
    assert [event["reason"] for event in ends] == ["named_lock", "temporary_table"]
    assert not watched.watch.is_open


def test_the_end_of_the_session_is_no_log_line(watched: Watched, ends: list[dict[str, Any]]) -> None:
    watched.pin(LOCK)
    watched.watch.ended()
    assert not ends
    assert len(watched.ledger) == 0
    assert not watched.watch.is_open


def test_time_between_statements_is_lost(watched: Watched) -> None:
    watched.pin(LOCK)
    watched.watch.rests()
    watched.clock.advance(3)
    watched.watch.begins()
    watched.clock.advance(10)
    watched.watch.rests()
    watched.clock.advance(1)
    assert watched.lost() == 4


def test_time_in_a_transaction_is_not(watched: Watched) -> None:
    watched.pin(LOCK)
    watched.value.status = IN_TRANSACTION
    watched.watch.rests()
    watched.clock.advance(3)
    assert watched.lost() == 0
    watched.watch.begins()
    watched.value.status = 2
    watched.watch.rests()
    watched.clock.advance(1)
    assert watched.lost() == 1
