"""Sequence ids of compressed packets on either side, as real servers were seen to count them."""

import pytest

from proxy.mysql.wire.compressed_sequences import MAX_PIPELINED, CommandSequences, ReplySequences
from proxy.mysql.wire.datatypes import MalformedPacket


def take(sequences: ReplySequences | CommandSequences, number: int) -> list[int]:
    """The ids of the next packets."""
    return [sequences.next() for _ in range(number)]


def hear(sequences: ReplySequences | CommandSequences, *numbers: int) -> None:
    """Packets arrive."""
    for number in numbers:
        sequences.received(number)


def test_a_reply_goes_on_where_its_command_ended() -> None:
    replies = ReplySequences()
    for packets in (1, 3, 1):
        hear(replies, *range(packets))
        replies.begin_command()
        assert take(replies, 2) == [packets, packets + 1]


def test_commands_that_come_before_the_first_is_answered() -> None:
    replies = ReplySequences()
    hear(replies, 0, 0, 1, 2, 0)
    replies.begin_command()
    assert take(replies, 2) == [1, 2]
    hear(replies, 1)
    replies.begin_command()
    assert take(replies, 2) == [3, 4]
    replies.begin_command()
    assert take(replies, 1) == [2]


def test_a_file_goes_on_where_the_request_for_it_ended() -> None:
    replies = ReplySequences()
    hear(replies, 0)
    replies.begin_command()
    assert take(replies, 1) == [1]
    hear(replies, 2, 3)
    assert take(replies, 1) == [4]
    hear(replies, 0)
    replies.begin_command()
    assert take(replies, 1) == [1]


def test_a_command_of_more_than_256_packets_is_one_command() -> None:
    replies = ReplySequences()
    hear(replies, *(number & 0xFF for number in range(600)), 0)
    replies.begin_command()
    assert take(replies, 2) == [600 & 0xFF, (600 & 0xFF) + 1]
    replies.begin_command()
    assert take(replies, 1) == [1]


def test_a_command_after_a_reply_that_ended_with_255() -> None:
    replies = ReplySequences()
    hear(replies, 0)
    replies.begin_command()
    assert take(replies, 255)[-1] == 255
    hear(replies, 0, 0)
    replies.begin_command()
    assert take(replies, 1) == [1]
    replies.begin_command()
    assert take(replies, 1) == [1]


def test_a_command_that_is_answered_before_its_end_goes_on() -> None:
    replies = ReplySequences()
    hear(replies, 0, 1)
    replies.begin_command()
    assert take(replies, 1) == [2]
    hear(replies, 2, 3)
    hear(replies, 0)
    replies.begin_command()
    assert take(replies, 1) == [1]


def test_a_command_that_began_outside_a_packet_of_its_own_goes_on_counting() -> None:
    replies = ReplySequences()
    hear(replies, 0)
    replies.begin_command()
    assert take(replies, 2) == [1, 2]
    replies.begin_command()
    assert take(replies, 1) == [3]


@pytest.mark.parametrize("numbers", [(1,), (0, 2), (0, 1, 1), (0, 1, 5)])
def test_ids_out_of_order(numbers: tuple[int, ...]) -> None:
    replies = ReplySequences()
    hear(replies, *numbers[:-1])
    with pytest.raises(MalformedPacket, match="out of order"):
        replies.received(numbers[-1])


def test_commands_without_end_are_refused() -> None:
    replies = ReplySequences()
    hear(replies, *bytes(MAX_PIPELINED - 1))
    with pytest.raises(MalformedPacket, match="too many commands"):
        replies.received(0)


def test_towards_a_server_every_command_begins_at_0() -> None:
    commands = CommandSequences()
    for _ in range(2):
        commands.begin_command()
        assert take(commands, 2) == [0, 1]
        hear(commands, 2, 3)


def test_towards_a_server_a_file_goes_on_behind_its_request() -> None:
    commands = CommandSequences()
    commands.begin_command()
    assert take(commands, 1) == [0]
    hear(commands, 1)
    assert take(commands, 2) == [2, 3]


def test_ids_start_over_at_256() -> None:
    commands = CommandSequences()
    assert take(commands, 258)[-3:] == [255, 0, 1]
