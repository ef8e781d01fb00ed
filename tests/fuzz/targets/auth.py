"""Authentication plugins on both sides: whatever the peer says, no password is proven by chance or told.

As a server a plugin only ever ends with a yes or a no, as a client only ever with AuthRefused.
"""

from collections.abc import Generator
from functools import cache
from typing import Any
from unittest.mock import patch

from proxy.mysql.wire.auth import caching_sha2, clear, native
from proxy.mysql.wire.auth import plugin as plugins
from proxy.mysql.wire.auth.native import NativeDigest
from proxy.mysql.wire.auth.plugin import AuthRefused, Channel, Step
from proxy.mysql.wire.auth.registry import ASKING_PLUGINS, CLIENT_PLUGINS, SERVER_PLUGINS
from proxy.mysql.wire.auth.rsa import RsaKeyPair
from tests.fuzz.choices import Choices

PASSWORD = b"correct horse battery staple"
FORMER = b"so was this once"
DIGEST = NativeDigest(b"\xd1" * 20)
NONCE = bytes(range(0x41, 0x55))
#: A well-behaved exchange has at most three messages from each side.
MESSAGES = 4


@cache
def _key() -> RsaKeyPair:
    return RsaKeyPair.generate()


def _channel(choices: Choices) -> Channel:
    return Channel(secure=choices.flag(), rsa_key=_key() if choices.flag() else None)


def _as_server(choices: Choices) -> None:
    plugin = choices.pick(tuple(SERVER_PLUGINS.values()))
    passwords = choices.pick(((PASSWORD,), (), (b"",), (FORMER, PASSWORD)))
    channel = _channel(choices)
    response = choices.text()
    proven, said = _conversation(choices, plugin.authenticate(passwords, NONCE, response, channel), response)
    if proven:
        knows = any(password + b"\0" in said for password in passwords if password) and channel.secure
        empty = b"" in passwords and response in plugins.NO_PASSWORD
        assert knows or empty or any(_scrambles(password, response) for password in passwords if password)


def _as_asking_server(choices: Choices) -> None:
    plugin = choices.pick(tuple(ASKING_PLUGINS.values()))
    channel = _channel(choices)
    response = choices.text()
    learnt, said = _conversation(choices, plugin.ask(NONCE, response, channel), response)
    if learnt:
        assert learnt + b"\0" in said
        assert channel.secure or plugin.name != clear.NAME
        assert len(learnt) <= plugins.MAX_PASSWORD_BYTES


def _conversation(
    choices: Choices, exchange: Generator[Step, bytes, Any], response: bytes
) -> tuple[Any, list[bytes]]:
    """What the exchange ends with, and all that the client said."""
    said = [response]
    try:
        step = next(exchange)
        for _ in range(MESSAGES):
            assert step.payload[:1] == b"\x01"
            assert PASSWORD not in step.payload
            answer = choices.text() if step.awaits_reply else b""
            said.append(answer)
            step = exchange.send(answer)
    except StopIteration as end:
        return end.value, said
    raise AssertionError("the exchange never ends")


def _scrambles(password: bytes, response: bytes) -> bool:
    return response in (native.scramble(password, NONCE), caching_sha2.scramble(password, NONCE))


def _as_client(choices: Choices) -> None:
    plugin = choices.pick(tuple(CLIENT_PLUGINS.values()))
    password = choices.pick((PASSWORD, b"", DIGEST))
    channel = Channel(secure=choices.flag())
    nonce = choices.pick((NONCE, NONCE + NONCE[:12], choices.text()))
    exchange = plugin.respond(password, nonce, channel)
    try:
        payload = next(exchange)
        for _ in range(MESSAGES):
            assert channel.secure or payload is None or PASSWORD not in payload
            assert payload is None or DIGEST not in payload
            payload = exchange.send(_key().public_pem if choices.flag() else choices.text())
    except AuthRefused as error:
        refused = str(error)
    else:
        raise AssertionError("the exchange never ends")
    assert PASSWORD.decode() not in refused


def fuzz(data: bytes) -> None:
    """One byte says which side the proxy is on, the rest is what the peer says."""
    choices = Choices(data)
    with patch.object(plugins.secrets, "token_bytes", lambda size: b"\xa5" * size):
        choices.pick((_as_server, _as_client, _as_asking_server))(choices)
