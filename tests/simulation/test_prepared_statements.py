"""Prepared statements whose connection changes, over servers that are strict about them."""

import struct

import pytest

from proxy.mysql.backend.server_statements import DEFAULT_STATEMENTS
from proxy.mysql.session.pins import PinReason
from tests.peers import packets as p
from tests.peers.statements import (
    CLOSE,
    EXECUTE,
    PREPARE,
    StatementClient,
    StatementServer,
    errno,
    forget,
    pins,
    seen,
    statement_world,
)
from tests.peers.world import World

OK = b"\0"


class TestSharing:
    def test_ids_are_each_clients_own(self, world: World) -> None:
        first, second = StatementClient(world), StatementClient(world)
        assert [first.prepare("SELECT ?"), first.prepare("SELECT 7"), second.prepare("SELECT ?")] == [1, 2, 1]
        assert first.result(1, 5) == b"5"
        assert second.result(1, 6) == b"6"
        assert errno(second.execute(2)) == 1243
        assert first.execute(2)[0] == b"\x01"
        assert not first.has_connection
        assert not second.has_connection

    def test_one_text_is_prepared_once(self, world: World) -> None:
        clients = [StatementClient(world) for _ in range(3)]
        for client in clients:
            number = client.prepare("SELECT ?")
            assert client.result(number, b"x") == b"x"
            client.close(number)
        assert seen(PREPARE) == ["SELECT ?"]
        assert seen(CLOSE) == []

    def test_a_connection_that_lacks_it_prepares_it(self, wide: World) -> None:
        first, second = StatementClient(wide), StatementClient(wide)
        number = first.prepare("SELECT ?")
        second.query("BEGIN")
        assert first.result(number, 5) == b"5"
        assert first.result(number, 5) == b"5"
        assert seen(PREPARE) == ["SELECT ?"] * 2
        second.query("ROLLBACK")

    def test_with_the_schema_and_mode_of_its_preparation(self, wide: World) -> None:
        first, second = StatementClient(wide, database=b"shop"), StatementClient(wide)
        first.query("SET sql_mode='ANSI'")
        number = first.prepare("SELECT MODE")
        first.query("SET sql_mode='STRICT_TRANS_TABLES'")
        first.query("USE crm")
        second.query("BEGIN")
        for _ in range(2):
            assert first.result(number) == b"shop/ANSI"
        assert first.value("SELECT DATABASE()") == b"crm"
        assert first.value("SELECT @@sql_mode") == b"STRICT_TRANS_TABLES"
        assert first.result(first.prepare("SELECT MODE")) == b"crm/STRICT_TRANS_TABLES"
        second.query("ROLLBACK")

    def test_prepared_without_a_schema(self, wide: World) -> None:
        first, second = StatementClient(wide), StatementClient(wide)
        number = first.prepare("SELECT 9")
        first.query("USE crm")
        second.query("BEGIN")
        assert first.execute(number)[0] == b"\x01"
        assert first.value("SELECT DATABASE()") == b"crm"
        second.query("ROLLBACK")

    def test_a_schema_that_is_gone(self, wide: World) -> None:
        """The session keeps the schema and the transaction that it has."""
        first = StatementClient(wide, database=b"shop")
        number = first.prepare("SELECT 9")
        first.query("USE crm")
        wide.database.schemas.discard("shop")
        first.query("BEGIN")
        first.query("INSERT 1")
        forget(wide)
        assert errno(first.execute(number)) == 1049
        assert first.value("SELECT DATABASE()") == b"crm"
        first.query("COMMIT")
        assert wide.database.committed == ["1"]
        assert errno(first.execute(number)) == 1049
        assert first.value("SELECT DATABASE()") == b"crm"

    def test_a_text_that_cannot_be_prepared_any_more(self, wide: World) -> None:
        first, second = StatementClient(wide), StatementClient(wide)
        number = first.prepare("SELECT ?")
        second.query("BEGIN")
        StatementServer.dropped.add("SELECT ?")
        assert errno(first.execute(number, 5)) == 1146
        StatementServer.dropped.clear()
        assert first.result(number, 5) == b"5"
        second.query("ROLLBACK")

    def test_an_error_of_prepare_opens_nothing(self, world: World) -> None:
        client = StatementClient(world)
        StatementServer.dropped.add("SELECT gone")
        assert errno(client.command(b"\x16SELECT gone")) == 1146
        assert not client.session.statements
        assert client.prepare("SELECT 1") == 2

    def test_the_answer_is_the_servers(self, world: World) -> None:
        """Bytes of the cached one included, but for the id."""
        first, second = StatementClient(world), StatementClient(world)
        asked = first.command(b"\x16SELECT ? + ?")
        assert asked == [p.prepared(1, 1, 2), p.column(b"?"), p.column(b"?"), p.column(b"c")]
        assert second.command(b"\x16SELECT 1")[0] == p.prepared(1, 1, 0)
        assert second.command(b"\x16SELECT ? + ?") == [p.prepared(2, 1, 2), *asked[1:]]
        assert seen(PREPARE) == ["SELECT ? + ?", "SELECT 1"]

    def test_not_from_or_for_sessions_with_pins(self, wide: World) -> None:
        """A temporary table may hide the one that others mean."""
        first, second = StatementClient(wide), StatementClient(wide)
        first.session.pin(PinReason.TEMPORARY_TABLE, 0.0)
        first.prepare("SELECT t")
        second.prepare("SELECT t")
        first.prepare("SELECT t")
        assert seen(PREPARE) == ["SELECT t"] * 3

    def test_a_table_that_may_have_changed(self, world: World) -> None:
        client = StatementClient(world)
        client.prepare("SELECT t")
        client.query("ALTER TABLE t ADD b INT")
        client.prepare("SELECT t")
        assert seen(PREPARE) == ["SELECT t"] * 2


class TestTypes:
    def test_are_sent_again_where_they_are_not_known(self, wide: World) -> None:
        first, second = StatementClient(wide), StatementClient(wide)
        number = first.prepare("SELECT ?, ?")
        assert first.result(number, 5, b"x") == b"5,x"
        second.query("BEGIN")
        assert first.result(number, 6, b"y", types=False) == b"6,y"
        second.query("ROLLBACK")

    def test_are_never_another_clients(self, world: World) -> None:
        first, second = StatementClient(world), StatementClient(world)
        for client in (first, second):
            client.prepare("SELECT ?")
        first.result(1, 5)
        assert errno(second.execute(1, 5, types=False)) == 1210
        assert second.result(1, None, types=False) == b"NULL"
        assert second.result(1, b"own") == b"own"
        assert first.result(1, 6, types=False) == b"6"

    @pytest.mark.parametrize("attributes", [False, True])
    def test_with_query_attributes(self, wide: World, attributes: bool) -> None:
        client, other = StatementClient(wide, attributes=attributes), StatementClient(wide)
        number = client.prepare("SELECT ?, ?")
        assert errno(client.execute(number, 5, 6, types=False)) == 1210
        assert client.result(number, 5, b"x") == b"5,x"
        other.query("BEGIN")
        assert client.result(number, 6, b"y", types=False) == b"6,y"
        other.query("ROLLBACK")

    def test_attributes_without_types(self, world: World) -> None:
        """No server takes them; the session goes on, and what the statement holds stays its own."""
        client = StatementClient(world, attributes=True)
        number = client.prepare("SELECT ?")
        client.result(number, b"x")
        client.long_data(number, 0, b"own")
        bad = struct.pack("<BIBI", EXECUTE, number, 8, 1) + b"\x02" + b"\0" + b"\0" + p.text(b"x")
        assert errno(client.command(bad)) != 0
        assert pins(client) == {PinReason.LONG_DATA}
        other = StatementClient(world, attributes=True)
        client.reset(number)
        assert other.result(other.prepare("SELECT ?"), b"y") == b"y"

    def test_a_history_of_types(self, world: World) -> None:
        """MySQL's statements keep the types of earlier executions: others get one of their own."""
        first, second = StatementClient(world), StatementClient(world)
        for client in (first, second):
            client.prepare("SELECT ?")
        first.result(1, 5)
        second.result(1, b"x")
        assert seen(PREPARE) == ["SELECT ?"] * 2
        first.result(1, b"y")
        second.result(1, 6)
        first.result(1, 5)
        assert len(seen(PREPARE)) <= 3

    def test_strings_and_null_share(self, world: World) -> None:
        first, second = StatementClient(world), StatementClient(world)
        for client in (first, second):
            client.prepare("SELECT ?")
            client.result(1, b"x")
            client.result(1, None)
        assert seen(PREPARE) == ["SELECT ?"]


class TestHealing:
    @pytest.mark.parametrize("lost", [1243, 1615])
    def test_outside_a_transaction(self, world: World, lost: int) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        client.result(number, 5)
        StatementServer.script.append((EXECUTE, lost))
        assert client.result(number, 6, types=False) == b"6"
        assert seen(PREPARE) == ["SELECT ?"] * 2
        [server] = StatementServer.everyone
        assert len(server.statements) == 1, "the one that is of no use is closed"

    def test_all_are_forgotten(self, world: World) -> None:
        first, second = StatementClient(world), StatementClient(world)
        for client, text in ((first, "SELECT ?"), (second, "SELECT 2")):
            client.prepare(text)
        first.result(1, 5)
        StatementServer.everyone[0].forget()
        assert first.result(1, 6) == b"6"
        assert errno(second.execute(1)) == 0
        assert seen(EXECUTE).count("unknown") == 1, "the others are not tried"

    def test_once_only(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        StatementServer.script += [(EXECUTE, 1615)] * 2
        assert errno(client.execute(number, 5)) == 1615
        assert client.result(number, 5) == b"5"

    def test_inside_a_transaction_the_client_is_told(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("INSERT ?")
        client.query("BEGIN")
        client.execute(number, 1)
        StatementServer.everyone[0].forget()
        assert errno(client.execute(number, 2)) == 1243
        assert errno(client.execute(number, 3)) == 0, "by then it is prepared again"
        client.query("COMMIT")
        assert world.database.committed == ["1", "3"]

    def test_what_cannot_be_prepared_again(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        StatementServer.everyone[0].forget()
        StatementServer.dropped.add("SELECT ?")
        assert errno(client.execute(number, 5)) == 1146
        assert client.value("SELECT 1") == b"1"

    def test_commands_behind_it_wait(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        StatementServer.everyone[0].forget()
        for value in (5, 6):
            client.peer.send(p.packet(client.packet_of(number, (value,))))
        client.peer.query("SELECT 1")
        world.settle()
        answers = [each for _, each in p.split(client.peer.take())]
        assert [each for each in answers if each[:2] == b"\0\0" and len(each) == 4] == [
            b"\0\0\x015",
            b"\0\0\x016",
        ]
        assert p.row([b"1"]) in answers


class TestTooManyStatements:
    def test_the_least_recently_used_is_closed(self, world: World) -> None:
        client = StatementClient(world)
        texts = [f"SELECT {n}" for n in range(DEFAULT_STATEMENTS + 2)]
        numbers = [client.prepare(text) for text in texts]
        [server] = StatementServer.everyone
        assert len(server.statements) == DEFAULT_STATEMENTS
        assert seen(CLOSE) == texts[:2]
        assert errno(client.execute(numbers[0])) == 0
        assert seen(CLOSE) == texts[:3]

    @pytest.mark.parametrize("room", [1, 2, 5])
    def test_the_server_has_no_room(self, world: World, room: int) -> None:
        StatementServer.room = room
        client = StatementClient(world)
        numbers = [client.prepare(f"SELECT {n}") for n in range(8)]
        for number in numbers * 2:
            assert errno(client.execute(number)) == 0
        [server] = StatementServer.everyone
        assert 0 < len(server.statements) <= room

    def test_others_take_all_the_room(self, world: World) -> None:
        StatementServer.room = 0
        client = StatementClient(world)
        assert errno(client.command(b"\x16SELECT 1")) == 1461
        StatementServer.room = 1
        assert client.prepare("SELECT 1")

    def test_a_clients_own_limit(self) -> None:
        with statement_world(cap=1, max_prepared_statements_per_client=2) as world:
            client = StatementClient(world)
            first, second = client.prepare("SELECT 1"), client.prepare("SELECT 2")
            assert errno(client.command(b"\x16SELECT 3")) == 1461
            client.close(first)
            assert client.prepare("SELECT 3") > second
