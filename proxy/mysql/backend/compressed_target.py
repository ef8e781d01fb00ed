"""A compressed connection to a target, which looks to the rest of the proxy like a plain one."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ..compressed_transport import CompressedTransport
from ..wire.compressed_sequences import CommandSequences
from ..wire.compression import Compressor, Decompressor
from ..wire.compression_choice import Compression
from ..wire.datatypes import MalformedPacket
from ..wire.renumbering import Renumbering

__all__ = ["CompressedTarget"]


class CompressedTarget(CompressedTransport):
    """Around the transport of a connection that has just logged in.

    Answers are numbered for a session that has borrowed it, ``is_lent``. Those to the own commands, of
    which several may be under way, are left alone.
    """

    def __init__(
        self,
        transport: Any,
        compression: Compression,
        is_lent: Callable[[], bool],
        *,
        receive: Callable[[bytes], None],
        fail: Callable[[MalformedPacket], None],
        clock: Any,
    ) -> None:
        sequences = CommandSequences()
        self._renumbering = Renumbering(sequences)
        self._is_lent = is_lent
        self._deliver = receive
        super().__init__(
            transport,
            Compressor(compression.algorithm, compression.level),
            partial(Decompressor, compression.algorithm),
            sequences,
            receive=self._renumber,
            fail=fail,
            clock=clock,
        )

    def write(self, data: bytes) -> None:
        """Compress and send; what is sent decides how the answer is numbered."""
        self._renumbering.sent(data)
        super().write(data)

    def _renumber(self, piece: bytes) -> None:
        numbered = self._renumbering.received(piece, change=self._is_lent())
        if numbered:
            self._deliver(numbered)
