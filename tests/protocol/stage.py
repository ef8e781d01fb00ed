"""The table's scripted database and client, on both sides of a real pool and real connections in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import attrs
from twisted.internet.defer import Deferred, succeed

from proxy.mysql.frontend.client import ClientConnection
from proxy.mysql.frontend.known_sets import KnownSets
from proxy.mysql.session.prepared import PreparedTexts
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.compression import Algorithm
from proxy.mysql.wire.compression_choice import Compression
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.link import Line
from tests.peers.server import ServerPeer
from tests.peers.world import FACTS, World

from . import bits
from .case import Profile, Step
from .responses import Prepared, Response, View, files, turns
from .squeezing import ALGORITHMS, Squeezed, Squeezing

__all__ = ["Cut", "ScriptedServer", "Stage", "Stages", "stages", "whole"]

Cut = Callable[[bytes], list[bytes]]

_PREPARE, _CLOSE = 0x16, 0x19
_CHANGE_USER, _RESET = 0x11, 0x1F
#: Commands that name a prepared statement.
ABOUT_STATEMENTS = frozenset({0x17, 0x18, _CLOSE, 0x1A, 0x1C, 0xFA})
#: MariaDB's way to say: the one prepared last.
_LAST = 0xFFFFFFFF
#: The database's ids begin here, so that none of them is a client's.
_FIRST_ID = 1001


def whole(data: bytes) -> list[bytes]:
    """Not cut at all."""
    return [data]


class ScriptedServer(ServerPeer):
    """A database that answers the steps on stage by the table, and the proxy's own commands by itself."""

    def __init__(self, stage: "Stage", target: int) -> None:
        super().__init__(stage.database)
        self.stage = stage
        self.target = target
        self.agreed = 0
        self._parts: list[bytes] = []
        #: What is still to be said, and the files to be received, while the step goes on.
        self._turns: list[list[bytes]] = []
        self._files: list[tuple[bytes, ...]] = []
        self._received: list[bytes] = []
        self._sequence = 0
        self._squeezed: Squeezed | None = None
        #: Texts of prepared statements by id.
        self._prepared: dict[int, bytes] = {}
        self._next_id = _FIRST_ID

    def greet(self) -> None:
        """Send the first packet."""
        self.line.send(p.packet(p.greeting(self.target, thread=self.database.next_thread), 0))

    def received(self, data: bytes) -> None:
        """Bytes of the proxy."""
        if self._squeezed is None:
            self._plain(data)
            return
        self._squeezed.feed(data)
        while (found := self._squeezed.unpack()) is not None:
            self._plain(found)

    def _plain(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 4:
            end = 4 + int.from_bytes(self._data[:3], "little")
            if len(self._data) < end:
                return
            (sequence, payload), self._data = (self._data[3], self._data[4:end]), self._data[end:]
            self._packet(sequence, payload)

    def _packet(self, sequence: int, payload: bytes) -> None:
        if self.session is None:
            self._agree(payload)
            self._log_in(payload, sequence)
            self._compress()
        elif self._files:
            self._take_file(sequence, payload)
        else:
            assert sequence == len(self._parts), "a command's packets are not in order"
            self._parts.append(payload)
            if len(payload) < p.LIMIT:
                parts, self._parts = self._parts, []
                self._take_command(b"".join(parts), len(parts))

    def _agree(self, login: bytes) -> None:
        low = int.from_bytes(login[:4], "little")
        high = 0 if low & bits.LONG_PASSWORD else int.from_bytes(login[28:32], "little")
        self.agreed = low | high << 32

    def _compress(self) -> None:
        for algorithm, bit in ALGORITHMS.items():
            if self.agreed & bit:
                self._squeezed = Squeezed(algorithm, is_server=True)
                self.line = Squeezing(self.line, self._squeezed)

    def _take_command(self, payload: bytes, packets: int) -> None:
        step = self._step(payload)
        if step is not None:
            self.stage.reached.append(self)
            self._sequence = packets
            self._answer(payload, step.response)
            self._files = files(step.response)
            self._speak()
            return
        self.stage.heard.append(payload)
        if payload[0] == _PREPARE and payload[1:] in self.stage.answers:
            # The proxy prepares a client's statement, which has another connection now.
            self._answer(payload, self.stage.answers[payload[1:]])
            self.line.send(p.packets(self._turns.pop(0)))
            return
        self._forget(payload)
        if self.agreed & bits.QUERY_ATTRIBUTES and payload[:3] == b"\x03\0\1":
            payload = b"\x03" + payload[3:]
        self._command(payload)

    def _step(self, payload: bytes) -> Step | None:
        """The step that is on, or that is sent again because the answer to it was a wrong one."""
        stage = self.stage
        if stage.steps and self._is_meant(payload, stage.steps[0]):
            stage.step = stage.steps.pop(0)
            return stage.step
        if stage.extra and stage.step is not None and self._is_meant(payload, stage.step):
            stage.extra = b""
            return stage.step
        return None

    def _is_meant(self, payload: bytes, step: Step) -> bool:
        """Whether the command is the step's, about the same statement where it is about one."""
        if payload[0] not in ABOUT_STATEMENTS:
            return payload == step.encoded(self.agreed)
        expected = step.at_database or step.payload
        number = int.from_bytes(step.payload[1:5], "little")
        opened = self.stage.opened
        meant = opened.get(max(opened, default=0) if number == _LAST else number)
        if (payload[:1], payload[5:]) != (expected[:1], expected[5:]):
            return False
        return meant is not None and self._prepared.get(int.from_bytes(payload[1:5], "little")) == meant

    def _answer(self, payload: bytes, response: Response) -> None:
        self._turns = turns(response, View(self.agreed, True, bits.AUTOCOMMIT, self._next_id))
        self._forget(payload)
        if any(isinstance(part, Prepared) for part in response):
            self.stage.answers[payload[1:]] = response
            self._prepared[self._next_id] = payload[1:]
            self._next_id += 1

    def _forget(self, payload: bytes) -> None:
        """A command that ends prepared statements."""
        if payload[0] == _CLOSE:
            del self._prepared[int.from_bytes(payload[1:5], "little")]
        elif payload[0] in (_CHANGE_USER, _RESET):
            self._prepared.clear()

    def _speak(self) -> None:
        data = p.packets(self._turns.pop(0), self._sequence)
        self._sequence += _count(data)
        extra = b"" if self._files else self.stage.extra
        for piece in self.stage.cut(data + extra) if self.stage.together else self.stage.cut(data):
            self.line.send(piece)
        if extra and not self.stage.together:
            self.line.send(extra)

    def _take_file(self, sequence: int, payload: bytes) -> None:
        assert sequence == self._sequence & 0xFF, "a file's packets are not in order"
        self._sequence += 1
        if payload:
            self._received.append(payload)
            return
        assert tuple(self._received) == self._files.pop(0)
        self._received = []
        self._speak()


def _count(data: bytes) -> int:
    return len(p.split(data))


class ScriptedClient(ClientPeer):
    """A client that compresses where it is told to."""

    def __init__(self, capabilities: int, algorithm: str) -> None:
        super().__init__(capabilities | ALGORITHMS.get(algorithm, 0))
        self._algorithm = algorithm
        self._squeezed: Squeezed | None = None

    def login_payload(self) -> bytes:
        """The log-in packet, which ends in the level for zstd."""
        return super().login_payload() + (b"\3" if self._algorithm == "zstd" else b"")

    def compress(self) -> None:
        """The log-in is over."""
        if self._algorithm:
            self._squeezed = Squeezed(self._algorithm, is_server=False)
            self.line = Squeezing(self.line, self._squeezed)

    def begin_command(self) -> None:
        """What is sent next is a command."""
        if self._squeezed is not None:
            self._squeezed.begin()

    def received(self, data: bytes) -> None:
        """Bytes of the proxy."""
        if self._squeezed is None:
            super().received(data)
            return
        self._squeezed.feed(data)
        while (found := self._squeezed.unpack()) is not None:
            super().received(found)


class Stage(World):
    """A World before databases with these capabilities; ``steps`` say what they answer."""

    def __init__(self, target: int, algorithm: str) -> None:
        super().__init__(cap=8)
        self.clock.stage = self  # type: ignore[attr-defined]
        self.target = target | ALGORITHMS.get(algorithm, 0)
        if algorithm:
            compression = Compression(Algorithm(algorithm), 3)
            self.connector.target = attrs.evolve(self.connector.target, compression=compression)
        #: Clients that stay.
        self.others: dict[Profile, Any] = {}
        #: What will be asked; each is answered once.
        self.steps: list[Step] = []
        #: The last one that was asked.
        self.step: Step | None = None
        self.cut: Cut = whole
        #: What the database sends behind the response, in the same chunk or after it.
        self.extra = b""
        self.together = False
        #: The databases that the step came to.
        self.reached: list[ScriptedServer] = []
        #: The proxy's own commands meanwhile.
        self.heard: list[bytes] = []
        #: Texts of the statements that the client in question has opened, by the ids it was told.
        self.opened: dict[int, bytes] = {}
        #: What databases answered when a text was prepared first.
        self.answers: dict[bytes, Response] = {}
        facts = attrs.evolve(FACTS, capabilities=Capability(target))
        self.context.facts = lambda: facts

    def forget(self) -> None:
        """What the proxy has learned from databases: each walk asks one."""
        self.context.known_sets = KnownSets()
        self.context.texts = PreparedTexts()
        self.answers.clear()

    def connect(self, profile: Profile) -> ScriptedClient:
        """A client that has logged in."""
        peer = ScriptedClient(profile.client, profile.squeezed[0])
        connection = ClientConnection(self.context, self.registry, self.registry.next_number())
        self.lines.append(Line(connection, peer, is_client=False))
        self.settle()
        [(_, answer)] = p.split(peer.take())
        assert answer[:1] == b"\0", answer
        peer.compress()
        return peer


class _Endpoint:
    """Stands in for HostnameEndpoint; the clock says in which world."""

    def __init__(self, clock: Any, *_: Any, **__: Any) -> None:
        self._stage: Stage = clock.stage

    def connect(self, factory: Any) -> "Deferred[Any]":
        stage = self._stage
        peer = ScriptedServer(stage, stage.target)
        protocol = factory.buildProtocol(None)
        stage.lines.append(Line(protocol, peer, is_client=True))
        peer.greet()
        return succeed(protocol)


class Stages:
    """One world for each kind of database, used as long as all goes well."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], Stage] = {}

    def stage(self, profile: Profile) -> Stage:
        """A world before such a database."""
        key = (profile.target, profile.squeezed[1])
        if key not in self._open:
            self._open[key] = Stage(*key)
        return self._open[key]

    def drop(self, profile: Profile) -> None:
        """Something went wrong in it."""
        self._open.pop((profile.target, profile.squeezed[1]), None)

    def finish(self) -> None:
        """Everybody leaves; nothing may be left over in any world."""
        for stage in self._open.values():
            stage.finish()


@contextmanager
def stages() -> Iterator[Stages]:
    """Worlds that end with the checks of ``World.finish``."""
    with patch("proxy.mysql.backend.connector.endpoints.HostnameEndpoint", _Endpoint):
        worlds = Stages()
        yield worlds
        worlds.finish()
