"""COM_STMT_SEND_LONG_DATA has no response but one: an error where the data is longer than a target allows."""

import pytest

from tests.peers import packets as p
from tests.peers.world import proxied

TOO_LARGE = p.packet(p.err(1153, b"Got a packet bigger than 'max_allowed_packet' bytes", b"08S01"), 1)
LONG_DATA = b"\x18\x01\0\0\0\0\0data"
CLOSE = b"\x19\x01\0\0\0"


@pytest.mark.parametrize("leaves", [False, True])
def test_an_error_that_comes_late_reaches_nobody_else(leaves: bool) -> None:
    with proxied(cap=1) as world:
        client, other = world.client(), world.client()
        client.send(p.packet(b"\x16SELECT 1"))
        world.settle()
        server = world.servers[0]
        server.muted = True
        client.send(p.packet(LONG_DATA) + p.packet(CLOSE) + (p.packet(b"\x01") if leaves else b""))
        world.settle()
        other.query("SELECT 1")
        world.settle()
        assert not other.seen, "the connection is not lent while an error may be under way"
        server.line.send(TOO_LARGE)
        world.settle()
        assert [payload for _, payload in p.split(other.take())][-2] == p.row([b"1"])
        assert len(world.servers) == 2


def test_without_an_error_the_connection_serves_the_next() -> None:
    with proxied(cap=1) as world:
        client, other = world.client(), world.client()
        client.send(p.packet(b"\x16SELECT 1"))
        client.send(p.packet(LONG_DATA) + p.packet(CLOSE))
        world.settle()
        assert [payload for _, payload in p.split(world.ask(other, "SELECT 1"))][-2] == p.row([b"1"])
        assert len(world.servers) == 1
