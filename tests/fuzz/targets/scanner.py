"""Responses through the scanner: the same bytes and the same findings however they are cut.

It raises MalformedPacket or nothing, holds back no more than one closing packet, and what it hands out once a
response is over is made of whole packets.
"""

from typing import Any

from proxy.mysql.wire.commands import ResponseKind
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.eof_scanner import response_scanner
from proxy.mysql.wire.framing import HEADER
from tests.fuzz.choices import Choices, cut, head_and_stream

#: Stands in for the longest closing packet, so that short inputs reach it.
LONGEST = 200
_KINDS = tuple(ResponseKind)
_FINDINGS = (
    "status",
    "warnings",
    "affected_rows",
    "last_insert_id",
    "errno",
    "changes",
    "statement_id",
    "result_set",
    "infile",
    "done",
    "sequence_offset",
)


class _Run:
    """One way of feeding a stream."""

    def __init__(self, choices: bytes, pieces: list[bytes]) -> None:
        decide = Choices(choices)
        kind = decide.pick(_KINDS)
        self.scanner = response_scanner(
            deprecate_eof=decide.flag(), session_track=decide.flag(), max_closing_packet=LONGEST
        )
        self.scanner.shows_all = decide.flag()
        self.scanner.begin(kind)
        self.scanner.out_parameters = decide.flag()
        self.scanner.first_sequence = decide.pick((0, 1))
        self.scanner.status = decide.pick((2, 0, 1 << 14))
        self.out = b""
        self.malformed = False
        self._feed(pieces)

    def _feed(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            try:
                self.out += self.scanner.feed(piece)
            except MalformedPacket:
                self.malformed = True
                return
            held = self.scanner._held
            # At most a row that may hold OUT parameters, and the packet behind it.
            assert len(held) <= 2 * (HEADER + LONGEST), "holds too much"

    def findings(self) -> dict[str, Any]:
        if self.malformed:
            return {}
        return {name: getattr(self.scanner, name) for name in _FINDINGS} | {"out": self.out}


def _is_whole(out: bytes) -> bool:
    while len(out) >= HEADER:
        out = out[HEADER + int.from_bytes(out[:3], "little") :]
    return not out


def fuzz(data: bytes) -> None:
    """Twelve bytes of decisions, the last two of them about the cuts, then the response."""
    choices, stream = head_and_stream(data, 12)
    head, seed = choices.take(10), choices.number(2)
    whole = _Run(head, cut(stream, 0))
    for pieces in (cut(stream, 1), cut(stream, seed)):
        run = _Run(head, pieces)
        assert run.malformed == whole.malformed
        assert run.findings() == whole.findings()
    if not whole.malformed and whole.scanner.done and stream:
        assert _is_whole(whole.out), "the client is left in the middle of a packet"
