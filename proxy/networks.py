"""The addresses in `proxy_protocol_networks`: balancers whose word about a client's address counts."""

import ipaddress
from collections.abc import Iterable

import attrs

__all__ = ["NO_NETWORKS", "UNIX_SOCKET", "Networks", "plain_address"]

#: Stands for clients of the Unix socket, which have no address; MariaDB calls them the same.
UNIX_SOCKET = "localhost"


@attrs.frozen
class Networks:
    """A set of networks, and whether the Unix socket belongs to it."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    unix_socket: bool = False

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Networks":
        """Networks in CIDR notation, single addresses, `localhost`. ValueError for anything else."""
        listed = list(texts)
        return cls(
            tuple(ipaddress.ip_network(text) for text in listed if text != UNIX_SOCKET), UNIX_SOCKET in listed
        )

    def __contains__(self, address: str) -> bool:
        """Whether an address belongs to it; the Unix socket's is empty. ValueError for no address."""
        if not address:
            return self.unix_socket
        if not self.networks:
            return False
        return any(plain_address(address) in network for network in self.networks)


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; an IPv4 client of an IPv6 socket (::ffff:192.0.2.1) by its IPv4 address. ValueError."""
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


NO_NETWORKS = Networks()
