"""Answers to COM_STMT_PREPARE: those that are kept are given out as they came, but for their id."""

from proxy.mysql.wire.commands import ResponseKind
from proxy.mysql.wire.eof_scanner import response_scanner
from proxy.mysql.wire.prepare_response import (
    PrepareResponse,
    ResponseCopy,
)
from tests.fuzz.choices import cut, head_and_stream

#: Stands in for the longest answer that is kept.
LONGEST = 2000


def _kept(pieces: list[bytes]) -> PrepareResponse | None:
    copy = ResponseCopy(LONGEST)
    for piece in pieces:
        copy.feed(piece)
    return copy.response()


def fuzz(data: bytes) -> None:
    """Two bytes about the cuts, then the answer."""
    choices, raw = head_and_stream(data, 2)
    seed = choices.number(2)
    response = _kept([raw])
    assert _kept(cut(raw, 1)) == _kept(cut(raw, seed)) == response
    if response is None:
        return
    other = PrepareResponse.decode(response.with_id(0xFEDCBA98))
    assert other.statement_id == 0xFEDCBA98
    assert other.with_id(response.statement_id) == raw
    for deprecate_eof in (True, False):
        scanner = response_scanner(deprecate_eof=deprecate_eof, session_track=True)
        scanner.begin(ResponseKind.PREPARE)
        scanner.feed(other.raw)
        assert scanner.done, "a client waits for more"
        assert scanner.statement_id == 0xFEDCBA98
