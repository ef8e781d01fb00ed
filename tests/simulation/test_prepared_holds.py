"""Long data and cursors, which keep their connection, and how that ends."""

import pytest

from proxy.mysql.session.pins import PinReason
from tests.peers.statements import (
    EXECUTE,
    FETCH,
    LONG_DATA,
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


class TestLongData:
    def test_keeps_the_connection_until_it_is_executed(self, wide: World) -> None:
        client = StatementClient(wide)
        number = client.prepare("SELECT ?, ?")
        client.long_data(number, 0, b"ab")
        client.long_data(number, 0, b"cd")
        assert pins(client) == {PinReason.LONG_DATA}
        assert client.has_connection
        assert client.result(number, None, 5) == b"abcd,5"
        assert not pins(client)
        assert not client.has_connection

    def test_is_nobody_elses(self, wide: World) -> None:
        first, second = StatementClient(wide), StatementClient(wide)
        for client in (first, second):
            client.prepare("SELECT ?")
        first.long_data(1, 0, b"secret")
        assert second.result(1, None) == b"NULL"
        first.reset(1)
        assert not first.has_connection
        assert second.result(1, None) == b"NULL"

    @pytest.mark.parametrize("end", ["reset", "close", "start over", "vanish"])
    def test_its_ends(self, world: World, end: str) -> None:
        client, other = StatementClient(world), StatementClient(world)
        number = client.prepare("SELECT ?")
        client.long_data(number, 0, b"secret")
        if end == "reset":
            client.reset(number)
        elif end == "close":
            client.close(number)
        elif end == "start over":
            assert client.command(b"\x1f")[0][:1] == OK
        else:
            client.peer.line.hang_up()
            world.settle()
        assert other.result(other.prepare("SELECT ?"), None) == b"NULL"

    def test_of_two_statements(self, world: World) -> None:
        client = StatementClient(world)
        first, second = client.prepare("SELECT ?"), client.prepare("SELECT ?")
        client.long_data(first, 0, b"one")
        client.long_data(second, 0, b"two")
        assert client.result(first, None) == b"one"
        assert client.has_connection
        assert client.result(second, None) == b"two"
        assert not client.has_connection

    def test_no_connection_for_it(self, world: World) -> None:
        """It has no response: the execution tells."""
        client, other = StatementClient(world), StatementClient(world)
        number = client.prepare("SELECT ?")
        other.query("BEGIN")
        client.long_data(number, 0, b"data")
        world.advance(120.5)
        other.query("ROLLBACK")
        assert errno(client.execute(number, None)) == 9501
        client.long_data(number, 0, b"again")
        assert client.result(number, None) == b"again"

    def test_no_connection_and_then_reset(self, world: World) -> None:
        client, other = StatementClient(world), StatementClient(world)
        number = client.prepare("SELECT ?")
        other.query("BEGIN")
        client.long_data(number, 0, b"data")
        world.advance(120.5)
        other.query("ROLLBACK")
        assert client.reset(number)[0][:1] == OK
        assert client.result(number, b"x") == b"x"

    def test_lost_with_its_connection(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        client.long_data(number, 0, b"data")
        cut(world, server_of(client))
        client.long_data(number, 0, b"more")
        assert errno(client.execute(number, None)) == 2013
        client.long_data(number, 0, b"again")
        assert client.result(number, None) == b"again"

    def test_lost_and_told_to_another_command(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        client.long_data(number, 0, b"data")
        cut(world, server_of(client))
        assert errno(client.query("SELECT 1")) == 2013
        assert errno(client.execute(number, None)) == 2013
        assert client.result(number, None) == b"NULL"

    def test_of_a_statement_nobody_knows(self, world: World) -> None:
        client = StatementClient(world)
        client.long_data(7, 0, b"data")
        assert client.value("SELECT 1") == b"1"
        assert seen(LONG_DATA) == []

    def test_an_execution_that_fails(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        client.long_data(number, 0, b"data")
        StatementServer.script.append((EXECUTE, 1062))
        assert errno(client.execute(number, None)) == 1062
        assert not pins(client)


class TestCursors:
    def test_keeps_the_connection_until_its_last_row(self, wide: World) -> None:
        client = StatementClient(wide)
        number = client.prepare("SELECT ?")
        client.execute(number, 5, cursor=True)
        assert pins(client) == {PinReason.CURSOR}
        assert len(client.fetch(number, 2)) == 3
        assert client.has_connection
        assert len(client.fetch(number, 2)) == 2
        assert not pins(client)
        assert not client.has_connection
        assert errno(client.fetch(number, 1)) == 1421

    @pytest.mark.parametrize("end", ["reset", "close", "execute", "start over", "vanish"])
    def test_its_ends(self, world: World, end: str) -> None:
        client, other = StatementClient(world), StatementClient(world)
        number = client.prepare("SELECT ?")
        client.execute(number, 5, cursor=True)
        if end == "reset":
            client.reset(number)
        elif end == "close":
            client.close(number)
        elif end == "execute":
            assert client.result(number, 5) == b"5"
        elif end == "start over":
            assert client.command(b"\x1f")[0][:1] == OK
        else:
            client.peer.line.hang_up()
            world.settle()
        assert other.result(other.prepare("SELECT ?"), 6) == b"6"
        if end in ("reset", "execute"):
            assert errno(client.fetch(number, 1)) == 1421
        elif end != "vanish":
            assert errno(client.fetch(number, 1)) == 1243

    def test_is_nobody_elses(self, world: World) -> None:
        first, second = StatementClient(world), StatementClient(world)
        first.prepare("SELECT ?")
        second.prepare("SELECT ?")
        first.execute(1, 5, cursor=True)
        assert errno(second.fetch(1, 1)) == 1421
        first.fetch(1, 9)
        assert second.result(1, 5) == b"5"

    def test_what_has_had_one_is_executed_with_one_only(self, world: World) -> None:
        """MySQL's answers to others have no end."""
        first, second = StatementClient(world), StatementClient(world)
        for client in (first, second):
            client.prepare("SELECT ?")
        first.execute(1, 5, cursor=True)
        first.fetch(1, 9)
        assert second.result(1, 5) == b"5"
        assert first.result(1, 5) == b"5"
        second.execute(1, 5, cursor=True)
        assert second.result(1, 5) == b"5"
        assert not second.has_connection

    def test_other_statements_beside_it(self, world: World) -> None:
        client = StatementClient(world)
        cursor, other = client.prepare("SELECT ?"), client.prepare("SELECT ?")
        client.execute(cursor, 5, cursor=True)
        assert client.result(other, 6) == b"6"
        assert client.value("SELECT 1") == b"1"
        assert len(client.fetch(cursor, 9)) == 4
        assert not client.has_connection

    def test_without_one_long_data_is_no_cursor(self, world: World) -> None:
        client = StatementClient(world)
        client.prepare("SELECT 1")
        number = client.prepare("SELECT ?")
        client.long_data(number, 0, b"data")
        answer = client.fetch(number, 1)
        assert errno(answer) == 1421
        assert answer[0][9:].startswith(b"The statement (2) ")
        client.reset(number)

    def test_lost_with_its_connection(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        client.execute(number, 5, cursor=True)
        cut(world, server_of(client))
        assert errno(client.fetch(number, 1)) == 2013
        assert errno(client.fetch(number, 1)) == 1421
        assert client.result(number, 5) == b"5"

    def test_a_fetch_that_fails(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        client.execute(number, 5, cursor=True)
        StatementServer.script.append((FETCH, 1317))
        assert errno(client.fetch(number, 1)) == 1317
        assert not pins(client)
