"""A world whose servers fail as told: they do not answer, or answer a statement with a given error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, succeed

from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.session.fate import Fate

from . import packets as p
from .client import ClientPeer
from .server import ServerPeer
from .statements import StatementClient, StatementServer, statement_world
from .world import World

__all__ = [
    "FailingServer",
    "KnownFate",
    "answer_of",
    "demoted",
    "errno",
    "failing_world",
    "failover",
    "lose",
    "ran",
    "servant",
]

QUERY = 0x03


class FailingServer(StatementServer):
    """A StatementServer that is scripted by the texts of statements."""

    #: Texts that are run and not answered; of each one how often.
    unanswered: "dict[str, int]" = {}
    #: Texts that are not even run.
    unread: "dict[str, int]" = {}
    #: Packets with which a text is answered, instead of being run; one entry for each time.
    answers: "dict[str, list[list[bytes]]]" = {}
    #: Bytes of the answer that come, of those of which not all do.
    cut_short: "dict[str, int]" = {}
    #: The same for the next of ``answers``.
    partial: "dict[str, int]" = {}

    def _command(self, payload: bytes) -> None:
        text = payload[3 if self.attributes else 1 :].decode("utf-8", "surrogateescape")
        if payload[0] != QUERY:
            super()._command(payload)
        elif self._is_due(self.unread, text):
            self.database.log.append((0, f"unread: {text}"))
        elif self.answers.get(text):
            assert self.session is not None
            self.database.log.append((self.session.thread, text))
            self.line.send(p.packets(self.answers[text].pop(0))[: self.partial.pop(text, None)])
        elif self._is_due(self.unanswered, text):
            assert self.session is not None
            self.session.answer(bytes((QUERY,)) + text.encode())
        elif text in self.cut_short:
            assert self.session is not None
            whole = p.packets(self.session.answer(bytes((QUERY,)) + text.encode()))
            self.line.send(whole[: self.cut_short.pop(text)])
        else:
            super()._command(payload)

    @staticmethod
    def _is_due(script: dict[str, int], text: str) -> bool:
        if not script.get(text):
            return False
        script[text] -= 1
        return True


class KnownFate:
    """What the target group would find out."""

    def __init__(self) -> None:
        self.fate_is: Fate | Deferred[Fate] = Fate.UNKNOWN
        self.asked: list[tuple[int, float]] = []
        self.left: list[int] = []

    def fate(self, connection: BackendConnection, sent_at: float) -> "Deferred[Fate]":
        """As told by a test."""
        self.asked.append((connection.thread_id, sent_at))
        found = self.fate_is
        return found if isinstance(found, Deferred) else succeed(found)

    def target_leaves(self, connection: BackendConnection) -> None:
        """A failover, at once: another target has other connections."""
        self.left.append(connection.thread_id)
        connection.pool.evacuate()


@contextmanager
def failing_world(**options: Any) -> Iterator[World]:
    """A World with FailingServers, and a KnownFate as ``context.failover``."""
    FailingServer.unanswered, FailingServer.unread = {}, {}
    FailingServer.answers, FailingServer.cut_short, FailingServer.partial = {}, {}, {}
    with patch("tests.peers.statements.StatementServer", FailingServer), statement_world(**options) as world:
        world.context.failover = KnownFate()
        yield world


def demoted(errno: int = 1290, option: str = "read-only") -> bytes:
    """What a server says that takes no writes any more."""
    texts = {
        1290: f"The MySQL server is running with the --{option} option so it cannot execute this statement",
        1792: "Cannot execute statement in a READ ONLY transaction.",
        1836: "Running in read-only mode",
        1874: "InnoDB is in read only mode.",
        1053: "Server shutdown in progress",
    }
    return p.err(errno, texts[errno].encode(), b"25006" if errno == 1792 else b"HY000")


def ran(world: World, text: str) -> int:
    """How often servers have run a statement."""
    return [sql for _, sql in world.database.log].count(text)


def errno(answer: bytes | list[bytes]) -> int:
    """The number of an error that is the whole answer; 0 for any other answer."""
    payloads = [payload for _, payload in p.split(answer)] if isinstance(answer, bytes) else answer
    assert payloads, "no answer"
    return int.from_bytes(payloads[0][1:3], "little") if payloads[0][:1] == b"\xff" else 0


def servant(client: ClientPeer | StatementClient) -> ServerPeer:
    """The server of the connection that a client has."""
    peer = client.peer if isinstance(client, StatementClient) else client
    thread = peer.line.protocol.commands.tenancy.connection.thread_id
    [found] = [
        each
        for each in FailingServer.everyone
        if each.session is not None and each.session.thread == thread and each.line.connected
    ]
    return found


def failover(world: World) -> KnownFate:
    """What the world's clients ask about writes in doubt."""
    found = world.context.failover
    assert isinstance(found, KnownFate)
    return found


def lose(client: StatementClient, *, rudely: bool = True) -> None:
    """The connection that the client has breaks."""
    servant(client).line.hang_up(rudely=rudely)
    client.world.settle()


def answer_of(client: StatementClient) -> list[bytes]:
    """What has come for the client."""
    return [payload for _, payload in p.split(client.peer.take())]
