"""Reads at replicas: a read/write split, read-your-writes, lag; with a primary and a replica that can lag.

Where a statement has run is read in the servers' general logs, by a mark in its text.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from .clients import one, run
from .cluster import Cluster
from .conftest import StartCluster, StartGroup
from .group_daemon import READERS
from .nodes import Node
from .polling import eventually

SPLIT = {"routing": "read_write_split"}
DELAY = 3
"""Seconds by which a delayed replica is behind."""
PLENTY = 30.0
"""Seconds that a session waits for a reader, more than it takes."""
NOW = 0.2
"""Too few of them."""

_marks = itertools.count(1)


@pytest.fixture
def cluster(start_cluster: StartCluster) -> Iterator[Cluster]:
    """A primary and one replica that write down what they are asked."""
    made = start_cluster(nodes=2)
    for node in made.nodes:
        node.run("SET GLOBAL log_output = 'TABLE'")
        node.run("SET GLOBAL general_log = 1")
    return made


def place(cluster: Cluster, client: Any, statement: str) -> Node:
    """Run a statement with a mark; the node that was asked."""
    mark = f"mark{next(_marks)}x"
    run(client, statement.replace("{}", f"'{mark}'"))
    asked = f"SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '%{mark}%'"
    asked += " AND argument NOT LIKE '%general_log%'"
    [node] = [node for node in cluster.nodes if node.fetch(asked)[0][0]]
    return node


def delay(node: Node) -> None:
    """Have a replica apply what it gets some seconds late."""
    node.run("STOP SLAVE")
    node.run(f"CHANGE MASTER TO MASTER_DELAY = {DELAY}")
    node.run("START SLAVE")


class TestSplit:
    def test_reads_go_to_the_reader_and_all_else_to_the_writer(
        self, cluster: Cluster, start_group: StartGroup
    ) -> None:
        daemon = start_group(cluster, proxy=SPLIT)
        daemon.wait_for_log(f"target {daemon.name_of(cluster.nodes[1])} is AVAILABLE")
        writer, reader = cluster.nodes
        with daemon.connect() as client:
            for statement in ("SELECT {}", "SELECT COUNT(*), {} FROM account", "SELECT UPPER({})"):
                assert place(cluster, client, statement) is reader, statement
            for statement in (
                "INSERT INTO account VALUES (7777, LENGTH({}))",
                "SELECT id, {} FROM account FOR UPDATE",
                "SELECT GET_LOCK({}, 0)",
                "DO RELEASE_ALL_LOCKS(), {}",
            ):
                assert place(cluster, client, statement) is writer, statement
            run(client, "BEGIN")
            assert place(cluster, client, "SELECT {}") is writer
            run(client, "COMMIT")
            assert place(cluster, client, "SELECT {}") is reader

    def test_without_a_reader_the_writer_reads(self, cluster: Cluster, start_group: StartGroup) -> None:
        daemon = start_group(cluster, proxy=SPLIT, nodes=cluster.nodes[:1])
        with daemon.connect() as client:
            assert place(cluster, client, "SELECT {}") is cluster.primary

    def test_settings_and_variables_are_there_at_once(
        self, cluster: Cluster, start_group: StartGroup
    ) -> None:
        daemon = start_group(cluster, proxy=SPLIT)
        with daemon.connect() as client:
            run(client, "SET @mine = 5, SESSION sql_mode = 'ANSI_QUOTES'")
            assert one(client, 'SELECT @mine + COUNT("id") - COUNT("id") FROM account') == 5

    def test_a_stored_function_must_be_listed(self, cluster: Cluster, start_group: StartGroup) -> None:
        writer, reader = cluster.nodes
        writer.run("CREATE FUNCTION app.twice (n INT) RETURNS INT DETERMINISTIC NO SQL RETURN 2 * n")
        cluster.wait_for_replicas()
        daemon = start_group(cluster, proxy=SPLIT)
        with daemon.connect() as client:
            assert place(cluster, client, "SELECT twice(2), {}") is writer
            daemon.proxy["read_only_functions"] = ["twice"]
            daemon.reload()
            assert place(cluster, client, "SELECT twice(2), {}") is reader


class TestReadYourWrites:
    @pytest.fixture
    def delayed(self, cluster: Cluster) -> Node:
        """The replica, delayed."""
        delay(cluster.nodes[1])
        return cluster.nodes[1]

    @pytest.mark.parametrize(("patience", "reads"), [(PLENTY, 1), (NOW, 0)])
    def test_a_reader_is_waited_for_or_the_writer_reads(
        self, cluster: Cluster, delayed: Node, start_group: StartGroup, patience: float, reads: int
    ) -> None:
        daemon = start_group(cluster, proxy={**SPLIT, "causal_reads_timeout": patience})
        with daemon.connect() as client:
            eventually(lambda: place(cluster, client, "SELECT {}") is delayed, "a read at the replica")
            run(client, "INSERT INTO account VALUES (7088, 1)")
            where = place(cluster, client, "SELECT balance, {} FROM account WHERE id = 7088")
            assert cluster.nodes.index(where) == reads
            assert one(client, "SELECT balance FROM account WHERE id = 7088") == 1

    def test_switched_off_a_read_may_be_old(
        self, cluster: Cluster, delayed: Node, start_group: StartGroup
    ) -> None:
        daemon = start_group(cluster, proxy={**SPLIT, "causal_reads": False})
        with daemon.connect() as client:
            eventually(lambda: place(cluster, client, "SELECT {}") is delayed, "a read at the replica")
            run(client, "INSERT INTO account VALUES (7099, 1)")
            assert one(client, "SELECT COUNT(*) FROM account WHERE id = 7099") == 0
            eventually(lambda: one(client, "SELECT COUNT(*) FROM account WHERE id = 7099") == 1, "the row")


class TestReaderEndpoint:
    def test_a_reader_that_lags_too_far_is_not_used(self, cluster: Cluster, start_group: StartGroup) -> None:
        endpoint = {**READERS, "fallback": "writer", "max_replica_lag": 1}
        daemon = start_group(cluster, endpoints=[endpoint])
        writer, reader = cluster.nodes
        with daemon.connect_to("reader") as client:
            eventually(lambda: place(cluster, client, "SELECT {}") is reader, "a read at the replica")
            delay(reader)
            writer.run("INSERT INTO app.account VALUES (7066, 1)")
            eventually(lambda: place(cluster, client, "SELECT {}") is writer, "a read at the writer")
            eventually(lambda: place(cluster, client, "SELECT {}") is reader, "a read at the replica again")

    def test_it_takes_no_writes(self, cluster: Cluster, start_group: StartGroup) -> None:
        daemon = start_group(cluster, endpoints=[{**READERS, "fallback": "error"}])
        daemon.wait_for_log(f"target {daemon.name_of(cluster.nodes[1])} is AVAILABLE")
        with daemon.connect_to("reader") as client, pytest.raises(Exception, match="1290"):
            run(client, "INSERT INTO account VALUES (7055, 1)")
