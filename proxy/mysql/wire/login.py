"""The client's answer to a greeting: its login, and before it the wish for TLS.

MySQL manual, "Protocol::SSLRequest" and "Protocol::HandshakeResponse41". Payloads only, without the packet
header. Decoding raises MalformedPacket and nothing else; encoding raises ValueError for a value that does not
fit. A collation is one byte here: ids above 255 are set by a statement after the login.
"""

from collections.abc import Mapping
from typing import Self

import attrs

from .capabilities import Capability
from .datatypes import MalformedPacket, Reader, lenenc_bytes
from .handshake import ObsoleteProtocol
from .login_fields import (
    attributes_field,
    nul_field,
    read_attributes,
    read_database,
    read_trailing_name,
    read_username,
    short_field,
)

__all__ = ["HandshakeResponse41", "SSLRequest", "is_ssl_request"]

_SSL_REQUEST_LENGTH = 32


def is_ssl_request(payload: bytes) -> bool:
    """Whether the client's first packet asks for TLS: it ends where a login would name its user."""
    return len(payload) == _SSL_REQUEST_LENGTH and bool(payload[1] & Capability.SSL >> 8)


def _encode_prelude(capabilities: Capability, max_packet_size: int, collation: int) -> bytes:
    """The 32 bytes that SSLRequest and HandshakeResponse41 have in common."""
    if Capability.PROTOCOL_41 not in capabilities:
        raise ValueError("a login needs PROTOCOL_41")
    if capabilities.high and Capability.LONG_PASSWORD in capabilities:
        raise ValueError("MariaDB's capabilities exclude LONG_PASSWORD")
    return (
        capabilities.low.to_bytes(4, "little")
        + max_packet_size.to_bytes(4, "little")
        + bytes((collation,))
        + bytes(19)
        + capabilities.high.to_bytes(4, "little")
    )


def _read_prelude(reader: Reader) -> tuple[Capability, int, int]:
    """Capabilities, packet limit in bytes and collation; the filler's content is ignored.

    Its last four bytes are MariaDB's capabilities if LONG_PASSWORD is not set.
    """
    low = reader.integer(2)
    if not low & Capability.PROTOCOL_41:
        raise ObsoleteProtocol("the client does not speak the protocol of MySQL 4.1")
    capabilities = Capability(low | reader.integer(2) << 16)
    max_packet_size = reader.integer(4)
    collation = reader.integer(1)
    reader.take(19)
    extended = reader.integer(4)
    if Capability.LONG_PASSWORD not in capabilities:
        capabilities |= Capability(extended << 32)
    return capabilities, max_packet_size, collation


@attrs.frozen
class SSLRequest:
    """The client wants TLS: the first half of its login, after which the TLS handshake starts."""

    capabilities: Capability
    max_packet_size: int
    collation: int

    def encode(self) -> bytes:
        """The payload, always with the SSL bit."""
        return _encode_prelude(self.capabilities | Capability.SSL, self.max_packet_size, self.collation)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The request in ``payload``, which has exactly 32 bytes and the SSL bit."""
        reader = Reader(payload)
        capabilities, max_packet_size, collation = _read_prelude(reader)
        if Capability.SSL not in capabilities:
            raise MalformedPacket("TLS request without the SSL capability")
        if reader.remaining:
            raise MalformedPacket("TLS request is longer than 32 bytes")
        return cls(capabilities, max_packet_size, collation)


@attrs.frozen
class HandshakeResponse41:
    """The client's login. ``database`` is None where none is wanted, ``auth_plugin`` where none is named."""

    capabilities: Capability
    max_packet_size: int
    collation: int
    username: bytes
    auth_response: bytes = attrs.field(repr=False)
    database: bytes | None = None
    auth_plugin: bytes | None = None
    attributes: Mapping[bytes, bytes] = attrs.field(factory=dict)
    #: None where the packet has no such byte.
    zstd_level: int | None = None

    def encode(self) -> bytes:
        """The payload as ``capabilities`` lay it out; ValueError if they have no room for a field."""
        fields = [
            _encode_prelude(self.capabilities, self.max_packet_size, self.collation),
            nul_field(self.username),
            self._encode_auth_response(),
        ]
        if self._has_room(Capability.CONNECT_WITH_DB, self.database):
            fields.append(nul_field(self.database or b""))
        if self._has_room(Capability.PLUGIN_AUTH, self.auth_plugin):
            fields.append(nul_field(self.auth_plugin or b""))
        if self._has_room(Capability.CONNECT_ATTRS, self.attributes):
            fields.append(attributes_field(self.attributes))
        if self._has_room(Capability.ZSTD_COMPRESSION, self.zstd_level) and self.zstd_level is not None:
            fields.append(bytes((self.zstd_level,)))
        return b"".join(fields)

    def _has_room(self, capability: Capability, value: object) -> bool:
        if capability in self.capabilities:
            return True
        if value:
            raise ValueError(f"a field is set that needs {capability.name}")
        return False

    def _encode_auth_response(self) -> bytes:
        if Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA in self.capabilities:
            return lenenc_bytes(self.auth_response)
        if Capability.SECURE_CONNECTION in self.capabilities:
            return short_field(self.auth_response)
        return nul_field(self.auth_response)

    @classmethod
    def decode(cls, payload: bytes, offered: Capability) -> Self:
        """The login in ``payload``, answering a greeting that offered ``offered``.

        Bits that were not offered are cleared: some clients set them without sending the field they promise.
        ObsoleteProtocol for a client older than MySQL 4.1.
        """
        reader = Reader(payload)
        wanted, max_packet_size, collation = _read_prelude(reader)
        capabilities = wanted & offered
        return cls(
            capabilities=capabilities,
            max_packet_size=max_packet_size,
            collation=collation,
            username=read_username(reader),
            auth_response=_read_auth_response(reader, capabilities),
            database=read_database(reader) if Capability.CONNECT_WITH_DB in capabilities else None,
            auth_plugin=(read_trailing_name(reader) or None)
            if Capability.PLUGIN_AUTH in capabilities
            else None,
            attributes=read_attributes(reader) if Capability.CONNECT_ATTRS in capabilities else {},
            zstd_level=reader.integer(1)
            if Capability.ZSTD_COMPRESSION in capabilities and reader.remaining
            else None,
        )


def _read_auth_response(reader: Reader, capabilities: Capability) -> bytes:
    if Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA in capabilities:
        return reader.lenenc_bytes()
    if Capability.SECURE_CONNECTION in capabilities:
        return reader.take(reader.integer(1))
    return reader.nul_bytes()
