"""Whole failovers in memory, by the thousand: random orders of faults, statements and deliveries.

What must hold whatever happens: only one target is written to at a time; a write runs once; what a client is
told of a write is true; every statement is answered once, soon after the last fault is over; sockets and
session variables outlive it all; and in the end no timer, connection or waiter is left.
"""

import random
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from proxy.targets.switchover import Outcome
from tests.peers.group_clients import LedgerClient
from tests.peers.group_servers import GroupServer
from tests.peers.group_world import BORROW_TIMEOUT, GroupWorld, grouped, started

KINDS = [
    {"targets": 3},
    {"targets": 2, "replay": "safe", "threads": False},
    {"targets": 3, "routing": "read_write_split"},
    {"targets": 3, "replay": "safe", "routing": "read_write_split"},
]


class Game:
    """Clients, and what may happen to the servers."""

    def __init__(self, world: GroupWorld, clients: int, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.clients = [LedgerClient(world, number) for number in range(clients)]
        self._repairs = (world.promote, self.thaw, self.reconnect, self.restart)
        world.settle()
        self.check()

    # Moves

    def move(self, happens: float) -> None:
        """Something happens to a server, or a client speaks, or time passes."""
        chance = self.chance.random()
        idle = [client for client in self.clients if client.is_idle]
        if chance < happens:
            self._disturb()
        elif chance < 0.8 and idle:
            self.chance.choice(idle).ask_anything(self.chance)
        else:
            self.pass_time(self.chance.choice((0.01, 0.05, 0.3, 1.0, 3.0)))
        self.world.shuffle(self.chance, 12)
        self.check()

    def strike(self) -> None:
        """The writer is hit while writes are under way, and mostly another one takes its place."""
        writer = self.world.writer
        if writer is not None:
            for client in self.clients:
                if client.is_idle and not client.must_roll_back:
                    client.ask_one(
                        self.chance.choice(("insert", "commit" if client.in_transaction else "insert"))
                    )
            self.world.shuffle(self.chance, 10 * len(self.clients))
            hits = (self.kill, self.kill, self.cut_connections, self.cut_connections, self.world.freeze)
            self._act(self.chance.choice((*hits, self.world.cut_off)), writer)
        self.pass_time(self.chance.choice((0.0, 0.1, 1.0, 3.0)))
        others = [server for server in self.world.servers.values() if server is not writer and server.up]
        if self.chance.random() < 0.6 and others and self.world.writer is None:
            self._act(self.world.promote, self.chance.choice(others))
        self.pass_time(self.chance.choice((0.1, 1.0, 3.0, 5.0)))
        if self.chance.random() < 0.7:
            self.world.heal()

    def _act(self, act: Callable[[GroupServer], None], server: GroupServer) -> None:
        self.world.tell(f"{act.__name__} {server.name}")
        act(server)

    def pass_time(self, seconds: float) -> None:
        """Some of it, with what is delivered then."""
        self.world.pass_time(seconds)
        self.check()

    def _disturb(self) -> None:
        moves = [
            (move, server)
            for server in self.world.servers.values()
            for is_possible, move in self.possible(server)
            if is_possible
        ]
        if self.chance.random() < 0.6:
            for client in self.clients:
                if client.is_idle and self.chance.random() < 0.7:
                    client.ask_anything(self.chance)
            self.world.shuffle(self.chance, 30)
            self.check()
        if self.chance.random() < 0.3:
            # Somebody looks after them, too.
            moves = [move for move in moves if move[0] in self._repairs] or moves
        act, server = self.chance.choice(moves)
        self._act(act, server)

    def possible(self, server: GroupServer) -> list[tuple[bool, Callable[[GroupServer], None]]]:
        """What may happen to a server, and whether it can now."""
        lives = server.up and not server.frozen
        world, writable = (
            self.world,
            [each for each in self.world.servers.values() if self._takes_writes(each)],
        )
        return [
            (server.up, self.kill),
            (lives, world.freeze),
            (server.frozen, self.thaw),
            (not server.unreachable, world.cut_off),
            (server.unreachable, self.reconnect),
            (not server.up, self.restart),
            (lives and not server.read_only, world.demote),
            (lives and not writable, world.promote),
            (lives and not writable, world.promote),
            (lives and server.read_only and bool(writable), world.open_by_mistake),
            (lives, self.cut_connections),
            (not server.paused and bool(server.source), self.hold_replication),
            (server.paused, self.go_on),
            (lives and bool(server.source), self.switch_over),
        ]

    @staticmethod
    def _takes_writes(server: GroupServer) -> bool:
        return server.up and not (server.frozen or server.unreachable or server.read_only)

    def kill(self, server: GroupServer) -> None:
        self.world.kill(server, loses_answers=self.chance.random() < 0.5)

    def thaw(self, server: GroupServer) -> None:
        server.thaw()

    def reconnect(self, server: GroupServer) -> None:
        server.reconnect()

    def restart(self, server: GroupServer) -> None:
        server.restart(read_only=self.chance.random() < 0.5)
        self.world.mistaken.discard(server.name)
        if not server.read_only:
            self.world.mistaken.add(server.name)
        if server.read_only:
            for other in self.world.servers.values():
                if other is not server and self._takes_writes(other):
                    self.world.repoint(server, other)

    def cut_connections(self, server: GroupServer) -> None:
        """Some of them."""
        for peer in list(server.peers):
            if self.chance.random() < 0.5:
                peer.kill(loses_answers=self.chance.random() < 0.5)

    def hold_replication(self, server: GroupServer) -> None:
        server.paused = True

    def go_on(self, server: GroupServer) -> None:
        server.paused = False

    def switch_over(self, server: GroupServer) -> None:
        def over(_: object) -> None:
            self.world.switchovers -= 1

        self.world.switchovers += 1
        self.world.group.switchover(f"{server.name}:3306", 2.0, "admin").addBoth(over)

    # Checks

    def check(self) -> None:
        """What must hold at any time."""
        assert not self.world.wrong, self.world.wrong
        for client in self.clients:
            client.listen()
        for server in self.world.servers.values():
            assert not server.unknown, server.unknown

    def end(self) -> None:
        """All faults are over: everybody is answered, and what they were told is true."""
        self.world.tell("heal")
        self.world.heal()
        for _ in range(int(BORROW_TIMEOUT) + 25):
            self.pass_time(1.0)
            if (
                not self.world.switchovers
                and self.world.writer
                and all(client.is_idle for client in self.clients)
            ):
                break
            if not self.world.switchovers:
                self.world.heal()
        assert all(client.is_idle for client in self.clients), "a statement has no answer"
        self.pass_time(5.0)
        assert self.world.writer is not None, "there is no writer although all is well"
        for kind in ("rollback", "get", "insert", "read", "rollback"):
            for client in self.clients:
                client.ask_one(kind)
            self.pass_time(0.5)
            assert all(client.is_idle for client in self.clients), f"no answer to {kind}"
        assert self.world.writer is not None
        for client in self.clients:
            assert not client.must_roll_back
            client.judge(self.world.writer.rows)


def play(seed: int, kind: int, moves: int = 60, strikes: float = 0.0) -> None:
    chance = random.Random(seed)
    LedgerClient.last_row = 0
    with grouped(**KINDS[kind]) as world:
        game = Game(world, chance.randrange(1, 6), chance)
        happens = chance.choice((0.03, 0.1, 0.25))
        try:
            for _ in range(moves):
                if strikes and chance.random() < strikes:
                    game.strike()
                else:
                    game.move(happens)
            game.end()
        except BaseException:
            print("\n".join(world.story))
            for client in game.clients:
                print(client, *client.log, sep="\n    ")
            raise


@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("seed", range(8))
def test_a_failover_is_a_pause(seed: int, kind: int) -> None:
    play(seed, kind)


@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("seed", range(8))
def test_what_clients_are_told_of_lost_answers_is_true(seed: int, kind: int) -> None:
    play(seed, kind, moves=20, strikes=0.4)


def test_a_switchover_that_goes_back_leaves_the_writer_where_it_is() -> None:
    with grouped() as world:
        client = LedgerClient(world, 0)
        world.pass_time(1.0)
        client.listen()
        world.find("three").paused = True
        client.ask_one("insert")
        world.pass_time(0.1)
        ends: list[tuple[Any, GroupServer | None]] = []
        switch = world.group.switchover("three:3306", 2.0, "admin")
        switch.addCallback(lambda report: ends.append((report.outcome, world.writer)))
        world.pass_time(20.0)
        assert ends == [(Outcome.WENT_BACK, world.find("one"))]


def test_a_replay_that_finds_no_writer_ends_with_an_error() -> None:
    with grouped(replay="safe") as world:
        client = LedgerClient(world, 0)
        for kind in ("begin", "insert"):
            world.pass_time(1.0)
            client.listen()
            client.ask_one(kind)
        world.pass_time(1.0)
        client.listen()
        world.kill(world.find("one"))
        world.settle()
        client.ask_one("commit")
        world.pass_time(BORROW_TIMEOUT)
        client.listen()
        assert client.is_idle
        assert b"could not be replayed" in client.errors[0]


def test_a_replica_that_takes_writes_is_no_proof_that_it_has_them() -> None:
    with grouped(routing="read_write_split") as world:
        client = LedgerClient(world, 0)
        for name in ("two", "three"):
            world.find(name).paused = True
            world.open_by_mistake(world.find(name))
        for kind in ("insert", "read"):
            world.pass_time(5.0)
            client.listen()
            client.ask_one(kind)
        world.pass_time(5.0)
        client.listen()
        assert client.is_idle


class Failovers(RuleBasedStateMachine):
    """The same, with the steps chosen by Hypothesis, which makes a failure short."""

    @initialize(kind=st.sampled_from(KINDS), clients=st.integers(1, 3), chance=st.randoms())
    def begin(self, kind: dict[str, Any], clients: int, chance: random.Random) -> None:
        LedgerClient.last_row = 0
        self.stack = ExitStack()
        self.world = self.stack.enter_context(started(**kind))
        self.game = Game(self.world, clients, chance)
        self.is_broken = False

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
            self.game.check()
        except BaseException:
            self.is_broken = True
            note("\n".join(self.world.story))
            raise

    @rule(number=st.integers(0, 2))
    def speak(self, number: int) -> None:
        client = self.game.clients[number % len(self.game.clients)]
        if client.is_idle:
            self._do(lambda: client.ask_anything(self.game.chance))

    @rule(number=st.integers(0, 2), what=st.integers(0, 13))
    def disturb(self, number: int, what: int) -> None:
        servers = list(self.world.servers.values())
        server = servers[number % len(servers)]
        is_possible, act = self.game.possible(server)[what]
        if is_possible:
            self.world.tell(f"{act.__name__} {server.name}")
            self._do(lambda: act(server))

    @rule(most=st.integers(1, 30))
    def deliver(self, most: int) -> None:
        self._do(lambda: self.world.shuffle(self.game.chance, most))

    @rule(seconds=st.sampled_from((0.0, 0.05, 0.3, 1.0, 3.0)))
    def wait(self, seconds: float) -> None:
        self._do(lambda: self.game.pass_time(seconds))

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        with self.stack:
            if not self.is_broken:
                self._do(self.game.end)
                self.world.finish()


TestFailovers = Failovers.TestCase
TestFailovers.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
