"""The two worlds of a case: each client on its own connection to the database, and all through the proxy."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import attrs

from .answers import Answer
from .channel import Account
from .client import WireClient
from .schemas import USERS, schema_of
from .steps import ChangeUser, InitDb, Prepare, Query, Step

__all__ = ["Case", "Hung", "Turn", "World", "concurrent_answers", "direct_answers", "proxied"]

PATIENCE = 0.06
"""Seconds a turn waits before others go on: its client may want a connection that they hold."""
HANG_LIMIT = 30.0
"""Seconds after which nobody is expected to answer any more."""

Turn = tuple[int, Step]


@attrs.frozen
class Case:
    """Clients by number from 1, and what they do in which order."""

    turns: tuple[Turn, ...]
    flags: int = 0

    def clients(self) -> list[int]:
        """Those that do anything."""
        return sorted({client for client, _ in self.turns})

    def steps(self, client: int) -> list[Step]:
        """What one client does."""
        return [step for each, step in self.turns if each == client]

    def __str__(self) -> str:
        return "\n".join(f"c{client}> {step}" for client, step in self.turns)


class Hung(AssertionError):
    """Nobody answers."""


@attrs.frozen
class World:
    """Where clients connect to."""

    port: int

    def client(self, number: int, flags: int) -> WireClient:
        """Log a client in; its schema is its own."""
        return WireClient(self.port, Account("app", USERS["app"], schema_of(number)), USERS, flags)


def direct_answers(world: World, case: Case) -> dict[int, list[Answer]]:
    """What each client gets that is alone on its connection."""
    found = {}
    for number in case.clients():
        client = world.client(number, case.flags)
        try:
            found[number] = [_direct(client, _named(step, number)) for step in case.steps(number)]
        finally:
            client.close()
    return found


def _direct(client: WireClient, step: Step) -> Answer:
    try:
        return client.do(step)
    except TimeoutError as error:
        raise Hung(f"the database itself does not answer {step}") from error


def proxied(world: World, case: Case, seen: Callable[[int, int, Answer], bool]) -> None:
    """Play the turns through the proxy; `seen` gets client, index and answer, and ends the case with False.

    One turn at a time; a client that waits for a connection is left waiting while others go on. A client
    leaves after its last step. Raises Hung.
    """
    stage = _Stage(world, case, seen)
    try:
        stage.play()
    finally:
        stage.close()


def concurrent_answers(world: World, case: Case) -> dict[int, list[Answer]]:
    """What each client gets when all do their steps at the same time, each in a thread of its own."""
    clients = {number: world.client(number, case.flags) for number in case.clients()}

    def play(number: int) -> list[Answer]:
        try:
            return [clients[number].do(_named(step, number)) for step in case.steps(number)]
        finally:
            clients[number].close()

    with ThreadPoolExecutor(len(clients) or 1) as threads:
        return dict(zip(clients, threads.map(play, clients), strict=True))


class _Stage:
    def __init__(self, world: World, case: Case, seen: Callable[[int, int, Answer], bool]) -> None:
        self._seen = seen
        self._clients = {number: world.client(number, case.flags) for number in case.clients()}
        self._steps: Mapping[int, list[Step]] = {
            number: [_named(step, number) for step in case.steps(number)] for number in case.clients()
        }
        self._order = [client for client, _ in case.turns]
        self._done = dict.fromkeys(self._clients, 0)
        self._waits: list[int] = []
        self._goes_on = True

    def play(self) -> None:
        for number in self._order:
            self._collect()
            if number not in self._waits and self._goes_on:
                self._advance(number)
        deadline = time.monotonic() + HANG_LIMIT
        while self._goes_on and (left := self._left()):
            self._collect()
            ready = [number for number in left if number not in self._waits]
            before = sum(self._done.values())
            for number in ready:
                self._advance(number)
            if sum(self._done.values()) > before:
                deadline = time.monotonic() + HANG_LIMIT
            elif not ready:
                self._wait(deadline)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _left(self) -> list[int]:
        return [number for number in self._clients if self._done[number] < len(self._steps[number])]

    def _advance(self, number: int) -> None:
        done = self._done[number]
        if not self._goes_on or done >= len(self._steps[number]):
            return
        client = self._clients[number]
        client.begin(self._steps[number][done])
        others_can = len(self._left()) - len(self._waits) > 1
        if client.is_answered(PATIENCE if others_can else 0):
            self._take(number)
        else:
            self._waits.append(number)

    def _collect(self) -> None:
        for number in list(self._waits):
            if self._clients[number].is_answered(0):
                self._waits.remove(number)
                self._take(number)

    def _wait(self, deadline: float) -> None:
        """All clients wait: someone must get an answer."""
        if time.monotonic() > deadline:
            raise Hung(f"no answer for clients {self._waits} at their steps {self._done}")
        self._clients[self._waits[0]].is_answered(0.01)

    def _take(self, number: int) -> None:
        done = self._done[number]
        answer = self._clients[number].finish()
        self._done[number] = done + 1
        if not self._seen(number, done, answer):
            self._goes_on = False
        if self._done[number] == len(self._steps[number]):
            self._clients[number].close()


def _named(step: Step, client: int) -> Step:
    """The step with the names that stand for `$me`, `$too` and `$lock`."""

    def named(text: str) -> str:
        me = schema_of(client)
        return text.replace("$me", me).replace("$too", f"{me}_too").replace("$lock", f"lock of {me} ")

    match step:
        case Query():
            return Query(named(step.sql))
        case Prepare():
            return Prepare(step.slot, named(step.sql))
        case InitDb():
            return InitDb(named(step.schema))
        case ChangeUser():
            return ChangeUser(step.user, named(step.schema))
    return step
