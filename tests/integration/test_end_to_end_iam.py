"""No password anywhere: a proxy that logs in with tokens of its own, at another one that verifies them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from proxy.demo.child import start_logged
from proxy.demo.proxy_process import proxy_command
from tests.unit.iam.signing import LONG_LIVED, REGION, TEMPORARY, Signer

from .aws_stubs import Stub, credentials, stub
from .certificates import KeyFiles
from .clients import one, run
from .databases import Target
from .iam import DENIED, IAM, IamDaemon, Keys, allowing, keys_of
from .polling import eventually

WHO = "SELECT CURRENT_USER()"
BY_TOKEN = {"app": IAM, "eve": IAM, "strict": IAM}
PROXY_KEY = Signer("AKIAPROXYPROXYPROXYX", "the-secret-of-the-front-proxy")
TOKEN_PAUSE = 0.5
QUICK = {"secret_refresh_interval": 0.2}

HURRY = """
import proxy.aws.clients, proxy.aws.database_tokens, sys
proxy.aws.database_tokens.RENEWAL_AGE = 0.2
proxy.aws.database_tokens.LONGEST_USE = 30.0
proxy.aws.database_tokens.TOKEN_INTERVAL = 0.05
proxy.aws.clients.CREDENTIAL_SEARCH_INTERVAL = 0.1
from twisted.scripts.twistd import run
run()
"""
"""twistd of a proxy to which minutes are moments."""


class Hurried(IamDaemon):
    """A proxy that renews its tokens all the time."""

    def _launch(self) -> "subprocess.Popen[bytes]":
        return start_logged([sys.executable, "-c", HURRY, *proxy_command(self.config)[1:]], self.log_file)


@pytest.fixture(scope="module")
def back(
    target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IamDaemon]:
    """What plays an IAM-enabled database: it knows the keys of the proxy before it, and of a client."""
    daemon = IamDaemon(
        tmp_path_factory.mktemp("back"),
        target.port,
        {name: target.users[name] for name in BY_TOKEN},
        proxy_key,
        keys_of(PROXY_KEY, TEMPORARY),
        auth=BY_TOKEN,
        proxy=QUICK,
    )
    with daemon:
        yield daemon


@pytest.fixture(autouse=True)
def keys_of_the_back(back: IamDaemon) -> Iterator[None]:
    """Each test may change them."""
    before = back.keys
    yield
    if back.keys is not before:
        back.keys = before
        back.reload()


OWN_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": PROXY_KEY.access_key_id,
    "AWS_SECRET_ACCESS_KEY": PROXY_KEY.secret,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's credentials of AWS, in the environment."""
    for name, value in OWN_CREDENTIALS.items():
        monkeypatch.setenv(name, value)


class Fronts:
    """Starts proxies before `back`, which hold no secret of any user."""

    def __init__(self, back: IamDaemon, certificate: KeyFiles, folders: pytest.TempPathFactory) -> None:
        self._back = back
        self._certificate = certificate
        self._folders = folders
        self.running = ExitStack()

    def start(self, keys: Keys | None, kind: type[IamDaemon] = IamDaemon, **sections: Any) -> IamDaemon:
        """One of them."""
        authority = str(self._certificate.authority)
        daemon = kind(
            self._folders.mktemp("front"),
            self._back.port,
            {},
            self._certificate,
            keys,
            proxy={"default_auth_scheme": "IAM_AUTH"},
            group={"monitor_user_name": "app"},
            target={"probe_interval": 0.2, "tls": "verify-identity", "tls_ca": authority},
            **sections,
        )
        return self.running.enter_context(daemon)


@pytest.fixture
def fronts(
    back: IamDaemon, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fronts]:
    """Those of one test."""
    found = Fronts(back, proxy_key, tmp_path_factory)
    with found.running:
        yield found


@pytest.fixture(scope="module")
def front(
    back: IamDaemon, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IamDaemon]:
    """One that knows the key of a client, too."""
    found = Fronts(back, proxy_key, tmp_path_factory)
    with found.running, pytest.MonkeyPatch.context() as patch:
        for name, value in OWN_CREDENTIALS.items():
            patch.setenv(name, value)
        yield found.start(keys_of(LONG_LIVED), pool={"connection_borrow_timeout": 20})


def test_tokens_on_both_sides(front: IamDaemon, back: IamDaemon) -> None:
    mark = back.mark()
    for user in ("app", "eve"):
        with front.log_in(front.token(user), user) as client:
            assert one(client, WHO) == f"{user}@%"
            run(client, "INSERT INTO item (note) VALUES (%s)", (f"end to end {user}",))
            assert run(client, "DELETE FROM item WHERE note = %s", (f"end to end {user}",)) == 1
        assert f'log-in granted: user="{user}"' in back.log_since(mark)
    found = back.log_since(mark)
    assert PROXY_KEY.access_key_id in found
    assert LONG_LIVED.access_key_id not in found
    assert "log-in refused" not in found
    for daemon in (front, back):
        assert PROXY_KEY.secret not in daemon.log_text()
        assert "X-Amz" not in daemon.log_text()


def test_a_user_who_does_not_exist_at_the_database(front: IamDaemon) -> None:
    assert front.answer(front.token("nobody"), "nobody") == (1045, DENIED.format("nobody"))
    assert front.answer(front.token()) == ()


def test_a_proxy_that_was_denied_comes_back(front: IamDaemon, back: IamDaemon) -> None:
    assert front.answer(front.token()) == ()
    back.keys = keys_of(PROXY_KEY, policies=(allowing("app"),))
    back.reload()
    assert front.answer(front.token("strict"), "strict") == (1045, DENIED.format("strict"))
    back.keys = keys_of(PROXY_KEY)
    back.reload()
    assert front.answer(front.token("strict"), "strict") == ()


def test_the_database_verifies_what_clients_show(
    own_credentials: None, fronts: Fronts, back: IamDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the region only the database needs to know.
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    front = fronts.start(None, iam={"token_verification": ["target"], "endpoint_names": [], "region": ""})
    # Made for the database, by a key that the proxy has never heard of.
    token = back.token(signer=TEMPORARY)
    mark = front.mark()
    for _ in range(3):
        assert front.answer(token) == ()
    lines = [line for line in front.log_since(mark).splitlines() if "log-in granted" in line]
    assert [line.partition('detail="')[2].split()[0] for line in lines] == [
        "target",
        "remembered",
        "remembered",
    ]
    assert front.refusal(front.token(signer=TEMPORARY)) == "the token is for another endpoint"
    assert front.refusal(back.token(signer=LONG_LIVED)) == "the target refuses the token"
    assert front.refusal(back.token("eve", signer=TEMPORARY)) == "the token is for another user"
    assert "X-Amz" not in front.log_text()


def test_a_proxy_without_credentials_of_its_own(
    fronts: Fronts, back: IamDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What clients have shown to the database is then what the proxy logs in with, too."""
    without_credentials(monkeypatch)
    front = fronts.start(None, iam={"token_verification": ["target"], "endpoint_names": []})
    front.wait_for_log(": AUTH_FAILURE: cannot log in to ")
    assert front.answer(back.token(signer=TEMPORARY)) == ()


def test_a_proxy_whose_own_tokens_are_refused(own_credentials: None, fronts: Fronts, back: IamDaemon) -> None:
    back.keys = keys_of(TEMPORARY)
    back.reload()
    front = fronts.start(None, iam={"token_verification": ["target"], "endpoint_names": []})
    for user in ("app", "eve"):
        assert front.answer(back.token(user, signer=TEMPORARY), user) == ()


def test_a_reload_changes_the_scheme(own_credentials: None, fronts: Fronts, back: IamDaemon) -> None:
    front = fronts.start(keys_of(LONG_LIVED))
    token = front.token()
    assert front.answer(token) == ()
    front.proxy["default_auth_scheme"], front.users = "NONE", {"app": "of a secret"}
    front.reload()
    assert front.refusal(token) == "wrong password"
    assert front.refusal(front.token("eve"), "eve") == "no secret for this user"
    front.proxy["default_auth_scheme"], front.users = "IAM_AUTH", {}
    front.reload()
    for user in ("app", "eve"):
        assert front.answer(front.token(user), user) == ()


def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """What gives a container the credentials of its role."""
    without_credentials(monkeypatch)
    with stub({"/role": credentials(PROXY_KEY.access_key_id)}) as found:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{found.url}/role")
        yield found


def test_tokens_are_renewed(own_credentials: None, fronts: Fronts, back: IamDaemon) -> None:
    front = fronts.start(keys_of(LONG_LIVED), Hurried)
    token = front.token()
    mark = back.mark()
    with ExitStack() as sessions:

        def verified() -> int:
            """How many tokens of the front proxy the other one has verified; takes one more connection."""
            client = sessions.enter_context(front.log_in(token))
            run(client, "BEGIN")
            assert one(client, WHO) == "app@%"
            # Two tokens of the same second are the same.
            time.sleep(TOKEN_PAUSE)
            return back.log_since(mark).count('detail="key_store ')

        eventually(lambda: verified() >= 3, "the third token")
    assert "log-in refused" not in back.log_since(mark)
    assert "cannot be renewed" not in front.log_text()


def test_the_proxys_own_key_is_rotated(container: Stub, fronts: Fronts, back: IamDaemon) -> None:
    first, second = (
        Signer(name, "made-up", "made-up-token") for name in ("ASIAFIRSTFIRSTFIRSTX", "ASIASECONDSECONDSECO")
    )
    container.answers = {"/role": credentials(first.access_key_id)}
    back.keys = keys_of(first)
    back.reload()
    front = fronts.start(keys_of(LONG_LIVED), Hurried)
    with front.log_in(front.token()) as client:
        run(client, "BEGIN")
        assert one(client, WHO) == "app@%"
        container.answers = {"/role": credentials(second.access_key_id)}
        back.keys = keys_of(second)
        back.reload()
        eventually(lambda: front.answer(front.token("eve"), "eve") == (), "a token of the new key")
        assert one(client, WHO) == "app@%"
