"""The server's greeting, which opens a connection.

MySQL manual, "Protocol::HandshakeV10"; MariaDB knowledge base, "Connection", for its extended capabilities.
Payloads only, without the packet header. Decoding raises MalformedPacket and nothing else; encoding raises
ValueError for a value that does not fit.
"""

import secrets
from typing import Self

import attrs

from .capabilities import Capability
from .datatypes import MalformedPacket, Reader
from .login_fields import nul_field, read_trailing_name
from .status import Status

__all__ = ["NONCE_LENGTH", "HandshakeV10", "ObsoleteProtocol", "fresh_nonce"]

#: Bytes of the challenge in a greeting, without the NUL that closes it on the wire.
NONCE_LENGTH = 20

_NONCE_ALPHABET = bytes(byte for byte in range(1, 0x80) if byte != ord("$"))
_PROTOCOL_VERSION = 10
_MARIADB_PREFIX = b"5.5.5-"


class ObsoleteProtocol(MalformedPacket):
    """A peer that speaks the protocol from before MySQL 4.1 (no CLIENT_PROTOCOL_41)."""


def fresh_nonce() -> bytes:
    """20 unpredictable bytes, 7-bit and without NUL and ``$``, as MySQL's own: clients treat them as text."""
    return bytes(secrets.choice(_NONCE_ALPHABET) for _ in range(NONCE_LENGTH))


def _has_nonce_length(_packet: object, _attribute: object, value: bytes) -> None:
    if len(value) != NONCE_LENGTH:
        raise ValueError(f"a greeting's nonce has {NONCE_LENGTH} bytes")


@attrs.frozen
class HandshakeV10:
    """The server's greeting.

    MariaDB announces the bits from 32 up in bytes reserved by MySQL. They exist only where LONG_PASSWORD is
    absent, which is how MariaDB says that it is not MySQL.
    """

    server_version: bytes
    connection_id: int
    nonce: bytes = attrs.field(repr=False, validator=_has_nonce_length)
    capabilities: Capability
    collation: int
    status: Status
    auth_plugin: bytes

    @property
    def is_mariadb(self) -> bool:
        """Whether the server is a MariaDB, by its version; the prefix is gone since MariaDB 11."""
        return self.server_version.startswith(_MARIADB_PREFIX) or b"mariadb" in self.server_version.lower()

    def encode(self) -> bytes:
        """The payload; the plugin's name is sent only with PLUGIN_AUTH."""
        flags = self.capabilities.low.to_bytes(4, "little")
        named = Capability.PLUGIN_AUTH in self.capabilities
        extended = 0 if Capability.LONG_PASSWORD in self.capabilities else self.capabilities.high
        return b"".join(
            (
                bytes((_PROTOCOL_VERSION,)),
                nul_field(self.server_version),
                self.connection_id.to_bytes(4, "little"),
                self.nonce[:8],
                b"\0",
                flags[:2],
                bytes((self.collation,)),
                self.status.to_bytes(2, "little"),
                flags[2:],
                bytes((NONCE_LENGTH + 1 if named else 0,)),
                bytes(6),
                extended.to_bytes(4, "little"),
                self.nonce[8:],
                b"\0",
                nul_field(self.auth_plugin) if named else b"",
            )
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The greeting in ``payload``; ObsoleteProtocol for a server older than MySQL 4.1."""
        reader = Reader(payload)
        if reader.integer(1) != _PROTOCOL_VERSION:
            raise MalformedPacket("greeting is not of protocol version 10")
        server_version = reader.nul_bytes()
        connection_id = reader.integer(4)
        nonce = reader.take(8)
        reader.take(1)
        low = reader.integer(2)
        if not low & Capability.PROTOCOL_41:
            raise ObsoleteProtocol("the server does not speak the protocol of MySQL 4.1")
        collation = reader.integer(1)
        status = Status(reader.integer(2))
        capabilities = Capability(low | reader.integer(2) << 16)
        nonce_size = reader.integer(1)
        reader.take(6)
        extended = reader.integer(4)
        if Capability.LONG_PASSWORD not in capabilities:
            capabilities |= Capability(extended << 32)
        nonce += reader.take(max(NONCE_LENGTH + 1, nonce_size) - 8)
        named = Capability.PLUGIN_AUTH in capabilities
        return cls(
            server_version=server_version,
            connection_id=connection_id,
            nonce=nonce[:NONCE_LENGTH],
            capabilities=capabilities,
            collation=collation,
            status=status,
            auth_plugin=read_trailing_name(reader) if named else b"",
        )
