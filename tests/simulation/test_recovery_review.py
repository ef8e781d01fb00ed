"""What must not happen when connections are lost: writes run twice, false answers, state that is not one's own."""

import struct
from collections.abc import Iterator

import pytest

from proxy.mysql.session.fate import Fate
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.failing import FailingServer, KnownFate, demoted, errno, failing_world, ran, servant
from tests.peers.statements import StatementClient, StatementServer
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


def failover(world: World) -> KnownFate:
    found = world.context.failover
    assert isinstance(found, KnownFate)
    return found


def lose(client: StatementClient) -> None:
    """The connection that the client has breaks."""
    servant(client).line.hang_up(rudely=True)
    client.world.settle()


def answer_of(client: StatementClient) -> list[bytes]:
    return [payload for _, payload in p.split(client.peer.take())]


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
        ("pins", "unpins"), [("SELECT GET_LOCK('a', 1)", "DO RELEASE_LOCK('a')"), ("SELECT GET_LOCK('a', 1)", "SELECT RELEASE_LOCK('a')")]
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
        FailingServer.answers[READ] = [[p.number(1), p.column(), p.row([b"1"]), p.ok(header=0xFE, warnings=1)]]
        lose(client)
        assert errno(answer_of(client)) == 0
        FailingServer.answers["INSERT 7"] = [[demoted(1792)]]
        assert not client.has_connection

    def test_what_was_answered_by_the_proxy_is_over(self, world: World) -> None:
        """A long command has nothing kept that could be sent again, what was kept before it least of all."""
        client = StatementClient(world)
        client.query("BEGIN")
        client.query("INSERT 1")
        failover(world).fate_is = Fate.COMMITTED
        lose_during(client, "COMMIT")
        before = ran(world, "COMMIT")
        client.peer.send(p.packet(b"\x03SELECT 1" + b" " * 1_000_000))
        StatementServer.silent_to.add(3)
        world.settle()
        StatementServer.silent_to.clear()
        if client.has_connection:
            lose(client)
        world.settle()
        assert ran(world, "COMMIT") == before


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

    def test_a_pin_that_is_gone_is_told(self, world: World) -> None:
        client = StatementClient(world)
        client.query("SELECT GET_LOCK('a', 1)")
        failover(world).fate_is = Fate.NOT_COMMITTED
        [answer] = lose_during(client, "INSERT 1")
        assert errno([answer]) == 2013


class TestAfterReplay:
    def test_commands_behind_one_that_the_proxy_answers(self, safe: World) -> None:
        client = StatementClient(safe)
        client.query("BEGIN")
        client.query("INSERT 1")
        lose(client)
        close = struct.pack("<BI", 0x19, 99)
        client.peer.send(p.packet(b"\x1b\x00\x00") + p.packet(b"\x03" + READ.encode()))
        safe.settle()
        client.peer.send(p.packet(b"\x16SELECT ?") + p.packet(b"\x03" + READ.encode()))
        safe.settle()
        assert len(answer_of(client)) > 6

    def test_interrupted_while_half_of_an_answer_is_out(self, safe: World) -> None:
        client = StatementClient(safe)
        client.query("BEGIN")
        FailingServer.cut_short[READ] = 20
        client.query(READ)
        safe.route.use(None)
        lose(client)
        killer = StatementClient(safe)
        number = client.peer.line.protocol.number
        client.peer.take()
        killer.query(f"KILL QUERY {number}")
        safe.settle()
        assert client.peer.take() == b""
        safe.route.use(safe.pool)
