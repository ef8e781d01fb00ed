import pytest

from proxy.networks import NO_NETWORKS, Networks

LISTED = Networks.parse(("10.0.0.0/8", "2001:db8::/32", "192.0.2.7"))


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.200.0.1", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8:1::1", True),
        ("2001:db9::1", False),
        ("::ffff:10.0.0.1", True),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("", False),
    ],
)
def test_addresses(address: str, inside: bool) -> None:
    assert (address in LISTED) is inside


def test_the_unix_socket() -> None:
    assert "" in Networks.parse(("localhost",))
    assert "127.0.0.1" not in Networks.parse(("localhost",))


def test_nothing_is_in_none() -> None:
    assert "10.0.0.1" not in NO_NETWORKS
    assert "" not in NO_NETWORKS
    assert Networks.parse(()) == NO_NETWORKS


@pytest.mark.parametrize("text", ["", "*", "10.0.0.1/8", "db.example.com", "10.0.0.0/33", "10.0.0"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Networks.parse((text,))
