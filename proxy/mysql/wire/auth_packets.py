"""The packets of an authentication exchange after the login, and COM_CHANGE_USER, which starts another one.

MySQL manual, "Protocol::AuthSwitchRequest", "Protocol::AuthMoreData" and "COM_CHANGE_USER". The client's
answers have no structure of their own: they are the plugin's bytes. Payloads only, without the packet header.
Decoding raises MalformedPacket and nothing else; encoding raises ValueError for a value that does not fit.
"""

from collections.abc import Mapping
from typing import Self

import attrs

from .capabilities import Capability
from .datatypes import MalformedPacket, Reader
from .handshake import NONCE_LENGTH
from .login_fields import (
    attributes_field,
    nul_field,
    read_attributes,
    read_database,
    read_trailing_name,
    read_username,
    short_field,
)

__all__ = ["AuthMoreData", "AuthSwitchRequest", "ChangeUser"]

_AUTH_MORE_DATA = b"\x01"
_AUTH_SWITCH_REQUEST = b"\xfe"
_COM_CHANGE_USER = b"\x11"


def _expect(reader: Reader, first: bytes, packet: str) -> None:
    if reader.take(1) != first:
        raise MalformedPacket(f"{packet} starts with another byte")


@attrs.frozen
class AuthSwitchRequest:
    """The server asks for another plugin, with a new challenge for it.

    A nonce of MySQL's 20 bytes is closed by a NUL on the wire, which is not part of ``nonce``. Other lengths
    stand as they are: the 32 random bytes of MariaDB's ed25519 may themselves end in a NUL.
    """

    plugin: bytes
    nonce: bytes = attrs.field(repr=False)

    def encode(self) -> bytes:
        """The payload."""
        closing = b"\0" if len(self.nonce) == NONCE_LENGTH else b""
        return _AUTH_SWITCH_REQUEST + nul_field(self.plugin) + self.nonce + closing

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The request in ``payload``; the one-byte form, which asks for pre-4.1 passwords, is malformed."""
        reader = Reader(payload)
        _expect(reader, _AUTH_SWITCH_REQUEST, "authentication switch request")
        if not reader.remaining:
            raise MalformedPacket("the server asks for a password of the kind before MySQL 4.1")
        plugin = reader.nul_bytes()
        nonce = reader.rest()
        if len(nonce) == NONCE_LENGTH + 1:
            nonce = nonce.removesuffix(b"\0")
        return cls(plugin, nonce)


@attrs.frozen
class AuthMoreData:
    """A further message from the server's plugin to the client's."""

    data: bytes = attrs.field(repr=False)

    def encode(self) -> bytes:
        """The payload."""
        return _AUTH_MORE_DATA + self.data

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The message in ``payload``."""
        reader = Reader(payload)
        _expect(reader, _AUTH_MORE_DATA, "further authentication data")
        return cls(reader.rest())


@attrs.frozen
class ChangeUser:
    """A client of the command phase logs in anew. What old clients leave out at the end is None or empty."""

    username: bytes
    auth_response: bytes = attrs.field(repr=False)
    database: bytes | None = None
    collation: int | None = None
    auth_plugin: bytes | None = None
    attributes: Mapping[bytes, bytes] = attrs.field(factory=dict)

    def encode(self, capabilities: Capability) -> bytes:
        """The payload on a connection with ``capabilities``; ValueError if a field has no room."""
        named = Capability.PLUGIN_AUTH in capabilities
        described = Capability.CONNECT_ATTRS in capabilities
        short = Capability.SECURE_CONNECTION in capabilities
        fields = [
            _COM_CHANGE_USER,
            nul_field(self.username),
            short_field(self.auth_response) if short else nul_field(self.auth_response),
            nul_field(self.database or b""),
        ]
        if (self.auth_plugin and not named) or (self.attributes and not described):
            raise ValueError("a field is set that the connection's capabilities do not allow")
        if self.collation is None:
            if self.auth_plugin or self.attributes:
                raise ValueError("without a collation nothing can follow it")
            return b"".join(fields)
        fields.append(self.collation.to_bytes(2, "little"))
        if named:
            fields.append(nul_field(self.auth_plugin or b""))
        if described:
            fields.append(attributes_field(self.attributes))
        return b"".join(fields)

    @classmethod
    def decode(cls, payload: bytes, capabilities: Capability) -> Self:
        """The command in ``payload`` on a connection with ``capabilities``."""
        reader = Reader(payload)
        _expect(reader, _COM_CHANGE_USER, "COM_CHANGE_USER")
        username = read_username(reader)
        short = Capability.SECURE_CONNECTION in capabilities
        auth_response = reader.take(reader.integer(1)) if short else reader.nul_bytes()
        database = read_database(reader)
        collation = reader.integer(2) if reader.remaining else None
        plugin: bytes | None = None
        if reader.remaining and Capability.PLUGIN_AUTH in capabilities:
            plugin = read_trailing_name(reader) or None
        described = reader.remaining > 0 and Capability.CONNECT_ATTRS in capabilities
        attributes = read_attributes(reader) if described else {}
        return cls(username, auth_response, database, collation, plugin, attributes)
