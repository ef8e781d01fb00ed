"""Authentication plugins on both sides: whatever the peer says, no password is proven by chance or told.

As a server a plugin only ever ends with a yes or a no, as a client only ever with AuthRefused.
"""

from functools import cache
from unittest.mock import patch

from proxy.mysql.wire.auth import plugin as plugins
from proxy.mysql.wire.auth.plugin import AuthRefused, Channel
from proxy.mysql.wire.auth.registry import CLIENT_PLUGINS, SERVER_PLUGINS
from proxy.mysql.wire.auth.rsa import RsaKeyPair
from tests.fuzz.choices import Choices

PASSWORD = b"correct horse battery staple"
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
    password = choices.pick((PASSWORD, None, b""))
    channel = _channel(choices)
    response = choices.text()
    said = [response]
    exchange = plugin.authenticate(password, NONCE, response, channel)
    try:
        step = next(exchange)
        for _ in range(MESSAGES):
            assert step.payload[:1] == b"\x01"
            assert PASSWORD not in step.payload
            answer = choices.text() if step.awaits_reply else b""
            said.append(answer)
            step = exchange.send(answer)
    except StopIteration as end:
        proven = end.value
    else:
        raise AssertionError("the exchange never ends")
    if proven:
        knows = password == PASSWORD and PASSWORD + b"\0" in said and channel.secure
        scrambled = password == PASSWORD and _scrambles(response)
        assert knows or scrambled or (password == b"" and response in plugins.NO_PASSWORD)


def _scrambles(response: bytes) -> bool:
    from proxy.mysql.wire.auth import caching_sha2, native

    return response in (native.scramble(PASSWORD, NONCE), caching_sha2.scramble(PASSWORD, NONCE))


def _as_client(choices: Choices) -> None:
    plugin = choices.pick(tuple(CLIENT_PLUGINS.values()))
    password = choices.pick((PASSWORD, b""))
    channel = Channel(secure=choices.flag())
    nonce = choices.pick((NONCE, NONCE + NONCE[:12], choices.text()))
    exchange = plugin.respond(password, nonce, channel)
    try:
        payload = next(exchange)
        for _ in range(MESSAGES):
            assert channel.secure or payload is None or PASSWORD not in payload
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
        _as_client(choices) if choices.flag() else _as_server(choices)
