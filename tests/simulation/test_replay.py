"""Transactions that are had again on another connection (transaction_replay = "safe")."""

from collections.abc import Iterator

import attrs
import pytest

from proxy.mysql.frontend.replay_phase import MAX_REPLAYS
from proxy.mysql.session.fate import Fate
from tests.peers import packets as p
from tests.peers.failing import (
    FailingServer,
    answer_of,
    demoted,
    errno,
    failing_world,
    failover,
    lose,
    ran,
)
from tests.peers.statements import EXECUTE, StatementClient
from tests.peers.world import World

READ = "SELECT 1"
TIMEOUT = 10.0


@pytest.fixture
def world() -> Iterator[World]:
    with failing_world(cap=3, transaction_replay="safe", transaction_replay_timeout=TIMEOUT) as world:
        yield world


@pytest.fixture
def client(world: World) -> StatementClient:
    return StatementClient(world)


def begin(client: StatementClient, *texts: str) -> None:
    """A transaction with a row in it, and more."""
    for text in ("BEGIN", "INSERT 1", *texts):
        assert errno(client.query(text)) == 0


def lose_during(client: StatementClient, text: str) -> list[bytes]:
    """The answer to a statement whose first connection is lost before it is run."""
    FailingServer.unread[text] = 1
    assert client.query(text) == []
    lose(client)
    return answer_of(client)


def is_told(answer: list[bytes]) -> bool:
    """Whether it is the error about a transaction that could not be had again."""
    [error] = answer
    return errno([error]) == 1213 and b"is rolled back" in error


class TestEqual:
    def test_during_a_statement(self, world: World, client: StatementClient) -> None:
        begin(client, READ)
        assert errno(lose_during(client, "INSERT 2")) == 0
        assert errno(client.query("COMMIT")) == 0
        assert world.database.committed == ["1", "2"]
        assert (ran(world, "BEGIN"), ran(world, "INSERT 1"), ran(world, READ)) == (2, 2, 2)

    def test_during_a_read(self, client: StatementClient) -> None:
        begin(client)
        assert lose_during(client, "SELECT PENDING()")[2][1:] == b"1"

    def test_while_the_client_is_silent(self, world: World, client: StatementClient) -> None:
        """Nobody waits: it is had again when the next command comes."""
        begin(client)
        lose(client)
        assert ran(world, "BEGIN") == 1
        assert not client.has_connection
        assert client.value("SELECT PENDING()") == b"1"
        assert ran(world, "BEGIN") == 2
        client.query("COMMIT")
        assert world.database.committed == ["1"]

    @pytest.mark.parametrize("text", ["ROLLBACK", "rollback work;"])
    def test_a_rollback_needs_no_replay(self, world: World, client: StatementClient, text: str) -> None:
        begin(client)
        lose(client)
        assert client.query(text) == [p.ok()]
        assert ran(world, "BEGIN") == 1
        assert client.value("SELECT PENDING()") == b"0"
        assert not client.has_connection

    def test_the_client_has_every_answer_once(self, client: StatementClient) -> None:
        begin(client)
        lose(client)
        assert len(client.query(READ)) == 4

    def test_errors_are_equal_too(self, world: World, client: StatementClient) -> None:
        begin(client)
        assert errno(client.query("INSERT BAD")) == 1062
        assert errno(lose_during(client, "INSERT 2")) == 0
        client.query("COMMIT")
        assert world.database.committed == ["1", "2"]

    def test_settings_from_before_it(self, world: World, client: StatementClient) -> None:
        client.query("SET sql_mode='ANSI'")
        begin(client, "SELECT @@sql_mode")
        lose(client)
        assert client.value("SELECT @@sql_mode") == b"ANSI"

    def test_without_autocommit(self, world: World, client: StatementClient) -> None:
        client.query("SET autocommit=0")
        client.query("INSERT 1")
        assert errno(lose_during(client, "INSERT 2")) == 0
        assert world.database.committed == []
        client.query("COMMIT")
        assert world.database.committed == ["1", "2"]

    def test_savepoints(self, world: World, client: StatementClient) -> None:
        begin(client, "SAVEPOINT a", "INSERT 2")
        lose(client)
        assert errno(client.query("ROLLBACK TO a")) == 0
        assert errno(client.query("ROLLBACK TO b")) == 1305

    def test_transactions_before_it_are_none_of_its(self, world: World, client: StatementClient) -> None:
        begin(client, "COMMIT", "INSERT 5")
        begin(client)
        assert errno(lose_during(client, "COMMIT")) == 2013
        assert world.database.committed == ["1", "5"]
        begin(client)
        lose(client)
        client.query("COMMIT")
        assert world.database.committed == ["1", "5", "1"]
        assert ran(world, "INSERT 5") == 1

    def test_a_demotion(self, world: World, client: StatementClient) -> None:
        begin(client)
        FailingServer.answers["INSERT 2"] = [[demoted()]]
        assert errno(client.query("INSERT 2")) == 0
        assert len(failover(world).left) == 1
        client.query("COMMIT")
        assert world.database.committed == ["1", "2"]

    def test_a_shutdown(self, world: World, client: StatementClient) -> None:
        begin(client)
        FailingServer.answers["INSERT 2"] = [[demoted(1053)]]
        assert errno(client.query("INSERT 2")) == 0
        client.query("COMMIT")
        assert world.database.committed == ["1", "2"]

    def test_while_there_is_no_target_it_waits(self, world: World, client: StatementClient) -> None:
        begin(client)
        lose(client)
        world.route.use(None)
        assert client.query(READ) == []
        world.advance(TIMEOUT / 2)
        world.route.use(world.pool)
        world.settle()
        assert answer_of(client)[2][1:] == b"1"
        client.query("COMMIT")
        assert world.database.committed == ["1"]


class TestHalfAnswered:
    """Part of a response is with the client: the rest of it follows, or the client is closed."""

    ROWS = (p.number(1), p.column(b"c"), p.row([b"1"]), p.row([b"2"]), p.ok(header=0xFE, status=3))

    def half(self, client: StatementClient, sent: int = 45) -> bytes:
        """A read in a transaction whose connection is about to be lost; what the client has of its answer."""
        begin(client)
        whole = p.packets(self.ROWS)
        FailingServer.answers["SELECT rows"] = [list(self.ROWS)]
        FailingServer.partial["SELECT rows"] = sent
        assert 0 < sent < len(whole)
        client.peer.query("SELECT rows")
        client.world.settle()
        return client.peer.take()

    @pytest.mark.parametrize("sent", [6, 12, 37, 45, 50])
    def test_the_rest_follows(self, world: World, client: StatementClient, sent: int) -> None:
        had = self.half(client, sent)
        FailingServer.answers["SELECT rows"] = [list(self.ROWS)]
        lose(client)
        assert had + client.peer.take() == p.packets(self.ROWS)
        client.query("COMMIT")
        assert world.database.committed == ["1"]

    def test_and_it_may_be_had_again_once_more(self, world: World, client: StatementClient) -> None:
        self.half(client)
        FailingServer.answers["SELECT rows"] = [list(self.ROWS), list(self.ROWS)]
        lose(client)
        client.peer.take()
        lose(client)
        assert errno(client.query("COMMIT")) == 0
        assert world.database.committed == ["1"]

    @pytest.mark.parametrize(
        "other",
        [
            (p.number(1), p.column(b"c"), p.row([b"9"]), p.row([b"2"]), p.ok(header=0xFE, status=3)),
            (p.number(1), p.column(b"c"), p.ok(header=0xFE, status=3)),
            (p.err(1146, b"no such table", b"42S02"),),
            (p.err(1213, b"Deadlock", b"40001"),),
            (demoted(),),
        ],
    )
    def test_another_result_closes_it(
        self, world: World, client: StatementClient, other: tuple[bytes, ...]
    ) -> None:
        self.half(client)
        FailingServer.answers["SELECT rows"] = [list(other)]
        lose(client)
        assert client.peer.take() == b""
        assert client.peer.closed
        assert world.database.committed == []
        assert world.pool.borrowed == 0

    @pytest.mark.parametrize("sent", [0, 20, 45, 50])
    def test_a_second_loss_closes_it(self, world: World, client: StatementClient, sent: int) -> None:
        had = self.half(client)
        FailingServer.answers["SELECT rows"] = [list(self.ROWS), list(self.ROWS)]
        FailingServer.partial["SELECT rows"] = sent
        lose(client)
        more = client.peer.take()
        lose(client)
        assert client.peer.closed
        assert client.peer.take() == b""
        assert p.packets(self.ROWS).startswith(had + more)
        assert world.pool.borrowed == 0

    def test_without_a_target_it_is_closed_in_the_end(self, world: World, client: StatementClient) -> None:
        self.half(client)
        world.route.use(None)
        lose(client)
        assert not client.peer.closed
        world.advance(TIMEOUT + 1)
        assert client.peer.closed
        assert client.peer.take() == b""
        world.route.use(world.pool)


class TestCommit:
    def test_in_doubt_it_is_not_run_again(self, world: World, client: StatementClient) -> None:
        begin(client)
        [error] = lose_during(client, "COMMIT")
        assert errno([error]) == 2013
        assert b"it is unknown whether the transaction was committed" in error
        assert ran(world, "BEGIN") == 1
        assert client.value("SELECT PENDING()") == b"0"

    def test_that_is_there_is_not_either(self, world: World, client: StatementClient) -> None:
        begin(client)
        failover(world).fate_is = Fate.COMMITTED
        assert lose_during(client, "COMMIT") == [p.ok()]
        assert ran(world, "BEGIN") == 1
        assert client.value("SELECT PENDING()") == b"0"

    def test_that_is_not_there_is_run_with_all_before_it(self, world: World, client: StatementClient) -> None:
        begin(client)
        failover(world).fate_is = Fate.NOT_COMMITTED
        assert errno(lose_during(client, "COMMIT")) == 0
        assert world.database.committed == ["1"]
        assert ran(world, "BEGIN") == 2
        assert not client.has_connection


class TestDifferent:
    def test_a_result(self, world: World, client: StatementClient) -> None:
        begin(client, READ)
        FailingServer.answers[READ] = [
            [p.number(1), p.column(b"c"), p.row([b"2"]), p.ok(header=0xFE, status=3)]
        ]
        assert is_told(lose_during(client, "INSERT 2"))
        assert world.database.committed == []
        assert ran(world, "INSERT 2") == 0
        assert client.value("SELECT PENDING()") == b"0"
        assert not client.has_connection

    def test_while_the_client_is_silent(self, world: World, client: StatementClient) -> None:
        begin(client)
        lose(client)
        FailingServer.answers["INSERT 1"] = [[p.ok(affected=2, insert_id=1, status=3)]]
        assert is_told(client.query("INSERT 2"))
        assert client.value("SELECT PENDING()") == b"0"
        assert errno(client.query("INSERT 3")) == 0
        assert world.database.committed == ["3"]

    def test_an_error(self, world: World, client: StatementClient) -> None:
        begin(client)
        lose(client)
        FailingServer.answers["INSERT 1"] = [[p.err(1062, b"Duplicate entry", b"23000")]]
        assert is_told(client.query("COMMIT"))
        assert world.database.committed == []

    def test_fewer_rows(self, world: World, client: StatementClient) -> None:
        begin(client, READ)
        FailingServer.answers[READ] = [[p.number(1), p.column(b"c"), p.ok(header=0xFE, status=3)]]
        assert is_told(lose_during(client, "INSERT 2"))
        assert ran(world, "INSERT 2") == 0

    def test_more_rows(self, world: World, client: StatementClient) -> None:
        begin(client, READ)
        rows = [p.row([b"1"]), p.row([b"1"])]
        FailingServer.answers[READ] = [[p.number(1), p.column(b"c"), *rows, p.ok(header=0xFE, status=3)]]
        assert is_told(lose_during(client, "INSERT 2"))
        assert ran(world, "INSERT 2") == 0

    def test_what_breaks_the_protocol(self, world: World, client: StatementClient) -> None:
        begin(client)
        FailingServer.answers["INSERT 1"] = [[b""]]
        assert is_told(lose_during(client, "INSERT 2"))
        assert client.value("SELECT PENDING()") == b"0"

    def test_nothing_is_returned_in_a_transaction(self, world: World, client: StatementClient) -> None:
        begin(client)
        FailingServer.answers["INSERT 1"] = [[p.ok(affected=2, status=3)]]
        lose_during(client, "INSERT 2")
        assert world.pool.borrowed == 0
        assert all(not session.in_trans for session in world.database.threads.values())


class TestNotRepeatable:
    @pytest.mark.parametrize(
        "text",
        [
            "CALL keeps('x')",
            "SET @a='x'",
            "SET sql_mode='ANSI'",
            "LOCK TABLES t READ",
            "SELECT LAST_INSERT_ID()",
        ],
    )
    def test_what_leaves_or_reads_more_than_it_shows(
        self, world: World, client: StatementClient, text: str
    ) -> None:
        begin(client, text)
        lose(client)
        assert errno(client.query("COMMIT")) in (1213, 2013)
        assert ran(world, "BEGIN") == 1
        assert world.database.committed == []

    @pytest.mark.parametrize("text", ["BEGIN", "START TRANSACTION"])
    def test_a_transaction_that_begins_within_one(
        self, world: World, client: StatementClient, text: str
    ) -> None:
        """What came before has been committed, and must not be run again."""
        begin(client, text, "INSERT 2")
        lose(client)
        assert errno(client.query("COMMIT")) == 1213
        assert world.database.committed == ["1"]
        assert (ran(world, "INSERT 1"), ran(world, "INSERT 2")) == (1, 1)

    @pytest.mark.parametrize("text", ["COMMIT AND CHAIN", "COMMIT", "ROLLBACK AND CHAIN", "ROLLBACK"])
    def test_an_end_that_is_a_beginning(self, world: World, client: StatementClient, text: str) -> None:
        """As is a mere COMMIT where completion_type is CHAIN."""
        begin(client)
        FailingServer.answers[text] = [[p.ok(status=p.AUTOCOMMIT | p.IN_TRANS)]]
        client.query(text)
        lose(client)
        assert errno(client.query("INSERT 2")) == 1213
        assert ran(world, "INSERT 1") == 1

    def test_the_beginning_of_another_that_is_not_answered(
        self, world: World, client: StatementClient
    ) -> None:
        begin(client)
        failover(world).fate_is = Fate.NOT_COMMITTED
        assert errno(lose_during(client, "BEGIN")) == 0
        assert world.database.committed == ["1"]
        client.query("INSERT 2")
        client.query("COMMIT")
        assert world.database.committed == ["1", "2"]

    @pytest.mark.parametrize(
        ("number", "state"),
        [(1205, b"HY000"), (1213, b"40001"), (1206, b"HY000"), (1020, b"HY000"), (3101, b"40000")],
    )
    def test_an_error_with_which_a_server_may_roll_back(
        self, world: World, client: StatementClient, number: int, state: bytes
    ) -> None:
        begin(client)
        FailingServer.answers["INSERT 2"] = [[p.err(number, b"try again", state)]]
        client.query("INSERT 2")
        lose(client)
        assert errno(client.query("COMMIT")) == 1213
        assert ran(world, "BEGIN") == 1

    def test_several_statements_in_one_text(self, world: World, client: StatementClient) -> None:
        client.command(b"\x1b\x00\x00")
        begin(client)
        client.query("INSERT 2; INSERT 3")
        lose(client)
        assert errno(client.query("COMMIT")) == 1213
        assert ran(world, "BEGIN") == 1

    def test_cursors(self, world: World, client: StatementClient) -> None:
        number = client.prepare("SELECT ?")
        begin(client)
        client.execute(number, 1, cursor=True)
        lose(client)
        assert errno(client.query("COMMIT")) in (1213, 2013)
        assert ran(world, "BEGIN") == 1

    def test_it_is_off_by_default(self) -> None:
        with failing_world(cap=2) as world:
            client = StatementClient(world)
            begin(client)
            lose(client)
            assert errno(client.query("COMMIT")) == 1213
            assert ran(world, "BEGIN") == 1

    def test_where_rds_would_pin(self) -> None:
        with failing_world(cap=2, transaction_replay="safe", pinning="rds") as world:
            client = StatementClient(world)
            begin(client)
            lose(client)
            assert errno(client.query("COMMIT")) == 1213
            assert ran(world, "BEGIN") == 1

    def test_the_next_transaction_may_again(self, world: World, client: StatementClient) -> None:
        begin(client, "SELECT LAST_INSERT_ID()", "ROLLBACK")
        begin(client)
        lose(client)
        assert errno(client.query("COMMIT")) == 0
        assert world.database.committed == ["1"]


class TestLimits:
    def test_of_size(self) -> None:
        with failing_world(cap=2, transaction_replay="safe", transaction_replay_max_size=1000) as world:
            client = StatementClient(world)
            begin(client, READ + " " * 900)
            lose(client)
            assert errno(client.query(READ)) == 0
            client.query(READ + " " * 900)
            lose(client)
            assert errno(client.query("COMMIT")) == 1213
            assert ran(world, "BEGIN") == 2

    def test_of_time_without_a_target(self, world: World, client: StatementClient) -> None:
        begin(client)
        lose(client)
        world.route.use(None)
        assert client.query(READ) == []
        world.advance(TIMEOUT - 1)
        assert answer_of(client) == []
        world.advance(1.5)
        assert is_told(answer_of(client))
        assert not world.route.waiting
        world.route.use(world.pool)
        assert client.value("SELECT PENDING()") == b"0"

    def test_of_time_where_a_target_does_not_answer(self, world: World, client: StatementClient) -> None:
        begin(client)
        lose(client)
        FailingServer.unread["INSERT 1"] = 1
        assert client.query(READ) == []
        world.advance(TIMEOUT - 1)
        assert answer_of(client) == []
        world.advance(1.5)
        assert is_told(answer_of(client))
        assert client.value("SELECT PENDING()") == b"0"
        assert world.pool.borrowed == 0

    def test_of_replays(self, world: World, client: StatementClient) -> None:
        begin(client)
        for _ in range(MAX_REPLAYS):
            lose(client)
            assert errno(client.query(READ)) == 0
        lose(client)
        assert errno(client.query(READ)) == 1213
        assert ran(world, "BEGIN") == 1 + MAX_REPLAYS

    def test_the_next_transaction_has_as_many(self, world: World, client: StatementClient) -> None:
        for _ in range(2):
            begin(client)
            for _ in range(MAX_REPLAYS):
                lose(client)
                assert errno(client.query(READ)) == 0
            assert errno(client.query("COMMIT")) == 0
        assert world.database.committed == ["1", "1"]

    def test_no_timer_is_left(self, world: World, client: StatementClient) -> None:
        begin(client)
        lose(client)
        before = len(world.clock.getDelayedCalls())
        client.query(READ)
        assert len(world.clock.getDelayedCalls()) <= before
        client.query("ROLLBACK")


class TestPrepared:
    def test_executions(self, world: World, client: StatementClient) -> None:
        number = client.prepare("INSERT ?")
        begin(client)
        client.execute(number, 2)
        client.execute(number, 3, types=False)
        lose(client)
        assert errno(client.execute(number, 4, types=False)) == 0
        assert errno(client.query("COMMIT")) == 0
        assert world.database.committed == ["1", "2", "3", "4"]
        assert not client.has_connection

    def test_during_one(self, world: World, client: StatementClient) -> None:
        number = client.prepare("SELECT ?")
        begin(client)
        assert client.result(number, 2) == b"2"
        FailingServer.silent_to.add(EXECUTE)
        assert client.execute(number, 3) == []
        FailingServer.silent_to.clear()
        lose(client)
        assert answer_of(client)[2][3:] == b"3"
        assert client.result(number, 4) == b"4"
        client.query("COMMIT")
        assert world.database.committed == ["1"]

    def test_prepared_within_and_closed_again(self, world: World, client: StatementClient) -> None:
        begin(client)
        number = client.prepare("INSERT ?")
        client.execute(number, 2)
        client.close(number)
        other = client.prepare("INSERT ?")
        client.execute(other, 3)
        lose(client)
        assert errno(client.execute(other, 4)) == 0
        client.query("COMMIT")
        assert world.database.committed == ["1", "2", "3", "4"]

    def test_the_preparation_itself_is_lost(self, world: World, client: StatementClient) -> None:
        begin(client)
        FailingServer.silent_to.add(0x16)
        assert client.command(b"\x16INSERT ?") == []
        FailingServer.silent_to.clear()
        lose(client)
        answer = answer_of(client)
        assert answer[0][:1] == b"\0"
        number = int.from_bytes(answer[0][1:5], "little")
        assert errno(client.execute(number, 2)) == 0
        client.query("COMMIT")
        assert world.database.committed == ["1", "2"]


class TestMeanwhile:
    def held(self, world: World, client: StatementClient) -> None:
        """A replay that does not come on: the target is slow."""
        begin(client)
        lose(client)
        FailingServer.unread["INSERT 1"] = 1
        assert client.query("INSERT 2") == []

    @pytest.mark.parametrize("rudely", [True, False])
    def test_the_client_goes(self, world: World, client: StatementClient, rudely: bool) -> None:
        self.held(world, client)
        client.peer.line.hang_up(rudely=rudely)
        world.settle()
        assert world.pool.borrowed == 0
        assert world.database.committed == []
        assert all(not session.in_trans for session in world.database.threads.values())

    def test_the_client_goes_while_it_waits_for_a_connection(
        self, world: World, client: StatementClient
    ) -> None:
        begin(client)
        lose(client)
        world.route.use(None)
        client.query("INSERT 2")
        client.peer.line.hang_up()
        world.settle()
        world.route.use(world.pool)
        world.settle()
        assert ran(world, "BEGIN") == 1
        assert world.pool.borrowed == 0

    def test_it_is_killed_while_it_waits(self, world: World, client: StatementClient) -> None:
        killer = StatementClient(world)
        begin(client)
        lose(client)
        world.route.use(None)
        client.query("INSERT 2")
        killer.peer.query(f"KILL QUERY {client.peer.line.protocol.number}")
        world.settle()
        assert errno(answer_of(client)) in (1213, 1317)
        world.route.use(world.pool)
        assert client.value("SELECT PENDING()") == b"0"
        assert ran(world, "INSERT 2") == 0

    def test_the_connection_is_lost_again(self, world: World, client: StatementClient) -> None:
        """While it is replayed; the client may try again by itself."""
        self.held(world, client)
        lose(client)
        assert is_told(answer_of(client))
        assert client.value("SELECT PENDING()") == b"0"
        assert world.pool.borrowed == 0

    def test_the_connection_is_lost_again_after_it(self, world: World, client: StatementClient) -> None:
        begin(client)
        assert errno(lose_during(client, "INSERT 2")) == 0
        assert errno(lose_during(client, "INSERT 3")) == 0
        client.query("COMMIT")
        assert world.database.committed == ["1", "2", "3"]

    def test_the_statement_after_it_is_lost_too(self, world: World, client: StatementClient) -> None:
        begin(client)
        FailingServer.unread["INSERT 2"] = 2
        assert client.query("INSERT 2") == []
        lose(client)
        assert answer_of(client) == []
        lose(client)
        assert errno(answer_of(client)) == 0
        client.query("COMMIT")
        assert world.database.committed == ["1", "2"]

    def test_more_commands_come(self, world: World, client: StatementClient) -> None:
        self.held(world, client)
        client.peer.query(READ)
        client.peer.send(p.packet(b"\x0e"))
        world.settle()
        lose(client)
        error, *rest = answer_of(client)
        assert is_told([error])
        assert len(rest) == 5

    def test_the_proxy_ends_it(self, world: World, client: StatementClient) -> None:
        """A drain waits for transactions, the one that is had again among them."""
        begin(client)
        lose(client)
        client.peer.line.protocol.drain()
        world.settle()
        assert not client.peer.closed or world.database.committed == []


def test_what_was_said_of_the_transaction_before_it_began(world: World, client: StatementClient) -> None:
    """A characteristic of the next transaction stays the session's, and its connection with it."""
    said = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"
    FailingServer.answers[said] = [[p.ok(session=p.characteristics(said.encode() + b";"))] for _ in range(2)]
    client.query(said)
    assert client.has_connection
    lose(client)
    client.query("SET sql_mode='ANSI'")
    assert ran(world, said) == 2
    assert client.has_connection


def test_options_of_a_later_reload(world: World, client: StatementClient) -> None:
    """Sessions go on as they have begun."""
    begin(client)
    world.context.options = attrs.evolve(world.context.options, transaction_replay="off")
    lose(client)
    assert errno(client.query("COMMIT")) == 0
    assert world.database.committed == ["1"]
