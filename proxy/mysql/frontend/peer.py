"""Where a client connects from, as logs, errors and limits name it."""

from typing import Any

import attrs
from twisted.internet.address import UNIXAddress

from ...networks import plain_address
from ..wire.proxy_protocol import ProxiedClient

__all__ = ["Peer", "peer_of", "proxied_peer"]


@attrs.frozen
class Peer:
    """An address and port; a client of a Unix socket has neither."""

    #: Without brackets; empty for a Unix socket.
    address: str = ""
    port: int = 0

    def __str__(self) -> str:
        if not self.address:
            return "a Unix socket"
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def peer_of(address: Any) -> Peer:
    """From Twisted's address; an IPv4 client of an IPv6 socket by its IPv4 address."""
    if isinstance(address, UNIXAddress):
        return Peer()
    return Peer(str(plain_address(address.host)), address.port)


def proxied_peer(client: ProxiedClient) -> Peer:
    """From a PROXY header."""
    if not client.address:
        return Peer()
    return Peer(str(plain_address(client.address)), client.port)
