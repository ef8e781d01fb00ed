"""A connection that is held for a moment after a statement with warnings or an error, whatever comes next."""

import pytest
from twisted.internet.defer import Deferred

from proxy.mysql.frontend.registry import FIRST_CLIENT_NUMBER
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.world import World, proxied

HOLD = 0.25


def held(world: World) -> ClientPeer:
    """A client whose last statement has failed, so that its connection is kept for a moment."""
    client = world.client(ClientPeer())
    world.ask(client, "INSERT BAD 1")
    return client


@pytest.mark.parametrize("end", ["done", "refused"])
def test_the_hold_ends_while_a_kill_is_unanswered(end: str) -> None:
    """Statements that were sent behind the KILL wait for it, and each gets its own answer."""
    with proxied(cap=1, diagnostics_hold_timeout=HOLD) as world:
        asked: list[Deferred[bool]] = []

        def may_kill(_username: str) -> Deferred[bool]:
            asked.append(Deferred())
            return asked[-1]

        world.context.may_kill = may_kill
        victim = world.client()
        assert victim.greeting
        client = held(world)
        number = FIRST_CLIENT_NUMBER
        victims_phase = world.registry.find(number)
        assert victims_phase is not None
        assert victims_phase.commands is not None
        victims_phase.commands.username = "somebody else"
        client.query(f"KILL QUERY {number}")
        client.query("SELECT 1")
        client.query("SELECT DATABASE()")
        world.settle()
        assert len(asked) == 1
        world.clock.advance(2 * HOLD)
        world.settle()
        assert not client.seen, "nothing is answered before the KILL"
        asked[0].callback(end == "done")
        world.settle()
        answers = p.split(client.take())
        firsts = [payload[:1] for sequence, payload in answers if sequence == 1]
        assert firsts == [b"\0" if end == "done" else b"\xff", b"\x01", b"\x01"]
        other = world.client()
        assert [payload for _, payload in p.split(world.ask(other, "SELECT 1"))][-2] == p.row([b"1"])


def test_the_hold_ends_while_a_long_command_is_refused() -> None:
    """What is left of the refused command is no command."""
    with proxied(cap=1, diagnostics_hold_timeout=HOLD) as world:
        client = held(world)
        # COM_SET_OPTION has two bytes behind it.
        whole = p.packet(b"\x1b" + b"\x09\0\0\0\x03SELECT 1" * 30_000)
        client.send(whole[:300_000])
        world.settle()
        world.clock.advance(2 * HOLD)
        world.settle()
        other = world.client()
        assert [payload for _, payload in p.split(world.ask(other, "SELECT 1"))][-2] == p.row([b"1"])
        client.send(whole[300_000:])
        world.settle()
        [(sequence, refusal)] = p.split(client.take())
        assert (sequence, refusal[:1]) == (1, b"\xff")
        assert [payload for _, payload in p.split(world.ask(client, "SELECT 1"))][-2] == p.row([b"1"])
