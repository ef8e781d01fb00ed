"""Who has committed what, as real servers' binary logs tell it: a primary's own, and its replica's."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import attrs
import pymysql
import pytest

from proxy.demo.child import LOOPBACK
from proxy.demo.private_server import PrivateMariaDB, find_server
from proxy.mysql.backend.binlog_reading import BinlogUnreadable
from proxy.mysql.session.fate import Doubt, Fate
from proxy.mysql.wire.binlog_events import Commits
from proxy.mysql.wire.gtid import GtidSet
from tests.mysql_server.installation import MySQLInstallation
from tests.mysql_server.server import MySQLServer

from .clients import run
from .polling import eventually
from .reading_log import read_log

Server = PrivateMariaDB | MySQLServer

PASSWORD = "a log's secret"
#: The clients' numbers on the primary are to be none that a replica's threads have.
CONNECTIONS_BEFORE = 40
USERS = "".join(
    f"CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD.replace(chr(39), chr(39) * 2)}';"
    f"GRANT {right} ON *.* TO {name}@'%';"
    for name, right in (("app", "ALL"), ("reader", "REPLICATION SLAVE"), ("poor", "SELECT"))
)
TABLE = "CREATE DATABASE log; CREATE TABLE log.t (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(60))"


@attrs.frozen
class Pair:
    """A primary and its replica; `executed` asks a server for its GTIDs, `follow` is for a new replica."""

    primary: Server
    replica: Server
    is_mariadb: bool

    def executed(self, server: Server) -> GtidSet:
        """What a server has."""
        question = "@@gtid_binlog_state" if self.is_mariadb else "@@gtid_executed"
        text = server.execute(f"SELECT {question}")[0][0].replace("\\n", "")
        return GtidSet.parse(text, self.is_mariadb)

    def origin(self) -> str:
        """The primary's name in its GTIDs."""
        return self.primary.execute(f"SELECT @@{'server_id' if self.is_mariadb else 'server_uuid'}")[0][0]

    def caught_up(self) -> None:
        """Wait for the replica."""
        there = self.executed(self.primary)
        eventually(lambda: self.executed(self.replica).covers(there), "the replica to have all")

    def read(self, server: Server, base: GtidSet, user: str = "reader", **limits: int) -> Commits:
        """What a server's log has after `base`."""
        return read_log(server.port, user, PASSWORD, base, limits)

    def next_thread(self) -> int:
        """The number of a client that comes and goes."""
        with self.connect() as connection:
            return int(connection.thread_id())

    def connect(self) -> Any:
        """A client of the primary."""
        return pymysql.connect(
            host=LOOPBACK,
            port=self.primary.port,
            user="app",
            password=PASSWORD,
            database="log",
            autocommit=True,
        )


def replicated(primary: Server, replica: Server, *, is_mariadb: bool) -> Pair:
    """Make users and a table, and let the one follow the other."""
    pair = Pair(primary, replica, is_mariadb)
    for server in (primary, replica):
        server.execute(USERS)
    there = pair.executed(primary)
    password = PASSWORD.replace("'", "''")
    if is_mariadb:
        replica.execute(
            f"RESET MASTER; SET GLOBAL gtid_slave_pos='{there.position()}'; CHANGE MASTER TO"
            f" MASTER_HOST='{LOOPBACK}', MASTER_PORT={primary.port}, MASTER_USER='reader',"
            f" MASTER_PASSWORD='{password}', MASTER_USE_GTID=slave_pos; START SLAVE"
        )
    else:
        replica.execute(
            f"RESET BINARY LOGS AND GTIDS; SET GLOBAL gtid_purged='{there}'; CHANGE REPLICATION SOURCE TO"
            f" SOURCE_HOST='{LOOPBACK}', SOURCE_PORT={primary.port}, SOURCE_USER='reader',"
            f" SOURCE_PASSWORD='{password}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA"
        )
    primary.execute(TABLE)
    for _ in range(CONNECTIONS_BEFORE):
        pair.next_thread()
    return pair


def options(number: int) -> tuple[str, ...]:
    return ("--log-bin=log", f"--server-id={number}")


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two MariaDBs with what binlog_format they have by themselves."""
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                PrivateMariaDB(
                    tmp_path_factory.mktemp(f"mariadb{number}"),
                    options=(*options(number), "--log-slave-updates=ON"),
                )
            )
            for number in (1, 2)
        ]
        yield replicated(*servers, is_mariadb=True)


@pytest.fixture(scope="module")
def mysql(mysql_installation: MySQLInstallation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two MySQLs."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                MySQLServer(
                    mysql_installation, tmp_path_factory.mktemp(f"mysql{number}"), options=options(number)
                )
            )
            for number in (1, 2)
        ]
        yield replicated(*servers, is_mariadb=False)


@pytest.fixture(params=["mariadb", "mysql"])
def pair(request: pytest.FixtureRequest) -> Pair:
    found: Pair = request.getfixturevalue(request.param)
    return found


def written(pair: Pair, *statements: str) -> tuple[GtidSet, int]:
    """Run statements on one connection; return what there was before, and its number."""
    base = pair.executed(pair.primary)
    with pair.connect() as connection:
        for statement in statements:
            run(connection, statement)
        return base, connection.thread_id()


def threads(found: Commits) -> list[int | None]:
    return [each.thread_id for each in found.commits]


INSERT = "INSERT INTO t (note) VALUES ('x')"


class TestWhoseItIs:
    def test_in_the_log_of_the_primary(self, pair: Pair) -> None:
        transaction = ("BEGIN", INSERT, INSERT, "COMMIT")
        base, thread = written(pair, INSERT, *transaction, "ALTER TABLE t COMMENT 'changed'")
        found = pair.read(pair.primary, base)
        assert threads(found) == [thread] * 3
        assert {each.server_id for each in found.commits} == {found.server_id} == {1}
        assert base.union(GtidSet.of((str(each.gtid) for each in found.commits), pair.is_mariadb)) == (
            pair.executed(pair.primary)
        )

    def test_rows_in_the_log_of_a_replica_are_nobodys(self, pair: Pair) -> None:
        rows = "INSERT INTO t (note) VALUES (UUID())"
        base, thread = written(pair, rows, "ALTER TABLE t COMMENT 'again'", rows)
        pair.caught_up()
        found = pair.read(pair.replica, base)
        assert threads(found) == [None, thread, None]
        assert {each.server_id for each in found.commits} == {1}
        assert found.server_id == 2

    def test_statements_in_the_log_of_a_mariadb_replica(self, mariadb: Pair) -> None:
        base, thread = written(mariadb, INSERT)
        mariadb.caught_up()
        assert threads(mariadb.read(mariadb.replica, base)) == [thread]

    def test_a_compressed_transaction(self, mysql: Pair) -> None:
        base, thread = written(mysql, "SET binlog_transaction_compression=ON", INSERT)
        assert threads(mysql.read(mysql.primary, base)) == [thread]
        mysql.caught_up()
        assert threads(mysql.read(mysql.replica, base)) == [None]

    def test_tagged_gtids(self, mysql: Pair) -> None:
        base, thread = written(mysql, "SET gtid_next='AUTOMATIC:noted'", INSERT, "SET gtid_next='AUTOMATIC'")
        [commit] = mysql.read(mysql.primary, base).commits
        assert (commit.gtid.source, commit.thread_id) == (f"{mysql.origin()}:noted", thread)
        now, thread = written(mysql, INSERT)
        assert ":noted" in str(now)
        assert threads(mysql.read(mysql.primary, now)) == [thread]

    def test_nothing_new(self, pair: Pair) -> None:
        assert pair.read(pair.primary, pair.executed(pair.primary)).commits == ()


class TestWhatCannotBeRead:
    def test_without_the_privilege(self, pair: Pair) -> None:
        with pytest.raises(BinlogUnreadable, match="REPLICATION SLAVE"):
            pair.read(pair.primary, pair.executed(pair.primary), "poor")

    def test_more_than_allowed(self, pair: Pair) -> None:
        base, _ = written(pair, INSERT, INSERT)
        with pytest.raises(BinlogUnreadable, match="transactions"):
            pair.read(pair.primary, base, max_commits=1)
        assert len(pair.read(pair.primary, base, max_commits=2).commits) == 2

    def test_a_position_that_is_not_there(self, mariadb: Pair) -> None:
        with pytest.raises(BinlogUnreadable, match="1236"):
            mariadb.read(mariadb.primary, GtidSet.parse("0-1-999999", is_mariadb=True))


class TestFates:
    """The question that all this is for."""

    @pytest.fixture
    def ask(self, pair: Pair) -> Callable[..., Fate]:
        def ask(server: Server, base: GtidSet, thread: int, *, restarted: bool = False) -> Fate:
            # Others were told under which name the primary writes.
            first = next(base.of_server(pair.origin()).gtids(1))
            told = GtidSet.of((str(first),), pair.is_mariadb)
            doubt = Doubt(base, told, pair.origin(), thread)
            executed = pair.executed(server)
            return doubt.fate(executed, pair.read(server, base), restarted=restarted)

        return ask

    def test_on_the_primary(self, pair: Pair, ask: Callable[..., Fate]) -> None:
        base, thread = written(pair, INSERT)
        written(pair, INSERT)
        assert ask(pair.primary, base, thread) is Fate.COMMITTED
        assert ask(pair.primary, base, thread + 1000) is Fate.NOT_COMMITTED

    def test_on_a_replica(self, pair: Pair, ask: Callable[..., Fate]) -> None:
        base, thread = written(pair, "ALTER TABLE t COMMENT 'and again'")
        pair.caught_up()
        assert ask(pair.replica, base, thread) is Fate.COMMITTED
        assert ask(pair.replica, base, thread + 1000) is Fate.NOT_COMMITTED

    def test_after_a_crash_numbers_of_connections_begin_anew(
        self, pair: Pair, ask: Callable[..., Fate]
    ) -> None:
        base, thread = written(pair, INSERT)
        pair.primary.kill()
        pair.primary.start()
        eventually(lambda: pair.next_thread() >= thread - 1, "the numbers to come round again")
        with pair.connect() as again:
            assert again.thread_id() >= thread
            run(again, INSERT)
            other = again.thread_id()
        found = pair.read(pair.primary, base)
        assert [(each.thread_id, each.run) for each in found.commits] == [(thread, 0), (other, 1)]
        assert ask(pair.primary, base, thread, restarted=True) is Fate.COMMITTED
        if other != thread:
            assert ask(pair.primary, base, other, restarted=True) is Fate.NOT_COMMITTED
        pair.primary.execute("FLUSH BINARY LOGS")
        with pair.connect() as later:
            run(later, INSERT)
        assert pair.read(pair.primary, base).runs == 1
