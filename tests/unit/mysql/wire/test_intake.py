"""Commands cut from a stream: short, long, pipelined, over several packets; and files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.framing import PacketTooLarge
from proxy.mysql.wire.intake import WHOLE_COMMAND, CommandIntake, OutOfOrder
from tests.peers import packets as p
from tests.peers.cutting import pieces, same_however_cut

LIMIT = 1 << 30


def commands(chunks: list[bytes], whole: int = WHOLE_COMMAND) -> list[bytes]:
    """Every command, whatever number of pieces it came in."""
    intake = CommandIntake(LIMIT, whole)
    done: list[bytes] = []
    current = None
    for chunk in chunks:
        intake.feed(chunk)
        while True:
            if current is None:
                current = intake.take()
                if current is None:
                    break
            if intake.uploading:
                current += intake.upload()
            if intake.uploading:
                break
            done.append(current)
            current = None
    assert current is None
    assert intake.buffered == 0
    return done


def test_pipelined_commands_come_out_one_by_one() -> None:
    sent = [p.packet(b"\x03SELECT 1"), p.packet(b"\x0e"), p.packet(b"\x03SELECT 2"), p.packet(b"\x01")]
    assert same_however_cut(commands, b"".join(sent)) == sent


def test_a_long_command_keeps_its_bytes() -> None:
    sent = [p.packet(b"\x03" + bytes(range(1, 60))), p.packet(b"\x0e")]

    def parse(chunks: list[bytes]) -> list[bytes]:
        return commands(chunks, whole=16)

    assert same_however_cut(parse, b"".join(sent)) == sent


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_random_commands_and_cuts(data: st.DataObject) -> None:
    payloads = data.draw(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=5))
    sent = [p.packet(payload) for payload in payloads]
    stream = b"".join(sent)
    cuts = data.draw(st.lists(st.integers(1, len(stream)), max_size=5))
    assert commands(pieces(stream, cuts), whole=data.draw(st.integers(5, 100))) == sent


@pytest.mark.parametrize("size", [p.LIMIT - 1, p.LIMIT, p.LIMIT + 1, 2 * p.LIMIT])
@pytest.mark.parametrize("cut", [None, 3, 70_000, p.LIMIT + 3, p.LIMIT + 4, p.LIMIT + 6])
def test_a_command_over_several_packets(size: int, cut: int | None) -> None:
    big = p.packet(b"\x03" + bytes(size - 1))
    stream = big + p.packet(b"\x0e")
    assert commands(pieces(stream, [cut] if cut else [])) == [big, p.packet(b"\x0e")]


def test_a_whole_command_is_held_until_it_can_be_screened() -> None:
    sent = p.packet(b"\x03" + b"x" * 1000)
    intake = CommandIntake(LIMIT)
    intake.feed(sent[:-1])
    assert intake.take() is None
    assert not intake.uploading
    intake.feed(sent[-1:])
    assert intake.take() == sent
    assert not intake.uploading


def test_the_beginning_of_a_long_command_is_handed_out_as_soon_as_enough_is_there() -> None:
    sent = p.packet(b"\x03" + b"x" * 1000)
    intake = CommandIntake(LIMIT, whole=100)
    intake.feed(sent[:99])
    assert intake.take() is None
    intake.feed(sent[99:110])
    assert intake.take() == sent[:110]
    assert intake.uploading
    intake.feed(sent[110:])
    assert intake.upload() == sent[110:]
    assert not intake.uploading


def test_the_answer_continues_the_clients_numbers() -> None:
    big = p.packet(b"\x03" + bytes(2 * p.LIMIT))
    intake = CommandIntake(LIMIT)
    intake.feed(big + p.packet(b"\x0e"))
    intake.take()
    intake.upload()
    assert intake.sequence == 3
    assert intake.take() == p.packet(b"\x0e")
    assert intake.sequence == 1


@pytest.mark.parametrize("sequence", [1, 255])
def test_another_sequence_id_is_out_of_order(sequence: int) -> None:
    intake = CommandIntake(LIMIT)
    intake.feed(p.packet(b"\x0e", sequence))
    with pytest.raises(OutOfOrder):
        intake.take()


def test_an_empty_command_is_malformed() -> None:
    intake = CommandIntake(LIMIT)
    intake.feed(p.packet(b""))
    with pytest.raises(MalformedPacket):
        intake.take()


def test_too_large_is_known_from_the_header() -> None:
    intake = CommandIntake(100)
    intake.feed(p.packet(bytes(101))[:5])
    with pytest.raises(PacketTooLarge):
        intake.take()


def test_the_limit_itself_is_allowed() -> None:
    intake = CommandIntake(100)
    intake.feed(p.packet(b"\x03" * 100))
    assert intake.take() == p.packet(b"\x03" * 100)


def test_too_large_over_several_packets() -> None:
    intake = CommandIntake(p.LIMIT + 10)
    intake.feed(p.packet(bytes(p.LIMIT + 11)))
    intake.take()
    with pytest.raises(PacketTooLarge):
        intake.upload()


@settings(max_examples=300, deadline=None)
@given(chunks=st.lists(st.binary(min_size=1, max_size=30), max_size=8), whole=st.integers(5, 40))
def test_garbage_raises_nothing_but_malformed(chunks: list[bytes], whole: int) -> None:
    intake = CommandIntake(1000, whole)
    try:
        for chunk in chunks:
            intake.feed(chunk)
            while intake.uploading or intake.take() is not None:
                before = intake.buffered
                intake.upload()
                if intake.uploading and before == intake.buffered:
                    break
    except MalformedPacket:
        pass


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_a_file_ends_with_an_empty_packet(offset: int) -> None:
    contents = [b"a,b\n" * 10, b"c,d\n", b"", b"\x0e"]
    start = 254
    stream = b"".join(p.packet(part, start + at) for at, part in enumerate(contents[:3])) + p.packet(b"\x0e")
    renumbered = b"".join(p.packet(part, start - offset + at) for at, part in enumerate(contents[:3]))

    def parse(chunks: list[bytes]) -> tuple[bytes, bytes | None]:
        intake = CommandIntake(LIMIT)
        intake.feed(p.packet(b"\x03LOAD DATA"))
        intake.take()
        intake.begin_file(start - offset - 1)
        out = b""
        for chunk in chunks:
            intake.feed(chunk)
            out += intake.upload_file(offset)
        assert not intake.uploading
        return out, intake.take()

    assert same_however_cut(parse, stream) == (renumbered, p.packet(b"\x0e"))


def test_a_file_may_be_larger_than_a_statement() -> None:
    intake = CommandIntake(20)
    intake.feed(p.packet(b"\x03LOAD DATA"))
    intake.take()
    intake.begin_file()
    stream = p.packet(bytes(1000), 2) + p.packet(b"", 3)
    intake.feed(stream)
    assert intake.upload_file(0) == stream
    assert not intake.uploading


def test_behind_a_client_that_compresses_packets_are_numbered_here() -> None:
    intake = CommandIntake(1 << 25)
    intake.ignores_ids = True
    intake.feed(b"\xff\xff\xff\0\x03" + bytes(0xFFFFFF - 1) + b"\x02\0\0\x09xy")
    assert intake.take() == b"\xff\xff\xff\0\x03" + bytes(0xFFFFFF - 1)
    assert intake.upload() == b"\x02\0\0\x01xy"
    assert intake.sequence == 2
    intake.begin_file(2)
    intake.feed(b"\x02\0\0\x30ab" + b"\0\0\0\x31")
    assert intake.upload_file(1) == b"\x02\0\0\x03ab" + b"\0\0\0\x04"


def test_behind_a_client_that_compresses_a_command_may_have_any_id() -> None:
    def parse(pieces: list[bytes]) -> list[bytes]:
        intake = CommandIntake(1 << 20)
        intake.ignores_ids = True
        found: list[bytes] = []
        for piece in pieces:
            intake.feed(piece)
            while (command := intake.take()) is not None:
                found.append(command)
        return found

    commands = [b"\x03SELECT 1", b"\x0e", b"\x03SELECT 2"]
    stream = b"".join(p.packet(each, number) for number, each in enumerate(commands, 7))
    assert same_however_cut(parse, stream) == [p.packet(each) for each in commands]


def test_the_packets_of_a_command_are_numbered_one_after_the_other() -> None:
    """A server answers a command whose packets are not, even one that has no response."""
    intake = CommandIntake(1 << 25)
    intake.feed(b"\xff\xff\xff\0\x18" + bytes(0xFFFFFF - 1) + b"\x02\0\0\x07xy")
    assert intake.take() is not None
    with pytest.raises(OutOfOrder):
        intake.upload()


@pytest.mark.parametrize("wrong", [0, 4, 6, 200])
def test_the_packets_of_a_file_are_numbered_one_after_the_other(wrong: int) -> None:
    intake = CommandIntake(LIMIT)
    intake.feed(p.packet(b"\x03LOAD DATA"))
    intake.take()
    intake.begin_file(2)
    intake.feed(p.packet(b"a", 4))
    assert intake.upload_file(1) == p.packet(b"a", 3)
    intake.feed(p.packet(b"b", wrong))
    with pytest.raises(OutOfOrder):
        intake.upload_file(1)
    assert intake.uploading


def test_the_packets_of_a_file_that_goes_nowhere_may_have_any_number() -> None:
    intake = CommandIntake(LIMIT)
    intake.feed(p.packet(b"\x03LOAD DATA"))
    intake.take()
    intake.begin_file(2)
    intake.feed(p.packet(b"a", 77) + p.packet(b"", 3))
    intake.skip()
    assert not intake.uploading
