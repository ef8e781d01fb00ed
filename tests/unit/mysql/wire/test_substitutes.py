"""Errors in the place of which the client gets another one, wherever in a response they come."""

import pytest

from proxy.mysql.wire.commands import ResponseKind
from proxy.mysql.wire.eof_scanner import response_scanner
from tests.peers import packets as p
from tests.peers.cutting import same_however_cut

INTERRUPTED, OTHER = p.err(1317, b"interrupted", b"70100"), p.err(1205, b"too long", b"HY000")
INSTEAD = p.err(3024, b"too slow, and in quite other words", b"HY000")


def passed(payloads: list[bytes], *, eof: bool) -> list[bytes]:
    """What the client gets; sequence ids must be without a gap."""

    def parse(chunks: list[bytes]) -> bytes:
        scanner = response_scanner(deprecate_eof=not eof, session_track=False)
        scanner.begin(ResponseKind.RESULT)
        scanner.substitutes = {1317: INSTEAD}
        told = b"".join(scanner.feed(chunk) for chunk in chunks)
        assert scanner.done
        assert scanner.errno in (1317, 1205)
        return told

    found = p.split(same_however_cut(parse, p.packets(payloads)))
    assert [sequence for sequence, _ in found] == list(range(1, len(found) + 1))
    return [payload for _, payload in found]


@pytest.mark.parametrize("eof", [False, True])
class TestSubstitutes:
    def test_an_error_at_once(self, eof: bool) -> None:
        assert passed([INTERRUPTED], eof=eof) == [INSTEAD]

    def test_an_error_behind_rows(self, eof: bool) -> None:
        found = passed([p.number(1), p.column(), p.row([b"1"]), INTERRUPTED], eof=eof)
        assert found[-2:] == [p.row([b"1"]), INSTEAD]

    def test_an_error_behind_a_result(self, eof: bool) -> None:
        found = passed([p.ok(status=p.MORE), INTERRUPTED], eof=eof)
        assert found[-1] == INSTEAD

    def test_other_errors_stay(self, eof: bool) -> None:
        assert passed([OTHER], eof=eof) == [OTHER]


def test_the_next_response_has_none() -> None:
    scanner = response_scanner(deprecate_eof=True, session_track=False)
    scanner.begin(ResponseKind.RESULT)
    scanner.substitutes = {1317: INSTEAD}
    scanner.begin(ResponseKind.RESULT)
    assert scanner.feed(p.packet(INTERRUPTED, 1)) == p.packet(INTERRUPTED, 1)
