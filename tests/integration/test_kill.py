"""KILL by the connection ids that the proxy gives its clients, against a MariaDB and a MySQL."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pymysql
import pytest

from .clients import CommandClient, one, run
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually
from .sharing import ONE_CONNECTION

FIRST_CLIENT_NUMBER = 1 << 30
PROCESS_KILL = 0x0C
LONG = "SELECT COUNT(*) FROM (SELECT 1 UNION SELECT 2) AS two WHERE SLEEP(20) = 0 -- by test_kill"
"""Lasts 40 seconds, and ends with an error when it is killed: SLEEP alone returns 1 then."""
INTERRUPTED, NO_SUCH_THREAD, NOT_OWNER = 1317, 1094, 1095

USERS = {"mate": "mate's secret", "warden": "warden's secret", "caller": "caller's secret"}
"""`warden` may end what others run; `caller` may call RDS's procedures that do."""
PROCEDURES = """
CREATE PROCEDURE mysql.rds_kill_query(IN thread BIGINT) SQL SECURITY DEFINER KILL QUERY thread;
CREATE PROCEDURE mysql.rds_kill(IN thread BIGINT) SQL SECURITY DEFINER KILL CONNECTION thread;
GRANT EXECUTE ON PROCEDURE mysql.rds_kill_query TO caller@'%';
GRANT EXECUTE ON PROCEDURE mysql.rds_kill TO caller@'%';
"""

Later = Callable[[Any, str], "Future[Any]"]


def add_users(target: Target, right: str) -> Target:
    for name, password in USERS.items():
        quoted = password.replace("'", "''")
        target.server.execute(
            f"CREATE USER {name}@'%' IDENTIFIED BY '{quoted}'; GRANT ALL ON app.* TO {name}@'%';"
        )
    target.server.execute(f"GRANT {right} ON *.* TO warden@'%'; {PROCEDURES}")
    return target


@pytest.fixture(scope="module")
def mariadb_with_wardens(target: Target) -> Target:
    """The shared MariaDB with the users of these tests."""
    return add_users(target, "CONNECTION ADMIN")


@pytest.fixture(scope="module")
def mysql_with_wardens(mysql_target: Target) -> Target:
    """The shared MySQL with the users of these tests."""
    return add_users(mysql_target, "CONNECTION_ADMIN")


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def wardens(request: pytest.FixtureRequest) -> Target:
    """Each database."""
    found: Target = request.getfixturevalue(f"{request.param}_with_wardens")
    return found


@pytest.fixture(scope="module")
def daemon(wardens: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy before it."""
    users = {**wardens.users, **USERS}
    folder = tmp_path_factory.mktemp("proxy")
    yield from _running(ProxyDaemon(folder, wardens.port, users, pool={"max_connections_percent": 6}))


@pytest.fixture(scope="module")
def lone(wardens: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy before it with one database connection."""
    users = {**wardens.users, **USERS}
    pool = {**ONE_CONNECTION, "connection_borrow_timeout": 20}
    yield from _running(ProxyDaemon(tmp_path_factory.mktemp("proxy"), wardens.port, users, pool=pool))


def _running(daemon: ProxyDaemon) -> Iterator[ProxyDaemon]:
    with daemon:
        yield daemon


@pytest.fixture
def later() -> Iterator[Later]:
    """Runs a statement in a thread."""
    with ThreadPoolExecutor(4) as pool:
        yield lambda client, sql: pool.submit(run, client, sql)


def error_of(work: "Callable[[], object] | Future[Any]") -> int:
    """The number of the error with which something ends; 0 for none."""
    try:
        work.result(30) if isinstance(work, Future) else work()
    except pymysql.MySQLError as error:
        return int(error.args[0])
    return 0


def running(target: Target) -> list[list[str]]:
    return target.threads("INFO LIKE '%by test_kill'")


def runs(target: Target, statements: int = 1) -> None:
    """Wait until so many long statements run at the database."""
    eventually(lambda: len(running(target)) == statements, "the long statement at the database")


def test_ids_are_the_proxys_own(daemon: ProxyDaemon) -> None:
    with daemon.connect() as one_client, daemon.connect() as other:
        ids = {one_client.thread_id(), other.thread_id()}
        assert len(ids) == 2
        assert all(FIRST_CLIENT_NUMBER <= each < 1 << 31 for each in ids)
        assert {one(each, "SELECT CONNECTION_ID()") for each in (one_client, other)} == ids


class TestOfTheSameUser:
    def test_kill_query(self, daemon: ProxyDaemon, wardens: Target, later: Later) -> None:
        with daemon.connect() as victim, daemon.connect() as other:
            work = later(victim, LONG)
            runs(wardens)
            assert run(other, f"KILL QUERY {victim.thread_id()}") == 0
            assert error_of(work) == INTERRUPTED
            assert one(victim, "SELECT 5") == 5

    @pytest.mark.parametrize("how", ["text", "command"])
    def test_kill(self, daemon: ProxyDaemon, wardens: Target, later: Later, how: str) -> None:
        with daemon.connect() as other:
            victim = daemon.connect()
            work = later(victim, LONG)
            runs(wardens)
            number = victim.thread_id()
            if how == "text":
                run(other, f"KILL {number}")
            else:
                other.kill(number)
            assert error_of(work) in (2006, 2013)
            eventually(lambda: not running(wardens), "the end of the statement at the database")
            assert error_of(lambda: run(other, f"KILL {number}")) == NO_SUCH_THREAD
            assert one(other, "SELECT 5") == 5

    def test_of_an_idle_client(self, daemon: ProxyDaemon) -> None:
        with daemon.connect() as other:
            victim = daemon.connect()
            run(other, f"KILL QUERY {victim.thread_id()}")
            assert one(victim, "SELECT 5") == 5
            run(other, f"KILL {victim.thread_id()}")
            assert error_of(lambda: one(victim, "SELECT 6")) in (2006, 2013)

    def test_in_a_transaction(self, daemon: ProxyDaemon, wardens: Target, later: Later) -> None:
        with daemon.connect() as victim, daemon.connect() as other:
            run(victim, "BEGIN")
            run(victim, "INSERT INTO item (note) VALUES ('kept over a KILL QUERY')")
            work = later(victim, LONG)
            runs(wardens)
            run(other, f"KILL QUERY {victim.thread_id()}")
            assert error_of(work) == INTERRUPTED
            assert one(victim, "SELECT COUNT(*) FROM item WHERE note = 'kept over a KILL QUERY'") == 1
            run(victim, "ROLLBACK")

    def test_in_the_queue(self, lone: ProxyDaemon, wardens: Target, later: Later) -> None:
        with lone.connect() as busy, lone.connect() as victim, lone.connect() as other:
            first = later(busy, LONG)
            runs(wardens)
            second = later(victim, "SELECT 'in the queue'")
            # Nothing tells from outside that it has arrived: a KILL before that hits nobody.
            while not second.done():
                run(other, f"KILL QUERY {victim.thread_id()}")
            assert error_of(second) == INTERRUPTED
            assert not first.done()
            run(other, f"KILL QUERY {busy.thread_id()}")
            assert error_of(first) == INTERRUPTED
            assert (one(victim, "SELECT 5"), one(busy, "SELECT 6")) == (5, 6)

    def test_of_nobody(self, daemon: ProxyDaemon) -> None:
        with daemon.connect() as client:
            for number in (FIRST_CLIENT_NUMBER - 1, (1 << 31) - 1, (1 << 64) - 1):
                for what in ("KILL", "KILL QUERY"):
                    with pytest.raises(pymysql.MySQLError) as caught:
                        run(client, f"{what} {number}")
                    assert caught.value.args == (NO_SUCH_THREAD, f"Unknown thread id: {number}")

    def test_of_oneself(self, daemon: ProxyDaemon) -> None:
        client = daemon.connect()
        assert error_of(lambda: run(client, "KILL QUERY CONNECTION_ID()")) == INTERRUPTED
        assert one(client, "SELECT 5") == 5
        assert error_of(lambda: run(client, f"KILL {client.thread_id()}")) == INTERRUPTED
        assert error_of(lambda: one(client, "SELECT 6")) in (2006, 2013)


class TestOfAnother:
    @pytest.mark.parametrize("what", ["KILL QUERY", "KILL"])
    def test_without_the_right(self, daemon: ProxyDaemon, wardens: Target, later: Later, what: str) -> None:
        with daemon.connect() as victim, daemon.connect("mate", database="app") as mate:
            number = victim.thread_id()
            with pytest.raises(pymysql.MySQLError) as caught:
                run(mate, f"{what} {number}")
            assert caught.value.args == (NOT_OWNER, f"You are not owner of thread {number}")
            work = later(victim, LONG)
            runs(wardens)
            assert error_of(lambda: run(mate, f"{what} {number}")) == NOT_OWNER
            assert error_of(lambda: mate.kill(number)) == NOT_OWNER
            assert not work.done()
            with daemon.connect() as other:
                run(other, f"KILL QUERY {number}")
            assert error_of(work) == INTERRUPTED

    def test_without_the_right_while_statements_come_and_go(self, daemon: ProxyDaemon) -> None:
        with daemon.connect() as victim, daemon.connect("mate") as mate:
            over = threading.Event()

            def work() -> int:
                done = 0
                while not over.is_set():
                    assert one(victim, "SELECT 5") == 5
                    done += 1
                return done

            with ThreadPoolExecutor(1) as pool:
                doing = pool.submit(work)
                try:
                    errors = {error_of(lambda: run(mate, f"KILL {victim.thread_id()}")) for _ in range(15)}
                finally:
                    over.set()
                assert doing.result(30) > 0
            assert errors == {NOT_OWNER}

    @pytest.mark.parametrize("who", ["warden", "caller"])
    def test_with_it(self, daemon: ProxyDaemon, wardens: Target, later: Later, who: str) -> None:
        with daemon.connect() as victim, daemon.connect(who) as other:
            work = later(victim, LONG)
            runs(wardens)
            run(other, f"KILL QUERY {victim.thread_id()}")
            assert error_of(work) == INTERRUPTED
            assert one(victim, "SELECT 5") == 5

    @pytest.mark.parametrize("who", ["warden", "caller"])
    @pytest.mark.parametrize("is_idle", [True, False])
    def test_of_the_connection_with_it(
        self, daemon: ProxyDaemon, wardens: Target, later: Later, who: str, is_idle: bool
    ) -> None:
        with daemon.connect(who) as other:
            victim = daemon.connect()
            if not is_idle:
                work = later(victim, LONG)
                runs(wardens)
            run(other, f"KILL {victim.thread_id()}")
            if is_idle:
                assert error_of(lambda: one(victim, "SELECT 6")) in (2006, 2013)
            else:
                assert error_of(work) in (INTERRUPTED, 2006, 2013)


def test_ids_of_the_database_itself(daemon: ProxyDaemon, wardens: Target) -> None:
    """They are the database's to know, and to refuse."""
    with daemon.connect(port=wardens.port) as direct, daemon.connect() as client:
        run(client, f"KILL QUERY {direct.thread_id()}")
        run(client, f"KILL {direct.thread_id()}")
        assert error_of(lambda: one(direct, "SELECT 1")) in (2006, 2013, 4031)
        assert error_of(lambda: run(client, "KILL 999999")) == NO_SUCH_THREAD
    with (
        wardens.server.connect()
        if hasattr(wardens.server, "connect")
        else daemon.connect("warden", port=wardens.port) as admin,
        daemon.connect() as client,
    ):
        assert error_of(lambda: run(client, f"KILL {admin.thread_id()}")) in (NOT_OWNER, NO_SUCH_THREAD)


def test_process_kill_of_another_length(daemon: ProxyDaemon) -> None:
    with CommandClient(
        host="127.0.0.1", port=daemon.port, user="app", password=daemon.users["app"], ssl_disabled=True
    ) as client:
        assert error_of(lambda: client.command(PROCESS_KILL, b"\1\2")) == 1835
        assert one(client, "SELECT 5") == 5


class _Victim:
    """One session among many, and what may end its statements."""

    def __init__(self, daemon: ProxyDaemon) -> None:
        self.client = daemon.connect()
        self.number = self.client.thread_id()
        self._lock = threading.Lock()
        #: KILLs that are under way, and those that were at some time of the present statement.
        self._under_way = self._since = 0
        self.interrupted = 0

    def ask(self, sql: str, expected: int) -> None:
        with self._lock:
            self._since = self._under_way
        try:
            found = one(self.client, sql)
        except pymysql.MySQLError as error:
            if error.args[0] != INTERRUPTED or not self._since:
                raise
            self.interrupted += 1
        else:
            assert found == expected

    def kill(self, client: Any) -> None:
        with self._lock:
            self._under_way += 1
            self._since += 1
        run(client, f"KILL QUERY {self.number}")
        with self._lock:
            self._under_way -= 1


def test_only_killed_statements_end(daemon: ProxyDaemon) -> None:
    """Twenty sessions over three connections, and three others that KILL half of them at random."""
    victims = [_Victim(daemon) for _ in range(20)]
    over = threading.Event()

    def work(victim: _Victim, seed: int) -> None:
        chance = random.Random(seed)
        for at in range(25):
            expected = seed * 1000 + at
            victim.ask(f"SELECT {expected} + {chance.choice(('0', 'SLEEP(0.01) * 0'))}", expected)
            victim.ask("SELECT CONNECTION_ID()", victim.number)

    def kill(seed: int) -> None:
        chance = random.Random(seed)
        with daemon.connect() as client:
            while not over.is_set():
                chance.choice(victims[:10]).kill(client)

    with ThreadPoolExecutor(23) as pool:
        killers = [pool.submit(kill, seed) for seed in range(3)]
        workers = [pool.submit(work, victim, seed) for seed, victim in enumerate(victims)]
        try:
            for each in workers:
                each.result(60)
        finally:
            over.set()
        for each in killers:
            each.result(30)
    for victim in victims:
        victim.client.close()
    assert sum(victim.interrupted for victim in victims), "no KILL has hit anything"
