import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from proxy.mysql.frontend.peer import Peer, peer_of, proxied_peer
from proxy.mysql.wire.proxy_protocol import ProxiedClient


@pytest.mark.parametrize(
    ("address", "peer", "text"),
    [
        (IPv4Address("TCP", "192.0.2.1", 5), Peer("192.0.2.1", 5), "192.0.2.1:5"),
        (IPv6Address("TCP", "2001:db8::1", 5), Peer("2001:db8::1", 5), "[2001:db8::1]:5"),
        (IPv6Address("TCP", "::ffff:192.0.2.1", 5), Peer("192.0.2.1", 5), "192.0.2.1:5"),
        (IPv6Address("TCP", "fe80::1%lo", 5), Peer("fe80::1%lo", 5), "[fe80::1%lo]:5"),
        (UNIXAddress(None), Peer(), "a Unix socket"),
    ],
)
def test_of_a_connection(address: object, peer: Peer, text: str) -> None:
    assert peer_of(address) == peer
    assert str(peer) == text


def test_of_a_header() -> None:
    assert proxied_peer(ProxiedClient("::ffff:192.0.2.1", 5)) == Peer("192.0.2.1", 5)
    assert proxied_peer(ProxiedClient(path="/run/x")) == Peer()
