"""Tenants share the database connections of a real daemon: what a few clients get beside a crowd of others.

What is compared is measured at the same time, so that a busy machine weighs on both sides alike; how things
are ordered is shown by who is still waiting, not by the clock.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from proxy.demo.child import LOOPBACK

from .async_client import AsyncClient, ServerError
from .clients import fetch
from .daemon import ProxyDaemon
from .databases import Target
from .fair_load import ATTRIBUTE, Endpoint, Part, Party, in_time, median
from .polling import eventually

pytestmark = pytest.mark.alone

CAP = 20
"""Connections; 40 % of the shared database's 50."""
GREEDY = 200
SLOW = 1.0
"""Seconds a statement of the greedy clients takes in the middle; at most half as long again."""
KEPT_EACH = 2
SAMPLES = 60
FEW_SAMPLES = 20
SMALL_FACTOR = 8
"""What a kept tenant's statements may take, against those of clients that have a proxy for themselves.

It is about 2, and thousands where the tenant has to wait its turn among all.
"""

QUEUE = 3
NARROW = {"max_connections_percent": 10, "connection_borrow_queue_length": QUEUE}
HASTY = {"max_connections_percent": 5, "connection_borrow_timeout": 0.3}
QUEUE_FULL = (
    "rds-proxy: tenant narrow uses 2 of at most 2 database connections, and 3 of its clients wait for one,"
    " as many as may"
)
TIMED_OUT = (
    "Timed-out waiting to acquire database connection"
    " (rds-proxy: connection_borrow_timeout of tenant hasty, 0.3 s)"
)

SECTIONS: list[dict[str, Any]] = [
    {"name": "greedy", "attribute_values": ["greedy"]},
    {"name": "kept", "attribute_values": ["kept"], "each": "user", "min_connections_percent": 10},
    {"name": "plain", "attribute_values": ["plain"], "each": "user"},
    {"name": "heavy", "attribute_values": ["heavy"], "weight": 3},
    {"name": "light", "attribute_values": ["light"]},
    {"name": "narrow", "attribute_values": ["narrow"], **NARROW},
    {"name": "hasty", "attribute_values": ["hasty"], **HASTY},
]


COMERS = 4
COMING_AND_GOING = {
    "name": "each",
    "attribute_values": ["v*"],
    "each": "attribute",
    "min_connections_percent": 20,
}


def proxy_before(target: Target, folder: Any, **options: Any) -> ProxyDaemon:
    return ProxyDaemon(
        folder,
        target.port,
        {name: target.users[name] for name in ("app", "eve")},
        proxy={"tenant_attribute": ATTRIBUTE, "admin_users": ["app"]},
        **options,
    )


@pytest.fixture(scope="module")
def shared(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy for all tenants."""
    pool = {"max_connections_percent": CAP * 2}
    with proxy_before(target, tmp_path_factory.mktemp("shared"), pool=pool, tenants=SECTIONS) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def quiet(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy that a polite tenant has for itself."""
    pool = {"max_connections_percent": 10}
    with proxy_before(
        target, tmp_path_factory.mktemp("quiet"), pool=pool, tenants=[COMING_AND_GOING]
    ) as daemon:
        yield daemon


def endpoint(daemon: ProxyDaemon) -> Endpoint:
    return Endpoint(LOOPBACK, daemon.port, daemon.users)


def shown(daemon: ProxyDaemon) -> dict[str, dict[str, Any]]:
    """SHOW PROXY TENANTS as an admin sees it, by tenant and column."""
    with daemon.connect() as admin, admin.cursor() as cursor:
        cursor.execute("SHOW PROXY TENANTS")
        names = [column[0] for column in cursor.description]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


@attrs.frozen
class Beside:
    """What was seen while a crowd of greedy clients was at work."""

    alone: Party
    polite: dict[str, Party]
    shown: dict[str, dict[str, Any]]

    def mean_wait(self, tenant: str) -> float:
        """Seconds a borrow took, as the proxy says."""
        row = self.shown[tenant]
        return float(row["borrow_seconds"]) / int(row["borrows"])


def polite_part(tenant: str, user: str = "app") -> Part:
    return Part(tenant, KEPT_EACH, "SELECT 1", pause=0.02, user=user)


async def beside_greedy_clients(shared: ProxyDaemon, quiet: ProxyDaemon) -> Beside:
    greedy = Party(Part("greedy", GREEDY, f"SELECT SLEEP({SLOW} * (0.5 + RAND()))"), endpoint(shared))
    alone = Party(polite_part("alone"), endpoint(quiet))
    polite = {
        f"{tenant}/{user}": Party(polite_part(tenant, user), endpoint(shared))
        for tenant in ("kept", "plain")
        for user in ("app", "eve")
    }
    everyone = [greedy, alone, *polite.values()]
    try:
        for party in everyone:
            await party.join()
        greedy.begin()
        await greedy.reach(min(GREEDY, CAP // 2))
        for party in everyone[1:]:
            party.begin()
        # Their first borrows open connections.
        for party in everyone[1:]:
            await party.reach(2 * KEPT_EACH)
        for party in everyone[1:]:
            party.forget()
        for name, party in polite.items():
            await party.reach(SAMPLES if name.startswith("kept") else FEW_SAMPLES)
        await alone.reach(SAMPLES)
        rows = await asyncio.to_thread(shown, shared)
    finally:
        for party in everyone:
            await party.leave()
    assert [error for party in everyone for error in party.errors] == []
    return Beside(alone, polite, rows)


@pytest.fixture(scope="module")
def beside(shared: ProxyDaemon, quiet: ProxyDaemon) -> Beside:
    return in_time(beside_greedy_clients(shared, quiet))


class TestBesideGreedyClients:
    @pytest.mark.parametrize("user", ["app", "eve"])
    def test_a_tenant_with_a_minimum_is_served_as_if_it_were_alone(
        self, beside: Beside, user: str, record_property: Callable[[str, object], None]
    ) -> None:
        factor = median(beside.polite[f"kept/{user}"]) / median(beside.alone)
        record_property("remark", f"with a minimum, {user} takes {factor:.1f} times as long as alone")
        assert factor <= SMALL_FACTOR

    @pytest.mark.parametrize("user", ["app", "eve"])
    def test_without_a_minimum_it_waits_for_one_statement_at_most(self, beside: Beside, user: str) -> None:
        assert median(beside.polite[f"plain/{user}"]) <= 1.5 * SLOW

    @pytest.mark.parametrize("user", ["app", "eve"])
    def test_what_the_proxy_says_of_it(self, beside: Beside, user: str) -> None:
        kept, plain = (beside.mean_wait(f"{tenant}/{user}") for tenant in ("kept", "plain"))
        assert kept <= plain / 2
        assert plain <= 1.5 * SLOW

    def test_the_greedy_ones_have_all_else(self, beside: Beside) -> None:
        row = beside.shown["greedy"]
        assert row["clients"] == GREEDY
        polite = len(beside.polite) * KEPT_EACH
        assert CAP - polite <= row["borrowed"] <= CAP - 2 * KEPT_EACH
        assert row["borrowed"] + row["waiting"] >= GREEDY - CAP

    def test_nobody_was_refused(self, beside: Beside) -> None:
        rows = beside.shown.values()
        assert {(row["refused_borrows"], row["timed_out_borrows"]) for row in rows} == {(0, 0)}


class TestWeights:
    def test_a_weight_of_three_is_three_times_as_much(self, shared: ProxyDaemon) -> None:
        heavy, light = in_time(self.done(shared))
        assert 2 <= heavy / light <= 4.5

    async def done(self, shared: ProxyDaemon) -> tuple[int, int]:
        parties = [
            await Party(Part(tenant, 50, "SELECT SLEEP(0.05)"), endpoint(shared)).join()
            for tenant in ("heavy", "light")
        ]
        try:
            for party in parties:
                party.begin()
            await parties[1].reach(10)
            for party in parties:
                party.forget()
            await parties[1].reach(60)
            heavy, light = (len(party.latencies) for party in parties)
        finally:
            for party in parties:
                await party.leave()
        return heavy, light


class Clients:
    """In a block, clients of tenants, whose sockets are closed at its end."""

    def __init__(self, daemon: ProxyDaemon) -> None:
        self._daemon = daemon
        self._opened: list[AsyncClient] = []

    async def __aenter__(self) -> "Clients":
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._opened:
            client.abort()

    async def open(self, tenant: str) -> AsyncClient:
        """Log one in."""
        password, attributes = self._daemon.users["app"], {ATTRIBUTE: tenant}
        client = await AsyncClient.connect(
            LOOPBACK, self._daemon.port, "app", password, attributes=attributes
        )
        self._opened.append(client)
        return client


async def holding(client: AsyncClient) -> AsyncClient:
    """Has a database connection until it commits."""
    await client.query("BEGIN")
    await client.query("SELECT 1")
    return client


async def until_waiting(shared: ProxyDaemon, tenant: str, number: int) -> None:
    def is_so() -> bool:
        return bool(shown(shared)[tenant]["waiting"] == number)

    await asyncio.to_thread(eventually, is_so, f"{number} waiting")


class TestOverTheLimit:
    def test_of_its_connections_and_its_queue(self, shared: ProxyDaemon) -> None:
        in_time(self.queue(shared))

    async def queue(self, shared: ProxyDaemon) -> None:
        async with Clients(shared) as clients:
            holders = [await holding(await clients.open("narrow")) for _ in range(2)]
            queued = [await clients.open("narrow") for _ in range(QUEUE)]
            waiting = [asyncio.create_task(client.query("SELECT 7")) for client in queued]
            await until_waiting(shared, "narrow", QUEUE)
            one_more = await clients.open("narrow")
            with pytest.raises(ServerError) as refused:
                await one_more.query("SELECT 1")
            assert (refused.value.errno, refused.value.message) == (9501, QUEUE_FULL)
            assert await self.answer(await clients.open("plain")) == "8"
            row = shown(shared)["narrow"]
            assert not any(task.done() for task in waiting)
            assert (row["borrowed"], row["waiting"], row["refused_borrows"]) == (2, QUEUE, 1)
            await holders[0].query("COMMIT")
            assert [answer.rows for answer in await asyncio.gather(*waiting)] == [[("7",)]] * QUEUE
            assert await self.answer(one_more) == "8"

    def test_of_its_time(self, shared: ProxyDaemon) -> None:
        in_time(self.time(shared))

    async def time(self, shared: ProxyDaemon) -> None:
        async with Clients(shared) as clients:
            holder = await holding(await clients.open("hasty"))
            second = await clients.open("hasty")
            with pytest.raises(ServerError) as refused:
                await second.query("SELECT 1")
            assert (refused.value.errno, refused.value.message) == (9501, TIMED_OUT)
            row = shown(shared)["hasty"]
            assert (row["borrowed"], row["waiting"], row["timed_out_borrows"]) == (1, 0, 1)
            await holder.query("COMMIT")
            assert await self.answer(second) == "8"

    async def answer(self, client: AsyncClient) -> str | None:
        return (await client.query("SELECT 8")).rows[0][0]


class TestComingAndGoing:
    def test_no_connection_is_kept_for_tenants_that_have_left(self, quiet: ProxyDaemon) -> None:
        """The pool has five connections, and each of these tenants one of them while it has clients."""
        in_time(self.come_and_go(quiet))

    async def come_and_go(self, quiet: ProxyDaemon) -> None:
        for number in range(COMERS):
            async with Clients(quiet) as clients:
                client = await clients.open(f"v{number}")
                await client.query("SELECT 1")
                row = shown(quiet)[f"each/v{number}"]
                assert row["clients"] == 1
                await client.quit()
        async with Clients(quiet) as clients:
            opened = [await clients.open("plain") for _ in range(5)]
            await asyncio.gather(*(holding(client) for client in opened))
            assert shown(quiet)["default/app"]["borrowed"] == len(opened)
            await asyncio.gather(*(client.query("COMMIT") for client in opened))


def test_everything_is_given_back(shared: ProxyDaemon, beside: Beside) -> None:
    """Of clients that vanished while they waited, and while their statements ran."""

    def is_idle() -> bool:
        return all(
            row["clients"] == row["borrowed"] == row["waiting"] == 0
            for name, row in shown(shared).items()
            if name != "default/app"
        )

    eventually(is_idle, "no tenant to have or to want anything")
    with shared.connect() as admin:
        (total,) = (row for row in fetch(admin, "SHOW PROXY POOL") if row[1] == "(all)")
    assert total[3] == 0
