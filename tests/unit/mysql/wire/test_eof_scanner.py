"""What only clients with EOF packets get: OUT parameters that are announced, metadata that is left out."""

import pytest

from proxy.mysql.wire.commands import ResponseKind
from proxy.mysql.wire.eof_scanner import EofScanner, response_scanner
from proxy.mysql.wire.scanner import ResponseScanner
from tests.peers import packets as p
from tests.peers.cutting import same_however_cut

OUT = 0x1000
ROW = b"\0\0" + p.text(b"value")
PROGRESS = b"\xff\xff\xff\1\1\2\0\0\0\4work"


def passed(
    payloads: list[bytes], *, kind: ResponseKind = ResponseKind.RESULT, out: bool = False, eof: bool = True
) -> list[bytes]:
    """What a client gets of a response, however it is cut; sequence ids must be without a gap."""

    def parse(chunks: list[bytes]) -> bytes:
        scanner = response_scanner(deprecate_eof=not eof, session_track=False)
        assert isinstance(scanner, EofScanner) is eof
        scanner.begin(kind)
        scanner.status = p.AUTOCOMMIT
        scanner.first_sequence = 1
        scanner.out_parameters = out
        told = b"".join(scanner.feed(chunk) for chunk in chunks)
        assert scanner.done
        return told

    found = p.split(same_however_cut(parse, p.packets(payloads)))
    assert [sequence for sequence, _ in found] == list(range(1, len(found) + 1))
    return [payload for _, payload in found]


def ended(status: int = p.AUTOCOMMIT) -> bytes:
    return p.ok(status=status, header=0xFE)


class TestOutParameters:
    RESPONSE = [
        *(p.number(1), p.column(), ROW, ended(p.AUTOCOMMIT | p.MORE)),
        *(p.number(2), p.column(), p.column(), ROW, ended(p.AUTOCOMMIT | p.MORE | OUT)),
        p.ok(),
    ]

    def test_are_announced_before_their_row(self) -> None:
        found = passed(self.RESPONSE, out=True)
        flags = [int.from_bytes(each[3:5], "little") & OUT for each in found if each[:1] == b"\xfe"]
        assert flags == [0, 0, OUT, OUT]
        assert len(found) == len(self.RESPONSE) + 2

    def test_are_not_looked_for_elsewhere(self) -> None:
        found = passed(self.RESPONSE)
        flags = [int.from_bytes(each[3:5], "little") & OUT for each in found if each[:1] == b"\xfe"]
        assert flags == [0, 0, 0, OUT]

    def test_clients_without_eof_packets_need_nothing(self) -> None:
        assert passed(self.RESPONSE, out=True, eof=False) == self.RESPONSE

    @pytest.mark.parametrize("rows", [0, 1, 2, 5])
    def test_other_results_come_as_they_are(self, rows: int) -> None:
        response = [p.number(1), p.column(), *[ROW] * rows, ended()]
        assert passed(response, out=True) == [
            p.number(1),
            p.column(),
            p.eof(),
            *[ROW] * rows,
            p.eof(),
        ]

    def test_an_error_in_place_of_a_row(self) -> None:
        response = [p.number(1), p.column(), p.err(1317)]
        assert passed(response, out=True) == [p.number(1), p.column(), p.eof(), p.err(1317)]

    def test_only_the_first_row_waits(self) -> None:
        scanner = response_scanner(deprecate_eof=False, session_track=False)
        scanner.begin(ResponseKind.RESULT)
        scanner.status = p.AUTOCOMMIT
        scanner.out_parameters = True
        head = p.packets([p.number(1), p.column()])
        assert scanner.feed(head) == head
        assert scanner.feed(p.packet(ROW, 3)) == b""
        assert scanner.feed(p.packet(ROW, 4)) == p.packets([p.eof(), ROW, ROW], 3)
        assert scanner.feed(p.packet(ROW, 5)) == p.packet(ROW, 6)

    def test_a_row_that_is_too_long_does_not_wait(self) -> None:
        scanner = response_scanner(deprecate_eof=False, session_track=False, max_closing_packet=1000)
        scanner.begin(ResponseKind.RESULT)
        scanner.status = p.AUTOCOMMIT
        scanner.out_parameters = True
        scanner.feed(p.packets([p.number(1), p.column()]))
        long = b"\0\0" + p.text(b"x" * 2000)
        assert scanner.feed(p.packet(long, 3)) == p.packets([p.eof(), long], 3)


class TestLeftOutMetadata:
    def test_of_a_result_set(self) -> None:
        response = [p.number(2) + b"\0", ROW, ended()]
        assert passed(response) == [p.number(2) + b"\0", p.eof(), ROW, p.eof()]
        assert passed(response, eof=False) == response

    def test_that_is_there(self) -> None:
        response = [p.number(1) + b"\1", p.column(), ROW, ended()]
        assert passed(response) == [p.number(1) + b"\1", p.column(), p.eof(), ROW, p.eof()]

    def test_of_a_result_set_without_rows(self) -> None:
        assert passed([p.number(2) + b"\0", ended()]) == [p.number(2) + b"\0", p.eof(), p.eof()]

    @pytest.mark.parametrize(("columns", "parameters"), [(0, 0), (2, 0), (0, 1), (2, 1)])
    def test_of_a_prepared_statement(self, columns: int, parameters: int) -> None:
        first = p.prepared(5, columns, parameters) + b"\0"
        ends = [p.eof()] * (bool(columns) + bool(parameters))
        assert passed([first], kind=ResponseKind.PREPARE) == [first, *ends]
        assert passed([first], kind=ResponseKind.PREPARE, eof=False) == [first]


@pytest.mark.parametrize("eof", [True, False])
class TestProgressReports:
    def test_before_an_answer(self, eof: bool) -> None:
        assert passed([PROGRESS, PROGRESS, p.ok()], eof=eof) == [PROGRESS, PROGRESS, p.ok()]

    def test_before_a_result_set(self, eof: bool) -> None:
        middle, last = ([p.eof()], p.eof()) if eof else ([], ended())
        response = [PROGRESS, p.number(1), p.column(), ROW, ended()]
        assert passed(response, eof=eof) == [PROGRESS, p.number(1), p.column(), *middle, ROW, last]

    def test_behind_the_definitions(self, eof: bool) -> None:
        """As CHECK TABLE sends them."""
        middle, last = ([p.eof()], p.eof()) if eof else ([], ended())
        response = [p.number(1), p.column(), PROGRESS, PROGRESS, ROW, ended()]
        expected = [p.number(1), p.column(), *middle, PROGRESS, PROGRESS, ROW, last]
        assert passed(response, eof=eof) == expected


def test_the_kind_of_scanner() -> None:
    assert type(response_scanner(deprecate_eof=True, session_track=True)) is ResponseScanner
