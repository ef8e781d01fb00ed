"""The ids of a compressing server's inner packets: counted on from the command's, nothing else changed."""

from proxy.mysql.wire.compressed_sequences import CommandSequences
from proxy.mysql.wire.framing import HEADER
from proxy.mysql.wire.renumbering import Renumbering
from tests.fuzz.choices import cut, head_and_stream


def _renumbered(command: bytes, pieces: list[bytes], seed: int) -> bytes:
    renumbering = Renumbering(CommandSequences())
    for piece in cut(command, seed):
        renumbering.sent(piece)
    return b"".join([renumbering.received(piece) for piece in pieces])


def _headers(stream: bytes) -> list[int]:
    found, at = [], 0
    while at + HEADER <= len(stream):
        found.append(at)
        at += HEADER + int.from_bytes(stream[at : at + 3], "little")
    return found


def fuzz(data: bytes) -> None:
    """Two bytes about the cuts, two for how much of the rest is a command; what follows it is the answer."""
    choices, stream = head_and_stream(data, 4)
    seed, size = choices.number(2), choices.number(2) % (len(stream) + 1)
    command, answer = stream[:size], stream[size:]
    expected = _renumbered(command, cut(answer, 0), 0)
    for pieces in (cut(answer, 1), cut(answer, seed)):
        assert _renumbered(command, pieces, seed) == expected
    places = _headers(answer)
    assert answer.startswith(expected[:3])
    blank = {place + 3 for place in places}
    assert all(at in blank or expected[at] == answer[at] for at in range(len(expected)))
    sent = _headers(command)
    first = command[sent[-1] + 3] + 1 if sent else 0
    assert [expected[place + 3] for place in places] == [(first + at) & 0xFF for at in range(len(places))]
