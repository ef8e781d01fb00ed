"""A tenant's limits, command by command: what is refused, what is undone, what is ended, and what is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from proxy.config import TenantConfig
from proxy.errors import (
    idle_in_transaction,
    interrupted,
    read_only_user,
    schema_denied,
    statement_rate_exceeded,
    statement_too_slow,
    value_refused,
)
from proxy.mysql.frontend.visible import error_packet
from proxy.tenants.rules import Tenants
from proxy.tenants.tenant import Tenant
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.server import ServerPeer
from tests.peers.world import World, proxied

from .test_kill import SlowServer, slow_servers  # noqa: F401

INTERRUPTED = error_packet(interrupted())
TOO_SLOW = error_packet(statement_too_slow(is_mariadb=False))
REFUSED = error_packet(read_only_user("app"))


def has(answer: bytes) -> bytes:
    """The one packet of an answer."""
    [(_, payload)] = p.split(answer)
    return payload


def is_ok(answer: bytes) -> bool:
    return p.split(answer)[0][1][:1] != b"\xff"


@contextmanager
def limited(*, cap: int = 1, world_options: Any = None, **limits: Any) -> Iterator[World]:
    with proxied(cap=cap, **(world_options or {})) as world:
        world.context.tenants = Tenants([TenantConfig(name="acme", **limits)])
        yield world


def tenant(world: World) -> Tenant:
    [found] = [each for each in world.context.tenants if each.name == "acme"]
    return found


def sent(world: World) -> list[str]:
    """What clients had the database run, in order."""
    return [
        text for _, text in world.database.log if not text.startswith(("SET ", "SELECT LAST", "SELECT DATA"))
    ]


class TestStatementsPerSecond:
    def test_further_statements_are_refused_until_time_has_passed(self) -> None:
        with limited(statements_per_second=2) as world:
            client = world.client()
            assert [is_ok(world.ask(client, "SELECT 1")) for _ in range(2)] == [True, True]
            expected = error_packet(statement_rate_exceeded("acme", 2.0))
            assert has(world.ask(client, "SELECT 1")) == expected
            world.advance(0.5)
            assert is_ok(world.ask(client, "SELECT 1"))
            assert not is_ok(world.ask(client, "SELECT 1"))
            assert tenant(world).refused_statements == 2
            assert sent(world).count("SELECT 1") == 3

    def test_the_clients_of_a_tenant_have_it_together(self) -> None:
        with limited(statements_per_second=2) as world:
            one, other = world.client(), world.client()
            assert is_ok(world.ask(one, "SELECT 1"))
            assert is_ok(world.ask(other, "SELECT 1"))
            assert not is_ok(world.ask(one, "SELECT 1"))
            assert not is_ok(world.ask(other, "SELECT 1"))

    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
    def test_the_end_of_a_transaction_is_free(self, end: str) -> None:
        with limited(statements_per_second=1) as world:
            client = world.client()
            assert is_ok(world.ask(client, "BEGIN"))
            assert not is_ok(world.ask(client, "INSERT 1"))
            assert is_ok(world.ask(client, end))

    def test_a_reload_counts_for_clients_that_are_there(self) -> None:
        with limited() as world:
            client = world.client()
            assert all(is_ok(world.ask(client, "SELECT 1")) for _ in range(5))
            config = TenantConfig(name="acme", statements_per_second=1)
            world.context.tenants.reconfigure([config], "", 10)
            assert is_ok(world.ask(client, "SELECT 1"))
            assert not is_ok(world.ask(client, "SELECT 1"))
            world.context.tenants.reconfigure([TenantConfig(name="acme")], "", 10)
            assert all(is_ok(world.ask(client, "SELECT 1")) for _ in range(5))


class TestSchemas:
    def test_use_and_init_db(self) -> None:
        with limited(allowed_schemas=("shop",)) as world:
            client = world.client()
            assert is_ok(world.ask(client, "USE shop"))
            denied = error_packet(schema_denied("app", "crm"))
            assert has(world.ask(client, "USE crm")) == denied
            client.send(p.packet(b"\x02crm"))
            world.settle()
            assert has(client.take()) == denied
            assert "shop" in world.ask(client, "SELECT DATABASE()").decode("latin-1")
            assert tenant(world).refused_schemas == 2
            assert "USE crm" not in sent(world)

    def test_what_is_selected_in_some_other_way_serves_for_nothing_but_to_leave_it(self) -> None:
        with limited() as world:
            client = world.client()
            assert is_ok(world.ask(client, "USE crm"))
            config = TenantConfig(name="acme", allowed_schemas=("shop",))
            world.context.tenants.reconfigure([config], "", 10)
            assert has(world.ask(client, "SELECT 1")) == error_packet(schema_denied("app", "crm"))
            assert is_ok(world.ask(client, "USE shop"))
            assert is_ok(world.ask(client, "SELECT 1"))


class TestLockWaits:
    NAMES = ("innodb_lock_wait_timeout", "lock_wait_timeout")

    @pytest.fixture
    def world(self) -> Iterator[World]:
        with limited(lock_wait_timeout=5) as world:
            yield world

    def value(self, world: World, client: ClientPeer, name: str) -> str:
        return p.split(world.ask(client, f"SELECT @@{name}"))[-2][1][1:].decode()

    def test_sessions_begin_with_the_limit(self, world: World) -> None:
        client = world.client()
        assert [self.value(world, client, name) for name in self.NAMES] == ["5", "5"]

    def test_less_may_be_set_and_more_may_not(self, world: World) -> None:
        client = world.client()
        assert is_ok(world.ask(client, "SET innodb_lock_wait_timeout = 3"))
        assert self.value(world, client, self.NAMES[0]) == "3"
        refused = error_packet(value_refused(self.NAMES[0], "6"))
        assert has(world.ask(client, "SET innodb_lock_wait_timeout = 6")) == refused
        assert self.value(world, client, self.NAMES[0]) == "3"
        assert tenant(world).refused_settings == 1

    def test_a_reset_does_not_lift_it(self, world: World) -> None:
        client = world.client()
        client.send(p.packet(b"\x1f"))
        world.settle()
        assert is_ok(client.take())
        assert self.value(world, client, self.NAMES[0]) == "5"

    @pytest.mark.parametrize("before", [None, "BEGIN"])
    def test_what_was_set_in_some_other_way_is_brought_down(self, world: World, before: str | None) -> None:
        client = world.client()
        if before is not None:
            assert is_ok(world.ask(client, before))
        # As a stored function may do it.
        [session] = world.database.threads.values() if before else [None]
        world.database.hides_bare_names = False
        if session is not None:
            session._assign(self.NAMES[0], "100")
            assert is_ok(world.ask(client, "SELECT 1"))
        else:
            world.context.tenants.reconfigure([TenantConfig(name="acme")], "", 10)
            assert is_ok(world.ask(client, "SET innodb_lock_wait_timeout = 100"))
            config = TenantConfig(name="acme", lock_wait_timeout=5)
            world.context.tenants.reconfigure([config], "", 10)
        assert self.value(world, client, self.NAMES[0]) == "5"


class TestReadOnly:
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with limited(read_only=True) as world:
            yield world

    def test_writes_do_not_reach_the_database(self, world: World) -> None:
        client = world.client()
        assert is_ok(world.ask(client, "SELECT 1"))
        assert has(world.ask(client, "INSERT 1")) == REFUSED
        assert has(world.ask(client, "START TRANSACTION READ WRITE")) == REFUSED
        assert has(world.ask(client, "SET @@session.transaction_read_only = 0")) == REFUSED
        assert world.database.committed == []
        assert tenant(world).refused_writes == 3
        assert sent(world) == ["SELECT 1"]

    def test_the_server_is_told(self, world: World) -> None:
        client = world.client()
        assert b"ON" in world.ask(client, "SELECT @@transaction_read_only")
        client.send(p.packet(b"\x1f"))
        world.settle()
        client.take()
        assert b"ON" in world.ask(client, "SELECT @@transaction_read_only")

    @pytest.mark.parametrize("command", [b"\x16INSERT 1", b"\x07\x01", b"\x0d", b"\x0c\x05\0\0\0"])
    def test_other_commands(self, world: World, command: bytes) -> None:
        client = world.client()
        client.send(p.packet(command))
        world.settle()
        assert has(client.take()) == REFUSED
        assert sent(world) == []

    def test_a_statement_that_is_not_whole_is_refused(self, world: World) -> None:
        client = world.client()
        text = b"SELECT '" + b"x" * (world.context.options.whole_command_size + 100_000) + b"'"
        assert has(world.ask(client, text)) == REFUSED  # type: ignore[arg-type]
        assert is_ok(world.ask(client, "SELECT 1"))

    def test_the_rule_is_put_back_when_something_has_lifted_it(self, world: World) -> None:
        client = world.client()
        assert is_ok(world.ask(client, "SELECT 1"))
        [session] = world.database.threads.values()
        # As a function does that a view calls.
        session._assign("transaction_read_only", "OFF")
        assert is_ok(world.ask(client, "SELECT 1"))
        assert b"ON" in world.ask(client, "SELECT @@transaction_read_only")

    def test_a_transaction_that_may_write_is_rolled_back(self, world: World) -> None:
        client = world.client()
        assert is_ok(world.ask(client, "BEGIN"))
        [session] = world.database.threads.values()
        session.write("7")
        session.variables["transaction_read_only"] = "OFF"
        assert is_ok(world.ask(client, "SELECT 1"))
        assert has(world.ask(client, "COMMIT")) == REFUSED
        assert client.closed
        assert world.database.committed == []

    def test_a_transaction_that_is_older_than_the_rule_may_commit(self) -> None:
        with limited() as world:
            client, reading = world.client(), [TenantConfig(name="acme", read_only=True)]
            assert is_ok(world.ask(client, "BEGIN"))
            assert is_ok(world.ask(client, "INSERT 1"))
            for _ in range(2):
                world.context.tenants.reconfigure(reading, "", 10)
                assert has(world.ask(client, "INSERT 2")) == REFUSED
                assert is_ok(world.ask(client, "SELECT 1"))
            assert is_ok(world.ask(client, "COMMIT"))
            assert world.database.committed == ["1"]
            assert has(world.ask(client, "INSERT 3")) == REFUSED
            assert b"ON" in world.ask(client, "SELECT @@transaction_read_only")
            assert world.database.committed == ["1"]

    def test_no_later_transaction_is_spared(self) -> None:
        with limited() as world:
            client = world.client()
            assert is_ok(world.ask(client, "BEGIN"))
            assert is_ok(world.ask(client, "INSERT 1"))
            world.context.tenants.reconfigure([TenantConfig(name="acme", read_only=True)], "", 10)
            assert is_ok(world.ask(client, "ROLLBACK"))
            assert is_ok(world.ask(client, "BEGIN"))
            [session] = world.database.threads.values()
            session.write("7")
            session.variables["transaction_read_only"] = "OFF"
            assert is_ok(world.ask(client, "SELECT 1"))
            assert has(world.ask(client, "COMMIT")) == REFUSED
            assert world.database.committed == []

    def test_other_tenants_sessions_are_as_before(self, world: World) -> None:
        configs = [TenantConfig(name="acme", schemas=("shop",), read_only=True)]
        world.context.tenants = Tenants(configs)
        reader = world.client(ClientPeer(p.CLIENT_CAPABILITIES | p.CONNECT_WITH_DB, database=b"shop"))
        writer = world.client()
        assert not is_ok(world.ask(reader, "INSERT 1"))
        assert is_ok(world.ask(reader, "SELECT 1"))
        assert is_ok(world.ask(writer, "INSERT 2"))
        assert b"OFF" in world.ask(writer, "SELECT @@transaction_read_only")
        assert world.database.committed == ["2"]


@pytest.mark.usefixtures("slow_servers")
class TestExecutionTime:
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with limited(max_execution_time=3) as world:
            yield world

    def busy(self, world: World) -> tuple[ClientPeer, ServerPeer]:
        client = world.client()
        client.query("WORK 1")
        world.settle()
        [server] = [each for each in SlowServer.everyone.values() if each.running]
        return client, server

    def kill(self, world: World) -> None:
        [killer] = [each for each in SlowServer.everyone.values() if each.killing]
        killer.act()
        killer.answer_kill()
        world.settle()

    def test_a_statement_is_ended_and_its_client_told_why(self, world: World) -> None:
        client, server = self.busy(world)
        world.advance(2.9)
        assert not [each for each in SlowServer.everyone.values() if each.killing]
        world.advance(0.2)
        self.kill(world)
        assert has(client.take()) == TOO_SLOW
        assert server.ended == ["WORK 1"]  # type: ignore[attr-defined]
        assert tenant(world).stopped_statements == 1
        assert is_ok(world.ask(client, "SELECT 1"))

    def test_one_that_ends_in_time_is_left_alone(self, world: World) -> None:
        client, server = self.busy(world)
        world.advance(2.9)
        server.finish()  # type: ignore[attr-defined]
        world.settle()
        assert is_ok(client.take())
        world.advance(10)
        assert tenant(world).stopped_statements == 0

    def test_one_that_ends_before_the_kill_is_not_called_too_slow(self, world: World) -> None:
        client, server = self.busy(world)
        world.advance(3.1)
        server.finish()  # type: ignore[attr-defined]
        self.kill(world)
        assert is_ok(client.take())
        assert is_ok(world.ask(client, "SELECT 1"))

    def test_a_result_that_is_half_out_stays_one(self, world: World) -> None:
        client, server = self.busy(world)
        server.send_half()  # type: ignore[attr-defined]
        world.settle()
        world.advance(3.1)
        self.kill(world)
        server.finish()  # type: ignore[attr-defined]
        world.settle()
        assert TOO_SLOW not in client.take()
        assert is_ok(world.ask(client, "SELECT 1"))

    def test_another_clients_kill_is_no_matter_of_time(self, world: World) -> None:
        client, server = self.busy(world)
        server.killing = world.database.next_thread and server.session.thread  # type: ignore
        server.act()  # type: ignore[attr-defined]
        server.killing = 0  # type: ignore[attr-defined]
        world.settle()
        assert has(client.take()) == INTERRUPTED

    def test_what_the_client_takes_to_read_does_not_count(self, world: World) -> None:
        client, _ = self.busy(world)
        world.advance(2)
        [line] = [line for line in world.lines if line.peer is client]
        phase = line.protocol.commands
        phase._execution.pause()
        world.advance(100)
        assert tenant(world).stopped_statements == 0
        phase.drained()
        world.advance(0.9)
        assert tenant(world).stopped_statements == 0
        world.advance(0.2)
        self.kill(world)
        assert has(client.take()) == TOO_SLOW

    def test_a_client_that_leaves_takes_its_clock_along(self, world: World) -> None:
        client, _ = self.busy(world)
        [line] = [line for line in world.lines if line.peer is client]
        line.hang_up()
        world.settle()
        for _ in range(3):
            for each in list(SlowServer.everyone.values()):
                if each.killing:
                    each.act()
                    each.answer_kill()
            world.advance(3)
        assert tenant(world).stopped_statements == 0


class TestIdleInTransaction:
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with limited(idle_in_transaction_timeout=10) as world:
            yield world

    def test_the_client_is_told_and_its_transaction_rolled_back(self, world: World) -> None:
        client = world.client()
        world.ask(client, "BEGIN")
        world.ask(client, "INSERT 1")
        world.advance(9.9)
        assert not client.closed
        world.advance(0.2)
        [(sequence, payload)] = p.split(client.take())
        assert (sequence, payload) == (0, error_packet(idle_in_transaction()))
        assert client.closed
        assert tenant(world).idle_disconnects == 1
        other = world.client()
        assert is_ok(world.ask(other, "INSERT 2"))
        assert world.database.committed == ["2"]

    def test_each_statement_begins_the_time_anew(self, world: World) -> None:
        client = world.client()
        world.ask(client, "BEGIN")
        for _ in range(5):
            world.advance(9)
            assert is_ok(world.ask(client, "INSERT 1"))
        world.ask(client, "COMMIT")
        world.advance(100)
        assert not client.closed
        assert len(world.database.committed) == 5

    def test_a_session_without_transaction_may_be_idle(self, world: World) -> None:
        client = world.client()
        world.ask(client, "SELECT 1")
        world.advance(1000)
        assert not client.closed

    def test_a_pinned_session_may_not(self, world: World) -> None:
        client = world.client()
        world.ask(client, "LOCK TABLES t READ")
        world.advance(10.1)
        assert client.closed

    def test_a_reload_ends_the_limit(self, world: World) -> None:
        client = world.client()
        world.ask(client, "BEGIN")
        world.context.tenants.reconfigure([TenantConfig(name="acme")], "", 10)
        world.ask(client, "SELECT 1")
        world.advance(100)
        assert not client.closed
        world.ask(client, "ROLLBACK")

    def test_a_reload_counts_for_who_is_idle_already(self, world: World) -> None:
        client = world.client()
        world.ask(client, "BEGIN")
        world.context.tenants.reconfigure([TenantConfig(name="acme", idle_in_transaction_timeout=50)], "", 10)
        world.advance(49)
        assert not client.closed
        world.advance(2)
        assert client.closed


class TestKill:
    def test_a_users_other_tenants_are_out_of_reach(self) -> None:
        with limited(cap=2, schemas=("shop",)) as world:
            mine = world.client(ClientPeer(p.CLIENT_CAPABILITIES | p.CONNECT_WITH_DB, database=b"shop"))
            other, third = world.client(), world.client()
            for number, client in (((1 << 30) + 1, other), ((1 << 30) + 2, third)):
                assert p.split(world.ask(mine, f"KILL {number}"))[0][1][1:3] == (1095).to_bytes(2, "little")
                assert not client.closed
            world.ask(other, f"KILL {(1 << 30) + 2}")
            assert third.closed

    def test_a_reader_kills_no_writer(self) -> None:
        with limited(cap=2) as world:
            writer = world.client()
            world.context.tenants.reconfigure([TenantConfig(name="acme", read_only=True)], "", 10)
            reader, other = world.client(), world.client()
            assert p.split(world.ask(reader, f"KILL {1 << 30}"))[0][1][1:3] == (1095).to_bytes(2, "little")
            assert not writer.closed
            world.ask(reader, f"KILL {(1 << 30) + 2}")
            assert other.closed
