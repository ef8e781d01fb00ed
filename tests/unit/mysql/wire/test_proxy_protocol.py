"""PROXY headers of both versions, in pieces, with what follows them, and broken ones."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.crc32c import crc32c
from proxy.mysql.wire.proxy_protocol import (
    MAX_V1_LINE,
    MAX_V2_BODY,
    BadProxyHeader,
    HeaderReader,
    ProxiedClient,
)
from tests.peers.cutting import same_however_cut

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TCP4, TCP6, UNIX, UDP4 = 0x11, 0x21, 0x31, 0x12
FOUR = bytes((192, 0, 2, 5)) + bytes((192, 0, 2, 1)) + struct.pack(">HH", 1234, 3306)
SIX = ipaddress.ip_address("2001:db8::5").packed + ipaddress.ip_address("::1").packed + b"\x04\xd2\x0c\xea"
PATHS = b"/run/app.sock".ljust(108, b"\0") + bytes(108)
LOGIN = b"\x20\0\0\x01" + b"l" * 32


def binary(family: int, body: bytes, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes((command, family)) + struct.pack(">H", len(body)) + body


def extension(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def with_checksum(family: int, addresses: bytes, more: bytes = b"") -> bytes:
    blank = binary(family, addresses + more + extension(3, bytes(4)))
    return binary(family, addresses + more + extension(3, struct.pack(">I", crc32c(blank))))


def read(chunks: list[bytes]) -> tuple[bool, ProxiedClient | None, bytes]:
    """Feed a reader as a connection does: once it has decided the bytes are somebody else's."""
    reader, behind = HeaderReader(), b""
    for chunk in chunks:
        if reader.pending:
            reader.feed(chunk)
        else:
            behind += chunk
    assert not reader.pending
    return reader.recognised, reader.client, reader.rest + behind


CLIENTS = [
    (b"PROXY TCP4 192.0.2.5 192.0.2.1 1234 3306\r\n", ProxiedClient("192.0.2.5", 1234)),
    (b"PROXY TCP6 2001:db8::5 ::1 65535 0\r\n", ProxiedClient("2001:db8::5", 65535)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    (binary(TCP4, FOUR), ProxiedClient("192.0.2.5", 1234)),
    (binary(TCP6, SIX), ProxiedClient("2001:db8::5", 1234)),
    (binary(UNIX, PATHS), ProxiedClient(path="/run/app.sock")),
    (binary(0, b""), None),
    (binary(0, b"anything", 0x20), None),
    (binary(TCP4, FOUR, 0x20), None),
    (binary(TCP4, FOUR + extension(4, b"padding") + extension(0xEA, b"")), ProxiedClient("192.0.2.5", 1234)),
    (with_checksum(TCP4, FOUR), ProxiedClient("192.0.2.5", 1234)),
    (with_checksum(TCP6, SIX, extension(5, b"id")), ProxiedClient("2001:db8::5", 1234)),
]


@pytest.mark.parametrize(("header", "client"), CLIENTS)
@pytest.mark.parametrize("behind", [b"", LOGIN], ids=["alone", "with a log-in"])
def test_the_client_however_the_header_comes(
    header: bytes, client: ProxiedClient | None, behind: bytes
) -> None:
    assert same_however_cut(read, header + behind) == (True, client, behind)


@pytest.mark.parametrize("data", [LOGIN, b"\x50\0\0\x01" + b"P" * 80, b"\x0d\0\0\x01" + b"\n" * 13])
def test_a_log_in_is_no_header(data: bytes) -> None:
    assert same_however_cut(read, data) == (False, None, data)


def test_the_longest_line() -> None:
    longest = b"PROXY UNKNOWN ".ljust(MAX_V1_LINE - 2, b"f") + b"\r\n"
    assert read([longest]) == (True, None, b"")
    assert len(longest) == 107


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY UNKNOWN ".ljust(MAX_V1_LINE - 1, b"f") + b"\r\n",
        b"PROXY " + b"x" * MAX_V1_LINE,
        b"PROXY TCP4 192.0.2.5 192.0.2.1 1234\r\n",
        b"PROXY TCP4 192.0.2.5 192.0.2.1 1234 3306 \r\n",
        b"PROXY  TCP4 192.0.2.5 192.0.2.1 1234 3306\r\n",
        b"PROXY TCP4 2001:db8::5 ::1 1234 3306\r\n",
        b"PROXY TCP6 192.0.2.5 192.0.2.1 1234 3306\r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.1 1234 3306\r\n",
        b"PROXY TCP4 192.0.2.5 \xff 1234 3306\r\n",
        b"PROXY TCP4 192.0.2.5 192.0.2.1 65536 3306\r\n",
        b"PROXY TCP4 192.0.2.5 192.0.2.1 01234 3306\r\n",
        b"PROXY TCP4 192.0.2.5 192.0.2.1 +123 3306\r\n",
        b"PROXY UDP4 192.0.2.5 192.0.2.1 1234 3306\r\n",
        b"PROXY \r\n",
        binary(TCP4, FOUR, 0x11),
        binary(TCP4, FOUR, 0x22),
        binary(UDP4, FOUR),
        binary(0x41, FOUR),
        binary(TCP4, FOUR[:-1]),
        binary(TCP6, FOUR),
        binary(UNIX, PATHS[:-1]),
        binary(TCP4, FOUR + b"\x04"),
        binary(TCP4, FOUR + b"\x04\0\x02x"),
        with_checksum(TCP4, FOUR)[:-1] + b"\0",
        binary(TCP4, FOUR + extension(3, b"")),
        SIGNATURE + b"\x21\x11" + struct.pack(">H", MAX_V2_BODY + 1),
    ],
)
def test_broken_headers(data: bytes) -> None:
    def refuses(chunks: list[bytes]) -> bool:
        with pytest.raises(BadProxyHeader):
            read(chunks)
        return True

    assert same_however_cut(refuses, data)


def test_what_is_held_is_bounded() -> None:
    reader = HeaderReader()
    reader.feed(SIGNATURE + b"\x20\0" + struct.pack(">H", MAX_V2_BODY))
    for _ in range(MAX_V2_BODY - 1):
        reader.feed(b"x")
    assert reader.pending
    reader.feed(b"x")
    assert (reader.pending, reader.rest) == (False, b"")


def test_a_beginning_is_waited_for() -> None:
    for signature in (b"PROXY ", SIGNATURE):
        for size in range(1, len(signature)):
            reader = HeaderReader()
            reader.feed(signature[:size])
            assert (reader.pending, reader.recognised) == (True, False)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"!\x11\0"]),
)
def test_any_bytes_are_a_header_or_refused_or_nothing_is_lost(data: bytes, start: bytes) -> None:
    reader = HeaderReader()
    try:
        reader.feed(start + data)
    except BadProxyHeader:
        return
    if not reader.recognised:
        assert reader.rest == start + data
    else:
        assert (start + data).endswith(reader.rest)


def test_the_checksum_is_the_one_of_the_standard() -> None:
    # RFC 3720, B.4: 32 bytes of zeros, of ones, and counting up.
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
