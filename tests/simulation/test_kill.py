"""KILL at every moment: it ends the statement that was meant, and none that comes later on that connection.

The database of these tests runs a statement until it is told to end it, and acts on a KILL when it likes, up
to the moment when it answers it: as real ones do.
"""

import random
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.server import Database, ServerPeer
from tests.peers.world import World, proxied

INTERRUPTED = p.err(1317, b"Query execution was interrupted", b"70100")


class SlowServer(ServerPeer):
    """Holds the answers to WORK and KILL."""

    everyone: "dict[int, SlowServer]" = {}

    def __init__(self, database: Database, password: bytes = b"secret") -> None:
        super().__init__(database, password)
        #: What runs here; the thread whose statement is to be ended here.
        self.running = ""
        self.killing = 0
        #: Statements that a KILL has ended.
        self.ended: list[str] = []
        self.stopped = False
        #: The response, once it is half out.
        self.rest = b""

    def greet(self) -> None:
        super().greet()
        self.thread = self.database.next_thread
        self.database.next_thread += 1

    def _log_in(self, payload: bytes, sequence: int) -> None:
        super()._log_in(payload, sequence)
        assert self.session is not None
        # Several connections may be greeted before the first one has logged in.
        del self.database.threads[self.session.thread]
        self.session.thread = self.thread
        self.database.threads[self.thread] = self.session

    def _command(self, payload: bytes) -> None:
        assert self.session is not None
        self.everyone[self.session.thread] = self
        text = payload[1:].decode("utf-8", "replace")
        if payload[:1] == b"\x03" and text.startswith("WORK"):
            assert not self.running, "a second statement while one is running"
            self.running = text
        elif payload[:1] == b"\x03" and text.startswith("KILL QUERY"):
            self.killing = int(text.rsplit(maxsplit=1)[-1])
        elif not self.stopped:
            super()._command(payload)

    def finish(self) -> None:
        """The statement ends by itself."""
        assert self.session is not None
        response = self.rest or p.packets(self.session.rows(self.running))
        self.rest, self.running = b"", ""
        self.line.send(response)

    def send_half(self) -> None:
        """The first row is out."""
        assert self.session is not None
        whole = p.packets(self.session.rows(self.running))
        self.line.send(whole[:-9])
        self.rest = whole[-9:]

    def act(self) -> None:
        """End what the thread runs now."""
        victim = self.everyone.get(self.killing)
        if victim is not None and victim.running and not victim.rest:
            victim.ended.append(victim.running)
            victim.running = ""
            victim.line.send(p.packet(INTERRUPTED, 1))

    def answer_kill(self) -> None:
        """Say that it is done."""
        self.killing = 0
        self.line.send(p.packet(p.ok(), 1))

    def gone(self) -> None:
        super().gone()
        self.running = ""
        if self.session is not None:
            self.everyone.pop(self.session.thread, None)


@pytest.fixture(autouse=True)
def slow_servers() -> Iterator[None]:
    SlowServer.everyone = {}
    with patch("tests.peers.world.ServerPeer", SlowServer):
        yield


@pytest.fixture
def single() -> Iterator[World]:
    """A world with one database connection in the pool."""
    with proxied(cap=1) as world:
        yield world
        assert borrowed(world) == 0


def borrowed(world: World) -> int:
    return world.pool.metrics.database_connections_currently_borrowed


def number(client: ClientPeer) -> int:
    return int(client.line.protocol.number)


def servers(world: World, wanted: Callable[[SlowServer], object]) -> list[SlowServer]:
    return [server for server in world.servers if isinstance(server, SlowServer) and wanted(server)]


def worker(world: World) -> SlowServer:
    [server] = servers(world, lambda each: each.running)
    return server


def killer(world: World) -> SlowServer:
    [server] = servers(world, lambda each: each.killing)
    return server


def errno(response: bytes) -> int:
    [(sequence, payload)] = p.split(response)
    assert sequence == 1
    return int.from_bytes(payload[1:3], "little") if payload[:1] == b"\xff" else 0


def start(world: World, client: ClientPeer, sql: str) -> None:
    client.query(sql)
    world.settle()


def works(world: World, client: ClientPeer, name: str) -> bool:
    """Whether a statement runs and ends as if nothing had been."""
    start(world, client, f"WORK {name}")
    worker(world).finish()
    world.settle()
    return name.encode() in client.take()


class TestKillQuery:
    def test_of_an_idle_client(self, single: World) -> None:
        victim, other = single.client(), single.client()
        assert works(single, victim, "before")
        start(single, other, f"KILL QUERY {number(victim)}")
        assert errno(other.take()) == 0
        assert not servers(single, lambda each: each.killing)
        assert works(single, victim, "after")

    def test_of_one_that_runs(self, single: World) -> None:
        victim, other = single.client(), single.client()
        start(single, victim, "WORK one")
        start(single, other, f"KILL QUERY {number(victim)}")
        target, thread = worker(single), killer(single)
        thread.act()
        single.settle()
        assert errno(victim.take()) == 1317
        assert not other.take()
        assert borrowed(single) == 1, "nobody else may run there before the KILL is answered"
        thread.answer_kill()
        single.settle()
        assert errno(other.take()) == 0
        assert target.ended == ["WORK one"]
        assert works(single, victim, "two")

    def test_that_comes_too_late_hits_nobody(self, single: World) -> None:
        victim, other, third = single.client(), single.client(), single.client()
        start(single, victim, "WORK one")
        start(single, other, f"KILL QUERY {number(victim)}")
        target, thread = worker(single), killer(single)
        target.finish()
        single.settle()
        assert b"one" in victim.take()
        for client, sql in ((third, "WORK three"), (victim, "WORK two")):
            start(single, client, sql)
        assert not servers(single, lambda each: each.running)
        thread.act()
        single.settle()
        thread.answer_kill()
        single.settle()
        assert worker(single).running == "WORK three"
        target.finish()
        single.settle()
        target.finish()
        single.settle()
        assert (b"three" in third.take(), b"two" in victim.take(), target.ended) == (True, True, [])
        assert errno(other.take()) == 0

    def test_in_the_middle_of_a_response(self, single: World) -> None:
        victim, other = single.client(), single.client()
        start(single, victim, "WORK one")
        target = worker(single)
        target.send_half()
        single.settle()
        start(single, other, f"KILL QUERY {number(victim)}")
        killer(single).answer_kill()
        target.finish()
        single.settle()
        assert p.split(victim.take())[-1][1][:1] == b"\xfe"
        assert errno(other.take()) == 0
        assert works(single, victim, "two")

    def test_in_the_queue(self, single: World) -> None:
        busy, victim, other = single.client(), single.client(), single.client()
        start(single, busy, "WORK busy")
        start(single, victim, "WORK one")
        start(single, other, f"KILL QUERY {number(victim)}")
        assert (errno(victim.take()), errno(other.take())) == (1317, 0)
        worker(single).finish()
        single.settle()
        assert b"busy" in busy.take()
        assert works(single, victim, "two")

    def test_while_its_settings_are_replayed(self, single: World) -> None:
        victim, other = single.client(), single.client()
        single.ask(victim, "SET sql_mode='ANSI'")
        single.ask(other, "SELECT 1")
        [server] = servers(single, lambda each: each.session is not None)
        held: list[bytes] = []
        original = server._command
        server._command = held.append  # type: ignore[method-assign,assignment]
        start(single, victim, "WORK one")
        assert held, "the replay"
        start(single, other, f"KILL QUERY {number(victim)}")
        assert errno(other.take()) == 0
        server._command = original  # type: ignore[method-assign]
        for command in held:
            server._command(command)
        single.settle()
        assert errno(victim.take()) == 1317
        assert (server.running, borrowed(single)) == ("", 0)
        assert works(single, victim, "two")
        assert b"ANSI" in single.ask(victim, "SELECT @@sql_mode")

    def test_meant_for_an_earlier_statement(self) -> None:
        """The killer has to wait for its turn; by then the victim runs its next statement."""
        with proxied(cap=2) as world:
            victims = [world.client() for _ in range(2)]
            others = [world.client() for _ in range(2)]
            for at, victim in enumerate(victims):
                start(world, victim, f"WORK {at}")
            for victim, other in zip(victims, others, strict=True):
                start(world, other, f"KILL QUERY {number(victim)}")
            [thread] = servers(world, lambda each: each.killing)
            [second] = servers(world, lambda each: each.running == "WORK 1")
            second.finish()
            world.settle()
            start(world, victims[1], "WORK next")
            [busy] = servers(world, lambda each: each.running == "WORK next")
            thread.act()
            thread.answer_kill()
            world.settle()
            assert not servers(world, lambda each: each.killing)
            assert [errno(other.take()) for other in others] == [0, 0]
            busy.finish()
            world.settle()
            assert b"next" in victims[1].take()
            assert errno(victims[0].take()) == 1317

    def test_of_a_client_that_vanishes(self, single: World) -> None:
        victim, other = single.client(), single.client()
        start(single, victim, "WORK one")
        start(single, other, f"KILL QUERY {number(victim)}")
        target, thread = worker(single), killer(single)
        victim.line.hang_up(rudely=True)
        single.settle()
        thread.act()
        thread.answer_kill()
        single.settle()
        assert (target.ended, errno(other.take())) == (["WORK one"], 0)
        assert works(single, other, "two")

    def test_that_is_never_answered(self, single: World) -> None:
        """The connection cannot be trusted any more; its client has had its answer, and goes on."""
        victim, other = single.client(), single.client()
        start(single, victim, "WORK one")
        start(single, other, f"KILL QUERY {number(victim)}")
        target = worker(single)
        target.finish()
        single.settle()
        assert b"one" in victim.take()
        start(single, victim, "WORK two")
        single.advance(10.0)
        assert errno(other.take()) not in (0, 1317)
        assert worker(single) is not target
        worker(single).finish()
        single.settle()
        assert b"two" in victim.take()

    def test_that_is_never_answered_while_others_wait(self, single: World) -> None:
        victim, other, third = single.client(), single.client(), single.client()
        start(single, victim, "WORK one")
        start(single, other, f"KILL QUERY {number(victim)}")
        target = worker(single)
        target.finish()
        single.settle()
        start(single, third, "WORK three")
        single.advance(10.0)
        other.take()
        assert worker(single) is not target
        worker(single).finish()
        single.settle()
        assert b"three" in third.take()
        assert not victim.closed

    def test_of_oneself(self, single: World) -> None:
        client = single.client()
        assert errno(single.ask(client, f"KILL QUERY {number(client)}")) == 1317
        assert errno(single.ask(client, "KILL QUERY CONNECTION_ID()")) == 1317
        assert works(single, client, "after")

    def test_of_nobody(self, single: World) -> None:
        client = single.client()
        assert errno(single.ask(client, f"KILL QUERY {number(client) + 1}")) == 1094


class TestKill:
    def test_of_an_idle_client(self, single: World) -> None:
        victim, other = single.client(), single.client()
        assert errno(single.ask(other, f"KILL {number(victim)}")) == 0
        assert victim.closed
        assert not victim.take()

    def test_of_one_that_runs(self, single: World) -> None:
        victim, other = single.client(), single.client()
        start(single, victim, "WORK one")
        assert errno(single.ask(other, f"KILL {number(victim)}")) == 0
        assert victim.closed
        assert not victim.take()
        assert works(single, other, "two")

    def test_in_the_queue(self, single: World) -> None:
        busy, victim, other = single.client(), single.client(), single.client()
        start(single, busy, "WORK busy")
        start(single, victim, "WORK one")
        assert errno(single.ask(other, f"KILL {number(victim)}")) == 0
        assert victim.closed
        worker(single).finish()
        single.settle()
        assert b"busy" in busy.take()

    def test_in_a_transaction_rolls_back(self, single: World) -> None:
        victim, other = single.client(), single.client()
        single.ask(victim, "BEGIN")
        single.ask(victim, "INSERT 5")
        assert errno(single.ask(other, f"KILL {number(victim)}")) == 0
        assert victim.closed
        assert works(single, other, "two")
        assert single.database.committed == []

    def test_of_one_that_has_had_its_answer(self, single: World) -> None:
        """Nothing comes behind a response."""
        victim, other, third = single.client(), single.client(), single.client()
        start(single, victim, "WORK one")
        start(single, other, f"KILL QUERY {number(victim)}")
        worker(single).finish()
        single.settle()
        assert b"one" in victim.take()
        assert errno(single.ask(third, f"KILL {number(victim)}")) == 0
        assert victim.closed
        assert not victim.take()
        killer(single).answer_kill()
        single.settle()

    def test_by_command(self, single: World) -> None:
        victim, other = single.client(), single.client()
        other.send(p.packet(b"\x0c" + number(victim).to_bytes(4, "little")))
        single.settle()
        assert (errno(other.take()), victim.closed) == (0, True)

    def test_of_oneself(self, single: World) -> None:
        client = single.client()
        assert errno(single.ask(client, f"KILL {number(client)}")) == 1317
        assert client.closed


class TestKillerLosesItsConnection:
    """It is in a transaction, and its KILL takes a while."""

    @pytest.mark.parametrize("sends_long_data", [False, True])
    def test_the_kill_is_answered_once(self, sends_long_data: bool) -> None:
        with proxied(cap=2) as world:
            victim, other = world.client(), world.client()
            start(world, victim, "WORK one")
            if sends_long_data:
                other.send(p.packet(b"\x16SELECT 1"))
                world.settle()
                other.send(p.packet(b"\x18\1\0\0\0\0\0data"))
            else:
                other.query("BEGIN")
            world.settle()
            other.take()
            start(world, other, f"KILL QUERY {number(victim)}")
            held = other.line.protocol.commands.tenancy.connection
            [server] = servers(
                world, lambda each: each.session is not None and each.session.thread == held.thread_id
            )
            server.line.hang_up(rudely=True)
            world.settle()
            killer(world).answer_kill()
            world.settle()
            assert errno(other.take()) == 0
            assert not other.closed
            # What was announced of the statement is pinned; a transaction is only rolled back.
            assert errno(world.ask(other, "SELECT 1")) == (2013 if sends_long_data else 1213)
            worker(world).finish()
            world.settle()


class Scene:
    """Random steps of clients, killers, database and network."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.clients = [world.client() for _ in range(3)]
        self.killers = [world.client() for _ in range(2)]
        self.asked: dict[ClientPeer, str] = {}
        self.count = 0
        #: KILLs under way, and statements that may be hit by one.
        self.kills: dict[ClientPeer, ClientPeer] = {}
        self.may_end: set[str] = set()

    def step(self) -> None:
        self.chance.choice((self.speak, self.kill, self.work, self.act, *[self.deliver] * 12))()
        self.world.clock.advance(0)
        self.check()

    def speak(self) -> None:
        free = [client for client in self.clients if client not in self.asked]
        if free:
            client = self.chance.choice(free)
            self.count += 1
            self.asked[client] = f"WORK <{self.count}>"
            client.query(self.asked[client])
            if client in self.kills.values():
                self.may_end.add(self.asked[client])

    def kill(self) -> None:
        free = [client for client in self.killers if client not in self.kills]
        if free:
            victim = self.chance.choice(self.clients)
            self.kills[free[0]] = victim
            free[0].query(f"KILL QUERY {number(victim)}")
            if victim in self.asked:
                self.may_end.add(self.asked[victim])

    def work(self) -> None:
        running = servers(self.world, lambda each: each.running)
        if running:
            server = self.chance.choice(running)
            if server.rest or self.chance.random() < 0.5:
                server.finish()
            else:
                server.send_half()

    def act(self) -> None:
        for server in servers(self.world, lambda each: each.killing):
            if self.chance.random() < 0.5:
                server.act()
            else:
                server.answer_kill()

    def deliver(self) -> None:
        busy = [line for line in self.world.lines if line.has_work]
        if busy:
            line = self.chance.choice(busy)
            line.deliver_in(self.chance.choice((None, None, 3)))
            line.deliver_out()

    def check(self) -> None:
        for client, statement in list(self.asked.items()):
            found = _whole(client.seen)
            if not found or (found[-1][:1] not in (b"\xfe", b"\xff") or len(found) in (2, 3)):
                continue
            client.take()
            del self.asked[client]
            if found[-1][:1] == b"\xff":
                assert statement in self.may_end, f"{statement} was not to be killed"
                assert found == [INTERRUPTED]
            else:
                assert statement.encode() in found[3]
        for client in list(self.kills):
            if client.seen and _whole(client.seen):
                assert errno(client.take()) == 0
                del self.kills[client]
        hit = {statement for server in self.world.servers for statement in server.ended}  # type: ignore[attr-defined]
        assert hit <= self.may_end

    def end(self) -> None:
        for _ in range(200):
            self.world.settle()
            self.check()
            if not self.asked and not self.kills:
                return
            for server in servers(self.world, lambda each: each.killing):
                server.answer_kill()
            for server in servers(self.world, lambda each: each.running):
                server.finish()
        raise AssertionError(f"never answered: {self.asked}")


def _whole(data: bytes) -> list[bytes]:
    """The payloads that are there, or nothing while one is cut off."""
    try:
        return [payload for _, payload in p.split(data)]
    except AssertionError:
        return []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 32), st.integers(1, 3))
def test_whatever_the_order(seed: int, connections: int) -> None:
    SlowServer.everyone = {}
    with proxied(cap=connections) as world:
        scene = Scene(world, random.Random(seed))
        for _ in range(600):
            scene.step()
        scene.end()
        world.advance(world.context.options.diagnostics_hold_timeout)
        assert borrowed(world) == 0
