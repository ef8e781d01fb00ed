"""The line about each attempt to log in."""

import contextlib
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import LogEvent, globalLogPublisher

from proxy.demo.certificate import write_certificate
from proxy.logs import json_line, text_line
from proxy.mysql.frontend.attempt import Attempt
from proxy.mysql.frontend.audit import (
    MAX_SHOWN,
    NO_TLS,
    AttemptRecord,
    log_attempt,
    log_client_attempt,
    shown,
)
from proxy.mysql.frontend.peer import Peer

HOME = Peer("192.0.2.5", 1234)
TLS = ("TLSv1.3", "TLS_AES_256_GCM_SHA384")


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    found: list[LogEvent] = []
    globalLogPublisher.addObserver(found.append)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(found.append)  # type: ignore[arg-type]


@pytest.fixture
def written(events: list[LogEvent]) -> Callable[..., tuple[str, dict[str, Any]]]:
    """The text line and the JSON object of an attempt."""

    def write(**changes: Any) -> tuple[str, dict[str, Any]]:
        record = AttemptRecord(
            **{
                "client": 7,
                "username": "app",
                "peer": HOME,
                "endpoint": "default",
                "granted": True,
                **changes,
            }
        )
        log_attempt(record)
        return both(events)

    return write


def both(events: list[LogEvent]) -> tuple[str, dict[str, Any]]:
    """The two forms of the only event; the text from behind the level."""
    assert len(events) == 1
    event = events.pop()
    text, line = text_line(event), json_line(event)
    assert text is not None
    assert line is not None
    assert text.count("\n") == line.count("\n") == 1
    return text.split(" ", 1)[1].rstrip("\n"), json.loads(line)


def test_a_granted_log_in(written: Callable[..., Any]) -> None:
    text, line = written(method="password", plugin="caching_sha2_password", tls=TLS)
    assert text == (
        '[INFO] [proxyEndpoint=default] [clientConnection=7] log-in granted: user="app" from=192.0.2.5:1234'
        " tls=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 auth=caching_sha2_password severity=INFO"
    )
    line = {key: value for key, value in line.items() if key not in ("time", "message", "namespace")}
    assert line == {
        "level": "info",
        "endpoint": "default",
        "client": 7,
        "user": "app",
        "peer": "192.0.2.5:1234",
        "tls": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "auth": "caching_sha2_password",
        "plugin": "caching_sha2_password",
        "verdict": "granted",
        "severity": "INFO",
    }


def test_a_refused_log_in(written: Callable[..., Any]) -> None:
    text, line = written(
        granted=False,
        reason="wrong password",
        plugin="mysql_native_password",
        method="password",
        endpoint="reader",
        via=Peer("10.0.0.1", 99),
    )
    assert text == (
        "[WARN] [proxyEndpoint=reader] [clientConnection=7] log-in refused:"
        ' user="app" from=192.0.2.5:1234 via=10.0.0.1:99 tls=none cipher=none'
        ' auth=mysql_native_password severity=WARN reason="wrong password"'
    )
    assert (line["verdict"], line["severity"], line["level"]) == ("refused", "WARN", "warn")
    assert (line["reason"], line["via"], line["endpoint"]) == ("wrong password", "10.0.0.1:99", "reader")


def test_failures_in_a_row_are_an_alert(written: Callable[..., Any]) -> None:
    text, line = written(granted=False, reason="wrong password", is_repeated=True)
    assert text.startswith("[ERROR] ")
    assert "severity=ALERT" in text
    assert (line["severity"], line["level"]) == ("ALERT", "error")


def test_a_granted_log_in_is_never_an_alert_and_has_no_reason(written: Callable[..., Any]) -> None:
    text, line = written(is_repeated=True, reason="wrong password")
    assert "severity=INFO" in text
    assert "reason" not in line


@pytest.mark.parametrize(
    ("method", "plugin", "auth"),
    [
        ("password", "caching_sha2_password", "caching_sha2_password"),
        ("password", "mysql_native_password", "mysql_native_password"),
        ("iam", "mysql_clear_password", "iam"),
        ("sts", "mysql_clear_password", "sts"),
        ("pass_through", "caching_sha2_password", "pass_through"),
        ("", "", "none"),
    ],
)
def test_the_kind_of_authentication(written: Callable[..., Any], method: str, plugin: str, auth: str) -> None:
    text, line = written(method=method, plugin=plugin)
    assert f" auth={auth} " in text
    assert (line["auth"], line["plugin"]) == (auth, plugin)


def test_for_whom_a_token_speaks(written: Callable[..., Any]) -> None:
    text, line = written(method="iam", detail="arn:aws:iam::123456789012:user/app")
    assert text.endswith(' detail="arn:aws:iam::123456789012:user/app"')
    assert line["detail"] == "arn:aws:iam::123456789012:user/app"


@pytest.mark.parametrize(
    ("peer", "place"),
    [(Peer(), "socket"), (Peer("2001:db8::1", 5), "[2001:db8::1]:5"), (HOME, "192.0.2.5:1234")],
)
def test_the_place(written: Callable[..., Any], peer: Peer, place: str) -> None:
    text, line = written(peer=peer)
    assert f" from={place} tls=" in text
    assert line["peer"] == place


class TestShown:
    @pytest.mark.parametrize("text", ["app", "o'brien", "tenant-1@db.example", "pässwörd 🔑", "a b", ""])
    def test_what_is_harmless_stays(self, text: str) -> None:
        assert shown(text) == text

    @pytest.mark.parametrize(
        ("text", "seen"),
        [
            ("a\nb", "a\\x0ab"),
            ("a\0b", "a\\x00b"),
            ('a" severity="INFO', "a\\x22 severity=\\x22INFO"),
            ("back\\slash", "back\\x5cslash"),
            ("\x1b[2J", "\\x1b[2J"),
            ("\x85\u2028", "\\x85\\u2028"),
            ("\u202egnp.exe", "\\u202egnp.exe"),
            ("\U000e0001", "\\U000e0001"),
        ],
    )
    def test_what_could_mislead_does_not(self, text: str, seen: str) -> None:
        assert shown(text) == seen

    def test_what_is_long_is_cut(self) -> None:
        assert shown("x" * MAX_SHOWN) == "x" * MAX_SHOWN
        assert shown("x" * (MAX_SHOWN + 1)) == "x" * MAX_SHOWN + "…"
        assert shown("abcdef", 3) == "abc…"

    @given(st.text())
    def test_nobody_can_end_the_field_or_the_line(self, text: str) -> None:
        seen = shown(text)
        assert seen.isprintable()
        assert '"' not in seen
        assert len(seen) <= 10 * MAX_SHOWN + 1


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_user_name_forges_no_field(name: str, reason: str) -> None:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
    try:
        log_attempt(AttemptRecord(7, name, HOME, "default", granted=False, reason=reason))
    finally:
        globalLogPublisher.removeObserver(events.append)  # type: ignore[arg-type]
    text, line = both(events)
    # A shell's words: a quoted value is one of them.
    words = shlex.split(text.replace("\\", "\\\\").replace("'", "\\'"))
    keys = [found.group(1) for word in words if (found := re.match(r"([a-z]+)=", word))]
    assert keys == ["user", "from", "tls", "cipher", "auth", "severity", *(["reason"] if reason else [])]
    assert line["severity"] == "WARN"


# From a client's connection


class FakeTransport:
    """A TCP connection; ``protocol`` is what Twisted has there, with TLS the protocol that decrypts."""

    def __init__(self, address: Any, protocol: Any = None) -> None:
        self.protocol = protocol
        self._address = address

    def getPeer(self) -> Any:
        return self._address


def client(
    attempt: Attempt,
    *,
    peer: Peer = HOME,
    secure: bool = False,
    address: Any = None,
    protocol: Any = None,
) -> Any:
    """What audit looks at of a client."""
    transport = FakeTransport(address or IPv4Address("TCP", "192.0.2.5", 1234), protocol)
    return SimpleNamespace(number=7, peer=peer, secure=secure, transport=transport, attempt=attempt)


def attempt(**changes: str) -> Attempt:
    return Attempt(**{"username": "app", "method": "password", "plugin": "mysql_native_password", **changes})


@pytest.fixture(scope="module")
def handle(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The server's side of TLS between two ends in memory."""
    folder: Path = tmp_path_factory.mktemp("tls")
    write_certificate(folder / "certificate.pem", folder / "key.pem")
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate_file(str(folder / "certificate.pem"))
    context.use_privatekey_file(str(folder / "key.pem"))
    server = SSL.Connection(context, None)
    server.set_accept_state()
    other = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    other.set_connect_state()
    for _ in range(4):
        for one, two in ((other, server), (server, other)):
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                two.bio_write(one.bio_read(1 << 16))
    return server


def test_a_client_is_logged_with_all_that_is_known_of_it(events: list[LogEvent], handle: Any) -> None:
    protocol = SimpleNamespace(getHandle=lambda: handle)
    log_client_attempt(client(attempt(), secure=True, protocol=protocol), "reader", None)
    _, line = both(events)
    assert (line["client"], line["user"], line["peer"]) == (7, "app", "192.0.2.5:1234")
    assert (line["endpoint"], line["verdict"], line["auth"]) == ("reader", "granted", "mysql_native_password")
    assert (line["tls"], line["cipher"]) == ("TLSv1.3", handle.get_cipher_name())
    assert "via" not in line


def test_a_plain_connection_has_no_tls(events: list[LogEvent]) -> None:
    log_client_attempt(client(attempt(), protocol=object()), "default", "wrong password")
    _, line = both(events)
    assert (line["tls"], line["cipher"]) == NO_TLS
    assert (line["verdict"], line["reason"]) == ("refused", "wrong password")


@pytest.mark.parametrize("protocol", [None, SimpleNamespace(getHandle=lambda: None)])
def test_a_closed_connection_does_not_know_its_tls_any_more(events: list[LogEvent], protocol: Any) -> None:
    log_client_attempt(client(attempt(), secure=True, protocol=protocol), "default", "the client went away")
    assert (both(events)[1]["tls"]) == "unknown"


def test_a_unix_socket(events: list[LogEvent]) -> None:
    address = UNIXAddress(None)
    log_client_attempt(client(attempt(), peer=Peer(), secure=True, address=address), "default", None)
    _, line = both(events)
    assert (line["peer"], line["tls"]) == ("socket", "none")


@pytest.mark.parametrize(
    ("address", "via"),
    [
        (IPv4Address("TCP", "10.0.0.1", 99), "10.0.0.1:99"),
        (IPv6Address("TCP", "::ffff:10.0.0.1", 99), "10.0.0.1:99"),
        (UNIXAddress(None), "socket"),
    ],
)
def test_a_client_behind_a_balancer(events: list[LogEvent], address: Any, via: str) -> None:
    log_client_attempt(client(attempt(), address=address), "default", None)
    _, line = both(events)
    assert (line["peer"], line["via"]) == ("192.0.2.5:1234", via)


def test_who_has_not_said_a_name_has_no_line(events: list[LogEvent]) -> None:
    log_client_attempt(client(Attempt()), "default", "the client went away")
    assert events == []


def test_an_empty_name_is_a_name(events: list[LogEvent]) -> None:
    log_client_attempt(client(attempt(username="")), "default", "no secret for this user")
    assert both(events)[1]["user"] == ""


def test_failures_in_a_row(events: list[LogEvent]) -> None:
    again = attempt()
    again.is_repeated = True
    log_client_attempt(client(again), "default", "wrong password")
    assert both(events)[1]["severity"] == "ALERT"
