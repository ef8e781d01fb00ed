"""Commands out of what a client sends: the same however it is cut, long ones and LOCAL INFILE included."""

from unittest.mock import patch

from proxy.mysql.wire import intake
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.framing import HEADER
from tests.fuzz.choices import cut, head_and_stream

#: Stands in for 2**24 - 1: at this length a packet is continued by the next one.
LONGEST = 64
#: A command that begins with this byte is answered with LOCAL INFILE.
INFILE = 0xF0
OFFSET = 3

Command = tuple[bytes, bytes]


def _collect(pieces: list[bytes], limit: int, whole: int, *, skip: bool) -> tuple[list[Command], bool]:
    """Each command with its file, as far as they are there, and whether the stream broke the rules."""
    reader = intake.CommandIntake(limit, whole)
    found: list[Command] = []
    in_file = False
    for piece in pieces:
        reader.feed(piece)
        try:
            while True:
                before = reader.buffered
                if in_file and reader.uploading:
                    command, file = found[-1]
                    found[-1] = (command, file + (reader.upload_file(OFFSET) if not skip else _skip(reader)))
                elif reader.uploading:
                    command, file = found[-1]
                    found[-1] = (command + (reader.upload() if not skip else _skip(reader)), file)
                else:
                    taken = reader.take()
                    if taken is None:
                        break
                    in_file = False
                    found.append((taken, b""))
                if not reader.uploading and not in_file and found[-1][0][HEADER] == INFILE:
                    in_file = True
                    reader.begin_file()
                if reader.uploading and reader.buffered == before:
                    break
        except MalformedPacket:
            # How much of the broken command was passed on before is a matter of how it arrived.
            return found[:-1] if reader.uploading else found, True
        assert reader.buffered < max(whole, HEADER), "holds more than one short command"
    return found, False


def _skip(reader: intake.CommandIntake) -> bytes:
    reader.skip()
    return b""


def _cut_off(stream: bytes) -> bytes:
    """Up to the first header that announces more than fits a packet here."""
    at = 0
    while at + HEADER <= len(stream):
        length = int.from_bytes(stream[at : at + 3], "little")
        if length > LONGEST:
            return stream[:at]
        at += HEADER + length
    return stream


def fuzz(data: bytes) -> None:
    """Four bytes of decisions, then the stream."""
    choices, stream = head_and_stream(data, 4)
    limit, whole = choices.pick((1000, 100, 64)), choices.pick((32, 16, 200))
    seed = choices.number(2)
    stream = _cut_off(stream)
    with patch.object(intake, "MAX_PAYLOAD", LONGEST):
        expected = _collect([stream], limit, whole, skip=False)
        for pieces in (cut(stream, 1), cut(stream, seed)):
            assert _collect(pieces, limit, whole, skip=False) == expected
        skipped, broken = _collect(cut(stream, seed), limit, whole, skip=True)
    if expected[1]:
        # What is skipped may be numbered as it likes, and so does not always end where the other does.
        return
    assert not broken
    assert len(skipped) == len(expected[0])
    for (head, file), (command, _) in zip(skipped, expected[0], strict=True):
        assert command.startswith(head)
        assert not file
