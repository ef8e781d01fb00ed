"""Fields that a client's login packets share: names, the authentication response, connection attributes.

MySQL manual, "Protocol::HandshakeResponse41" and "COM_CHANGE_USER". Decoding raises MalformedPacket; encoding
raises ValueError for a value its field cannot carry, so that nothing is cut short or dropped unseen.
"""

from collections.abc import Mapping

from .datatypes import MalformedPacket, Reader, lenenc_bytes

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_ATTRIBUTES_BYTES",
    "MAX_USERNAME_BYTES",
    "attributes_field",
    "nul_field",
    "read_attributes",
    "read_database",
    "read_trailing_name",
    "read_username",
    "short_field",
]

#: MariaDB's limit, 128 characters of up to three bytes; MySQL's own is 32 characters.
MAX_USERNAME_BYTES = 384

#: All names and values of one login together, with their length prefixes: MySQL's own limit.
MAX_ATTRIBUTES_BYTES = 64 * 1024

#: Pairs in one login. Clients send about ten; the byte limit alone would let through tens of thousands.
MAX_ATTRIBUTES = 1024


def nul_field(value: bytes) -> bytes:
    """Encode a string closed by NUL; ValueError if it contains one."""
    if b"\0" in value:
        raise ValueError("a NUL byte inside a NUL-terminated field")
    return value + b"\0"


def short_field(value: bytes) -> bytes:
    """Encode a string with its length in one byte; ValueError above 255 bytes."""
    if len(value) > 0xFF:
        raise ValueError("longer than the 255 bytes that fit its field")
    return bytes((len(value),)) + value


def attributes_field(attributes: Mapping[bytes, bytes]) -> bytes:
    """Encode connection attributes with their total length in front; ValueError above the limits."""
    body = b"".join(lenenc_bytes(name) + lenenc_bytes(value) for name, value in attributes.items())
    if len(attributes) > MAX_ATTRIBUTES or len(body) > MAX_ATTRIBUTES_BYTES:
        raise ValueError("too many connection attributes")
    return lenenc_bytes(body)


def read_username(reader: Reader) -> bytes:
    """A user name, empty for the anonymous user."""
    username = reader.nul_bytes()
    if len(username) > MAX_USERNAME_BYTES:
        raise MalformedPacket(f"user name is longer than {MAX_USERNAME_BYTES} bytes")
    return username


def read_database(reader: Reader) -> bytes | None:
    """A schema name; the empty one means that none is wanted."""
    return reader.nul_bytes() or None


def read_trailing_name(reader: Reader) -> bytes:
    """A plugin name, whose closing NUL old peers leave out at the end of the packet."""
    if reader.data.find(b"\0", reader.position) < 0:
        return reader.rest()
    return reader.nul_bytes()


def read_attributes(reader: Reader) -> dict[bytes, bytes]:
    """Connection attributes; of a name sent twice the last value counts."""
    size = reader.lenenc_int()
    if size > MAX_ATTRIBUTES_BYTES:
        raise MalformedPacket(f"connection attributes take more than {MAX_ATTRIBUTES_BYTES} bytes")
    block = Reader(reader.take(size))
    attributes: dict[bytes, bytes] = {}
    pairs = 0
    while block.remaining:
        pairs += 1
        if pairs > MAX_ATTRIBUTES:
            raise MalformedPacket(f"more than {MAX_ATTRIBUTES} connection attributes")
        name = block.lenenc_bytes()
        attributes[name] = block.lenenc_bytes()
    return attributes
