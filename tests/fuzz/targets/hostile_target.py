"""A whole proxy before a database that answers nonsense, stops in mid-packet or speaks unasked.

No client ever gets a wrong answer where the fault can be seen: its answer breaks off in an error or in the
end of the connection. Where a fault could pass for an answer, answers are not looked at.
"""

from typing import Any

from tests.fuzz.actors import Innocent, Model, answer
from tests.fuzz.choices import Choices
from tests.fuzz.play import Step, play, table
from tests.peers import packets as p
from tests.peers.server import Database
from tests.peers.world import World

#: Commands that are answered as they should be before the first fault.
_MOST_GOOD = 12
#: None of these can pass for the answer to the next command.
_UNASKED = (
    p.packet(p.err(1053, b"Server shutdown in progress", b"08S01"), 0),
    p.packet(p.err(4031, b"The client was disconnected", b"HY000"), 0),
    p.packet(p.row([b"secret"]), 3),
    b"\xff\xff\xff\x00",
    b"\x01",
)


class _Plan:
    """Which command is answered with which fault, over all connections."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.good = choices.below(_MOST_GOOD)
        self.faults = 1 + choices.below(3)
        #: Answers are made up, so what clients get is not compared.
        self.lies = choices.flag()
        self.over = False

    def is_due(self) -> bool:
        if self.over or not self.faults:
            return False
        if self.good:
            self.good -= 1
            return False
        self.good = self.choices.below(3)
        self.faults -= 1
        return True


class _Faulty(Model):
    """Answers as the plan has it."""

    def __init__(self, database: Database, plan: _Plan) -> None:
        super().__init__(database)
        self.plan = plan

    def greet(self) -> None:
        if self.plan.is_due():
            self._misbehave(p.packet(p.greeting(thread=self.database.next_thread), 0))
        else:
            super().greet()

    def _command(self, payload: bytes) -> None:
        if payload[:1] == b"\x01" or self.muted or not self.plan.is_due():
            if not self.muted:
                super()._command(payload)
            return
        assert self.session is not None
        self._misbehave(p.packets(answer(self.session, payload)))

    def _misbehave(self, right: bytes) -> None:
        choices = self.plan.choices
        if self.plan.lies:
            self.line.send(self._nonsense(right))
            return
        way = choices.below(5)
        end = choices.below(len(right) + 1)
        if way == 0:
            self.line.send(right[:end])
            self.line.hang_up(rudely=choices.flag())
        elif way == 1:
            self.line.send(right[:end])
            self.muted = True
        elif way == 2:
            self.line.send(right + choices.pick(_UNASKED))
        elif way == 3:
            self.line.send(right)
            self.line.send(choices.pick(_UNASKED))
        else:
            self.line.hang_up()

    def _nonsense(self, right: bytes) -> bytes:
        choices, out = self.plan.choices, bytearray(right)
        if choices.below(4) == 0:
            return choices.text()
        for _ in range(1 + choices.below(3)):
            at = choices.below(len(out) + 1)
            if choices.flag() and at < len(out):
                out[at] = choices.byte()
            else:
                out[at : at + choices.below(3)] = choices.take(choices.below(6))
        return bytes(out)


class _Liar(Innocent):
    """A client of a database that lies: it takes what it gets, and counts packets no more."""

    def check(self) -> None:
        if self.peer.closed:
            self.failed = True
        if self.peer.seen:
            self._logged_in = True
            self._expected = None
            self.peer.take()


def fuzz(data: bytes) -> None:
    """All of it are decisions."""
    choices = Choices(data)
    plan = _Plan(choices)
    kind: Any = _Liar if plan.lies else Innocent
    with table(lambda database: _Faulty(database, plan), cap=1 + choices.below(2)) as world:
        clients = [kind(world, choices, may_fail=True) for _ in range(1 + choices.below(3))]

        def steps() -> list[Step]:
            for each in clients:
                each.check()
            found: list[Step] = [each.speak for each in clients if each.can_speak]
            if not found and not any(line.has_work for line in world.lines) and _is_stalled(world):
                found = [lambda: _give_up(clients)]
            return found

        play(world, choices, steps, lambda: all(each.finished for each in clients))
        plan.over = True
        # A statement may run for ever as far as the proxy is concerned, as long as its client waits.
        for each in clients:
            each.peer.line.hang_up()


def _is_stalled(world: World) -> bool:
    """Whether only time, or a client that gives up, can move anything."""
    return not [
        call for call in world.clock.getDelayedCalls() if call.getTime() <= world.clock.seconds() + 5.0
    ]


def _give_up(clients: list[Any]) -> None:
    """The first client that waits hangs up."""
    for waiting in [each for each in clients if not each.finished][:1]:
        waiting.failed = True
        waiting.peer.line.hang_up()
