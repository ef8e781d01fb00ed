"""Clients that log in with IAM tokens: who is let in, and what the others get to know."""

import re
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql
import pytest
from pymysql.constants import COMMAND

from tests.unit.iam.signing import (
    LONG_LIVED,
    PRINCIPAL,
    TEMPORARY,
    Signer,
    boto3_token,
    command_line_token,
    odd_token,
)

from .certificates import KeyFiles
from .clients import CommandClient, one
from .daemon import ProxyDaemon
from .databases import Target
from .iam import DENIED, IAM, IamDaemon, allowing, keys_of
from .polling import eventually

WHO = "SELECT CURRENT_USER()"
STRANGER = Signer("AKIASTRANGERSTRANGER", "nobody-knows-this-one")
ENDED = Signer("AKIAENDEDENDEDENDEDX", "a-key-that-has-expired")
LOG_INS = 1000
CROWD = 4
"""Threads that log in at the same time."""


@pytest.fixture(scope="module")
def daemon(
    target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IamDaemon]:
    """A proxy where `app` and `strict` log in with tokens and `eve` with a password."""
    keys = keys_of(LONG_LIVED, TEMPORARY, policies=(allowing("app"), allowing("night_*", effect="Deny")))
    ended = {"secret_access_key": ENDED.secret, "principal": PRINCIPAL, "expires_at": "2020-01-01T00:00:00Z"}
    daemon = IamDaemon(
        tmp_path_factory.mktemp("iam"),
        target.port,
        {**target.users, "night_shift": "no matter"},
        proxy_key,
        {**keys, "keys": {**keys["keys"], ENDED.access_key_id: ended}},
        auth={"app": IAM, "strict": IAM, "night_shift": IAM},
    )
    with daemon:
        yield daemon


def made_by_cli(daemon: IamDaemon, signer: Signer) -> str:
    return command_line_token(signer, "localhost", daemon.port).decode()


# Let in


@pytest.mark.parametrize("signer", [LONG_LIVED, TEMPORARY], ids=["long-lived", "temporary"])
@pytest.mark.parametrize("maker", [IamDaemon.token, made_by_cli], ids=["boto3", "cli"])
def test_a_token(daemon: IamDaemon, signer: Signer, maker: Any) -> None:
    mark = daemon.mark()
    with daemon.log_in(maker(daemon, signer=signer)) as client:
        assert one(client, WHO) == "app@%"
    line = daemon.wait_for_log("log-in granted", mark)
    assert ' auth=iam severity=INFO detail="key_store ' in line
    assert f'{PRINCIPAL} {signer.access_key_id}"' in line
    assert re.search(r" tls=TLSv1\.3 cipher=\S+ ", line)


def test_any_of_the_endpoints_names_will_do(daemon: IamDaemon) -> None:
    for name in ("localhost", "LocalHost", "127.0.0.1"):
        with daemon.log_in(daemon.token(host=name), host="localhost") as client:
            assert one(client, WHO) == "app@%"


def test_a_user_with_a_password_beside(daemon: IamDaemon) -> None:
    with daemon.connect("eve") as client:
        assert one(client, WHO) == "eve@%"
    assert daemon.refusal(daemon.token("eve"), "eve") == "wrong password"


def test_a_session_goes_on_when_its_token_has_expired(daemon: IamDaemon) -> None:
    token = odd_token(endpoint=f"127.0.0.1:{daemon.port}", expires=5).decode()
    with daemon.log_in(token) as client:
        eventually(lambda: daemon.answer(token), "the end of the token")
        assert daemon.refusal(token) == "the token has expired"
        assert one(client, WHO) == "app@%"


# Changing the user


class TokenClient(CommandClient):
    """Changes to a user with a token; says what it has sent."""

    sent: list[bytes]

    def write_packet(self, payload: bytes) -> None:
        self.__dict__.setdefault("sent", []).append(bytes(payload))
        super().write_packet(payload)  # type: ignore[misc]

    def change_to(self, user: str, token: str) -> None:
        """COM_CHANGE_USER, answered in clear if the server asks for that."""
        body = user.encode() + b"\0\0app\0" + struct.pack("<H", 45) + b"mysql_native_password\0"
        self._raw._execute_command(COMMAND.COM_CHANGE_USER, body)
        packet = self._raw._read_packet()
        assert packet.is_auth_switch_request()
        assert packet.get_all_data()[1:].split(b"\0")[0] == b"mysql_clear_password"
        self.write_packet(token.encode() + b"\0")
        assert self._raw._read_packet().is_ok_packet()


def client_options(daemon: IamDaemon, user: str, password: str) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": daemon.port, "user": user, "password": password, "database": "app"}


def test_a_change_to_a_user_with_a_token(daemon: IamDaemon) -> None:
    options = client_options(daemon, "eve", daemon.users["eve"])
    with TokenClient(**options, ssl=daemon.trusting()) as client:
        assert one(client, WHO) == "eve@%"
        client.change_to("app", daemon.token())
        assert one(client, WHO) == "app@%"
    client = TokenClient(**options, ssl=daemon.trusting())
    with client, pytest.raises(pymysql.OperationalError, match="1045"):
        client.change_to("app", daemon.token(signer=STRANGER))


def test_no_change_without_tls(daemon: IamDaemon) -> None:
    client = TokenClient(**client_options(daemon, "eve", daemon.users["eve"]), ssl_disabled=True)
    with client, pytest.raises(pymysql.OperationalError) as caught:
        client.change_to("app", daemon.token())
    assert caught.value.args == (3159, "This RDS Proxy requires TLS connections.")


# Refused


def test_a_plain_connection_is_asked_for_nothing(daemon: IamDaemon) -> None:
    client = TokenClient(
        **client_options(daemon, "app", daemon.token()), defer_connect=True, ssl_disabled=True
    )
    mark = daemon.mark()
    with pytest.raises(pymysql.OperationalError) as caught:
        client.connect()
    assert caught.value.args == (3159, "This RDS Proxy requires TLS connections.")
    (response,) = client.sent
    assert b"X-Amz" not in response
    assert 'reason="a token or password in clear needs TLS"' in daemon.wait_for_log("log-in refused", mark)


ENDPOINT = "127.0.0.1:{}"
REFUSALS: dict[str, tuple[Any, str]] = {
    "another user": (
        lambda port: boto3_token(port=port, host="127.0.0.1", user="eve"),
        "is for another user",
    ),
    "another host": (lambda port: boto3_token(port=port, host="127.0.0.2"), "is for another endpoint"),
    "another port": (lambda port: boto3_token(port=port ^ 1, host="127.0.0.1"), "is for another endpoint"),
    "another region": (
        lambda port: boto3_token(port=port, host="127.0.0.1", region="eu-west-2"),
        "is for another region",
    ),
    "another service": (
        lambda port: odd_token(endpoint=ENDPOINT.format(port), service="rds"),
        "is signed for another service",
    ),
    "another parameter": (
        lambda port: odd_token(
            endpoint=ENDPOINT.format(port), parameters={"Action": "connect", "DBUser": "app", "More": "1"}
        ),
        "has a parameter that does not belong there",
    ),
    "a longer life": (
        lambda port: odd_token(endpoint=ENDPOINT.format(port), expires=901),
        "is not valid for 1 to 900 seconds",
    ),
    "a password": (lambda port: b"app's secret", "is not in the form of a database token"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_token_that_is_no_good(daemon: IamDaemon, case: str) -> None:
    make, reason = REFUSALS[case]
    token = make(daemon.port).decode()
    found = daemon.refusal(token)
    assert found == f"the token {reason}"
    assert "X-Amz" not in daemon.log_text()


@pytest.mark.parametrize("password", ["", "x" * 8193], ids=["none", "long"])
def test_an_answer_that_is_no_token(daemon: IamDaemon, password: str) -> None:
    mark = daemon.mark()
    shown = DENIED.format("app") if password else DENIED.format("app").replace("YES", "NO")
    assert daemon.answer(password) == (1045, shown)
    assert 'reason="no token of 1 to 8192 bytes"' in daemon.wait_for_log("log-in refused", mark)


def test_a_token_that_has_been_tampered_with(daemon: IamDaemon) -> None:
    token = daemon.token()
    end = "0" if token[-1] != "0" else "1"
    assert daemon.refusal(token[:-1] + end) == "the token's signature or session token is wrong"
    assert token[-64:-1] not in daemon.log_text()
    later = re.sub(r"(X-Amz-Date=\d{8}T)\d{6}Z", r"\g<1>235959Z", token)
    assert daemon.refusal(later) in (
        "the token's signature or session token is wrong",
        "the token is from the future",
    )


def test_a_key_that_is_no_good(daemon: IamDaemon) -> None:
    assert daemon.refusal(daemon.token(signer=STRANGER)) == "the token's access key is not known"
    assert daemon.refusal(daemon.token(signer=ENDED)) == "the access key has expired"
    forged = Signer(LONG_LIVED.access_key_id, "guessed")
    assert daemon.refusal(daemon.token(signer=forged)) == "the token's signature or session token is wrong"
    without = Signer(TEMPORARY.access_key_id, TEMPORARY.secret)
    assert daemon.refusal(daemon.token(signer=without)) == "the token's signature or session token is wrong"


def test_what_policies_do_not_allow(daemon: IamDaemon) -> None:
    assert daemon.refusal(daemon.token("strict"), "strict") == "no policy allows it"
    assert daemon.refusal(daemon.token("night_shift"), "night_shift") == "a policy denies it"


def test_an_unknown_user(daemon: IamDaemon) -> None:
    """It goes the way of some user there is, as its token would be looked at in any case."""
    assert daemon.answer(daemon.token("nobody"), "nobody") == (1045, DENIED.format("nobody"))
    assert 'log-in granted: user="nobody"' not in daemon.log_text()


# Many


def granted(daemon: ProxyDaemon, mark: int) -> list[str]:
    """What the log says each client since then was let in by."""
    return re.findall(r'log-in granted: .* detail="([^"]*)"', daemon.log_since(mark))


def test_a_thousand_log_ins_with_one_token_cost_one_verification(daemon: IamDaemon) -> None:
    token = daemon.token(host="localhost")
    context = daemon.trusting()
    mark = daemon.mark()

    def log_in(_number: int) -> None:
        daemon.connect(password=token, ssl=context).close()

    with ThreadPoolExecutor(CROWD) as crowd:
        list(crowd.map(log_in, range(LOG_INS)))
    eventually(lambda: len(granted(daemon, mark)) == LOG_INS, "a line for each log-in")
    found = granted(daemon, mark)
    assert sum(each.startswith("remembered ") for each in found) == LOG_INS - 1
    assert sum(each.startswith("key_store ") for each in found) == 1
