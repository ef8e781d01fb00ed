"""Tenants that share a database user, and so its connections, find nothing of each other's sessions."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from proxy.demo.child import LOOPBACK

from .async_client import AsyncClient, ServerError
from .clients import fetch
from .daemon import ProxyDaemon
from .databases import Target
from .fair_load import ATTRIBUTE, in_time

CONNECTIONS = 2
CLIENTS_EACH = 3
STEPS = 12
READ_ONLY = 1290
READ_ONLY_NAME = {"mariadb": "tx_read_only", "mysql": "transaction_read_only"}
SQL_MODES = ("", "ANSI_QUOTES", "STRICT_ALL_TABLES", "PIPES_AS_CONCAT")
WAIT = 3
"""Seconds to wait for locks at most, of the tenant that has such a limit."""

SECTIONS: list[dict[str, Any]] = [
    {"name": "waits", "attribute_values": ["waits"], "lock_wait_timeout": WAIT},
    {"name": "reads", "attribute_values": ["reads"], "read_only": True, "min_connections_percent": 1},
    {"name": "free", "attribute_values": ["free*"], "each": "attribute", "weight": 2},
]
TENANTS = {
    "waits": "waits",
    "reads": "reads",
    "free1": "free/free1",
    "free2": "free/free2",
    "": "default/app",
}
"""The names of tenants by what their clients say."""


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def proxy(
    vendor: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyDaemon]:
    """A proxy with two connections for all tenants."""
    target: Target = request.getfixturevalue("target" if vendor == "mariadb" else "mysql_target")
    most = int(target.one("SELECT @@max_connections"))
    daemon = ProxyDaemon(
        tmp_path_factory.mktemp("tenants"),
        target.port,
        {"app": target.users["app"]},
        proxy={"tenant_attribute": ATTRIBUTE, "admin_users": ["app"]},
        pool={"max_connections_percent": 100 * CONNECTIONS // most},
        tenants=SECTIONS,
    )
    with daemon:
        yield daemon


class Session:
    """One client with state of its own: random steps, after each of which all of it is looked at."""

    def __init__(self, client: AsyncClient, tenant: str, number: int, read_only_name: str) -> None:
        self.client = client
        self.tenant = tenant
        self.number = number
        self.random = random.Random(number)
        self.read_only_name = read_only_name
        self.variable: str | None = None
        self.sql_mode = ""
        self.time_zone = ""
        self.lock_wait = ""
        self.prepared = ""

    async def value(self, sql: str) -> str | None:
        return (await self.client.query(sql)).rows[0][0]

    async def work(self) -> None:
        """All steps."""
        self.sql_mode, self.time_zone, self.lock_wait = await self.fresh()
        steps: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self.set_variable,
            self.set_settings,
            self.prepare,
            self.write,
            self.transaction,
        ]
        for _ in range(STEPS):
            await self.random.choice(steps)()
            await asyncio.sleep(self.random.random() * 0.01)
            await self.check()

    async def fresh(self) -> tuple[str, str, str]:
        row = (await self.client.query("SELECT @@sql_mode, @@time_zone, @@innodb_lock_wait_timeout")).rows[0]
        assert (row[2] == str(WAIT)) == (self.tenant == "waits")
        return str(row[0]), str(row[1]), str(row[2])

    async def set_variable(self) -> None:
        self.variable = f"{self.number}/{self.random.random()}"
        await self.client.query(f"SET @mine = '{self.variable}'")

    async def set_settings(self) -> None:
        self.sql_mode = self.random.choice(SQL_MODES)
        self.time_zone = f"+{self.number % 13:02}:00"
        self.lock_wait = str(self.random.randint(1, WAIT))
        await self.client.query(
            f"SET SESSION sql_mode = '{self.sql_mode}', time_zone = '{self.time_zone}',"
            f" innodb_lock_wait_timeout = {self.lock_wait}"
        )

    async def prepare(self) -> None:
        """Under a name that all of them use."""
        self.prepared = f"{self.number}/{self.random.random()}"
        await self.client.query(f"PREPARE same_name FROM 'SELECT CONCAT(''{self.prepared}'')'")

    async def write(self) -> None:
        note = f"{self.number}/{self.random.random()}"
        sql = f"REPLACE INTO app.work (client, step, note) VALUES ({1000 + self.number}, 0, '{note}')"
        if self.tenant == "reads":
            with pytest.raises(ServerError) as refused:
                await self.client.query(sql)
            assert refused.value.errno == READ_ONLY
            return
        await self.client.query(sql)
        read = f"SELECT note FROM app.work WHERE client = {1000 + self.number}"
        assert await self.value(read) == note
        await self.client.query(f"INSERT INTO app.item (owner) VALUES ({1000 + self.number})")
        assert await self.value("SELECT LAST_INSERT_ID()") == await self.value(
            f"SELECT MAX(id) FROM app.item WHERE owner = {1000 + self.number}"
        )

    async def transaction(self) -> None:
        await self.client.query("BEGIN")
        await self.check()
        assert (await self.client.query("COMMIT")).is_in_transaction is False

    async def check(self) -> None:
        sql = "SELECT @mine, @@sql_mode, @@time_zone, @@innodb_lock_wait_timeout"
        row = (await self.client.query(f"{sql}, @@{self.read_only_name}, DATABASE()")).rows[0]
        read_only = "1" if self.tenant == "reads" else "0"
        expected = (self.variable, self.sql_mode, self.time_zone, self.lock_wait, read_only, "app")
        assert row == expected
        if self.prepared:
            assert await self.value("EXECUTE same_name") == self.prepared


async def all_at_work(proxy: ProxyDaemon, vendor: str) -> None:
    clients: list[AsyncClient] = []
    try:
        sessions = []
        for number, tenant in enumerate(list(TENANTS) * CLIENTS_EACH):
            attributes = {ATTRIBUTE: tenant} if tenant else None
            client = await AsyncClient.connect(
                LOOPBACK, proxy.port, "app", proxy.users["app"], attributes=attributes
            )
            clients.append(client)
            sessions.append(Session(client, tenant, number, READ_ONLY_NAME[vendor]))
        await asyncio.gather(*(session.work() for session in sessions))
    finally:
        for client in clients:
            client.abort()


def test_nothing_of_a_session_is_found_in_another(proxy: ProxyDaemon, vendor: str) -> None:
    in_time(all_at_work(proxy, vendor))
    with proxy.connect() as admin, admin.cursor() as cursor:
        (total,) = (row for row in fetch(admin, "SHOW PROXY POOL") if row[1] == "(all)")
        cursor.execute("SHOW PROXY TENANTS")
        at = [column[0] for column in cursor.description].index("borrows")
        borrows = {row[0]: row[at] for row in cursor.fetchall()}
    assert total[2] == CONNECTIONS
    assert set(borrows) == set(TENANTS.values())
    assert min(borrows.values()) >= STEPS
