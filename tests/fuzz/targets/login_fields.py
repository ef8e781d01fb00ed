"""The fields that log-in packets share: within their limits or refused, and written as they are read."""

from collections.abc import Callable
from typing import Any

from proxy.mysql.wire.datatypes import MalformedPacket, Reader
from proxy.mysql.wire.login_fields import (
    MAX_ATTRIBUTES,
    MAX_ATTRIBUTES_BYTES,
    MAX_USERNAME_BYTES,
    attributes_field,
    nul_field,
    read_attributes,
    read_database,
    read_trailing_name,
    read_username,
    short_field,
)


def _read(read: Callable[[Reader], Any], data: bytes) -> Any:
    reader = Reader(data)
    try:
        found = read(reader)
    except MalformedPacket:
        return None
    assert 0 <= reader.remaining <= len(data)
    return found


def fuzz(data: bytes) -> None:
    """All of it is where the field begins."""
    username = _read(read_username, data)
    if username is not None:
        assert len(username) <= MAX_USERNAME_BYTES
        assert _read(read_username, nul_field(username)) == username
    database = _read(read_database, data)
    assert database is None or data.startswith(database + b"\0")
    name = _read(read_trailing_name, data)
    assert name == data.split(b"\0", 1)[0]
    attributes = _read(read_attributes, data)
    if attributes is not None:
        assert len(attributes) <= MAX_ATTRIBUTES
        assert sum(len(key) + len(value) for key, value in attributes.items()) <= MAX_ATTRIBUTES_BYTES
        assert _read(read_attributes, attributes_field(attributes)) == attributes
    if len(data) <= 0xFF:
        assert Reader(short_field(data)).integer(1) == len(data)
