"""Pins by RDS Proxy's rules, on a session without a connection to a database."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from proxy.mysql.frontend.pin_ledger import PinLedger
from proxy.mysql.frontend.pin_watch import PinWatch
from proxy.mysql.frontend.rds_pinning import RdsPinning
from proxy.mysql.frontend.screening import Screening
from proxy.mysql.session.pins import PinReason, RdsReason
from proxy.mysql.session.screen import Screen
from proxy.mysql.session.settings import settings
from proxy.mysql.session.value import SessionValue, Tie
from proxy.mysql.session.verdict import PLAIN, Verdict
from proxy.mysql.wire.commands import Command
from proxy.mysql.wire.framing import frame

CONNECTION: Any = SimpleNamespace(thread_id=46)
TABLE = Verdict(pins=frozenset({PinReason.TEMPORARY_TABLE}))


class Session:
    """One session in this mode."""

    def __init__(self, *, exclude: bool = False) -> None:
        self.value = SessionValue(settings("app", {"character_set_client": "utf8mb4"}), 2)
        self.ledger = PinLedger()
        self.screening = Screening(Screen(), self.value)
        watch = PinWatch(self.ledger, self.value, 7, "app", lambda: 1.0)
        self.rds = RdsPinning(
            self.value, self.screening, watch, 7, lambda: 1.0, exclude_variable_sets=exclude
        )

    def query(self, text: bytes, verdict: Verdict = PLAIN, *, is_beginning: bool = False) -> Verdict:
        self.screening.statement(frame(bytes([Command.QUERY]) + text), is_beginning)
        return self.rds.take_in(Command.QUERY, verdict, self.screening.text, CONNECTION)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        found.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


def test_a_pin_is_logged_once_in_the_words_of_rds(lines: list[str]) -> None:
    session = Session()
    for _ in range(2):
        session.query(b"SET sort_buffer_size = 4711")
    assert session.value.tie() is Tie.PINNED
    assert len(lines) == 1
    assert lines[0].startswith(
        "[clientConnection=7] The client session was pinned to the database connection"
    )
    assert lines[0].endswith('Digest: "SET sort_buffer_size = ?".')


def test_what_rds_does_not_pin_for_is_left_to_the_other_rules() -> None:
    session = Session()
    assert session.query(b"HANDLER t OPEN", TABLE) is TABLE
    assert session.value.tie() is Tie.NONE


def test_once_pinned_nothing_else_counts() -> None:
    session = Session()
    verdict = session.query(b"CREATE TEMPORARY TABLE t (a INT)", TABLE)
    assert verdict.pins == frozenset()
    assert list(session.value.pins) == [RdsReason.TEMPORARY_TABLE]
    assert session.query(b"SELECT 1", PLAIN) is PLAIN


def test_the_clients_trackers_still_count() -> None:
    session = Session()
    tracking = Verdict(pins=frozenset({PinReason.SESSION_TRACKING}))
    session.query(b"SET session_track_system_variables = '*'", tracking)
    assert PinReason.SESSION_TRACKING in session.value.pins


def test_of_a_long_text_the_length_counts_alone() -> None:
    session = Session()
    session.query(b"SET @x = 1", is_beginning=True)
    assert list(session.value.pins) == [RdsReason.STATEMENT_SIZE]


@pytest.mark.parametrize("code", [Command.STMT_PREPARE, Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE])
def test_prepared_statements_pin(code: Command) -> None:
    session = Session()
    session.rds.take_in(code, PLAIN, b"SELECT 1", CONNECTION)
    assert list(session.value.pins) == [RdsReason.PREPARED_STATEMENT]


def test_the_name_of_a_schema_is_no_statement() -> None:
    session = Session()
    session.rds.take_in(Command.INIT_DB, PLAIN, b"set execute", CONNECTION)
    assert session.value.pins == {}


def test_the_filter() -> None:
    session = Session(exclude=True)
    session.query(b"SET @x = 1")
    assert session.value.pins == {}


def test_a_reset_ends_it() -> None:
    session = Session()
    session.query(b"SET @x = 1")
    session.value.reset()
    assert session.value.tie() is Tie.NONE


def test_a_pin_is_in_the_ledger() -> None:
    session = Session()
    session.query(b"SET @x = 4711")
    (pinned,) = session.ledger
    assert [(cause.reason, "4711" in cause.digest) for cause in pinned.causes.values()] == [
        (RdsReason.USER_VARIABLE, False)
    ]
