"""What becomes of a command whose connection is lost, or whose target takes no writes any more."""

from collections.abc import Iterator

import attrs
import pytest
from twisted.internet.defer import Deferred

from proxy.mysql.frontend.recovery_phase import MAX_RERUNS, MAX_SENT_RERUNS
from proxy.mysql.session.fate import Fate
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.readings import GUARD
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
    servant,
)
from tests.peers.statements import EXECUTE, StatementClient, cut
from tests.peers.world import World

READ = "SELECT 1"
WRITE = "INSERT 7"
UNKNOWN = b"it is unknown whether the write was committed"


@pytest.fixture
def world() -> Iterator[World]:
    with failing_world(cap=2) as world:
        yield world


@pytest.fixture
def client(world: World) -> StatementClient:
    return StatementClient(world)


def lose_during(
    client: StatementClient, text: str, *, is_run: bool = True, rudely: bool = True
) -> list[bytes]:
    """The answer to a statement whose first connection is lost while it runs."""
    (FailingServer.unanswered if is_run else FailingServer.unread)[text] = 1
    assert client.query(text) == []
    lose(client, rudely=rudely)
    return answer_of(client)


def is_at_ease(client: StatementClient) -> bool:
    """Whether the session goes on as if nothing had been."""
    return client.value(READ) == b"1" and not client.has_connection and not client.peer.closed


class TestReads:
    @pytest.mark.parametrize("rudely", [True, False])
    def test_it_is_run_again(self, world: World, client: StatementClient, rudely: bool) -> None:
        expected = client.query(READ)
        assert lose_during(client, READ, rudely=rudely) == expected
        assert ran(world, READ) == 3
        assert is_at_ease(client)

    def test_again_it_must_not_write(self, world: World, client: StatementClient) -> None:
        """A view of which nobody knows the functions may have written once."""
        lose_during(client, READ)
        assert ran(world, GUARD.decode()) == 1
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        FailingServer.answers[READ] = [[demoted(1792)]]
        lose(client)
        assert errno(answer_of(client)) == 2013
        assert failover(world).left == []
        assert is_at_ease(client)

    def test_the_guard_is_the_reruns_alone(self, world: World, client: StatementClient) -> None:
        lose_during(client, READ)
        assert errno(client.query(WRITE)) == 0
        assert world.database.committed == ["7"]

    def test_nor_after_the_client_has_gone(self, world: World, client: StatementClient) -> None:
        """The connection that must not write is nobody's afterwards."""
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        FailingServer.unread[GUARD.decode()] = 1
        lose(client)
        client.peer.line.hang_up()
        world.settle()
        server = FailingServer.everyone[-1]
        server.line.send(p.packets([p.ok()]))
        world.settle()
        assert not server.line.connected
        assert world.pool.borrowed == 0

    @pytest.mark.parametrize("leaves", [True, False])
    def test_nor_is_it_kept_for_its_warnings(
        self, world: World, client: StatementClient, leaves: bool
    ) -> None:
        warned = [p.number(1), p.column(b"c"), p.row([b"1"]), p.ok(header=0xFE, warnings=2)]
        FailingServer.unread[READ] = 1
        client.query(READ)
        FailingServer.answers[READ] = [warned]
        lose(client)
        assert answer_of(client) == warned
        if leaves:
            client.peer.line.hang_up()
            world.settle()
        else:
            assert errno(client.query(WRITE)) == 0
        self._all_may_write(world)

    @staticmethod
    def _all_may_write(world: World) -> None:
        """No connection of the pool was made read only."""
        guarded = {thread for thread, sql in world.database.log if sql == GUARD.decode()}
        assert not guarded & world.database.threads.keys()

    def test_a_cursor_is_not_opened_again(self, world: World, client: StatementClient) -> None:
        """Its session would keep a connection that must not write."""
        number = client.prepare("SELECT ?")
        FailingServer.silent_to.add(EXECUTE)
        client.execute(number, 1, cursor=True)
        FailingServer.silent_to.clear()
        lose(client)
        [error] = answer_of(client)
        assert errno([error]) == 2013
        assert b"unknown" not in error
        assert is_at_ease(client)

    def test_with_the_sessions_settings(self, client: StatementClient) -> None:
        client.query("SET sql_mode='ANSI'")
        answer = lose_during(client, "SELECT @@sql_mode")
        assert answer[2][1:] == b"ANSI"

    def test_while_there_is_no_target_it_waits(self, world: World, client: StatementClient) -> None:
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        world.route.use(None)
        lose(client)
        world.advance(5.0)
        assert answer_of(client) == []
        world.route.use(world.pool)
        world.settle()
        assert answer_of(client)[2][1:] == b"1"

    def test_and_in_the_end_it_is_told(self, world: World, client: StatementClient) -> None:
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        world.route.use(None)
        lose(client)
        world.advance(120.5)
        assert errno(answer_of(client)) == 9501
        world.route.use(world.pool)
        assert is_at_ease(client)

    def test_it_is_not_run_for_ever(self, world: World, client: StatementClient) -> None:
        FailingServer.unanswered[READ] = 100
        client.query(READ)
        for _ in range(MAX_SENT_RERUNS):
            lose(client)
            assert answer_of(client) == []
        lose(client)
        [error] = answer_of(client)
        assert errno([error]) == 2013
        assert b"unknown" not in error
        assert ran(world, READ) == MAX_SENT_RERUNS + 1
        FailingServer.unanswered.clear()
        assert is_at_ease(client)

    @pytest.mark.parametrize("sent", [5, 12, 30])
    def test_not_if_a_part_of_the_answer_was_sent(
        self, world: World, client: StatementClient, sent: int
    ) -> None:
        FailingServer.cut_short[READ] = sent
        client.query(READ)
        lose(client)
        assert client.peer.closed
        assert ran(world, READ) == 1

    def test_a_part_that_the_client_has_not_seen_does_not_count(
        self, world: World, client: StatementClient
    ) -> None:
        FailingServer.cut_short[READ] = 3
        assert client.query(READ) == []
        lose(client)
        assert answer_of(client)[2][1:] == b"1"

    def test_commands_behind_it_wait(self, client: StatementClient) -> None:
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        client.peer.query("SELECT DATABASE()")
        lose(client)
        answers = answer_of(client)
        assert (answers[2][1:], answers[6]) == (b"1", b"\xfb")

    @pytest.mark.parametrize("code", [b"\x02shop", b"\x09"])
    def test_commands_that_change_nothing_too(
        self, world: World, client: StatementClient, code: bytes
    ) -> None:
        FailingServer.silent_to.add(code[0])
        assert client.command(code) == []
        FailingServer.silent_to.clear()
        lose(client)
        [answer] = answer_of(client)
        assert answer[:1] != b"\xff"
        if code[0] == 0x02:
            assert client.value("SELECT DATABASE()") == b"shop"

    @pytest.mark.parametrize("is_run", [True, False])
    def test_what_changes_the_session_alone(
        self, world: World, client: StatementClient, is_run: bool
    ) -> None:
        """That is gone with the connection, and comes again."""
        assert errno(lose_during(client, "SET sql_mode='ANSI'", is_run=is_run)) == 0
        assert client.value("SELECT @@sql_mode") == b"ANSI"
        assert errno(client.query(WRITE)) == 0

    def test_a_begin(self, world: World, client: StatementClient) -> None:
        """Nothing was in it yet."""
        assert errno(lose_during(client, "BEGIN")) == 0
        client.query(WRITE)
        assert world.database.committed == []
        client.query("COMMIT")
        assert world.database.committed == ["7"]

    def test_a_client_that_leaves_meanwhile(self, world: World, client: StatementClient) -> None:
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        world.route.use(None)
        lose(client)
        client.peer.line.hang_up(rudely=True)
        world.settle()
        world.route.use(world.pool)
        world.settle()
        assert ran(world, READ) == 1
        assert world.pool.borrowed == 0


class TestWrites:
    @pytest.mark.parametrize("is_run", [True, False])
    def test_it_is_never_run_again(self, world: World, client: StatementClient, is_run: bool) -> None:
        client.query(READ)
        sent_at = world.clock.seconds()
        [error] = lose_during(client, WRITE, is_run=is_run)
        assert errno([error]) == 2013
        assert UNKNOWN in error
        assert world.database.committed == (["7"] if is_run else [])
        [(_, asked_since)] = failover(world).asked
        assert asked_since <= sent_at
        assert is_at_ease(client)
        assert ran(world, WRITE) == is_run

    def test_it_is_known_not_to_be_there(self, world: World, client: StatementClient) -> None:
        failover(world).fate_is = Fate.NOT_COMMITTED
        [error] = lose_during(client, WRITE, is_run=False)
        assert (errno([error]), error[3:9]) == (1213, b"#40001")
        assert b"the write was not committed" in error
        assert ran(world, WRITE) == 0
        assert is_at_ease(client)

    def test_it_is_known_to_be_there(self, world: World, client: StatementClient) -> None:
        """But not how many rows it has changed, nor the id it was given."""
        failover(world).fate_is = Fate.COMMITTED
        [error] = lose_during(client, WRITE)
        assert errno([error]) == 2013
        assert b"the write was committed, what it has reported is not known" in error
        assert ran(world, WRITE) == 1
        assert is_at_ease(client)

    def test_the_client_waits_for_the_word(self, world: World, client: StatementClient) -> None:
        found: Deferred[Fate] = Deferred()
        failover(world).fate_is = found
        assert lose_during(client, WRITE, is_run=False) == []
        client.peer.query(READ)
        world.settle()
        assert answer_of(client) == []
        found.callback(Fate.NOT_COMMITTED)
        world.settle()
        error, *answer = answer_of(client)
        assert errno([error]) == 1213
        assert answer[2][1:] == b"1"

    def test_nobody_can_tell(self, world: World, client: StatementClient) -> None:
        found: Deferred[Fate] = Deferred()
        failover(world).fate_is = found
        lose_during(client, WRITE)
        found.errback(RuntimeError("no way to find out"))
        world.settle()
        assert UNKNOWN in answer_of(client)[0]
        assert is_at_ease(client)

    def test_a_client_that_does_not_wait_for_it(self, world: World, client: StatementClient) -> None:
        found: Deferred[Fate] = Deferred()
        failover(world).fate_is = found
        lose_during(client, WRITE)
        client.peer.line.hang_up()
        world.settle()
        found.callback(Fate.UNKNOWN)
        world.settle()
        assert world.pool.borrowed == 0

    @pytest.mark.parametrize("fate", [Fate.COMMITTED, Fate.NOT_COMMITTED])
    def test_of_several_statements_nothing_is_certain(self, world: World, fate: Fate) -> None:
        failover(world).fate_is = fate
        client = StatementClient(world)
        client.command(b"\x1b\x00\x00")
        text = "INSERT 7; INSERT 8"
        [error] = lose_during(client, text, is_run=False)
        assert errno([error]) == 2013
        assert UNKNOWN in error

    def test_prepared_ones_alike(self, world: World, client: StatementClient) -> None:
        failover(world).fate_is = Fate.NOT_COMMITTED
        number = client.prepare("INSERT ?")
        FailingServer.silent_to.add(EXECUTE)
        assert client.execute(number, 5) == []
        FailingServer.silent_to.clear()
        lose(client)
        assert errno(answer_of(client)) == 1213
        assert errno(client.execute(number, 5)) == 0
        assert world.database.committed == ["5"]

    def test_a_long_one_that_was_sent_in_part(self, world: World, client: StatementClient) -> None:
        """Its end has not gone out, so it has not been run; nothing of it was kept."""
        client.query(READ)
        whole = p.packet(b"\x03INSERT 7" + b" " * 1_000_000)
        client.peer.send(whole[:500_000])
        world.settle()
        lose(client)
        client.peer.send(whole[500_000:])
        world.settle()
        assert errno(answer_of(client)) == 2013
        assert failover(world).asked == []
        assert is_at_ease(client)


class TestTransactions:
    def begun(self, client: StatementClient) -> None:
        client.query("BEGIN")
        client.query("INSERT 1")

    @pytest.mark.parametrize("text", [READ, "INSERT 2", "SAVEPOINT a", "ROLLBACK TO a", "SHOW STATUS"])
    def test_it_is_rolled_back(self, world: World, client: StatementClient, text: str) -> None:
        self.begun(client)
        [error] = lose_during(client, text)
        assert (errno([error]), error[3:9]) == (1213, b"#40001")
        assert b"the transaction is rolled back" in error
        assert failover(world).asked == []
        assert is_at_ease(client)
        assert world.database.committed == []

    def test_while_the_client_is_silent(self, world: World, client: StatementClient) -> None:
        self.begun(client)
        lose(client)
        assert answer_of(client) == []
        assert errno(client.query("INSERT 2")) == 1213
        assert errno(client.query("INSERT 3")) == 0
        assert world.database.committed == ["3"]

    @pytest.mark.parametrize("text", ["ROLLBACK", " rollback work ;", "Rollback"])
    def test_then_a_rollback_has_what_it_wants(
        self, world: World, client: StatementClient, text: str
    ) -> None:
        self.begun(client)
        lose(client)
        assert client.query(text) == [p.ok()]
        assert errno(client.query("INSERT 3")) == 0
        assert world.database.committed == ["3"]

    def test_of_a_client_with_query_attributes(self, world: World) -> None:
        client = StatementClient(world, attributes=True)
        self.begun(client)
        lose(client)
        assert client.query("ROLLBACK") == [p.ok()]
        assert is_at_ease(client)

    @pytest.mark.parametrize("text", ["ROLLBACK TO a", "ROLLBACK AND CHAIN", "COMMIT", "BEGIN"])
    def test_then_another_statement_is_told(self, world: World, client: StatementClient, text: str) -> None:
        self.begun(client)
        lose(client)
        assert errno(client.query(text)) == 1213
        assert is_at_ease(client)
        assert world.database.committed == []

    def test_a_second_transaction_knows_nothing_of_it(self, world: World, client: StatementClient) -> None:
        self.begun(client)
        lose(client)
        client.query("ROLLBACK")
        self.begun(client)
        lose(client)
        assert errno(client.query("COMMIT")) == 1213
        assert world.database.committed == []

    @pytest.mark.parametrize("is_run", [True, False])
    def test_during_a_rollback(self, world: World, client: StatementClient, is_run: bool) -> None:
        self.begun(client)
        assert lose_during(client, "ROLLBACK", is_run=is_run) == [p.ok()]
        assert is_at_ease(client)
        assert world.database.committed == []

    def test_during_a_rollback_that_begins_another(self, client: StatementClient) -> None:
        """What came next would not be in a transaction."""
        self.begun(client)
        assert errno(lose_during(client, "ROLLBACK AND CHAIN")) == 1213
        assert is_at_ease(client)

    @pytest.mark.parametrize(
        ("fate", "number", "part"),
        [
            (Fate.UNKNOWN, 2013, b"it is unknown whether the transaction was committed"),
            (Fate.NOT_COMMITTED, 1213, b"the transaction was not committed"),
        ],
    )
    @pytest.mark.parametrize("text", ["COMMIT", "BEGIN", "ALTER TABLE t", "SET autocommit=1"])
    def test_what_commits_is_in_doubt(
        self, world: World, client: StatementClient, text: str, fate: Fate, number: int, part: bytes
    ) -> None:
        if text.startswith("SET"):
            client.query("SET autocommit=0")
            client.query("INSERT 1")
        else:
            self.begun(client)
        failover(world).fate_is = fate
        before = ran(world, text)
        [error] = lose_during(client, text, is_run=fate is Fate.UNKNOWN)
        assert errno([error]) == number
        assert part in error
        assert ran(world, text) - before == (fate is Fate.UNKNOWN)
        assert world.database.committed == (["1"] if fate is Fate.UNKNOWN else [])

    def test_a_commit_that_is_there_is_answered(self, world: World, client: StatementClient) -> None:
        self.begun(client)
        failover(world).fate_is = Fate.COMMITTED
        assert lose_during(client, "COMMIT") == [p.ok()]
        assert world.database.committed == ["1"]
        assert is_at_ease(client)

    def test_a_commit_of_nothing(self, world: World, client: StatementClient) -> None:
        """Outside a transaction it changes nothing, but who knows what the session has missed."""
        failover(world).fate_is = Fate.COMMITTED
        assert lose_during(client, "COMMIT") == [p.ok()]

    def test_what_has_pinned_the_session_is_named(self, world: World, client: StatementClient) -> None:
        client.query("LOCK TABLES t WRITE")
        [error] = lose_during(client, WRITE)
        assert errno([error]) == 2013
        assert PinReason.LOCK_TABLES.value.encode() in error
        assert UNKNOWN in error

    def test_a_read_of_a_pinned_session_is_not_in_doubt(self, world: World, client: StatementClient) -> None:
        client.query("LOCK TABLES t WRITE")
        [error] = lose_during(client, READ)
        assert errno([error]) == 2013
        assert PinReason.LOCK_TABLES.value.encode() in error
        assert b"unknown" not in error
        assert ran(world, READ) == 1


class TestWithoutAutocommit:
    @pytest.fixture
    def client(self, world: World) -> StatementClient:
        client = StatementClient(world)
        client.query("SET autocommit=0")
        return client

    def test_a_write_that_would_have_begun_a_transaction(self, world: World, client: StatementClient) -> None:
        [error] = lose_during(client, WRITE)
        assert errno([error]) == 1213
        assert b"rolled back" in error
        assert world.database.committed == []
        assert failover(world).asked == []

    def test_the_session_stays_without(self, world: World, client: StatementClient) -> None:
        lose_during(client, WRITE)
        client.query("INSERT 8")
        assert world.database.committed == []
        client.query("COMMIT")
        assert world.database.committed == ["8"]

    def test_a_read(self, client: StatementClient) -> None:
        """Nothing is lost with it, and the next statement would have begun the transaction as well."""
        assert lose_during(client, READ)[2][1:] == b"1"

    def test_idle_with_a_write(self, world: World, client: StatementClient) -> None:
        client.query(WRITE)
        lose(client)
        assert errno(client.query("COMMIT")) == 1213
        assert world.database.committed == []


class TestDemotion:
    @pytest.mark.parametrize("number", [1290, 1792, 1836, 1874])
    def test_what_was_not_run_is_run_elsewhere(
        self, world: World, client: StatementClient, number: int
    ) -> None:
        client.query(READ)
        [before] = FailingServer.everyone
        FailingServer.answers[WRITE] = [[demoted(number)]]
        assert errno(client.query(WRITE)) == 0
        assert world.database.committed == ["7"]
        assert len(failover(world).left) == 1
        assert not before.line.connected
        assert failover(world).asked == []

    def test_super_read_only_too(self, world: World, client: StatementClient) -> None:
        FailingServer.answers[WRITE] = [[demoted(option="super-read-only")]]
        assert errno(client.query(WRITE)) == 0
        assert world.database.committed == ["7"]

    @pytest.mark.parametrize("option", ["secure-file-priv", "skip-grant-tables", "one-thread"])
    def test_other_options_are_the_statements_own_fault(
        self, world: World, client: StatementClient, option: str
    ) -> None:
        error = demoted(option=option)
        FailingServer.answers[WRITE] = [[error]]
        assert client.query(WRITE) == [error]
        assert failover(world).left == []
        assert world.database.committed == []
        assert is_at_ease(client)

    def test_it_comes_to_an_end(self, world: World, client: StatementClient) -> None:
        FailingServer.answers[WRITE] = [[demoted()] for _ in range(MAX_RERUNS + 5)]
        assert errno(client.query(WRITE)) == 1290
        assert ran(world, WRITE) == MAX_RERUNS + 1
        FailingServer.answers.clear()
        assert is_at_ease(client)

    def test_while_there_is_no_other_it_waits(self, world: World, client: StatementClient) -> None:
        FailingServer.answers[WRITE] = [[demoted()]]
        client.query(READ)
        known = failover(world)
        known.target_leaves = lambda _: world.route.use(None)  # type: ignore[method-assign]
        assert client.query(WRITE) == []
        world.route.use(world.pool)
        world.settle()
        assert errno(answer_of(client)) == 0
        assert world.database.committed == ["7"]

    def test_in_a_transaction(self, world: World, client: StatementClient) -> None:
        """It was read only up to here, or had written before: nobody knows here."""
        client.query("BEGIN")
        client.query("INSERT 1")
        FailingServer.answers[WRITE] = [[demoted()]]
        [error] = client.query(WRITE)
        assert (errno([error]), error[3:9]) == (1213, b"#40001")
        assert len(failover(world).left) == 1
        assert world.database.committed == []
        assert is_at_ease(client)

    def test_a_commit_that_is_refused(self, world: World, client: StatementClient) -> None:
        client.query("BEGIN")
        client.query("INSERT 1")
        FailingServer.answers["COMMIT"] = [[demoted()]]
        [error] = client.query("COMMIT")
        assert errno([error]) == 1213
        assert world.database.committed == []

    def test_prepared_statements(self, world: World, client: StatementClient) -> None:
        number = client.prepare("INSERT ?")
        FailingServer.script.append((EXECUTE, 1836))
        assert errno(client.execute(number, 5)) == 0
        assert world.database.committed == ["5"]
        assert len(failover(world).left) == 1

    @pytest.mark.parametrize("said", ["START TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ ONLY"])
    def test_a_session_that_wants_to_read_only_says_nothing_of_the_target(
        self, world: World, client: StatementClient, said: str
    ) -> None:
        status = p.AUTOCOMMIT | (p.IN_TRANS | 0x2000 if said.startswith("START") else 0)
        block = b"" if status & p.IN_TRANS else p.variable(b"transaction_read_only", b"ON")
        FailingServer.answers[said] = [[p.ok(status=status, session=block)]]
        FailingServer.answers[WRITE] = [[demoted(1792)]]
        client.query(said)
        assert client.query(WRITE) == [demoted(1792)]
        assert failover(world).left == []

    def test_a_transaction_of_which_only_the_next_reads(self, world: World, client: StatementClient) -> None:
        said = "SET TRANSACTION READ ONLY"
        FailingServer.answers[said] = [[p.ok(session=p.characteristics(said.encode() + b";"))]]
        FailingServer.answers[WRITE] = [[demoted(1792)]]
        client.query(said)
        assert client.query(WRITE) == [demoted(1792)]
        assert failover(world).left == []

    def test_an_endpoint_for_reading_says_so(self, world: World, client: StatementClient) -> None:
        world.context.writes = False
        FailingServer.answers[WRITE] = [[demoted()]]
        assert client.query(WRITE) == [demoted()]
        assert failover(world).left == []

    def test_an_error_behind_rows_is_the_clients(self, world: World, client: StatementClient) -> None:
        text = "SELECT broken"
        FailingServer.answers[text] = [[p.number(1), p.column(), p.row([b"1"]), demoted()]]
        assert client.query(text)[-1] == demoted()
        assert failover(world).left == []


class TestShutdown:
    def test_a_read_is_run_elsewhere(self, world: World, client: StatementClient) -> None:
        FailingServer.answers[READ] = [[demoted(1053)]]
        assert client.query(READ)[2][1:] == b"1"
        assert len(failover(world).left) == 1

    def test_a_write_is_in_doubt(self, world: World, client: StatementClient) -> None:
        FailingServer.answers[WRITE] = [[demoted(1053)]]
        [error] = client.query(WRITE)
        assert errno([error]) == 2013
        assert UNKNOWN in error
        assert world.database.committed == []
        assert is_at_ease(client)

    def test_a_transaction_is_rolled_back(self, world: World, client: StatementClient) -> None:
        client.query("BEGIN")
        FailingServer.answers[WRITE] = [[demoted(1053)]]
        assert errno(client.query(WRITE)) == 1213
        assert is_at_ease(client)


class TestKill:
    """A connection that somebody has ended on purpose is not a failover."""

    def kill(self, world: World, client: StatementClient, how: str) -> None:
        number = client.peer.line.protocol.number
        killer = StatementClient(world)
        assert errno(killer.query(f"{how} {number}")) == 0

    def test_of_the_statement_while_it_waits_to_be_run_again(
        self, world: World, client: StatementClient
    ) -> None:
        killer = StatementClient(world)
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        world.route.use(None)
        lose(client)
        killer.peer.query(f"KILL QUERY {client.peer.line.protocol.number}")
        world.settle()
        assert errno(answer_of(client)) == 1317
        world.route.use(world.pool)
        assert is_at_ease(client)
        assert ran(world, READ) == 2

    def test_of_the_client_while_it_waits_to_be_run_again(
        self, world: World, client: StatementClient
    ) -> None:
        killer = StatementClient(world)
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        world.route.use(None)
        lose(client)
        killer.peer.query(f"KILL {client.peer.line.protocol.number}")
        world.settle()
        assert client.peer.closed
        world.route.use(world.pool)
        world.settle()
        assert ran(world, READ) == 1

    def test_of_the_database_connection_by_the_server(self, world: World, client: StatementClient) -> None:
        """MariaDB says so before it closes: who killed the statement does not want it run again."""
        FailingServer.unanswered[READ] = 1
        client.query(READ)
        server = servant(client)
        server.line.send(p.packet(p.err(1927, b"Connection was killed", b"70100"), 0))
        server.line.hang_up()
        world.settle()
        assert errno(answer_of(client)) == 2013
        assert ran(world, READ) == 1
        assert is_at_ease(client)


def test_the_lost_connection_is_never_returned(world: World, client: StatementClient) -> None:
    for text in (READ, WRITE):
        lose_during(client, text)
    assert world.pool.borrowed == 0
    assert all(
        each.line.connected
        for each in FailingServer.everyone
        if each.session in world.database.threads.values()
    )


def test_a_session_that_keeps_statements_keeps_them(world: World, client: StatementClient) -> None:
    number = client.prepare("SELECT ?")
    client.query("BEGIN")
    cut(world, servant(client))  # type: ignore[arg-type]
    assert errno(client.query("COMMIT")) == 1213
    assert client.result(number, 4) == b"4"


def test_options_are_read_anew(world: World, client: StatementClient) -> None:
    """A reload replaces them as a whole."""
    world.context.options = attrs.evolve(world.context.options, connection_borrow_timeout=1.0)
    assert lose_during(client, READ)[2][1:] == b"1"
