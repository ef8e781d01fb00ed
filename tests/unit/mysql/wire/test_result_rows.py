"""Result sets made by the proxy, byte by byte, for each kind of client."""

import pytest

from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.commands import ResponseKind
from proxy.mysql.wire.eof_scanner import response_scanner
from proxy.mysql.wire.result_rows import Column, ColumnType, ResultRows
from tests.peers import packets as p

COLUMNS = (Column("name", length=10), Column.integer("n", nullable=True), Column.seconds("s"))
ROW = ("é", 7, 1.5)
NONE = Capability(0)


def result(capabilities: Capability, *, utf8: bool = True, sequence: int = 1) -> list[tuple[int, bytes]]:
    encoder = ResultRows("T", COLUMNS, capabilities, sequence, utf8=utf8)
    return p.split(encoder.begin(2) + encoder.rows([ROW, (None, None, 0)]) + encoder.end(2))


def test_a_client_with_eof_packets() -> None:
    packets = result(NONE)
    assert [sequence for sequence, _ in packets] == list(range(1, 9))
    payloads = [payload for _, payload in packets]
    assert payloads[0] == b"\x03"
    assert payloads[4] == payloads[7] == b"\xfe\x00\x00\x02\x00"
    assert payloads[5] == b"\x02\xc3\xa9" + b"\x017" + b"\x051.500"
    assert payloads[6] == b"\xfb\xfb\x050.000"


def test_a_client_without_eof_packets() -> None:
    payloads = [payload for _, payload in result(Capability.DEPRECATE_EOF)]
    assert len(payloads) == 7
    assert payloads[-1] == b"\xfe\x00\x00\x02\x00\x00\x00"


def test_definitions() -> None:
    payloads = [payload for _, payload in result(NONE)]
    assert (
        payloads[1] == b"\x03def\x00\x01T\x00\x04name\x00\x0c\x2d\x00\x28\x00\x00\x00\xfd\x01\x00\x00\x00\x00"
    )
    assert payloads[2] == b"\x03def\x00\x01T\x00\x01n\x00\x0c\x3f\x00\x14\x00\x00\x00\x08\xa0\x00\x00\x00\x00"
    assert payloads[3] == b"\x03def\x00\x01T\x00\x01s\x00\x0c\x3f\x00\x11\x00\x00\x00\x05\x81\x00\x03\x00\x00"


@pytest.mark.parametrize(
    "capability", [Capability.OPTIONAL_RESULTSET_METADATA, Capability.MARIADB_CACHE_METADATA]
)
def test_a_client_that_can_do_without_definitions_is_told_that_they_follow(capability: Capability) -> None:
    payloads = [payload for _, payload in result(capability)]
    assert payloads[0] == b"\x03\x01"
    assert len(payloads) == 8


def test_extended_metadata_is_empty() -> None:
    payloads = [payload for _, payload in result(Capability.MARIADB_EXTENDED_METADATA)]
    assert (
        payloads[2]
        == b"\x03def\x00\x01T\x00\x01n\x00\x00\x0c\x3f\x00\x14\x00\x00\x00\x08\xa0\x00\x00\x00\x00"
    )


def test_a_session_with_its_results_in_another_character_set() -> None:
    assert result(NONE, utf8=False)[5][1].startswith(b"\x01?")


def test_an_odd_byte_of_a_name_is_no_error() -> None:
    encoder = ResultRows("T", COLUMNS[:1], NONE, 1, utf8=True)
    assert p.split(encoder.rows([("a\udcff",)])) == [(1, b"\x02a?")]


def test_sequence_ids_wrap() -> None:
    encoder = ResultRows("T", COLUMNS[:1], NONE, 250, utf8=True)
    data = encoder.begin(2) + encoder.rows([("x",)] * 300) + encoder.end(2)
    numbers = [sequence for sequence, _ in p.split(data)]
    assert numbers == [(250 + at) % 256 for at in range(len(numbers))]


@pytest.mark.parametrize(
    "capability",
    [
        NONE,
        Capability.OPTIONAL_RESULTSET_METADATA,
        Capability.MARIADB_CACHE_METADATA,
        Capability.MARIADB_EXTENDED_METADATA,
    ],
)
def test_the_proxys_own_scanner_reads_it(capability: Capability) -> None:
    encoder = ResultRows("T", COLUMNS, Capability.DEPRECATE_EOF | capability, 1, utf8=True)
    scanner = response_scanner(
        deprecate_eof=True, session_track=True, local_files=False, max_closing_packet=1 << 18
    )
    scanner.begin(ResponseKind.RESULT)
    scanner.feed(encoder.begin(2) + encoder.rows([ROW]) + encoder.end(2))
    assert scanner.done
    assert (scanner.status, scanner.errno, scanner.result_set) == (2, 0, True)


def test_a_row_must_have_a_value_for_each_column() -> None:
    encoder = ResultRows("T", COLUMNS, NONE, 1, utf8=True)
    with pytest.raises(ValueError, match="zip"):
        encoder.rows([("x",)])


def test_the_types_are_mysqls() -> None:
    assert [int(each) for each in (ColumnType.DOUBLE, ColumnType.BIGINT, ColumnType.VAR_STRING)] == [
        5,
        8,
        253,
    ]
