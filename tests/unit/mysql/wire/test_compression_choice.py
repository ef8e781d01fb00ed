"""Who gets which compression, as MySQL 9 was seen to decide."""

import pytest

from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.compression import DEFAULT_ZSTD_LEVEL, Algorithm
from proxy.mysql.wire.compression_choice import (
    COMPRESSION_ALGORITHMS,
    Compression,
    CompressionRefused,
    capability_of,
    choose,
    offered,
)

NONE, ZLIB, ZSTD = Capability(0), Capability.COMPRESS, Capability.ZSTD_COMPRESSION
BY_ZLIB, BY_ZSTD = Compression(Algorithm.ZLIB), Compression(Algorithm.ZSTD, 3)


def test_what_is_offered() -> None:
    assert offered(COMPRESSION_ALGORITHMS) == ZLIB | ZSTD
    assert offered(["zstd"]) == ZSTD
    assert offered(["uncompressed"]) == NONE
    assert [capability_of(each) for each in Algorithm] == [ZLIB, ZSTD]


@pytest.mark.parametrize(
    ("allowed", "wanted", "chosen"),
    [
        ("zlib zstd uncompressed", ZLIB | ZSTD, BY_ZLIB),
        ("zstd zlib", ZLIB | ZSTD, BY_ZLIB),
        ("zlib zstd uncompressed", ZSTD, BY_ZSTD),
        ("zlib zstd uncompressed", NONE, None),
        ("zstd", ZLIB | ZSTD, BY_ZSTD),
        ("zlib uncompressed", ZSTD, None),
        ("uncompressed", ZLIB | ZSTD, None),
    ],
)
def test_what_is_chosen(allowed: str, wanted: Capability, chosen: Compression | None) -> None:
    assert choose(allowed.split(), wanted, 3) == chosen


@pytest.mark.parametrize(("allowed", "wanted"), [("zlib", NONE), ("zlib", ZSTD), ("zlib zstd", NONE)])
def test_a_client_that_is_left_with_nothing(allowed: str, wanted: Capability) -> None:
    with pytest.raises(CompressionRefused, match="'uncompressed'"):
        choose(allowed.split(), wanted, None)


def test_levels() -> None:
    assert choose(["zstd"], ZSTD, None) == Compression(Algorithm.ZSTD, DEFAULT_ZSTD_LEVEL)
    assert choose(["zstd"], ZSTD, 22) == Compression(Algorithm.ZSTD, 22)
    for level in (0, 23, 255):
        with pytest.raises(CompressionRefused, match="level"):
            choose(["zstd"], ZSTD, level)
    assert choose(["zlib"], ZLIB, 99) == BY_ZLIB
