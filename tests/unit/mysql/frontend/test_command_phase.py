"""One client's commands over a real pool and the model server, in memory."""

from collections.abc import Iterator

import pytest

from proxy.mysql.session.pins import PinReason
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.world import World, proxied

CLOSE = b"\x19"
LONG_DATA = b"\x18"


@pytest.fixture
def world() -> Iterator[World]:
    with proxied(cap=2) as world:
        yield world


@pytest.fixture
def single() -> Iterator[World]:
    """A world with one database connection."""
    with proxied(cap=1) as world:
        yield world


def command(world: World, client: ClientPeer, payload: bytes) -> list[tuple[int, bytes]]:
    client.send(p.packet(payload))
    world.settle()
    return p.split(client.take())


def query(world: World, client: ClientPeer, sql: str) -> list[bytes]:
    return [payload for _, payload in p.split(world.ask(client, sql))]


def value(world: World, client: ClientPeer, sql: str) -> bytes:
    """The one value of a row (clients here have EOF packets)."""
    return query(world, client, sql)[3][1:]


def errno(payload: bytes) -> int:
    assert payload[:1] == b"\xff", payload
    return int.from_bytes(payload[1:3], "little")


def rolled_back(payload: bytes) -> bool:
    """Whether it is the error after which an application may try its transaction again."""
    return errno(payload) == 1213 and payload[3:9] == b"#40001" and b"rolled back" in payload


def phase(client: ClientPeer) -> object:
    return client.line.protocol.commands


def borrowed(world: World) -> int:
    return world.pool.metrics.database_connections_currently_borrowed


class TestFastPath:
    def test_bytes_in_are_bytes_out(self, world: World) -> None:
        client = world.client(ClientPeer(p.CLIENT_CAPABILITIES | p.DEPRECATE_EOF))
        query(world, client, "SELECT 1")
        [server] = world.servers
        arrived: list[bytes] = []
        original = server.received

        def note(data: bytes) -> None:
            arrived.append(data)
            original(data)

        server.received = note  # type: ignore[method-assign]
        sent = p.packet(b"\x03SELECT 1")
        client.send(sent)
        world.settle()
        assert arrived == [sent]
        session = server.session
        assert session is not None
        assert client.take() == p.packets(session.rows("1"))

    def test_nothing_waits_and_nothing_is_asked(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        before = len(world.database.log)
        timers = world.clock.getDelayedCalls()
        query(world, client, "SELECT 1")
        assert [sql for _, sql in world.database.log[before:]] == ["SELECT 1"]
        assert world.clock.getDelayedCalls() == timers
        assert borrowed(world) == 0

    def test_two_clients_share_one_connection(self, single: World) -> None:
        first, second = single.client(), single.client()
        for client in (first, second, first):
            assert value(single, client, "SELECT 1") == b"1"
        assert len(single.servers) == 1


class TestBorrowing:
    def test_a_client_waits_for_the_others_transaction(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "BEGIN")
        assert single.ask(second, "SELECT 1") == b""
        query(single, first, "COMMIT")
        assert second.take() != b""

    def test_after_the_borrow_timeout_there_is_an_error(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "BEGIN")
        single.ask(second, "SELECT 1")
        single.advance(120.5)
        [(sequence, payload)] = p.split(second.take())
        assert (sequence, errno(payload)) == (1, 9501)
        assert payload[9:] == b"Timed-out waiting to acquire database connection"
        query(single, first, "COMMIT")
        assert value(single, second, "SELECT 1") == b"1"

    def test_a_waiter_that_leaves_gets_nothing(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "BEGIN")
        single.ask(second, "SELECT 1")
        second.line.hang_up()
        single.settle()
        query(single, first, "COMMIT")
        assert borrowed(single) == 0

    def test_an_unreachable_target_is_a_borrow_timeout_and_recovers(self, world: World) -> None:
        client = world.client()
        world.unreachable = True
        client.query("SELECT 1")
        for _ in range(130):
            world.advance(1.0)
        [payload] = [payload for _, payload in p.split(client.take())]
        assert errno(payload) == 9501
        world.unreachable = False
        client.query("SELECT 1")
        for _ in range(10):
            world.advance(1.0)
        assert len(p.split(client.take())) == 5

    def test_settings_are_replayed_as_the_shortest_difference(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "SET sql_mode='ANSI'")
        query(single, second, "SELECT 1")
        before = len(single.database.log)
        assert value(single, first, "SELECT @@sql_mode") == b"ANSI"
        assert [sql for _, sql in single.database.log[before:]] == [
            "SET @@session.sql_mode='ANSI'",
            "SELECT @@sql_mode",
        ]

    def test_a_schema_that_was_dropped_is_none_any_more(self, single: World) -> None:
        """As in a server, where DATABASE() is NULL after somebody dropped the current schema."""
        first, second = (single.client(ClientPeer(database=name)) for name in (b"shop", b"crm"))
        query(single, second, "SELECT 1")
        single.database.schemas.discard("shop")
        assert query(single, first, "SELECT DATABASE()")[3] == b"\xfb"
        assert value(single, second, "SELECT DATABASE()") == b"crm"


class TestReleaseRules:
    def test_a_transaction_keeps_the_connection(self, world: World) -> None:
        client = world.client()
        query(world, client, "BEGIN")
        assert borrowed(world) == 1
        query(world, client, "INSERT 1")
        assert borrowed(world) == 1
        query(world, client, "COMMIT")
        assert borrowed(world) == 0

    def test_autocommit_off_keeps_it_from_the_first_write(self, world: World) -> None:
        client = world.client()
        query(world, client, "SET autocommit=0")
        assert borrowed(world) == 0
        query(world, client, "INSERT 1")
        assert borrowed(world) == 1
        query(world, client, "ROLLBACK")
        assert borrowed(world) == 0

    def test_an_error_holds_it_for_a_moment(self, world: World) -> None:
        client = world.client()
        query(world, client, "nonsense")
        assert borrowed(world) == 1
        world.advance(0.25)
        assert borrowed(world) == 0

    def test_the_next_statement_ends_the_hold(self, world: World) -> None:
        client = world.client()
        query(world, client, "nonsense")
        query(world, client, "SELECT 1")
        assert borrowed(world) == 0
        assert not [call for call in world.clock.getDelayedCalls() if call.getTime() < 1]

    def test_nothing_is_held_while_somebody_waits(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "BEGIN")
        single.ask(second, "SELECT 1")
        query(single, first, "ROLLBACK")
        second.take()
        query(single, first, "BEGIN")
        single.ask(second, "SELECT 1")
        query(single, first, "ROLLBACK")
        assert len(p.split(second.take())) == 5

    def test_a_pin_lasts_and_is_logged_once(self, world: World) -> None:
        client = world.client()
        query(world, client, "LOCK TABLES t READ")
        assert borrowed(world) == 1
        assert PinReason.LOCK_TABLES in phase(client).value.pins  # type: ignore[attr-defined]
        query(world, client, "SELECT 1")
        assert borrowed(world) == 1

    def test_what_a_pinned_client_left_is_reset(self, single: World) -> None:
        first = single.client()
        query(single, first, "SET @u='a'")
        first.send(p.packet(b"\x01"))
        single.settle()
        second = single.client()
        assert query(single, second, "SELECT @u")[3] == b"\xfb"
        assert len(single.servers) == 1

    def test_values_in_doubt_are_asked_for(self, world: World) -> None:
        client = world.client()
        query(world, client, "SET NAMES latin1 COLLATE latin1_german1_ci")
        assert world.database.log[-1][1].startswith("SET @@session.collation_connection")
        assert borrowed(world) == 0
        assert value(world, client, "SELECT @@collation_connection") == b"latin1_german1_ci"

    def test_a_hidden_transaction_is_not_given_to_the_next(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "CALL broken()")
        single.advance(1.0)
        single.ask(second, "INSERT 5")
        # The session may stay pinned, because a failed procedure can have left anything.
        first.send(p.packet(b"\x01"))
        single.settle()
        assert single.database.committed == ["5"]


class TestInsertId:
    def test_it_survives_the_loss_of_the_connection_that_made_it(self, world: World) -> None:
        client = world.client()
        query(world, client, "INSERT 7")
        world.servers[0].kill()
        world.settle()
        query(world, client, "SELECT 1")
        assert value(world, client, "SELECT LAST_INSERT_ID()") == b"7"

    def test_a_reset_forgets_it(self, world: World) -> None:
        client = world.client()
        query(world, client, "INSERT 7")
        assert command(world, client, b"\x1f") == [(1, p.ok())]
        assert value(world, client, "SELECT LAST_INSERT_ID()") == b"0"

    def test_another_session_does_not_bring_it_back_after_a_reset(self, single: World) -> None:
        client, other = single.client(), single.client()
        query(single, client, "INSERT 7")
        command(single, client, b"\x1f")
        query(single, other, "SELECT 1")
        assert value(single, client, "SELECT LAST_INSERT_ID()") == b"0"

    @pytest.mark.parametrize("first", ["BEGIN", "SET @u='pinned'"])
    def test_it_is_known_in_a_transaction_that_began_later(self, single: World, first: str) -> None:
        client, other = single.client(), single.client()
        query(single, client, "INSERT 7")
        query(single, other, "SELECT 1")
        query(single, client, first)
        assert value(single, client, "SELECT LAST_INSERT_ID()") == b"7"

    def test_an_explicit_id_is_not_taken_for_it(self, single: World) -> None:
        client, other = single.client(), single.client()
        query(single, other, "INSERT 9")
        query(single, client, "SELECT 1")
        query(single, client, "INSERT EXPLICIT 50")
        assert value(single, client, "SELECT LAST_INSERT_ID()") == b"0"
        assert value(single, other, "SELECT LAST_INSERT_ID()") == b"9"


class TestStatus:
    def test_a_first_statement_that_fails_keeps_autocommit(self, world: World) -> None:
        client = world.client()
        query(world, client, "nonsense")
        world.advance(1.0)
        assert command(world, client, b"\x0e") == [(1, p.ok())]

    def test_the_first_result_set_says_autocommit(self, world: World) -> None:
        client = world.client()
        assert query(world, client, "SELECT 1")[2] == p.eof()

    def test_an_old_transaction_does_not_come_back_with_an_error(self, world: World) -> None:
        client = world.client()
        query(world, client, "BEGIN")
        assert command(world, client, b"\x1f") == [(1, p.ok())]
        query(world, client, "nonsense")
        world.advance(1.0)
        assert borrowed(world) == 0

    def test_a_local_eof_does_not_speak_of_changes(self, world: World) -> None:
        client = world.client()
        query(world, client, "SET sql_mode='ANSI'")
        assert command(world, client, b"\x1b\x01\x00") == [(1, p.eof())]


class TestLostConnections:
    def test_while_idle_without_a_tie_nobody_notices(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        world.servers[0].kill()
        world.settle()
        assert value(world, client, "SELECT 1") == b"1"

    def test_in_a_transaction_the_next_command_is_told_once(self, world: World) -> None:
        client = world.client()
        query(world, client, "BEGIN")
        world.servers[0].kill()
        world.settle()
        assert client.take() == b""
        assert rolled_back(query(world, client, "INSERT 1")[0])
        assert value(world, client, "SELECT 1") == b"1"
        assert world.database.committed == []

    def test_during_a_read(self, world: World) -> None:
        """It is run again on another connection."""
        client = world.client()
        expected = world.ask(client, "SELECT 1")
        world.servers[0].muted = True
        assert world.ask(client, "SELECT 1") == b""
        world.servers[0].kill()
        world.settle()
        assert client.take() == expected
        assert not client.closed
        assert borrowed(world) == 0

    def test_during_a_write(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        world.servers[0].muted = True
        assert world.ask(client, "INSERT 1") == b""
        world.servers[0].kill()
        world.settle()
        [(sequence, payload)] = p.split(client.take())
        assert (sequence, errno(payload)) == (1, 2013)
        assert b"it is unknown whether the write was committed" in payload
        assert not client.closed
        assert value(world, client, "SELECT 1") == b"1"
        assert [sql for _, sql in world.database.log if "INSERT" in sql] == []

    def test_within_a_response_the_client_is_closed(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        server = world.servers[0]
        server.muted = True
        world.ask(client, "SELECT 1")
        server.line.send(p.packets([p.number(1), p.column()]))
        world.settle()
        server.kill()
        world.settle()
        assert client.closed

    def test_during_the_replay(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "SET sql_mode='ANSI'")
        query(single, second, "SELECT 1")
        single.servers[0].muted = True
        assert single.ask(first, "SELECT 1") == b""
        single.servers[0].kill()
        single.settle()
        # Nothing of the session was lost: the statement runs on another connection.
        assert len(p.split(first.take())) == 5
        assert value(single, first, "SELECT @@sql_mode") == b"ANSI"

    def test_while_settling(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        server = world.servers[0]
        session = server.session
        assert session is not None
        answers = session.answer

        def answer(payload: bytes) -> list[bytes]:
            if payload.startswith(b"\x03SET @@session.collation_connection=@@"):
                server.kill()
                return []
            return answers(payload)

        session.answer = answer  # type: ignore[assignment, method-assign]
        query(world, client, "SET NAMES latin1")
        # Nobody knows what that has chosen.
        assert errno(query(world, client, "SELECT 1")[0]) == 2013
        assert value(world, client, "SELECT 1") == b"1"
        assert borrowed(world) == 0

    @pytest.mark.parametrize("payload", [CLOSE + bytes(4), LONG_DATA + bytes(6) + b"data"])
    def test_a_command_without_response_stays_without_one(self, world: World, payload: bytes) -> None:
        client = world.client()
        query(world, client, "BEGIN")
        world.servers[0].kill()
        world.settle()
        assert command(world, client, payload) == []
        assert rolled_back(query(world, client, "SELECT 1")[0])
        assert value(world, client, "SELECT 1") == b"1"

    @pytest.mark.parametrize("sql", ["SELECT 1", "INSERT 1"])
    def test_a_target_that_breaks_the_protocol_is_let_go(self, world: World, sql: str) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        [liar] = world.servers
        liar.muted = True
        world.ask(client, sql)
        liar.line.send(p.packet(b"", 1))
        world.settle()
        # Nothing of it may have reached the client as a response.
        [payload, *rest] = [payload for _, payload in p.split(client.take())]
        assert len(rest) == 4 if sql == "SELECT 1" else errno(payload) == 2013
        assert not liar.line.connected
        assert liar.session is not None
        assert liar.session.thread not in world.database.threads


class TestClientThatLeaves:
    def test_in_a_transaction_it_is_rolled_back(self, world: World) -> None:
        client = world.client()
        query(world, client, "BEGIN")
        query(world, client, "INSERT 1")
        client.line.hang_up(rudely=True)
        world.settle()
        assert world.database.committed == []
        assert borrowed(world) == 0
        assert not world.database.threads

    def test_a_running_statement_is_killed(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        world.servers[0].muted = True
        world.ask(client, "SELECT 1")
        client.line.hang_up(rudely=True)
        world.settle()
        assert "KILL CONNECTION 1" in [sql for _, sql in world.database.log]
        assert borrowed(world) == 0

    def test_during_the_replay_the_connection_stays(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "SET sql_mode='ANSI'")
        query(single, second, "SELECT 1")
        server = single.servers[0]
        server.line.stuck = True
        single.ask(first, "SELECT 1")
        first.line.hang_up()
        single.settle()
        server.line.stuck = False
        single.settle()
        assert value(single, second, "SELECT @@sql_mode") == b"STRICT_TRANS_TABLES"
        assert len(single.servers) == 1

    def test_while_its_connection_is_held(self, world: World) -> None:
        client = world.client()
        query(world, client, "nonsense")
        client.send(p.packet(b"\x01"))
        world.settle()
        assert client.closed
        assert borrowed(world) == 0


class TestMalformedCommands:
    @pytest.mark.parametrize("command", [b"\x19\x01\0\0", b"\x18\x01\0\0\0\0"])
    def test_commands_without_a_response_must_be_whole(self, world: World, command: bytes) -> None:
        """MySQL answers them where they are not, which nobody would expect."""
        client = world.client()
        client.send(p.packet(b"\x16SELECT 1"))
        world.settle()
        client.take()
        client.send(p.packet(command))
        world.settle()
        [(_, payload)] = p.split(client.take())
        assert (errno(payload), client.closed) == (1835, True)

    @pytest.mark.parametrize(
        ("data", "number"),
        [
            (p.packet(b"\x03SELECT 1", 1), 1156),
            (p.packet(b""), 1835),
            (b"\xff\xff\xff\x00\x03", 1153),
        ],
    )
    def test_the_client_is_told_and_closed(self, data: bytes, number: int) -> None:
        with proxied(max_statement_size=1 << 20) as world:
            client = world.client()
            client.send(data)
            world.settle()
            [(_, payload)] = p.split(client.take())
            assert errno(payload) == number
            assert client.closed

    @pytest.mark.parametrize(
        ("code", "number"),
        [(0x08, 1235), (0x12, 1235), (0x00, 1047), (0x21, 1047), (0xFF, 1047)],
    )
    def test_commands_with_no_place_here(self, world: World, code: int, number: int) -> None:
        client = world.client()
        [(sequence, payload)] = command(world, client, bytes((code, 1, 0, 0, 0)))
        assert (sequence, errno(payload)) == (1, number)
        assert value(world, client, "SELECT 1") == b"1"


class TestLongCommands:
    def test_a_long_statement_is_passed_on(self, world: World) -> None:
        client = world.client()
        sql = "SELECT 1" + " " * 1_000_000
        session_log = world.database.log
        client.query(sql)
        world.settle()
        assert session_log[-1][1] == sql
        client.take()

    def test_a_long_statement_that_is_refused_is_swallowed(self, single: World) -> None:
        first, second = single.client(), single.client()
        query(single, first, "BEGIN")
        sent = p.packet(b"\x03SELECT 1" + b" " * 1_000_000)
        second.send(sent[:500_000])
        single.settle()
        single.advance(121.0)
        assert second.take() == b""
        second.send(sent[500_000:])
        single.settle()
        [(_, payload)] = p.split(second.take())
        assert errno(payload) == 9501
        query(single, first, "COMMIT")
        assert value(single, second, "SELECT 1") == b"1"

    @pytest.mark.parametrize("head", [LONG_DATA + bytes(6), CLOSE, b"\x0e", b"\x1f", b"\x1b\x01\x00"])
    def test_a_long_local_command_is_no_two_commands(self, world: World, head: bytes) -> None:
        """What it holds must never be taken for commands."""
        client = world.client()
        smuggled = p.packet(b"\x03INSERT 66")
        body = head + smuggled * 60_000
        client.send(p.packet(body)[:300_000])
        world.settle()
        client.send(p.packet(body)[300_000:])
        world.settle()
        client.take()
        assert world.database.committed == []

    def test_a_lost_connection_while_uploading(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        sent = p.packet(b"\x03SELECT 1" + b" " * 1_000_000)
        client.send(sent[:500_000])
        world.settle()
        world.servers[0].kill()
        world.settle()
        client.send(sent[500_000:])
        world.settle()
        [(_, payload)] = p.split(client.take())
        assert errno(payload) == 2013
        assert value(world, client, "SELECT 1") == b"1"


class TestPipelining:
    def test_commands_are_answered_in_order(self, world: World) -> None:
        client = world.client()
        client.send(
            p.packet(b"\x03INSERT 1")
            + p.packet(b"\x0e")
            + p.packet(b"\x03nonsense")
            + p.packet(b"\x03INSERT 2")
        )
        world.settle()
        heads = [payload[:3] for _, payload in p.split(client.take())]
        assert heads == [b"\x00\x01\x01", b"\x00\x00\x00", b"\xff\x28\x04", b"\x00\x01\x02"]

    def test_many_commands_without_response(self, world: World) -> None:
        client = world.client()
        command(world, client, b"\x16SELECT 1")
        client.send(p.packet(CLOSE + (99).to_bytes(4, "little")) * 5000 + p.packet(b"\x03SELECT 1"))
        world.settle()
        assert len(p.split(client.take())) == 5

    def test_many_commands_with_one(self, world: World) -> None:
        client = world.client()
        client.send(p.packet(b"\x0e") * 3000 + p.packet(b"\x03INSERT 1") * 300)
        world.settle()
        assert len(p.split(client.take())) == 3300

    def test_a_client_that_sends_ahead_is_paused(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        world.servers[0].muted = True
        client.query("SELECT 1")
        for _ in range(20):
            client.send(p.packet(b"\x03SELECT 1" + b" " * 10_000))
        world.settle()
        assert not client.line.reading
        assert client.line.incoming
        world.servers[0].kill()
        world.settle()
        assert client.line.reading
        assert not client.line.incoming


class TestBackPressure:
    def test_a_slow_client_stops_the_database(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        server = world.servers[0]
        server.muted = True
        world.ask(client, "SELECT 1")
        client.line.stuck = True
        rows = [p.row([b"x" * 1000])] * 500
        for chunk in rows:
            server.line.send(p.packet(chunk, 4))
        server.line.incoming.insert(0, p.packets([p.number(1), p.column()]))
        world.settle()
        assert not server.line.reading
        assert len(client.line.outgoing) < 80_000
        client.line.stuck = False
        world.settle()
        assert server.line.reading
        server.line.send(p.packet(p.ok(header=0xFE), 5))
        world.settle()
        assert len(client.take()) > 500_000
        assert borrowed(world) == 0

    def test_a_connection_is_returned_reading(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        server = world.servers[0]
        server.muted = True
        world.ask(client, "SELECT 1")
        client.line.stuck = True
        server.line.send(
            p.packets([p.number(1), p.column(), *[p.row([b"x" * 60_000])] * 3, p.ok(header=0xFE)])
        )
        world.settle()
        assert borrowed(world) == 0
        assert server.line.reading

    def test_a_slow_database_stops_the_client(self, world: World) -> None:
        client = world.client()
        query(world, client, "SELECT 1")
        server = world.servers[0]
        server.line.stuck = True
        sent = p.packet(b"\x03SELECT 1" + b" " * 2_000_000)
        for start in range(0, len(sent), 65_536):
            client.send(sent[start : start + 65_536])
        world.settle()
        assert not client.line.reading
        assert len(server.line.outgoing) < 500_000
        server.line.stuck = False
        world.settle()
        assert client.line.reading
        assert len(p.split(client.take())) == 5


class TestLocalCommands:
    def test_ping_needs_no_connection(self, world: World) -> None:
        client = world.client()
        assert command(world, client, b"\x0e") == [(1, p.ok())]
        assert not world.servers

    def test_quit(self, world: World) -> None:
        client = world.client()
        assert command(world, client, b"\x01") == []
        assert client.closed

    def test_reset_connection_drops_everything_but_the_schema(self, world: World) -> None:
        client = world.client()
        for sql in ("USE shop", "SET sql_mode='ANSI'", "SET @u='a'", "BEGIN"):
            query(world, client, sql)
        assert command(world, client, b"\x1f") == [(1, p.ok())]
        assert borrowed(world) == 0
        assert value(world, client, "SELECT DATABASE()") == b"shop"
        assert value(world, client, "SELECT @@sql_mode") == b"STRICT_TRANS_TABLES"
        assert query(world, client, "SELECT @u")[3] == b"\xfb"

    @pytest.mark.parametrize("extra", [0, p.DEPRECATE_EOF])
    def test_set_option(self, world: World, extra: int) -> None:
        client = world.client(ClientPeer(p.CLIENT_CAPABILITIES | extra))
        expected = p.ok(header=0xFE) if extra else p.eof()
        assert command(world, client, b"\x1b\x00\x00") == [(1, expected)]
        query(world, client, "SELECT 1")
        assert world.servers[0].session is not None
        assert world.servers[0].session.multi
        assert errno(command(world, client, b"\x1b\x07\x00")[0][1]) == 1835

    def test_multi_statements_end_with_the_session_that_wanted_them(self, single: World) -> None:
        first = single.client(ClientPeer(p.CLIENT_CAPABILITIES | p.MULTI_STATEMENTS))
        query(single, first, "SET @u='a'")
        first.send(p.packet(b"\x01"))
        single.settle()
        second = single.client()
        assert errno(query(single, second, "SELECT 1; SELECT 1")[0]) == 1064

    def test_a_prepared_statement_keeps_no_connection(self, world: World) -> None:
        client = world.client()
        [(_, head)] = command(world, client, b"\x16SELECT 1")
        assert borrowed(world) == 0
        execute = b"\x17" + head[1:5] + b"\0\x01\0\0\0"
        assert len(command(world, client, execute)) == 5
        assert command(world, client, CLOSE + head[1:5]) == []
        assert errno(command(world, client, execute)[0][1]) == 1243

    def test_statistics(self, world: World) -> None:
        client = world.client()
        assert command(world, client, b"\x09") == [(1, b"Uptime: 1")]
        assert borrowed(world) == 0


LOCAL_FILES = 0x80


class TestLocalInfile:
    def test_the_file_goes_to_the_database_with_its_numbers(self, world: World) -> None:
        client = world.client(ClientPeer(p.CLIENT_CAPABILITIES | LOCAL_FILES))
        query(world, client, "SELECT 1")
        server = world.servers[0]
        server.muted = True
        world.ask(client, "LOAD DATA LOCAL INFILE 'x' INTO TABLE t")
        server.line.send(p.packet(b"\xfbx", 1))
        world.settle()
        assert p.split(client.take()) == [(1, b"\xfbx")]
        arrived: list[bytes] = []
        server.received = arrived.append  # type: ignore[assignment, method-assign]
        sent = p.packet(b"1,2\n" * 1000, 2) + p.packet(b"", 3)
        client.send(sent[:7])
        world.settle()
        client.send(sent[7:])
        world.settle()
        assert b"".join(arrived) == sent
        server.line.send(p.packet(p.ok(1000), 4))
        world.settle()
        assert p.split(client.take()) == [(4, p.ok(1000))]
        assert borrowed(world) == 0
