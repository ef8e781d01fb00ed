"""The PROXY protocol, version 1 and 2: how a balancer tells for whom it connects.

HAProxy's document "The PROXY protocol" is the specification. A header stands before a connection's first
byte. LOCAL (version 2) and UNKNOWN (version 1) say nothing about a client; extensions (TLVs) are checked for
their form and their checksum, and otherwise ignored.
"""

import ipaddress
import re
from typing import Final

import attrs

from .crc32c import crc32c
from .datatypes import MalformedPacket

__all__ = ["MAX_V1_LINE", "MAX_V2_BODY", "BadProxyHeader", "HeaderReader", "ProxiedClient"]

V1_SIGNATURE: Final = b"PROXY "
V2_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"

#: The longest header of version 1, its line end included, in bytes.
MAX_V1_LINE: Final = 107

#: Bytes behind the fixed part of a version 2 header that are accepted; the protocol allows 65535.
MAX_V2_BODY: Final = 16 * 1024

_V2_FIXED = len(V2_SIGNATURE) + 4
_LOCAL, _PROXY = 0x20, 0x21
_CRC32C = 0x03

#: Version 2's families: bytes of one address.
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_UNIX_PATH = 108
_ADDRESSES = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36, _UNIX: 2 * _UNIX_PATH}

_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")


class BadProxyHeader(MalformedPacket):
    """Bytes that begin as a PROXY header and do not go on as one."""


@attrs.frozen
class ProxiedClient:
    """Who a header says the client is: an IP address and port, or the path of a Unix socket."""

    address: str = ""
    port: int = 0
    path: str = ""


@attrs.define
class HeaderReader:
    """``feed`` it a connection's first bytes until it is no longer ``pending``; then take ``rest``."""

    #: More bytes are needed to tell.
    pending: bool = True
    #: A signature was seen; the bytes are a header, or a broken one.
    recognised: bool = False
    #: Who the client is; None without a header, or if it says nothing of a client.
    client: ProxiedClient | None = None
    #: What follows the header; everything if there is none.
    rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Add a chunk. Raises BadProxyHeader."""
        self.rest += data
        if self.rest.startswith(V1_SIGNATURE):
            self.recognised = True
            self._version_1()
        elif self.rest.startswith(V2_SIGNATURE):
            self.recognised = True
            self._version_2()
        else:
            self.pending = V1_SIGNATURE.startswith(self.rest) or V2_SIGNATURE.startswith(self.rest)

    def _version_1(self) -> None:
        end = self.rest.find(b"\r\n", 0, MAX_V1_LINE)
        if end < 0:
            if len(self.rest) >= MAX_V1_LINE:
                raise BadProxyHeader("PROXY header without a line end")
            return
        self.client = _text_client(self.rest[len(V1_SIGNATURE) : end])
        self._done(end + 2)

    def _version_2(self) -> None:
        if len(self.rest) < _V2_FIXED:
            return
        size = int.from_bytes(self.rest[14:16], "big")
        if size > MAX_V2_BODY:
            raise BadProxyHeader("PROXY header is too long")
        command, family = self.rest[12], self.rest[13]
        if command not in (_LOCAL, _PROXY):
            raise BadProxyHeader("PROXY header of an unknown version or command")
        if command == _PROXY and (family not in _ADDRESSES or size < _ADDRESSES[family]):
            raise BadProxyHeader("PROXY header without addresses of a stream")
        end = _V2_FIXED + size
        if len(self.rest) < end:
            return
        if command == _PROXY:
            self.client = _binary_client(family, self.rest[_V2_FIXED:end])
            _check_extensions(self.rest[:end], _V2_FIXED + _ADDRESSES[family])
        self._done(end)

    def _done(self, size: int) -> None:
        self.rest = self.rest[size:]
        self.pending = False


def _text_client(line: bytes) -> ProxiedClient | None:
    """The client in what stands between "PROXY " and the line end."""
    words = line.split(b" ")
    if words[0] == b"UNKNOWN":
        return None
    if len(words) != 5 or words[0] not in (b"TCP4", b"TCP6"):
        raise BadProxyHeader("PROXY header that is not TCP4, TCP6 or UNKNOWN")
    kind = ipaddress.IPv4Address if words[0] == b"TCP4" else ipaddress.IPv6Address
    try:
        source, _ = (kind(word.decode("ascii")) for word in words[1:3])
    except ValueError:
        raise BadProxyHeader("PROXY header with a wrong address") from None
    if not all(_PORT.fullmatch(word) and int(word) < 1 << 16 for word in words[3:]):
        raise BadProxyHeader("PROXY header with a wrong port")
    return ProxiedClient(str(source), int(words[3]))


def _binary_client(family: int, body: bytes) -> ProxiedClient | None:
    """The client in what follows the fixed part of version 2."""
    if family == _TCP4:
        return ProxiedClient(str(ipaddress.IPv4Address(body[:4])), int.from_bytes(body[8:10], "big"))
    if family == _TCP6:
        return ProxiedClient(str(ipaddress.IPv6Address(body[:16])), int.from_bytes(body[32:34], "big"))
    if family == _UNIX:
        path = body[:_UNIX_PATH].rstrip(b"\0").decode("utf-8", "backslashreplace")
        return ProxiedClient(path=path)
    return None


def _check_extensions(header: bytes, at: int) -> None:
    """The TLVs fill what is left, and the checksum is right if there is one."""
    while at < len(header):
        start = at + 3
        end = start + int.from_bytes(header[at + 1 : start], "big")
        if start > len(header) or end > len(header):
            raise BadProxyHeader("PROXY header with an extension that is cut off")
        if header[at] == _CRC32C:
            blank = header[:start] + bytes(end - start) + header[end:]
            if header[start:end] != crc32c(blank).to_bytes(4, "big"):
                raise BadProxyHeader("PROXY header with a wrong checksum")
        at = end
