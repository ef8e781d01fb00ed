"""Tenants before a primary and its replicas: where read-only sessions run, when targets come, go, or lead."""

import threading
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from .clients import CommandClient, fetch, one, run
from .cluster import Cluster
from .group_daemon import GroupDaemon
from .nodes import CLUSTER_USERS, Seed
from .polling import eventually

READ_ONLY, NO_CONNECTION = 1290, 9501
ATTRIBUTE = "program_name"
"""Which PyMySQL sends."""
TENANTS: list[dict[str, Any]] = [
    {"name": "reads", "attribute_values": ["reads"], "read_only": True},
    {"name": "writes", "attribute_values": ["writes"], "max_connections_percent": 50},
    {"name": "hasty", "attribute_values": ["hasty"], "connection_borrow_timeout": 0.5},
]


@pytest.fixture(scope="module")
def cluster(seed: Seed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(seed, tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def daemon(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GroupDaemon]:
    """All replicas serve."""
    options = {"tenant_attribute": ATTRIBUTE, "admin_users": ["app"]}
    made = GroupDaemon(tmp_path_factory.mktemp("proxy"), cluster, proxy=options, tenants=TENANTS)
    made.start()
    try:
        made.serves()
        for node in cluster.replicas:
            made.wait_for_log(f"target {made.name_of(node)} is AVAILABLE")
        yield made
        made.stop()
    finally:
        made.kill()


@pytest.fixture(autouse=True)
def _readers(daemon: GroupDaemon, cluster: Cluster) -> None:
    """What the test before has stopped serves again: without a reader the writer serves instead."""
    replicas = {node.port for node in cluster.replicas}
    with daemon.connect() as admin:
        eventually(
            lambda: {row[3] for row in fetch(admin, "SHOW PROXY TARGETS")} == {"AVAILABLE"}, "all targets"
        )

    def serves() -> bool:
        with daemon.connect(program_name="reads") as client:
            return port_of(client) in replicas

    eventually(serves, "a reader")


def port_of(client: Any) -> int:
    return int(one(client, "SELECT @@port"))


def refused(client: Any, sql: str) -> int:
    with pytest.raises(pymysql.MySQLError) as error:
        run(client, sql)
    return int(error.value.args[0])


class TestReadOnly:
    def test_everything_runs_at_a_reader(self, daemon: GroupDaemon, cluster: Cluster) -> None:
        readers = {node.port for node in cluster.replicas}
        with daemon.connect(program_name="reads") as client:
            ports = {port_of(client)}
            run(client, "BEGIN")
            ports.add(port_of(client))
            ports.add(int(one(client, "SELECT @@port FROM account LIMIT 1")))
            assert refused(client, "INSERT INTO account VALUES (8001, 1)") == READ_ONLY
            assert refused(client, "SELECT * FROM account FOR UPDATE") == READ_ONLY
            run(client, "COMMIT")
            run(client, "SET @a = 7, sql_mode = 'ANSI_QUOTES'")
            assert fetch(client, "SELECT @a, @@sql_mode") == ((7, "ANSI_QUOTES"),)
            ports.add(port_of(client))
            assert ports <= readers
            assert one(client, "SELECT @@tx_read_only") == 1

    def test_the_users_other_tenants_write_at_the_primary(
        self, daemon: GroupDaemon, cluster: Cluster
    ) -> None:
        with daemon.connect(program_name="reads") as reader, daemon.connect(program_name="writes") as writer:
            for number in range(10):
                assert one(reader, "SELECT @@tx_read_only") == 1
                run(writer, f"INSERT INTO account VALUES ({8100 + number}, 1)")
                assert one(writer, "SELECT @@tx_read_only") == 0
                assert port_of(writer) == cluster.primary.port

    def test_it_is_as_before_after_a_reset(self, daemon: GroupDaemon, cluster: Cluster) -> None:
        readers = {node.port for node in cluster.replicas}
        options = {"database": "app", "ssl_disabled": True, "program_name": "reads"}
        with CommandClient(
            host="127.0.0.1", port=daemon.port, user="app", password=CLUSTER_USERS["app"], **options
        ) as client:
            client.reset_connection()
            run(client, "USE app")
            assert port_of(client) in readers
            assert refused(client, "INSERT INTO account VALUES (8002, 1)") == READ_ONLY

    def test_a_reader_that_ends_is_replaced(self, daemon: GroupDaemon, cluster: Cluster) -> None:
        with daemon.connect(program_name="reads") as client:
            statement = "PREPARE s FROM 'SELECT @@port FROM account LIMIT 1'"
            run(client, statement)
            first = one(client, "EXECUTE s")
            [node] = [node for node in cluster.nodes if node.port == first]
            node.stop()
            try:
                eventually(lambda: _port(client, "EXECUTE s") not in (first, None), "another target")
                assert refused(client, "INSERT INTO account VALUES (8003, 1)") == READ_ONLY
            finally:
                node.start(as_replica=True)
                eventually(lambda: cluster.replicates(node), "the replica")


def _port(client: Any, sql: str) -> int | None:
    try:
        return int(one(client, sql))
    except pymysql.MySQLError:
        return None


class TestWithoutAWriter:
    def test_a_tenant_waits_for_its_own_time_and_others_for_theirs(
        self, daemon: GroupDaemon, cluster: Cluster
    ) -> None:
        inserted: list[int] = []
        with daemon.connect(program_name="hasty") as hasty, daemon.connect(program_name="writes") as writer:
            for client in (hasty, writer):
                assert port_of(client) == cluster.primary.port
            patient = threading.Thread(
                target=lambda: inserted.append(run(writer, "INSERT INTO account VALUES (8200, 1)"))
            )
            cluster.primary.stop()
            try:
                patient.start()
                for number in range(2):
                    sql = f"INSERT INTO account VALUES ({8201 + number}, 1)"
                    assert refused(hasty, sql) == NO_CONNECTION
                assert patient.is_alive()
            finally:
                cluster.primary.start()
            patient.join(60)
            assert inserted == [1]
            run(hasty, "INSERT INTO account VALUES (8201, 1)")
        for node in cluster.replicas:
            eventually(lambda node=node: cluster.replicates(node), "the replicas")  # type: ignore[misc]


class TestSwitchover:
    def test_a_reading_transaction_does_not_become_a_writing_one(
        self, daemon: GroupDaemon, cluster: Cluster
    ) -> None:
        with daemon.connect(program_name="reads") as reader, daemon.connect(program_name="writes") as writer:
            run(writer, "INSERT INTO account VALUES (8300, 1)")
            run(reader, "BEGIN")
            port = port_of(reader)
            with daemon.connect() as admin:
                rows = fetch(admin, f"PROXY SWITCHOVER TO '127.0.0.1:{port}'")
            assert rows
            run(writer, "INSERT INTO account VALUES (8301, 1)")
            assert port_of(writer) == port
            assert refused(reader, "INSERT INTO account VALUES (8302, 1)") == READ_ONLY
            run(reader, "COMMIT")
            assert refused(reader, "INSERT INTO account VALUES (8302, 1)") == READ_ONLY
            eventually(lambda: port_of(reader) != port, "a reader after the switchover")
            shown = {row[0]: row for row in fetch(writer, "SHOW PROXY TENANTS")}
            assert {"reads", "writes"} <= shown.keys()
