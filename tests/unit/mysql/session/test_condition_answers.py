"""The proxy's answers to SHOW WARNINGS and the like are those that servers have sent."""

import pytest

from proxy.mysql.session.condition_answers import show_answer
from proxy.mysql.session.conditions import NO_CONDITIONS, Conditions
from proxy.mysql.session.show_conditions import parse_show
from proxy.mysql.wire.commands import ResponseKind
from proxy.mysql.wire.eof_scanner import response_scanner
from proxy.mysql.wire.framing import PacketReader
from proxy.mysql.wire.results import EOF
from proxy.mysql.wire.status import Status

from .test_conditions import DIVISION, MARIADB, UNKNOWN, UTF16, captured, row

COUNT = b"\x03def\x00\x00\x00\x17@@session.warning_count\x00\x0c?\x00\x15\x00\x00\x00\x08\xa0\x00\x00\x00\x00"
ERRORS = b"\x03def\x00\x00\x00\x15@@session.error_count\x00\x0c?\x00\x15\x00\x00\x00\x08\xa0\x00\x00\x00\x00"
COUNT_UTF16 = (
    b"\x06\x00d\x00e\x00f\x00\x00\x00.\x00@\x00@\x00s\x00e\x00s\x00s\x00i\x00o\x00n\x00.\x00w\x00a\x00r\x00n"
    b"\x00i\x00n\x00g\x00_\x00c\x00o\x00u\x00n\x00t\x00\x0c?\x00\x15\x00\x00\x00\x08\xa0\x00\x00\x00\x00"
)
END = b"\xfe\x00\x00\x02\x00\x00\x00"
HELD = captured(DIVISION, UNKNOWN, DIVISION)


def answer(
    held: Conditions, text: str, *, is_mariadb: bool = True, binary: bool = False, status: int = 2
) -> list[bytes] | None:
    """The payloads; their sequence ids must count from 1."""
    show = parse_show(text.encode())
    assert show is not None
    data = show_answer(held, show, status=status, charset="utf8mb4", is_mariadb=is_mariadb, binary=binary)
    if data is None:
        return None
    reader = PacketReader(limit=1 << 20)
    reader.feed(data)
    payloads = []
    for number, payload in enumerate(reader.payloads(), 1):
        assert reader.sequence == number & 0xFF
        payloads.append(payload)
    assert reader.rest() == b""
    return payloads


def test_show_warnings() -> None:
    assert answer(HELD, "SHOW WARNINGS") == [b"\x03", *MARIADB, DIVISION, UNKNOWN, DIVISION, END]
    assert answer(HELD, "SHOW ERRORS") == [b"\x03", *MARIADB, UNKNOWN, END]
    assert answer(HELD, "SHOW WARNINGS LIMIT 1,1") == [b"\x03", *MARIADB, UNKNOWN, END]
    assert answer(HELD, "SHOW ERRORS LIMIT 1,1") == [b"\x03", *MARIADB, END]


def test_counts() -> None:
    assert answer(HELD, "SHOW COUNT(*) WARNINGS") == [b"\x01", COUNT, b"\x013", END]
    assert answer(HELD, "SHOW COUNT(*) ERRORS") == [b"\x01", ERRORS, b"\x011", END]


def test_counts_in_wide_character_sets() -> None:
    held = captured(row("Error", 1, b"\0x", "utf-16-be"), columns=UTF16)
    assert answer(held, "SHOW COUNT(*) WARNINGS") == [b"\x01", COUNT_UTF16, b"\x02\x001", END]
    assert answer(held, "SHOW COUNT(*) WARNINGS", is_mariadb=False) == [b"\x01", COUNT_UTF16, b"\x011", END]


def test_binary_rows() -> None:
    held = captured(DIVISION)
    assert answer(held, "SHOW WARNINGS", binary=True) == [
        b"\x03",
        *MARIADB,
        b"\x00\x00\x07WarningU\x05\x00\x00\rDivision by 0",
        END,
    ]
    eight = b"\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"
    assert answer(held, "SHOW COUNT(*) WARNINGS", binary=True) == [b"\x01", COUNT, eight, END]


def test_metadata_as_the_client_has_it() -> None:
    # MARIADB_EXTENDED_METADATA puts a string into definitions, optional metadata a byte behind the number.
    extended = tuple(definition[:-13] + b"\x00" + definition[-13:] for definition in MARIADB)
    held = Conditions.captured(b"\x03\x01", extended, (DIVISION,), (1, 0), charset="utf8mb4")
    payloads = answer(held, "SHOW COUNT(*) WARNINGS")
    assert payloads == [b"\x01\x01", COUNT[:-13] + b"\x00" + COUNT[-13:], b"\x011", END]
    bare = Conditions.captured(b"\x03\x00", (), (DIVISION,), (1, 0), charset="utf8mb4")
    assert answer(bare, "SHOW WARNINGS") == [b"\x03\x00", DIVISION, END]
    assert answer(bare, "SHOW COUNT(*) WARNINGS") == [b"\x01\x00", b"\x011", END]


def test_status_of_the_session() -> None:
    status = int(Status.IN_TRANS | Status.AUTOCOMMIT | Status.MORE_RESULTS_EXISTS)
    payloads = answer(HELD, "SHOW WARNINGS", status=status)
    assert payloads is not None
    assert payloads[-1] == b"\xfe\x00\x00\x03\x00\x00\x00"


def test_what_is_not_known_is_not_answered() -> None:
    cut = captured(*[DIVISION] * 1025)
    assert answer(cut, "SHOW WARNINGS") is None
    assert answer(cut, "SHOW WARNINGS LIMIT 1024,1") is None
    assert answer(cut, "SHOW COUNT(*) WARNINGS") is not None
    rows = answer(cut, "SHOW WARNINGS LIMIT 1020,4")
    assert rows is not None
    assert rows.count(DIVISION) == 4
    assert answer(NO_CONDITIONS, "SHOW WARNINGS") is None
    assert answer(captured(DIVISION, charset="latin1"), "SHOW WARNINGS") is None
    assert answer(captured(b"\x05Error"), "SHOW ERRORS") is None


@pytest.mark.parametrize("deprecate_eof", [True, False])
@pytest.mark.parametrize("text", ["SHOW WARNINGS", "SHOW COUNT(*) ERRORS", "SHOW WARNINGS LIMIT 0"])
def test_through_a_client_s_scanner(deprecate_eof: bool, text: str) -> None:
    show = parse_show(text.encode())
    assert show is not None
    data = show_answer(HELD, show, status=2, charset="utf8mb4", is_mariadb=True)
    assert data is not None
    scanner = response_scanner(deprecate_eof=deprecate_eof, session_track=False)
    scanner.status = int(Status.AUTOCOMMIT)
    scanner.begin(ResponseKind.RESULT)
    out = scanner.feed(data)
    assert scanner.done
    assert (out == data) is deprecate_eof
    assert out.count(bytes((EOF, 0, 0, 2, 0))) == (1 if deprecate_eof else 2)
