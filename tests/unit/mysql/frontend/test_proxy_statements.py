"""SHOW PROXY over a whole proxy in memory: who sees what, in pieces, and without a trace on the session."""

import struct
from collections.abc import Iterator

import pytest

from proxy.mysql.frontend.proxy_statements import ROWS_PER_PIECE
from proxy.mysql.session.pin_advice import advice
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.world import World, proxied

PINS, CLIENTS, POOL, TOTALS = (
    "SHOW PROXY PINS",
    "SHOW PROXY CLIENTS",
    "SHOW PROXY POOL",
    "SHOW PROXY PIN TOTALS",
)
DENIED, SYNTAX, UNSUPPORTED, UNPREPARABLE = 1227, 1064, 1235, 1295
PREPARE = b"\x16"
PIN = "FLUSH TABLES WITH READ LOCK"

Row = dict[str, str | None]


@pytest.fixture
def world() -> Iterator[World]:
    """A proxy whose one user is an admin."""
    with proxied(cap=2, admin_users=("app",)) as world:
        yield world


@pytest.fixture
def plain() -> Iterator[World]:
    """A proxy without admins."""
    with proxied(cap=2) as world:
        yield world


def fields(payload: bytes) -> list[bytes | None]:
    """Length-encoded strings, none of them long."""
    found: list[bytes | None] = []
    while payload:
        size = payload[0]
        if size == 0xFB:
            found.append(None)
            payload = payload[1:]
            continue
        start = 1
        if size == 0xFC:
            [size], start = struct.unpack_from("<H", payload, 1), 3
        found.append(payload[start : start + size])
        payload = payload[start + size :]
    return found


def table(data: bytes) -> list[Row]:
    """The rows of a result set for a client with EOF packets."""
    payloads = [payload for _, payload in p.split(data)]
    assert payloads[0][0] != 0xFF, payloads[0]
    count = payloads[0][0]
    names = [str((fields(each)[4] or b"").decode()) for each in payloads[1 : 1 + count]]
    assert payloads[1 + count][:1] == payloads[-1][:1] == b"\xfe"
    return [
        dict(zip(names, (None if each is None else each.decode() for each in fields(row)), strict=True))
        for row in payloads[2 + count : -1]
    ]


def show(world: World, client: ClientPeer, sql: str) -> list[Row]:
    return table(world.ask(client, sql))


def errno(data: bytes) -> int:
    [(_, payload)] = p.split(data)
    assert payload[:1] == b"\xff", payload
    return int.from_bytes(payload[1:3], "little")


def number(client: ClientPeer) -> str:
    return str(client.line.protocol.number)


class TestPins:
    def test_a_pinned_session(self, world: World) -> None:
        admin, client = world.client(), world.client()
        world.ask(client, PIN)
        world.advance(5)
        [row] = show(world, admin, PINS)
        assert row["client"] == number(client)
        assert (row["user"], row["reason"], row["host"]) == (
            "app",
            "flush_tables_with_read_lock",
            "127.0.0.1:50000",
        )
        assert (row["seconds"], row["lost_connection_seconds"]) == ("5.000", "5.000")
        assert row["digest"] == PIN
        assert row["advice"] == advice("flush_tables_with_read_lock")
        thread = client.line.protocol.commands.tenancy.connection.thread_id
        assert row["database_connection"] == str(thread)

    def test_nothing_is_pinned(self, world: World) -> None:
        assert show(world, world.client(), PINS) == []

    def test_a_reset_ends_it(self, world: World) -> None:
        admin, client = world.client(), world.client()
        world.ask(client, PIN)
        client.send(p.packet(b"\x1f"))
        world.advance(3)
        assert show(world, admin, PINS) == []
        [row] = show(world, admin, TOTALS)
        assert (row["reason"], row["pinned_now"], row["pins"]) == ("flush_tables_with_read_lock", "0", "1")

    def test_the_end_of_the_client_ends_it(self, world: World) -> None:
        admin, client = world.client(), world.client()
        world.ask(client, PIN)
        world.advance(4)
        client.line.hang_up()
        world.settle()
        assert show(world, admin, PINS) == []
        [row] = show(world, admin, TOTALS)
        assert (row["seconds"], row["lost_connection_seconds"]) == ("4.000", "4.000")

    def test_the_end_of_the_connection_ends_it(self, world: World) -> None:
        admin, client = world.client(), world.client()
        world.ask(client, PIN)
        world.servers[-1].line.hang_up()
        world.settle()
        assert show(world, admin, PINS) == []

    def test_time_in_a_transaction_is_not_lost(self, world: World) -> None:
        admin, client = world.client(), world.client()
        world.ask(client, PIN)
        world.advance(1)
        world.ask(client, "BEGIN")
        world.advance(10)
        world.ask(client, "COMMIT")
        world.advance(2)
        [row] = show(world, admin, PINS)
        assert (row["seconds"], row["lost_connection_seconds"]) == ("13.000", "3.000")

    def test_where_pins_never_end_the_advice_does_not_say_so(self) -> None:
        with proxied(pinning="rds", admin_users=("app",)) as world:
            client = world.client()
            world.ask(client, PIN)
            rows = show(world, client, PINS)
            assert rows
            assert not [row for row in rows if "ends it" in str(row["advice"])]


class TestClients:
    def test_each_client(self, world: World) -> None:
        admin, client = world.client(), world.client(ClientPeer(p.CLIENT_CAPABILITIES | 8, database=b"shop"))
        world.ask(client, "BEGIN")
        world.advance(2)
        own, other = show(world, admin, CLIENTS)
        assert own["client"] == number(admin)
        assert (own["state"], own["schema"], own["database_connection"]) == ("running", None, None)
        assert other["client"] == number(client)
        assert (other["state"], other["in_transaction"]) == ("idle in transaction", "YES")
        assert (other["schema"], other["statements"], other["seconds"]) == ("shop", "1", "2.000")
        assert other["database_connection"] is not None

    def test_one_that_waits_and_one_that_has_not_logged_in(self) -> None:
        with proxied(cap=1, admin_users=("app",)) as world:
            admin, holder, waiter = world.client(), world.client(), world.client()
            world.client(ClientPeer(automatic=False))
            world.ask(holder, "BEGIN")
            waiter.query("SELECT 1")
            world.settle()
            states = [row["state"] for row in show(world, admin, CLIENTS)]
            assert states == ["running", "idle in transaction", "waiting for a connection", "logging in"]

    def test_the_causes_are_named(self, world: World) -> None:
        admin, client = world.client(), world.client()
        world.ask(client, PIN)
        assert [row["pinned_by"] for row in show(world, admin, CLIENTS)] == [
            "",
            "flush_tables_with_read_lock",
        ]


class TestPool:
    def test_by_user_and_in_all(self, world: World) -> None:
        admin, client = world.client(), world.client()
        world.ask(client, PIN)
        world.ask(admin, "SELECT 1")
        user, everything = show(world, admin, POOL)
        assert (user["target"], user["user"]) == ("database:3306", "app")
        assert (user["connections"], user["borrowed"], user["idle"], user["pinned"]) == ("2", "1", "1", "1")
        assert user["max_connections"] is None
        assert (everything["user"], everything["max_connections"]) == ("(all)", "2")
        assert everything["connections"] == "2"

    def test_clients_with_other_capabilities_are_the_same_user(self, world: World) -> None:
        admin, client = world.client(), world.client(ClientPeer(p.CLIENT_CAPABILITIES | 2))
        world.ask(admin, "BEGIN")
        world.ask(client, "BEGIN")
        assert len(world.pool.by_key()) == 2
        user, _ = show(world, admin, POOL)
        assert (user["connections"], user["borrowed"]) == ("2", "2")


class TestRights:
    @pytest.mark.parametrize("sql", [POOL, TOTALS])
    def test_what_is_everyones_is_for_admins(self, plain: World, sql: str) -> None:
        client = plain.client()
        answer = plain.ask(client, sql)
        assert errno(answer) == DENIED
        assert b"Access denied; you need (at least one of)" in answer
        assert b"admin_users" in answer

    def test_everyone_sees_the_sessions_of_their_user(self, plain: World) -> None:
        client, other = plain.client(), plain.client()
        plain.ask(other, PIN)
        plain.client(ClientPeer(automatic=False))
        assert [row["client"] for row in show(plain, client, PINS)] == [number(other)]
        assert [row["client"] for row in show(plain, client, CLIENTS)] == [number(client), number(other)]

    def test_and_not_those_of_others(self, plain: World) -> None:
        client, other = plain.client(), plain.client()
        plain.ask(other, PIN)
        other.line.protocol.commands.username = "somebody"
        for session in plain.context.pins:
            session.user = "somebody"
        assert show(plain, client, PINS) == []
        assert [row["client"] for row in show(plain, client, CLIENTS)] == [number(client)]


class TestStatements:
    def test_wrong_forms(self, world: World) -> None:
        client = world.client()
        assert errno(world.ask(client, "SHOW PROXY NONSENSE")) == SYNTAX
        assert errno(world.ask(client, "SHOW PROXY PINS LIKE 'a%'")) == UNSUPPORTED
        assert len(show(world, client, "SHOW PROXY HELP")) == 9

    def test_prepared(self, world: World) -> None:
        client = world.client()
        client.send(p.packet(PREPARE + PINS.encode()))
        world.settle()
        assert errno(client.take()) == UNPREPARABLE

    def test_nothing_goes_to_the_database(self, world: World) -> None:
        client = world.client()
        for sql in (PINS, CLIENTS, POOL, TOTALS, "SHOW PROXY HELP", "SHOW PROXY X"):
            world.ask(client, sql)
        assert not world.servers

    def test_a_transaction_goes_on(self, world: World) -> None:
        client = world.client()
        world.ask(client, "BEGIN")
        connection = client.line.protocol.commands.tenancy.connection
        answer = world.ask(client, CLIENTS)
        assert answer[-2] & p.IN_TRANS
        assert client.line.protocol.commands.tenancy.connection is connection
        world.ask(client, "COMMIT")
        assert client.line.protocol.commands.tenancy.connection is None

    def test_statements_sent_behind_it_are_answered(self, world: World) -> None:
        client = world.client()
        for sql in ("SHOW PROXY HELP", "SELECT 1", "SHOW PROXY HELP"):
            client.query(sql)
        world.settle()
        assert [sequence for sequence, _ in p.split(client.take())].count(1) == 3


class TestLongAnswers:
    @pytest.fixture
    def crowded(self) -> Iterator[World]:
        """More clients than there are rows in a piece."""
        with proxied(admin_users=("app",), max_client_connections=1000) as world:
            for _ in range(2 * ROWS_PER_PIECE + 3):
                world.client()
            yield world

    def test_every_row_arrives(self, crowded: World) -> None:
        client = crowded.client()
        rows = show(crowded, client, CLIENTS)
        assert [row["client"] for row in rows] == [str(each.number) for each in crowded.registry]

    def test_exactly_a_piece(self) -> None:
        with proxied(admin_users=("app",), max_client_connections=1000) as world:
            clients = [world.client() for _ in range(ROWS_PER_PIECE)]
            assert len(show(world, clients[0], CLIENTS)) == ROWS_PER_PIECE

    def test_it_waits_for_a_client_that_does_not_read(self, crowded: World) -> None:
        client = crowded.client()
        protocol = client.line.protocol
        protocol.commands.data(p.packet(b"\x03" + CLIENTS.encode()))
        protocol.pauseProducing()
        crowded.settle()
        assert client.seen.count(b"127.0.0.1") == ROWS_PER_PIECE
        protocol.resumeProducing()
        crowded.settle()
        assert len(table(client.take())) == 2 * ROWS_PER_PIECE + 4

    def test_a_client_that_leaves_in_between(self, crowded: World) -> None:
        client = crowded.client()
        client.line.protocol.commands.data(p.packet(b"\x03" + CLIENTS.encode()))
        client.line.hang_up()
        crowded.settle()
        assert client.line.protocol.number not in [each.number for each in crowded.registry]

    def test_the_next_command_waits_for_its_end(self, crowded: World) -> None:
        client = crowded.client()
        client.query(CLIENTS)
        client.query("SELECT 1")
        crowded.settle()
        data = client.take()
        rows = [payload for _, payload in p.split(data)].index(b"\xfe\x00\x00\x02\x00", 13)
        assert rows == 1 + 11 + 1 + 2 * ROWS_PER_PIECE + 4

    def test_a_fault_in_the_middle_closes(self, crowded: World) -> None:
        client = crowded.client()
        client.line.protocol.commands.data(p.packet(b"\x03" + CLIENTS.encode()))
        crowded.context.find_client = lambda _number: 1 / 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("proxy.mysql.frontend.proxy_statements.OwnAnswer.log", _Quiet())
            crowded.settle()
        crowded.context.find_client = crowded.registry.find
        assert client.closed


class _Quiet:
    def failure(self, *_: object) -> None:
        """Expected here."""
