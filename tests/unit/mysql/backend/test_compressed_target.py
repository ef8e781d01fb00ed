"""A compressed connection to a target: one command, one compressed packet, answers as from a plain one."""

import random
from typing import Any

import pytest
from twisted.internet.task import Clock

from proxy.mysql.backend.compressed_target import CompressedTarget
from proxy.mysql.wire.compression import Algorithm, Compressor, Decompressor
from proxy.mysql.wire.compression_choice import Compression
from proxy.mysql.wire.framing import frame

LENGTHS = (1, 65_531, 65_532, 65_533, 300_000, 2_000_000)


class Server:
    """The transport, and what a server makes of what is written to it."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.ids: list[int] = []
        self.algorithm = algorithm
        self._decompressor = Decompressor(algorithm, self.ids.append)
        self.received = b""

    def write(self, data: bytes) -> None:
        self._decompressor.feed(data)
        self.received += b"".join(iter(self._decompressor.read, b""))

    def answer(self) -> bytes:
        """An OK packet, numbered as a server does that counts compressed packets."""
        number = self.ids[-1] + 1
        return Compressor(self.algorithm).packets(frame(b"\0" * 7, number), lambda: number)


class Side:
    """The connection, lent or not."""

    def __init__(self, algorithm: Algorithm, *, is_lent: bool) -> None:
        self.server = Server(algorithm)
        self.answers = b""
        self.target = CompressedTarget(
            self.server,
            Compression(algorithm),
            lambda: is_lent,
            receive=self._received,
            fail=self._failed,
            clock=Clock(),
        )

    def _received(self, data: bytes) -> None:
        self.answers += data

    def _failed(self, problem: Any) -> None:
        raise problem


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("is_lent", [False, True])
def test_an_answer_begins_with_1_however_long_the_command(
    algorithm: Algorithm, length: int, is_lent: bool
) -> None:
    side = Side(algorithm, is_lent=is_lent)
    command = frame(b"\x03" + random.Random(length).randbytes(length - 1))
    for _ in range(2):
        side.target.begin_command()
        side.target.write(command)
        side.target.data_received(side.server.answer())
    assert side.server.received == command * 2
    assert side.answers == frame(b"\0" * 7, 1) * 2


@pytest.mark.parametrize("algorithm", Algorithm)
def test_commands_that_are_sent_at_once_are_answered_as_if_one_by_one(algorithm: Algorithm) -> None:
    side = Side(algorithm, is_lent=False)
    answers = b""
    for length in LENGTHS:
        side.target.begin_command()
        side.target.write(frame(random.Random(length).randbytes(length)))
        answers += side.server.answer()
    assert side.server.ids == [0] * len(LENGTHS)
    side.target.data_received(answers)
    assert side.answers == frame(b"\0" * 7, 1) * len(LENGTHS)
