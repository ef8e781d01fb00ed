"""Sequence ids of compressed packets (MySQL manual, "Compressed Packet").

They are counted apart from the ids of the packets inside. Every command starts at 0, its answer goes on where
the command ended, and LOCAL INFILE goes on where the request for the file ended. Clients check these ids, and
so do servers, which in return do not look at the ids of inner packets.

Known limit: a command of exactly 256 compressed packets, or a multiple, and another one that arrives before
the first is worked on cannot be told apart by these ids. They are taken for one, and the answer to the second
goes on counting where that to the first ended. No client is known that sends so.
"""

from typing import Protocol

from .datatypes import MalformedPacket

__all__ = ["MAX_PIPELINED", "CommandSequences", "ReplySequences", "Sequences"]

#: Commands that may have begun to arrive before the first of them is worked on.
MAX_PIPELINED = 1 << 16


class Sequences(Protocol):
    """Either side's count."""

    def begin_command(self) -> None:
        """Work on the next command begins."""

    def received(self, sequence: int) -> None:
        """A packet with this id has begun to arrive."""

    def next(self) -> int:
        """The id of the next packet to send."""


class ReplySequences:
    """Towards a client, which may send the next command before this one is answered.

    A packet numbered 0 begins a command, and every command has a count of its own: the first in the queue is
    that of the command worked on, the last that of the one that arrives. Where a command has so many packets
    that its ids start over at 0, that goes on counting.
    """

    __slots__ = ("_answered", "_counts", "_expected")

    def __init__(self) -> None:
        # Every count is a byte. The first stands for the log-in, which was not compressed.
        self._counts = bytearray(1)
        #: The last move on the newest count was a reply.
        self._answered = True
        #: The id with which the newest command goes on where it is answered before all of it is there.
        self._expected = 0

    def begin_command(self) -> None:
        """Work on the next command begins: replies are numbered as that wants it."""
        if len(self._counts) > 1:
            del self._counts[0]

    def received(self, sequence: int) -> None:
        """A packet has begun to arrive. Raises MalformedPacket if its id is neither 0 nor the next one."""
        following = (sequence + 1) & 0xFF
        if sequence == self._counts[-1] and (sequence or not self._answered):
            self._counts[-1] = following
            self._answered = False
        elif not sequence:
            if len(self._counts) >= MAX_PIPELINED:
                raise MalformedPacket("too many commands before the first answer")
            self._counts.append(following)
            self._answered = False
        elif sequence != self._expected:
            raise MalformedPacket("a compressed packet is out of order")
        self._expected = following

    def next(self) -> int:
        """The id of the next packet of the reply."""
        sequence = self._counts[0]
        self._counts[0] = (sequence + 1) & 0xFF
        if len(self._counts) == 1:
            self._answered = True
        return sequence


class CommandSequences:
    """Towards a server, which gets one command after the other."""

    __slots__ = ("_count", "sent")

    def __init__(self) -> None:
        self._count = 0
        #: The id behind that of the packet sent last.
        self.sent = 0

    def begin_command(self) -> None:
        """What is sent next is the beginning of a command."""
        self._count = 0

    def received(self, sequence: int) -> None:
        """A packet of the answer; servers that end a connection have other ids, so none is wrong."""
        self._count = (sequence + 1) & 0xFF

    def next(self) -> int:
        """The id of the next packet of the command, or of the file that the server has asked for."""
        sequence = self._count
        self.sent = self._count = (sequence + 1) & 0xFF
        return sequence
