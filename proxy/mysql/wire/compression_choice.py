"""Agreeing on compression in the connection phase (MySQL manual, "Connection Compression Control").

MySQL 9 was seen to choose so: zlib where both sides have it, else zstd, else no compression, each only where
it is allowed; a client that is left with nothing gets error 3922, before its password is looked at.
"""

from collections.abc import Collection

import attrs

from .capabilities import Capability
from .compression import DEFAULT_ZSTD_LEVEL, ZSTD_LEVELS, Algorithm

__all__ = [
    "COMPRESSION_ALGORITHMS",
    "UNCOMPRESSED",
    "Compression",
    "CompressionRefused",
    "capability_of",
    "choose",
    "offered",
]

UNCOMPRESSED = "uncompressed"

#: The names in the option and in MySQL's protocol_compression_algorithms.
COMPRESSION_ALGORITHMS = (*(each.value for each in Algorithm), UNCOMPRESSED)

#: In the order of preference.
_BITS = {Algorithm.ZLIB: Capability.COMPRESS, Algorithm.ZSTD: Capability.ZSTD_COMPRESSION}


class CompressionRefused(Exception):
    """The client wants nothing that is allowed, or a level that does not exist; the text is for it."""


@attrs.frozen
class Compression:
    """What was agreed on. ``level`` is that of zstd."""

    algorithm: Algorithm
    level: int = DEFAULT_ZSTD_LEVEL


def capability_of(algorithm: Algorithm) -> Capability:
    """The bit that asks for an algorithm."""
    return _BITS[algorithm]


def offered(allowed: Collection[str]) -> Capability:
    """The bits of a greeting that allows these names."""
    bits = Capability(0)
    for algorithm, bit in _BITS.items():
        if algorithm.value in allowed:
            bits |= bit
    return bits


def choose(allowed: Collection[str], wanted: Capability, level: int | None) -> Compression | None:
    """What a client gets that has set the bits ``wanted``; None for no compression. CompressionRefused."""
    common = wanted & offered(allowed)
    if common & Capability.COMPRESS:
        return Compression(Algorithm.ZLIB)
    if common & Capability.ZSTD_COMPRESSION:
        if level is None:
            level = DEFAULT_ZSTD_LEVEL
        if level not in ZSTD_LEVELS:
            raise CompressionRefused(f"Invalid compression level {level} for zstd.")
        return Compression(Algorithm.ZSTD, level)
    if UNCOMPRESSED not in allowed:
        raise CompressionRefused(f"Invalid compression algorithm '{UNCOMPRESSED}'.")
    return None
