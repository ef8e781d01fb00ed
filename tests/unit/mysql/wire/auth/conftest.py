"""A conversation between a server plugin and a client plugin, without sockets."""

from collections.abc import Callable
from typing import TypeAlias

import attrs
import pytest

from proxy.mysql.wire.auth.plugin import Channel, ClientPlugin, ServerPlugin
from proxy.mysql.wire.auth.rsa import RsaKeyPair
from proxy.mysql.wire.auth_packets import AuthMoreData


@attrs.frozen
class Outcome:
    """Whether the server was convinced, and every payload in the order it was sent."""

    proven: bool
    transcript: list[bytes]


Converse: TypeAlias = Callable[..., Outcome]


@pytest.fixture(scope="session")
def rsa_key() -> RsaKeyPair:
    return RsaKeyPair.generate()


@pytest.fixture(scope="session")
def converse() -> Converse:
    return _converse


def _converse(
    server: ServerPlugin,
    client: ClientPlugin,
    *,
    known: bytes | None,
    said: bytes,
    nonce: bytes,
    channel: Channel,
) -> Outcome:
    answers = client.respond(said, nonce, channel)
    reply = next(answers)
    assert reply is not None
    transcript = [reply]
    steps = server.authenticate([] if known is None else [known], nonce, reply, channel)
    incoming: bytes | None = None
    while True:
        try:
            step = next(steps) if incoming is None else steps.send(incoming)
        except StopIteration as end:
            return Outcome(end.value, transcript)
        transcript.append(step.payload)
        answer = answers.send(AuthMoreData.decode(step.payload).data)
        assert (answer is not None) is step.awaits_reply
        if answer is not None:
            transcript.append(answer)
        incoming = answer or b""
