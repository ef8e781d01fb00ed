"""Which commands of a session that may also write go to a reader."""

import struct
from typing import Any

import attrs
import pytest

from proxy.mysql.frontend.read_split import is_for_readers
from proxy.mysql.frontend.screening import Screening
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.read_functions import read_functions
from proxy.mysql.session.screen import Screen
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.statement_kind import StatementKinds
from proxy.mysql.session.value import SessionValue
from tests.peers import packets as p
from tests.peers.world import OPTIONS

AUTOCOMMIT, IN_TRANS = 0x0002, 0x0001
KINDS = StatementKinds(read_functions(()))
READ = b"SELECT a FROM t"


@attrs.define
class Context:
    """As much of an endpoint's context as is read here."""

    kinds: Any = KINDS
    options: Any = OPTIONS


@pytest.fixture
def value() -> SessionValue:
    return SessionValue(FRESH, AUTOCOMMIT)


def goes(value: SessionValue, text: bytes = READ, context: Any = None, packet: bytes = b"") -> bool:
    screening = Screening(Screen(), value)
    whole = p.packet(b"\x03" + text)
    screening.statement(whole, False)
    return is_for_readers(context or Context(), value, packet or whole, screening)


def execution(cursor: int) -> bytes:
    return p.packet(struct.pack("<BIBI", 0x17, 1, cursor, 1))


@pytest.mark.parametrize(
    "text", [READ, b"SHOW TABLES", b"(SELECT 1)", b"WITH x AS (SELECT 1) SELECT * FROM x"]
)
def test_what_certainly_reads(value: SessionValue, text: bytes) -> None:
    assert goes(value, text)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES (1)",
        b"SELECT a FROM t FOR UPDATE",
        b"SELECT my_function(a) FROM t",
        b"SELECT GET_LOCK('a', 1)",
        b"SELECT 1; INSERT INTO t VALUES (1)",
        b"BEGIN",
        b"SET sql_mode=''",
        # Each server answers these in its own way.
        b"SELECT @@hostname",
        b"SHOW PROCESSLIST",
    ],
)
def test_all_else_is_the_writers(value: SessionValue, text: bytes) -> None:
    assert not goes(value, text)


def test_without_a_split_all_is(value: SessionValue) -> None:
    assert not goes(value, context=Context(kinds=None))


@pytest.mark.parametrize("status", [AUTOCOMMIT | IN_TRANS, 0])
def test_in_a_transaction_and_where_one_would_begin(value: SessionValue, status: int) -> None:
    value.status = status
    assert not goes(value)


def test_of_a_session_with_something_open(value: SessionValue) -> None:
    value.pin(PinReason.TEMPORARY_TABLE, 1.0)
    assert not goes(value)


@pytest.mark.parametrize(("cursor", "expected"), [(0, True), (1, False)])
def test_a_cursor_would_keep_the_reader(value: SessionValue, cursor: int, expected: bool) -> None:
    assert goes(value, packet=execution(cursor)) is expected


@pytest.mark.parametrize("code", [b"\x0e", b"\x02shop", b"\x16" + READ])
def test_other_commands(value: SessionValue, code: bytes) -> None:
    assert not goes(value, packet=p.packet(code))


@pytest.mark.parametrize(("pinning", "expected"), [("minimal", True), ("rds", False)])
def test_a_text_that_rds_pins_for_its_length(
    value: SessionValue, monkeypatch: pytest.MonkeyPatch, pinning: str, expected: bool
) -> None:
    context = Context(options=attrs.evolve(OPTIONS, pinning=pinning))
    assert goes(value, READ, context)
    monkeypatch.setattr("proxy.mysql.frontend.read_split.LONGEST_UNPINNED_TEXT", len(READ))
    assert goes(value, READ, context) is expected
