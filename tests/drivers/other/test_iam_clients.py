"""What people log in with: each client with a token, over a connection whose certificate it verifies."""

from collections.abc import Iterator

import attrs
import pytest

from tests.drivers.conftest import HOSTS
from tests.drivers.other.token_clients import TOKEN_CLIENTS, LogIn, Outcome
from tests.drivers.servers import ACCOUNT, USERS, DriverServer, Place
from tests.integration.certificates import Authority
from tests.integration.iam import IAM, IamDaemon, keys_of
from tests.unit.iam.signing import LONG_LIVED, TEMPORARY, Signer, command_line_token

GUESSED = Signer(LONG_LIVED.access_key_id, "guessed")


@pytest.fixture(scope="session")
def iam_proxy(driver_server: DriverServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IamDaemon]:
    """A proxy before the database where `app` logs in with tokens."""
    files = Authority(tmp_path_factory.mktemp("iam-authority")).issue("proxy", *HOSTS)
    keys = keys_of(LONG_LIVED, TEMPORARY)
    daemon = IamDaemon(
        tmp_path_factory.mktemp("iam"), driver_server.port, USERS, files, keys, auth={ACCOUNT: IAM}
    )
    with daemon:
        yield daemon


@pytest.fixture(params=TOKEN_CLIENTS)
def log_in(request: pytest.FixtureRequest) -> LogIn:
    """One of the clients."""
    return TOKEN_CLIENTS[request.param]


def place_of(proxy: IamDaemon, token: str) -> Place:
    """The proxy by its name, and a token for it."""
    return Place("proxy", proxy.port, proxy.authority, host="localhost", password=token)


@pytest.mark.parametrize("signer", [LONG_LIVED, TEMPORARY], ids=["short", "long"])
def test_a_token(iam_proxy: IamDaemon, log_in: LogIn, signer: Signer) -> None:
    place = place_of(iam_proxy, iam_proxy.token(signer=signer, host="localhost"))
    assert log_in(place, True) == Outcome(f"{ACCOUNT}@%")


def test_a_token_of_the_command_line(iam_proxy: IamDaemon, log_in: LogIn) -> None:
    token = command_line_token(LONG_LIVED, "localhost", iam_proxy.port).decode()
    assert log_in(place_of(iam_proxy, token), True) == Outcome(f"{ACCOUNT}@%")


def test_a_bad_token(iam_proxy: IamDaemon, log_in: LogIn) -> None:
    token = iam_proxy.token(signer=GUESSED, host="localhost")
    assert log_in(place_of(iam_proxy, token), True) == Outcome(error=1045)


def test_a_plain_connection(iam_proxy: IamDaemon, log_in: LogIn) -> None:
    token = iam_proxy.token(host="localhost")
    assert log_in(place_of(iam_proxy, token), False) == Outcome(error=3159)


def test_a_server_of_another_authority(
    iam_proxy: IamDaemon, log_in: LogIn, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Authority(tmp_path_factory.mktemp("other")).file
    mark = iam_proxy.mark()
    place = attrs.evolve(place_of(iam_proxy, iam_proxy.token(host="localhost")), authority=other)
    found = log_in(place, True)
    assert found.who == ""
    assert found.error not in (1045, 3159)
    # It has not come so far as to say who it is.
    assert "log-in" not in iam_proxy.log_since(mark)
