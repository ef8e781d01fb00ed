"""Tenants whose limits change, and shares that no session gets around, before real databases."""

import threading
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from .clients import CommandClient, fetch, one, run, vanish
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually

READ_ONLY, USER_LIMIT, WRONG_PASSWORD = 1290, 1226, 1045
ATTRIBUTE = "program_name"
"""Which PyMySQL sends."""
CONNECTIONS = 3
NAPS = 4
NAP = 0.2
"""Seconds."""


def sections(*, read_only: bool = False) -> list[dict[str, Any]]:
    return [
        {"name": "one", "attribute_values": ["one"], "max_connections_percent": 34},
        {"name": "some", "attribute_values": ["some"]},
        {"name": "changing", "attribute_values": ["changing"], "read_only": read_only},
        {"name": "slow", "attribute_values": ["slow"], "statements_per_second": 1, "statement_burst": 3},
        {"name": "few", "attribute_values": ["few"], "max_client_connections": 2},
    ]


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    target: Target = request.getfixturevalue("target" if request.param == "mariadb" else "mysql_target")
    target.server.execute(
        "CREATE TABLE IF NOT EXISTS app.changes (id INT PRIMARY KEY AUTO_INCREMENT, v INT) ENGINE = InnoDB"
    )
    most = int(target.one("SELECT @@max_connections"))
    daemon = ProxyDaemon(
        tmp_path_factory.mktemp("changes"),
        target.port,
        {"app": target.users["app"]},
        proxy={"tenant_attribute": ATTRIBUTE, "admin_users": ["app"]},
        pool={"max_connections_percent": 100 * CONNECTIONS // most + 1},
        tenants=sections(),
    )
    with daemon:
        yield daemon


def tenant(client: Any, name: str) -> dict[str, Any]:
    """A row of SHOW PROXY TENANTS, all zero for a tenant that is not there."""
    with client.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("SHOW PROXY TENANTS")
        rows = {row["tenant"]: row for row in cursor.fetchall()}
    return rows.get(name, dict.fromkeys(("clients", "borrowed", "waiting"), 0))


def errno(client: Any, sql: str) -> int:
    """How a statement ends; 0 for no error."""
    try:
        run(client, sql)
    except pymysql.MySQLError as error:
        return int(error.args[0])
    return 0


class TestShares:
    def test_a_session_does_not_return_to_its_connection_beyond_its_tenants_share(
        self, proxy: ProxyDaemon
    ) -> None:
        admin = proxy.connect()
        clients = [proxy.connect(program_name="one") for _ in range(2)]
        other = proxy.connect(program_name="some")
        # Each gets its insert id from a connection of its own.
        run(clients[0], "INSERT INTO changes (v) VALUES (1)")
        run(other, "BEGIN")
        run(other, "SELECT COUNT(*) FROM changes")
        run(clients[1], "INSERT INTO changes (v) VALUES (2)")
        run(other, "COMMIT")
        ids = [client.insert_id() for client in clients]
        assert ids[0] != ids[1]
        sleepers = [threading.Thread(target=_nap, args=(client,)) for client in clients]
        for sleeper in sleepers:
            sleeper.start()
        most = 0
        while any(sleeper.is_alive() for sleeper in sleepers):
            most = max(most, int(tenant(admin, "one")["borrowed"]))
        assert most == 1
        assert [one(client, "SELECT LAST_INSERT_ID()") for client in clients] == ids
        for client in (admin, other, *clients):
            client.close()


def _nap(client: Any) -> None:
    for _ in range(NAPS):
        run(client, f"DO SLEEP({NAP})")


class TestReload:
    def test_a_transaction_may_commit_what_it_wrote_before_it_might_only_read(
        self, proxy: ProxyDaemon
    ) -> None:
        with proxy.connect(program_name="changing") as client, proxy.connect() as other:
            run(client, "BEGIN")
            run(client, "INSERT INTO changes (v) VALUES (70)")
            proxy.tenants = sections(read_only=True)
            proxy.reload()
            assert errno(client, "INSERT INTO changes (v) VALUES (71)") == READ_ONLY
            assert one(client, "SELECT COUNT(*) FROM changes WHERE v = 70") == 1
            run(client, "COMMIT")
            assert one(other, "SELECT GROUP_CONCAT(v) FROM changes WHERE v >= 70") == "70"
            assert errno(client, "INSERT INTO changes (v) VALUES (72)") == READ_ONLY
            run(client, "BEGIN")
            assert errno(client, "DELETE FROM changes WHERE v = 70") == READ_ONLY
            run(client, "COMMIT")
            proxy.tenants = sections()
            proxy.reload()
            with proxy.connect(program_name="changing") as later:
                assert errno(later, "DELETE FROM changes WHERE v = 70") == 0


class TestRate:
    def test_a_refused_execution_leaves_no_long_data_behind(self, proxy: ProxyDaemon) -> None:
        """Servers forget it with each execution, so that drivers send it again with the next one."""
        options = {"program_name": "slow", "database": "app", "ssl_disabled": True, "autocommit": True}
        with CommandClient(
            host="127.0.0.1", port=proxy.port, user="app", password=proxy.users["app"], **options
        ) as client:
            statement, _, _ = client.prepare("SELECT CONCAT(?)")
            answers: list[tuple[str | None, ...]] = []
            errors: list[int] = []
            while len(answers) < 5:
                client.send_long_data(statement, 0, b"abc")
                try:
                    answers += client.execute_prepared(statement, None, sent=True)
                except pymysql.MySQLError as error:
                    errors.append(error.args[0])
            assert set(errors) == {USER_LIMIT}
            assert answers == [("abc",)] * 5


class TestCounts:
    def test_nobody_is_counted_who_is_not_there(self, proxy: ProxyDaemon) -> None:
        options = {"program_name": "few", "database": "app", "ssl_disabled": True}
        known = {"host": "127.0.0.1", "port": proxy.port, "user": "app", "password": proxy.users["app"]}
        admin = proxy.connect()
        clients = [CommandClient(**known, **options) for _ in range(2)]
        assert _log_in(known | options) == USER_LIMIT
        assert _log_in(known | options | {"password": "wrong"}) == WRONG_PASSWORD
        assert int(tenant(admin, "few")["clients"]) == 2
        run(clients[0], "BEGIN")
        fetch(clients[0], "SELECT * FROM changes")
        vanish(clients[0])
        eventually(lambda: int(tenant(admin, "few")["clients"]) == 1, "the client to be gone")
        clients[0] = CommandClient(**known, **options)
        clients[1].reset_connection()
        assert _log_in(known | options) == USER_LIMIT
        for client in clients:
            client.close()
        counts = ("clients", "borrowed", "waiting")
        eventually(lambda: not any(int(tenant(admin, "few")[name]) for name in counts), "all to be gone")
        assert _log_in(known | options) == 0
        admin.close()


def _log_in(options: dict[str, Any]) -> int:
    """How that ends; 0 for a client that was let in."""
    try:
        CommandClient(**options).close()
    except pymysql.MySQLError as error:
        return int(error.args[0])
    return 0
