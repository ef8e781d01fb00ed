"""Sessions with state on a database that fails at the worst moment, most of all at the proxy's own questions.

Each command with a response gets exactly one well-formed response, or the connection closes. No client sees
what another one has left, and none sees a value that its session cannot have: what was lost is told.
"""

import random
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import attrs
import pytest

from proxy.mysql.wire.capabilities import Capability
from tests.fuzz.play import table
from tests.peers import packets as p
from tests.peers.faults import FaultPlan, FaultyServer, FullSession
from tests.peers.fickle import FickleClient
from tests.peers.link import Line
from tests.peers.statements import QUERY_ATTRIBUTES, StatementServer
from tests.peers.world import FACTS, World

MOST_STEPS = 30_000
#: Seconds after which all limits of the proxy on waits are over.
PATIENCE = 400.0

Step = Callable[[], None]


def faulty_servers(world: World) -> list[FaultyServer]:
    return [line.peer for line in world.lines if line.is_client and isinstance(line.peer, FaultyServer)]


class Game:
    """Clients, a network and a database, which move in a random order."""

    def __init__(self, world: World, plan: FaultPlan, clients: list[FickleClient]) -> None:
        self.world = world
        self.plan = plan
        self.clients = clients
        self.chance = plan.chance
        self.waited = 0.0

    def play(self) -> None:
        """Until every client has had its say."""
        for _ in range(MOST_STEPS):
            if all(each.finished for each in self.clients):
                return
            self.world.clock.advance(0)
            moves = self.moves()
            if moves:
                self.chance.choice(moves)()
            else:
                self.pass_time()
            for each in self.clients:
                each.check()
            self.check_pins()
            self.world.lines = [line for line in self.world.lines if line.connected]
        raise AssertionError("never ends")

    def moves(self) -> list[Step]:
        """What can happen next."""
        found: list[Step] = [partial(self.deliver, line) for line in self.world.lines if line.has_work]
        found *= 3
        found += [each.act for each in self.clients if each.can_act]
        if found:
            self.waited = 0.0
        late = [each for each in faulty_servers(self.world) if each.late]
        found += [each.come_late for each in late]
        if found and self.chance.random() < 0.01:
            found.append(self.mischief())
        return found

    def deliver(self, line: Line) -> None:
        """All of it, or a piece."""
        if self.chance.random() < 0.2:
            line.deliver_in(self.chance.choice((1, 4, 5, 20)))
        else:
            line.deliver()

    def mischief(self) -> Step:
        """What comes from outside."""
        servers = [each for each in faulty_servers(self.world) if each.session is not None]
        client = self.chance.choice(self.clients)
        ways: list[Step] = [lambda: self.world.clock.advance(self.chance.choice((0.3, 11.0)))]
        if servers:
            ways.append(self.chance.choice(servers).kill)
        if not client.gone:
            ways += [client.vanish, client.drain]
        return self.chance.choice(ways)

    def pass_time(self) -> None:
        self.world.clock.advance(5.0)
        self.waited += 5.0
        if self.waited < PATIENCE:
            return
        self.waited = 0.0
        muted = [each for each in faulty_servers(self.world) if each.muted]
        waiting = [each for each in self.clients if not each.finished]
        assert muted or self.plan.lies, f"clients {[each.number for each in waiting]} wait for ever"
        # The proxy waits for a client's statement as long as its client does.
        for each in waiting:
            each.vanish()

    def check_pins(self) -> None:
        ledger = self.world.context.pins
        for each in self.clients:
            commands = getattr(getattr(each.peer.line, "protocol", None), "commands", None)
            if commands is None or each.gone:
                continue
            session = ledger.session(commands.channel.number)
            causes = set() if session is None else set(session.causes)
            if commands._stage.name == "IDLE" and commands.tenancy.connection is None:
                assert causes == set(commands.value.pins), "the ledger is not what is so"


def play(seed: int, *, lies: bool = False) -> None:
    """One game."""
    chance = random.Random(seed)
    plan = FaultPlan(chance, lies=lies, own=chance.choice((0.0, 0.1, 0.3)), others=chance.choice((0, 0.05)))
    StatementServer.script, StatementServer.dropped, StatementServer.seen = [], set(), []
    StatementServer.silent_to, StatementServer.everyone, StatementServer.room = set(), [], 16_000
    facts = attrs.evolve(FACTS, capabilities=Capability(p.SERVER_CAPABILITIES | QUERY_ATTRIBUTES))
    hold = chance.choice((0, 0.2))
    with (
        patch("tests.peers.server.Session", FullSession),
        table(
            lambda database: FaultyServer(database, plan),
            cap=chance.choice((1, 1, 2, 3)),
            diagnostics_hold_timeout=hold,
            pinning=chance.choice(("minimal", "minimal", "minimal", "rds")),
            kill_abandoned_statements=chance.choice((True, True, False)),
        ) as world,
    ):
        world.context.facts = lambda: facts
        plan.over = True
        clients = [FickleClient(world, plan, number) for number in range(chance.choice((2, 3, 4)))]
        plan.over = False
        Game(world, plan, clients).play()
        plan.over = True
        for server in faulty_servers(world):
            server.come_late()
        for each in clients:
            each.vanish()
        world.settle()
        world.advance(60.0)
        for server in faulty_servers(world):
            assert not server.muted or server.line._end is not None or not server.line.connected
        assert world.pool.metrics.database_connections_currently_borrowed == 0
        assert not len(world.context.pins)
        for each in clients:
            each.check_rows(world.database.committed)


@pytest.mark.parametrize("seed", range(40))
def test_no_answer_is_wrong(seed: int) -> None:
    play(seed)


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_nonsense_does_no_harm_to_the_order(seed: int) -> None:
    play(seed, lies=True)
