"""Where a statement's text begins behind its query attributes: inside the command, whatever follows."""

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.query_attributes import text_start


def _start(command: bytes) -> int | None:
    try:
        return text_start(command, 0)
    except MalformedPacket:
        return None


def fuzz(data: bytes) -> None:
    """All of it is a command, its attributes first."""
    start = _start(data)
    if start is None:
        return
    assert 2 <= start <= len(data)
    assert _start(data + b"SELECT 1") == start
    assert _start(data[:start]) == start
    for end in {0, 1, start // 2, start - 1}:
        assert _start(data[:end]) is None, "found in the beginning of a command that ends before"
