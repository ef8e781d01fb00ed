"""PROXY headers: the same client and the same first bytes behind them however they are cut."""

from typing import Any

from proxy.mysql.wire.proxy_protocol import MAX_V1_LINE, MAX_V2_BODY, BadProxyHeader, HeaderReader
from tests.fuzz.choices import cut, head_and_stream

_LONGEST = max(MAX_V1_LINE, 16 + MAX_V2_BODY)


def _read(pieces: list[bytes]) -> Any:
    reader = HeaderReader()
    for index, piece in enumerate(pieces):
        try:
            reader.feed(piece)
        except BadProxyHeader:
            return "bad"
        if not reader.pending:
            return reader.recognised, reader.client, reader.rest + b"".join(pieces[index + 1 :])
        assert len(reader.rest) <= _LONGEST
    return "pending", reader.recognised, reader.rest


def fuzz(data: bytes) -> None:
    """Two bytes about the cuts, then a connection's first bytes."""
    choices, stream = head_and_stream(data, 2)
    expected = _read(cut(stream, 0))
    for pieces in (cut(stream, 1), cut(stream, choices.number(2))):
        assert _read(pieces) == expected
    if expected == "bad" or expected[0] == "pending":
        return
    recognised, client, rest = expected
    assert recognised or (client is None and rest == stream)
    assert stream.endswith(rest)
    if client is not None:
        assert 0 <= client.port < 1 << 16
        assert client.address.isascii()
        client.path.encode()
