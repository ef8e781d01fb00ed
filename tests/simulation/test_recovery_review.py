"""What must not happen when connections are lost: writes run twice, false answers, what is another's."""

import struct
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from proxy.mysql.frontend.tenancy import Tenancy
from proxy.mysql.session.causal import NOT_TOLD
from proxy.mysql.session.fate import Fate
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.statement_kind import StatementKinds
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.failing import (
    FailingServer,
    answer_of,
    demoted,
    errno,
    failing_world,
    failover,
    lose,
    ran,
    servant,
)
from tests.peers.group_world import GroupWorld, grouped
from tests.peers.statements import EXECUTE, StatementClient
from tests.peers.world import World

READ = "SELECT 1"
LOCAL_FILES = 0x80


@pytest.fixture
def world() -> Iterator[World]:
    with failing_world(cap=3) as world:
        yield world


@pytest.fixture
def safe() -> Iterator[World]:
    with failing_world(cap=3, transaction_replay="safe") as world:
        yield world


def lose_during(client: StatementClient, text: str) -> list[bytes]:
    """The answer to a statement that was run, and whose answer is lost with the connection."""
    FailingServer.unanswered[text] = 1
    assert client.query(text) == []
    lose(client)
    return answer_of(client)


class TestSince:
    def test_a_write_is_as_old_as_its_sending(self, world: World) -> None:
        """What was known later may have the write in it: it would be taken for another one's."""
        client = StatementClient(world)
        sent_at = world.clock.seconds()
        FailingServer.unanswered["INSERT 7"] = 1
        client.query("INSERT 7")
        world.advance(5.0)
        client.peer.query(READ)
        world.settle()
        lose(client)
        [(_, asked_since)] = failover(world).asked
        assert asked_since <= sent_at


class TestTranscript:
    """Of a transaction that was not all recorded nothing is run again."""

    @pytest.mark.parametrize(
        ("pins", "unpins"),
        [
            ("SELECT GET_LOCK('a', 1)", "DO RELEASE_LOCK('a')"),
            ("SELECT GET_LOCK('a', 1)", "SELECT RELEASE_LOCK('a')"),
        ],
    )
    def test_a_pin_that_has_ended(self, safe: World, pins: str, unpins: str) -> None:
        client = StatementClient(safe)
        for text in ("BEGIN", "INSERT 1", pins, unpins, READ, "INSERT 2"):
            client.query(text)
        lose(client)
        client.query("INSERT 3")
        client.query("COMMIT")
        assert ran(safe, "INSERT 2") == 1
        assert safe.database.committed in ([], ["1", "2", "3"])

    def test_long_data(self, safe: World) -> None:
        client = StatementClient(safe)
        number = client.prepare("INSERT ?")
        client.query("BEGIN")
        client.query("INSERT 1")
        client.long_data(number, 0, b"two")
        assert errno(client.execute(number, b"")) == 0
        client.query("INSERT 3")
        lose(client)
        assert errno(client.query("INSERT 4")) == 1213
        assert ran(safe, "INSERT 3") == 1
        assert safe.database.committed == []

    def test_long_data_that_came_after_the_loss(self, safe: World) -> None:
        """It was dropped: what it was for must not be run without it."""
        client = StatementClient(safe)
        number = client.prepare("INSERT ?")
        client.query("BEGIN")
        client.query("INSERT 1")
        lose(client)
        client.long_data(number, 0, b"two")
        assert errno(client.execute(number, b"")) == 1213
        assert errno(client.query("COMMIT")) == 0
        assert safe.database.committed == []

    def test_cursor(self, safe: World) -> None:
        client = StatementClient(safe)
        number = client.prepare("SELECT ?")
        client.query("BEGIN")
        client.query("INSERT 1")
        client.execute(number, 5, cursor=True)
        client.fetch(number, 10)
        client.query("INSERT 3")
        lose(client)
        assert errno(client.query("INSERT 4")) == 1213
        assert ran(safe, "INSERT 3") == 1
        assert safe.database.committed == []


class TestHalfAnswered:
    def test_what_has_committed_is_not_resumed(self, safe: World) -> None:
        """A statement may commit first, and then have rows."""
        client = StatementClient(safe)
        client.query("BEGIN")
        client.query("INSERT 1")
        text = "ANALYZE TABLE t"
        FailingServer.answers[text] = [[p.number(1), p.column(), p.row([b"ok"]), p.ok(header=0xFE)]] * 2
        FailingServer.partial[text] = 20
        servant(client).session._commit()
        client.query(text)
        lose(client)
        assert ran(safe, "INSERT 1") == 1
        assert client.peer.closed

    def test_a_file_is_not_asked_for_twice(self, safe: World) -> None:
        client = safe.client(ClientPeer(p.CLIENT_CAPABILITIES | LOCAL_FILES))
        safe.ask(client, "BEGIN")
        text = "LOAD DATA LOCAL INFILE 'x' INTO TABLE t"
        FailingServer.answers[text] = [[b"\xfbx"], [b"\xfbx"]]
        assert p.split(safe.ask(client, text)) == [(1, b"\xfbx")]
        server = servant(client)
        server.line.stuck = True
        client.send(p.packet(b"rows", 2) + p.packet(b"", 3))
        safe.settle()
        server.line.hang_up(rudely=True)
        safe.advance(1.0)
        assert client.closed
        assert ran(safe, text) == 1


class TestRerun:
    def test_a_procedure_may_have_done_a_part(self, world: World) -> None:
        client = StatementClient(world)
        client.query(READ)
        FailingServer.answers["CALL p()"] = [[demoted()]]
        client.query("CALL p()")
        assert ran(world, "CALL p()") == 1

    def test_the_connection_of_a_guarded_read_is_not_kept(self, world: World) -> None:
        client = StatementClient(world)
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        FailingServer.answers[READ] = [
            [p.number(1), p.column(), p.row([b"1"]), p.ok(header=0xFE, warnings=1)]
        ]
        lose(client)
        assert errno(answer_of(client)) == 0
        assert not client.has_connection

    def test_what_was_answered_by_the_proxy_is_over(self, world: World) -> None:
        """A long command has nothing kept that could be sent again, what was kept before it least of all."""
        client = StatementClient(world)
        client.query("BEGIN")
        client.query("INSERT 1")
        failover(world).fate_is = Fate.COMMITTED
        lose_during(client, "COMMIT")
        long = READ + " " * 1_000_000
        FailingServer.unanswered[long] = 1
        client.query(long)
        lose(client)
        assert ran(world, "COMMIT") == 1


class TestCommitted:
    """An OK must be true in all that follows from it."""

    @pytest.mark.parametrize("text", ["BEGIN", "COMMIT AND CHAIN", "START TRANSACTION"])
    def test_what_begins_another_transaction(self, world: World, text: str) -> None:
        client = StatementClient(world)
        client.query("BEGIN")
        client.query("INSERT 1")
        failover(world).fate_is = Fate.COMMITTED
        [answer] = lose_during(client, text)
        assert errno([answer]) == 2013

    def test_a_definition(self, world: World) -> None:
        """The transaction before it was committed; of itself nobody knows."""
        client = StatementClient(world)
        client.query("BEGIN")
        client.query("INSERT 1")
        failover(world).fate_is = Fate.COMMITTED
        [answer] = lose_during(client, "ALTER TABLE t")
        assert errno([answer]) == 2013

    def test_autocommit(self, world: World) -> None:
        client = StatementClient(world)
        client.query("SET autocommit=0")
        client.query("INSERT 1")
        failover(world).fate_is = Fate.COMMITTED
        [answer] = lose_during(client, "SET autocommit=1")
        assert errno([answer]) == 2013 or client.session.settings.variables["autocommit"] == "ON"

    def test_a_distributed_transaction(self, world: World) -> None:
        """That it is prepared has a GTID, too."""
        client = StatementClient(world)
        failover(world).fate_is = Fate.COMMITTED
        FailingServer.unread["/* a */ XA PREPARE 'a'"] = 1
        client.query("/* a */ XA PREPARE 'a'")
        lose(client)
        [answer] = answer_of(client)
        assert errno([answer]) == 2013
        assert b"unknown" in answer

    @pytest.mark.parametrize("fate", Fate)
    def test_no_reader_is_known_to_have_it(self, world: World, fate: Fate) -> None:
        """With causal reads the writer is asked from now on."""
        client = StatementClient(world)
        failover(world).fate_is = fate
        lose_during(client, "INSERT 1")
        assert client.session.last_gtid == NOT_TOLD

    def test_a_pin_that_is_gone_is_told(self, world: World) -> None:
        client = StatementClient(world)
        client.query("SELECT GET_LOCK('a', 1)")
        failover(world).fate_is = Fate.NOT_COMMITTED
        [answer] = lose_during(client, "INSERT 1")
        assert errno([answer]) == 2013


class TestAfterReplay:
    def begun(self, world: World) -> StatementClient:
        client = StatementClient(world)
        client.query("BEGIN")
        client.query("INSERT 1")
        return client

    def test_commands_behind_one_that_the_proxy_answers(self, safe: World) -> None:
        client = self.begun(safe)
        lose(client)
        execute = struct.pack("<BIBI", EXECUTE, 99, 0, 1)
        client.peer.send(p.packet(execute) + p.packet(b"\x03" + READ.encode()))
        safe.settle()
        error, *answer = answer_of(client)
        assert errno([error]) == 1243
        assert answer[2][1:] == b"1"

    def test_interrupted_while_half_of_an_answer_is_out(self, safe: World) -> None:
        """Nothing but the rest may follow."""
        client = self.begun(safe)
        FailingServer.cut_short[READ] = 20
        client.query(READ)
        killer = StatementClient(safe)
        FailingServer.unanswered["INSERT 1"] = 1
        lose(client)
        client.peer.take()
        killer.query(f"KILL QUERY {client.peer.line.protocol.number}")
        servant(client).line.send(p.packets([p.ok(affected=1, insert_id=1, status=3)]))
        safe.settle()
        assert client.peer.closed
        assert client.peer.take() == b""

    def test_a_rollback_ends_it(self, safe: World) -> None:
        client = self.begun(safe)
        lose(client)
        client.query("ROLLBACK")
        client.query("INSERT 2")
        assert ran(safe, "BEGIN") == 1
        assert safe.database.committed == ["2"]


def test_the_insert_id_of_a_connection_that_is_dead(world: World) -> None:
    """What a connection would have known is given to the one that takes its place."""
    client = StatementClient(world)
    client.query("INSERT 7")
    keeper = client.session.insert_id_at
    keeper.settings = FRESH.changed(schema="shop")
    [server] = [each for each in FailingServer.everyone if each.session.thread == keeper.thread_id]
    with patch.object(server, "_command", lambda _: server.line.hang_up(rudely=True)):
        answer = client.query("SELECT LAST_INSERT_ID()")
    assert answer[2][1:] == b"7"


class TestSplit:
    ROW = "SELECT id FROM t WHERE id=5"

    @pytest.fixture
    def group(self) -> Iterator[GroupWorld]:
        with grouped(routing="read_write_split") as world:
            yield world

    def asked(self, group: GroupWorld, *texts: str) -> str:
        """Who was asked for the row, by a client that sends these one after the other."""
        client = group.client()
        group.pass_time(1.0)
        for text in texts:
            client.query(text)
            group.pass_time(1.0)
        client.line.hang_up()
        group.pass_time(1.0)
        [line] = [line for line in group.story if "is asked for 5" in line]
        return line.split()[1]

    def test_reads_of_a_session_with_an_insert_id(self, group: GroupWorld) -> None:
        assert self.asked(group, "INSERT 5", self.ROW) in ("two", "three")

    def test_a_schema_that_readers_do_not_have_yet(self, group: GroupWorld) -> None:
        """The session does not lose it."""
        for name in ("two", "three"):
            group.servers[name].schemas.clear()
        assert self.asked(group, "USE shop", self.ROW) == "one"

    def test_what_would_keep_a_readers_connection(self, world: World) -> None:
        client = StatementClient(world)
        number = client.prepare("SELECT ?")
        world.context.kinds = StatementKinds()
        with patch.object(Tenancy, "acquire", autospec=True, side_effect=Tenancy.acquire) as acquired:
            client.execute(number, 1)
            client.execute(number, 1, cursor=True)
            client.fetch(number, 10)
            client.session.wants_diagnostics = True
            client.query(READ)
        executed, with_cursor, _, pinning = (call.args[1] for call in acquired.call_args_list)
        assert executed.is_read
        assert not with_cursor.is_read
        assert not pinning.is_read


def test_a_reader_that_shuts_down(world: World) -> None:
    client = StatementClient(world)
    world.context.writes = False
    FailingServer.answers[READ] = [[demoted(1053)]]
    assert client.value(READ) == b"1"
