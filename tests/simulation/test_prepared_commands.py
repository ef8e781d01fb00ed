"""The other commands about prepared statements; losses of the connection; long texts and values."""

import struct

import pytest

from proxy.mysql.session.pins import PinReason
from tests.peers import packets as p
from tests.peers.statements import (
    CLOSE,
    EXECUTE,
    LONG_DATA,
    PREPARE,
    RESET,
    StatementClient,
    StatementServer,
    cut,
    errno,
    pins,
    seen,
    server_of,
)
from tests.peers.world import World

OK = b"\0"


class TestOtherCommands:
    def test_reset_needs_no_connection(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        assert client.reset(number)[0][:1] == OK
        assert seen(RESET) == []
        assert errno(client.reset(9)) == 1243

    def test_the_last_one(self, world: World) -> None:
        """MariaDB's -1: never one that was prepared before another one that failed, or was closed."""
        client = StatementClient(world)
        assert errno(client.execute(0xFFFFFFFF)) == 1243
        client.prepare("SELECT 1")
        last = client.prepare("SELECT ?")
        assert client.result(0xFFFFFFFF, 5) == b"5"
        client.close(last)
        assert errno(client.execute(0xFFFFFFFF)) == 1243
        client.prepare("SELECT 3")
        StatementServer.dropped.add("SELECT gone")
        client.command(b"\x16SELECT gone")
        assert errno(client.execute(0xFFFFFFFF)) == 1243

    def test_the_last_one_behind_a_prepare_without_a_connection(self, world: World) -> None:
        client, other = StatementClient(world), StatementClient(world)
        client.prepare("INSERT 1")
        other.query("BEGIN")
        client.peer.send(p.packet(b"\x16INSERT 2") + p.packet(client.packet_of(0xFFFFFFFF)))
        world.settle()
        world.advance(120.5)
        world.settle()
        other.query("ROLLBACK")
        answers = [each for _, each in p.split(client.peer.take())]
        assert [errno([each]) for each in answers] == [9501, 1243]
        assert world.database.committed == []

    def test_after_a_prepare_without_a_connection(self, world: World) -> None:
        """What follows is no answer to it."""
        client, other = StatementClient(world), StatementClient(world)
        other.query("BEGIN")
        client.command(b"\x16SELECT 1")
        world.advance(120.5)
        assert errno([each for _, each in p.split(client.peer.take())]) == 9501
        other.query("ROLLBACK")
        assert client.value("SELECT 1") == b"1"
        assert not client.session.statements

    def test_closed_after_a_loss(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT 1")
        client.query("BEGIN")
        cut(world, server_of(client))
        client.close(number)
        assert not client.session.statements
        assert errno(client.query("SELECT 1")) == 1213
        assert client.value("SELECT 1") == b"1"

    @pytest.mark.parametrize("code", [PREPARE, EXECUTE])
    def test_the_connection_is_lost_meanwhile(self, world: World, code: int) -> None:
        """Neither changes anything: it is run again, with the ids that the client knows."""
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        StatementServer.silent_to.add(code)
        packet = b"\x16SELECT 2" if code == PREPARE else client.packet_of(number, (5,))
        assert client.command(packet) == []
        lost = server_of(client)
        StatementServer.silent_to.clear()
        cut(world, lost)
        answer = [each for _, each in p.split(client.peer.take())]
        if code == PREPARE:
            assert answer[0][:1] == OK
            [_, again] = client.session.statements
            assert int.from_bytes(answer[0][1:5], "little") == again
        else:
            assert answer[2][3:] == b"5"
            assert list(client.session.statements) == [number]
        assert client.value("SELECT 1") == b"1"
        assert client.result(number, 5) == b"5"

    def test_the_connection_is_lost_while_it_writes(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("INSERT ?")
        StatementServer.silent_to.add(EXECUTE)
        assert client.command(client.packet_of(number, (5,))) == []
        cut(world, server_of(client))
        [error] = [each for _, each in p.split(client.peer.take())]
        assert errno([error]) == 2013
        assert b"it is unknown whether the write was committed" in error
        StatementServer.silent_to.clear()
        assert list(client.session.statements) == [number]
        assert world.database.committed == []

    def test_the_connection_is_lost_while_it_prepares(self, wide: World) -> None:
        """Nothing of the client's was sent: another connection does it."""
        client, other = StatementClient(wide), StatementClient(wide)
        number = client.prepare("SELECT ?")
        other.query("BEGIN")
        StatementServer.silent_to.add(PREPARE)
        assert client.command(client.packet_of(number, (5,))) == []
        busy = StatementServer.everyone[-1]
        StatementServer.silent_to.clear()
        cut(wide, busy)
        wide.advance(1.0)
        answers = [each for _, each in p.split(client.peer.take())]
        assert answers[2] == b"\0\0\x015"
        other.query("ROLLBACK")

    def test_start_over_closes_all(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT 1")
        assert client.command(b"\x1f")[0][:1] == OK
        assert errno(client.execute(number)) == 1243
        assert client.prepare("SELECT 1") != number

    def test_pipelined(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("INSERT ?")
        packets = [client.packet_of(number, (n,)) for n in range(1, 6)]
        client.peer.send(b"".join(map(p.packet, packets)) + p.packet(struct.pack("<BI", CLOSE, number)))
        world.settle()
        assert [errno([each]) for _, each in p.split(client.peer.take())] == [0] * 5
        assert world.database.committed == ["1", "2", "3", "4", "5"]
        assert not client.session.statements

    def test_long_data_and_its_execution_in_one_piece(self, world: World) -> None:
        client, other = StatementClient(world), StatementClient(world)
        number = client.prepare("SELECT ?")
        other.query("BEGIN")
        data = struct.pack("<BIH", LONG_DATA, number, 0) + b"data"
        client.peer.send(p.packet(data) * 2 + p.packet(client.packet_of(number, (None,))))
        world.settle()
        other.query("ROLLBACK")
        world.settle()
        assert [each for _, each in p.split(client.peer.take())][2] == b"\0\0" + p.text(b"datadata")
        assert not client.has_connection


class TestLongOnes:
    LONG = 300_000

    def prepared(self, client: StatementClient) -> int:
        """A statement whose text comes in two pieces."""
        whole = p.packet(b"\x16SELECT ?" + b" " * self.LONG)
        client.peer.send(whole[:-10])
        client.world.settle()
        client.peer.send(whole[-10:])
        client.world.settle()
        first, *_ = [each for _, each in p.split(client.peer.take())]
        return int.from_bytes(first[1:5], "little")

    def test_a_text_too_long_to_be_held(self, world: World) -> None:
        client = StatementClient(world)
        number = self.prepared(client)
        assert pins(client) == {PinReason.PREPARED_STATEMENT}
        assert client.result(number, 5) == b"5"
        assert client.result(number, 6, types=False) == b"6"
        client.execute(number, 5, cursor=True)
        client.long_data(number, 0, b"x")
        assert client.reset(number)[0][:1] == OK
        assert pins(client) == {PinReason.PREPARED_STATEMENT}
        client.close(number)
        assert not pins(client)
        assert not client.has_connection
        assert errno(client.execute(number, 5)) == 1243

    def test_its_connection_is_lost(self, world: World) -> None:
        client = StatementClient(world)
        number = self.prepared(client)
        cut(world, server_of(client))
        assert errno(client.execute(number, 5)) == 2013
        assert errno(client.execute(number, 5)) == 1243

    def test_it_is_refused(self, world: World) -> None:
        client = StatementClient(world)
        StatementServer.script.append((PREPARE, 1064))
        assert errno(client.command(b"\x16SELECT ?" + b" " * self.LONG)) == 1064
        assert not pins(client)

    @pytest.mark.parametrize("size", [LONG, p.LIMIT - 30, p.LIMIT + 1000])
    def test_an_execution_without_types(self, wide: World, size: int) -> None:
        client, other = StatementClient(wide), StatementClient(wide)
        number = client.prepare("INSERT ?")
        client.execute(number, b"7")
        other.query("BEGIN")
        value = b"9" + b" " * size
        assert errno(client.execute(number, value, types=False)) == 0
        assert wide.database.committed[-1] == value.decode()
        assert not client.has_connection
        other.query("ROLLBACK")

    def test_long_data_in_one_long_piece(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("INSERT ?")
        client.long_data(number, 0, b"9" * self.LONG)
        assert errno(client.execute(number, None)) == 0
        assert world.database.committed == ["9" * self.LONG]

    def test_which_is_cut_off(self, world: World) -> None:
        """Part of it is at a server that is lost: the execution must not go without."""
        client = StatementClient(world)
        number = client.prepare("INSERT ?")
        whole = p.packet(struct.pack("<BIH", LONG_DATA, number, 0) + b"9" * self.LONG)
        client.peer.send(whole[:-10])
        world.settle()
        cut(world, server_of(client))
        client.peer.send(whole[-10:])
        world.settle()
        assert errno(client.execute(number, None)) == 2013
        assert world.database.committed == []
