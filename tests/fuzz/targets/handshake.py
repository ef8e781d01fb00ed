"""The server's greeting: decoded or refused as malformed, and what was decoded survives encoding."""

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.handshake import NONCE_LENGTH, HandshakeV10


def fuzz(data: bytes) -> None:
    """All of it is the payload."""
    try:
        greeting = HandshakeV10.decode(data)
    except MalformedPacket:
        return
    assert len(greeting.nonce) == NONCE_LENGTH
    assert isinstance(greeting.is_mariadb, bool)
    assert HandshakeV10.decode(greeting.encode()) == greeting
