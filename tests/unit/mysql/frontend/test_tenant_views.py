"""SHOW PROXY TENANTS and SHOW PROXY SECRETS over a whole proxy in memory."""

from collections.abc import Iterator

import pytest

from proxy.config import TenantConfig
from proxy.credentials.problems import SecretStatus
from proxy.tenants.rules import Tenants
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.world import World, proxied

from .test_proxy_statements import show

TENANTS, CLIENTS, SECRETS = "SHOW PROXY TENANTS", "SHOW PROXY CLIENTS", "SHOW PROXY SECRETS"
DENIED = (1227).to_bytes(2, "little")

SECTIONS = [
    TenantConfig(name="acme", schemas=("shop",), read_only=True, statements_per_second=7.5, weight=2),
    TenantConfig(name="crm", schemas=("crm",), max_client_connections=3),
]


@pytest.fixture
def world() -> Iterator[World]:
    """Two tenants of one user, who is an admin."""
    with proxied(cap=2, admin_users=("app",)) as world:
        world.context.tenants = Tenants(SECTIONS)
        yield world


@pytest.fixture
def plain() -> Iterator[World]:
    """The same without admins."""
    with proxied(cap=2) as world:
        world.context.tenants = Tenants(SECTIONS)
        yield world


def client(world: World, schema: bytes) -> ClientPeer:
    return world.client(ClientPeer(p.CLIENT_CAPABILITIES | p.CONNECT_WITH_DB, database=schema))


class TestTenants:
    def test_limits_use_and_refusals(self, world: World) -> None:
        reader, _ = client(world, b"shop"), client(world, b"crm")
        assert world.ask(reader, "INSERT 1")[4] == 0xFF
        acme, crm = show(world, reader, TENANTS)
        assert (acme["tenant"], acme["clients"], acme["read_only"]) == ("acme", "1", "YES")
        assert (acme["weight"], acme["statements_per_second"]) == ("2.000", "7.500")
        assert acme["refused_writes"] == "1"
        assert (crm["tenant"], crm["read_only"], crm["max_client_connections"]) == ("crm", "NO", "3")
        assert crm["refused_writes"] == "0"

    def test_how_borrows_went(self, world: World) -> None:
        first, second = client(world, b"crm"), client(world, b"crm")
        before, _ = (int(show(world, first, TENANTS)[0]["borrows"] or 0), world.ask(first, "BEGIN"))
        world.ask(first, "SELECT 1")
        world.ask(second, "SELECT 1")
        (crm,) = show(world, first, TENANTS)
        assert (crm["borrowed"], crm["waiting"]) == ("1", "0")
        assert int(crm["borrows"] or 0) == before + 2
        assert (crm["refused_borrows"], crm["timed_out_borrows"]) == ("0", "0")
        assert float(crm["borrow_seconds"] or 0) >= 0

    def test_others_than_admins_see_their_own(self, plain: World) -> None:
        reader, writer = client(plain, b"shop"), client(plain, b"crm")
        assert [row["tenant"] for row in show(plain, reader, TENANTS)] == ["acme"]
        assert [row["tenant"] for row in show(plain, writer, TENANTS)] == ["crm"]

    def test_each_client_has_its_tenant(self, world: World) -> None:
        reader = client(world, b"shop")
        client(world, b"crm")
        assert [row["tenant"] for row in show(world, reader, CLIENTS)] == ["acme", "crm"]

    def test_sessions_of_a_users_other_tenants_are_not_shown(self, plain: World) -> None:
        reader, writer = client(plain, b"shop"), client(plain, b"crm")
        assert [row["schema"] for row in show(plain, reader, CLIENTS)] == ["shop"]
        plain.ask(writer, "FLUSH TABLES WITH READ LOCK")
        assert len(show(plain, writer, "SHOW PROXY PINS")) == 1
        assert show(plain, reader, "SHOW PROXY PINS") == []


class TestSecrets:
    STATUSES = (
        SecretStatus("app", "app", "v2", "AWSCURRENT", 1.0e9, 1.0e9, 0, ""),
        SecretStatus("gone", "", "", "", None, None, 4, "access denied"),
    )

    def test_versions_and_problems(self, world: World) -> None:
        world.context.secrets = lambda: self.STATUSES
        good, bad = show(world, client(world, b"crm"), SECRETS)
        assert good == {
            "secret": "app",
            "user": "app",
            "version": "v2",
            "stage": "AWSCURRENT",
            "fetched": "2001-09-09T01:46:40Z",
            "changed": "2001-09-09T01:46:40Z",
            "failures": "0",
            "problem": "",
        }
        assert (bad["secret"], bad["fetched"], bad["failures"]) == ("gone", None, "4")
        assert bad["problem"] == "access denied"

    def test_only_admins_see_them(self, plain: World) -> None:
        assert plain.ask(client(plain, b"crm"), SECRETS)[5:7] == DENIED
