"""Prepared statements whose connection changes, over servers that are strict about them."""

import struct
from collections.abc import Iterator

import pytest

from proxy.mysql.backend.server_statements import DEFAULT_STATEMENTS
from proxy.mysql.session.pins import PinReason
from tests.peers import packets as p
from tests.peers.statements import (
    CLOSE,
    EXECUTE,
    FETCH,
    LONG_DATA,
    PREPARE,
    RESET,
    StatementClient,
    StatementServer,
    errno,
    forget,
    seen,
    statement_world,
)
from tests.peers.world import World

OK = b"\0"


@pytest.fixture
def world() -> Iterator[World]:
    """One database connection for all."""
    with statement_world(cap=1) as world:
        yield world


@pytest.fixture
def wide() -> Iterator[World]:
    with statement_world(cap=2) as world:
        yield world


def pins(client: StatementClient) -> set[PinReason]:
    return set(client.session.pins)


def server_of(client: StatementClient) -> StatementServer:
    thread = client.peer.line.protocol.commands.tenancy.connection.thread_id
    [found] = [s for s in StatementServer.everyone if s.session is not None and s.session.thread == thread]
    return found


def cut(world: World, server: StatementServer) -> None:
    """The server's connection breaks."""
    server.line.hang_up(rudely=True)
    world.settle()


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
        assert errno(client.query("SELECT 1")) == 2013

    @pytest.mark.parametrize("code", [PREPARE, EXECUTE])
    def test_the_connection_is_lost_meanwhile(self, world: World, code: int) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        StatementServer.silent_to.add(code)
        packet = b"\x16SELECT 2" if code == PREPARE else client.packet_of(number, (5,))
        assert client.command(packet) == []
        cut(world, server_of(client))
        assert errno([each for _, each in p.split(client.peer.take())]) == 2013
        StatementServer.silent_to.clear()
        assert client.value("SELECT 1") == b"1"
        assert list(client.session.statements) == [number]
        assert client.result(number, 5) == b"5"

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
