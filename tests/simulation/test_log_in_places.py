"""Where a client comes from: a Unix socket is as good as TLS; what a token is compared with."""

from collections.abc import Iterator

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress

from proxy.mysql.frontend.tls import ServerTls
from tests.peers.auth_client import CLEAR, NATIVE, SHA2
from tests.peers.link import Line
from tests.peers.many_users import KEYS, ManyUsers, configured, many_users, token
from tests.unit.iam.signing import boto3_token

CONFIG = configured('pass_through_users = "password"', {"token": 'iam_auth = "REQUIRED"'})


@pytest.fixture
def users(tls: ServerTls) -> Iterator[ManyUsers]:
    with many_users(CONFIG, {"token": ("token", "its own")}, KEYS, tls=tls) as users:
        users.passwords |= {"token": b"its own", "passed": b"its own"}
        yield users


@pytest.fixture
def _socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients come to a Unix socket."""
    monkeypatch.setattr(Line, "getPeer", lambda _: UNIXAddress(""))
    monkeypatch.setattr(Line, "getHost", lambda _: UNIXAddress("/run/proxy.sock"))


@pytest.mark.usefixtures("_socket")
class TestUnixSocket:
    """Nobody else reads along there; a token is made for the default port."""

    def test_a_token(self, users: ManyUsers) -> None:
        client = users.log_in("token", token("token"))
        assert (client.verdict, client.switches) == (0, [CLEAR])

    @pytest.mark.parametrize("first", [NATIVE, SHA2, CLEAR])
    def test_a_password(self, users: ManyUsers, first: bytes) -> None:
        client = users.log_in("passed", b"its own", first, is_local=True)
        assert client.verdict == 0
        assert users.world.ask(client, "SELECT 1")[4] != 0xFF
        assert users.log_in("passed", b"wrong", first, is_local=True).verdict == 1045


class TestNames:
    """Those of the endpoint; a name alone goes with the port that the client came to."""

    @pytest.mark.parametrize(
        ("names", "port", "made_for", "is_good"),
        [
            ({"a.example.com"}, 3306, ("a.example.com", 3306), True),
            ({"a.example.com"}, 3307, ("a.example.com", 3307), True),
            ({"a.example.com"}, 3307, ("a.example.com", 3306), False),
            ({"a.example.com:3306"}, 3307, ("a.example.com", 3306), True),
            ({"a.example.com:3306"}, 3307, ("a.example.com", 3307), False),
            ({"a.example.com", "b.example.com:1"}, 3306, ("b.example.com", 1), True),
            ({"a.example.com", "b.example.com:1"}, 3306, ("b.example.com", 3306), False),
            ({"[2001:db8::1]"}, 3306, ("[2001:db8::1]", 3306), True),
            ({"[2001:db8::1]:99"}, 3306, ("[2001:db8::1]", 99), True),
            (set(), 3306, ("a.example.com", 3306), False),
        ],
    )
    def test_which_are_good(
        self,
        users: ManyUsers,
        monkeypatch: pytest.MonkeyPatch,
        names: set[str],
        port: int,
        made_for: tuple[str, int],
        is_good: bool,
    ) -> None:
        monkeypatch.setattr(Line, "getHost", lambda _: IPv4Address("TCP", "192.0.2.9", port))
        users.world.context.endpoint_names = frozenset(names)
        made = boto3_token(user="token", host=made_for[0], port=made_for[1])
        assert users.log_in("token", made, tls=True).verdict == (0 if is_good else 1045)
