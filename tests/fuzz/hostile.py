"""A client that follows no rules: what it sends is drawn from a fuzzer's bytes."""

from collections.abc import Callable
from typing import Any

from tests.fuzz.actors import COMMANDS, KINDS, algorithm_of, sql
from tests.fuzz.choices import Choices
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.compressing import CompressingPeer
from tests.peers.link import Line
from tests.peers.world import World

__all__ = ["Hostile"]

#: Bytes of a command that is too long to be screened as a whole.
LONG = 300 * 1024
FLOOD = 1500
_TLS_REQUEST = p.login(b"", b"", p.CLIENT_CAPABILITIES | p.TLS)[:32]
_COMMANDS = (
    *COMMANDS,
    b"\x16SELECT 1",
    b"\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00",
    b"\x18\x01\x00\x00\x00\x00\x00data",
    b"\x19\x01\x00\x00\x00",
    b"\x1a\x01\x00\x00\x00",
    b"\x1c\x01\x00\x00\x00\x05\x00\x00\x00",
    b"\x04t\x00%",
    b"\x09",
    b"\x0a",
    b"\x0d",
    b"\x0c\xff\xff\xff\x7f",
    b"\x11app\x00\x00\x00\x2d\x00mysql_native_password\x00",
    b"\x12",
    b"\xfe",
    b"\xfa\x01\x00\x00\x00\x80\x00",
    sql("KILL 2147483000"),
    sql("KILL QUERY CONNECTION_ID()"),
    sql("LOCK TABLES t READ"),
    sql("SELECT 1; SELECT 1"),
    sql("/*! SET sql_mode='ANSI' */"),
    b"\x01",
)


class _Peer(ClientPeer):
    """Its packets of the log-in may be replaced."""

    def __init__(self, capabilities: int, log_in: Callable[["_Peer"], None] | None) -> None:
        super().__init__(capabilities, automatic=log_in is None)
        self._log_in = log_in

    def received(self, data: bytes) -> None:
        super().received(data)
        if self._log_in is not None and self.seen:
            log_in, self._log_in = self._log_in, None
            [(_, self.greeting), *_rest] = p.split(self.take())
            if self.greeting[:1] != b"\xff":
                log_in(self)


class Hostile:
    """Logs in in one of several ways, then acts ``len(actions)`` times."""

    def __init__(self, world: World, choices: Choices) -> None:
        self.world = world
        self.choices = choices
        self.left = 1 + choices.below(8)
        way = choices.below(8)
        capabilities = choices.pick(KINDS)
        log_in = self._ways().get(way)
        algorithm = algorithm_of(choices.last)
        self.peer: ClientPeer = _Peer(capabilities, log_in)
        if algorithm is not None and log_in is None:
            self.peer = CompressingPeer(algorithm, capabilities)
        from proxy.mysql.frontend.client import ClientConnection

        connection = ClientConnection(world.context, world.registry, world.registry.next_number())
        self.line = Line(connection, self.peer, is_client=False)
        world.lines.append(self.line)

    def _ways(self) -> dict[int, Callable[[Any], None]]:
        return {
            1: lambda peer: self._send(self._mutated(p.packet(peer.login_payload(), 1))),
            2: lambda peer: self._send(p.packet(_TLS_REQUEST, 1) + self.choices.text()),
            3: lambda _: self._send(self.choices.text()),
            4: lambda _: None,
            5: lambda peer: self._send(p.packet(peer.login_payload(), 1) + p.packet(self._command())),
            6: lambda peer: self._send(p.packet(self._mutated(peer.login_payload()), 1)),
        }

    @property
    def can_act(self) -> bool:
        """It has something more to do."""
        return self.left > 0 and not self.peer.closed

    def act(self) -> None:
        """One piece of mischief."""
        self.left -= 1
        choices = self.choices
        actions: tuple[Callable[[], None], ...] = (
            lambda: self._send(p.packet(self._command())),
            lambda: self._send(p.packet(self._mutated(self._command()))),
            lambda: self._send(self._mutated(p.packet(self._command()))),
            lambda: self._send(b"".join(p.packet(self._command()) for _ in range(1 + choices.below(5)))),
            lambda: self._send(choices.text()),
            lambda: self._send(p.packet(self._command(), choices.byte())),
            lambda: self._send(b"\xff\xff\xff\x00" + choices.text()),
            lambda: self._send(choices.take(3) + b"\0" + self._command()),
            self._half_a_packet,
            self._long_command,
            lambda: self._send(p.packet(b"\xfe") * FLOOD),
            self._stop_reading,
            lambda: self.line.hang_up(rudely=choices.flag()),
        )
        choices.pick(actions)()

    def leave(self) -> None:
        """Vanish."""
        self.left = 0
        self.line.stuck = False
        self.line.hang_up(rudely=self.choices.flag())

    def _send(self, data: bytes) -> None:
        if not self.line.connected:
            return
        if isinstance(self.peer, CompressingPeer) and self.choices.below(4):
            # It may still spoil the compressed packets themselves.
            self.peer.send(data)
        else:
            self.line.send(data)

    def _command(self) -> bytes:
        return self.choices.pick(_COMMANDS)

    def _mutated(self, data: bytes) -> bytes:
        """Some bytes changed, cut out, put in or cut off."""
        choices, out = self.choices, bytearray(data)
        for _ in range(1 + choices.below(3)):
            at = choices.below(len(out) + 1)
            way = choices.below(4)
            if way == 0 and at < len(out):
                out[at] = choices.byte()
            elif way == 1:
                out[at:at] = choices.take(choices.below(8))
            elif way == 2:
                del out[at : at + 1 + choices.below(8)]
            else:
                del out[at:]
        return bytes(out)

    def _half_a_packet(self) -> None:
        packet = p.packet(self._command())
        self._send(packet[: 1 + self.choices.below(len(packet))])
        self.leave()

    def _long_command(self) -> None:
        text = self._command() + b" " * LONG + self.choices.text()
        packet = p.packet(text)
        self._send(packet[: len(packet) - self.choices.below(3)])

    def _stop_reading(self) -> None:
        self.line.stuck = not self.line.stuck
