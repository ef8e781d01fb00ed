"""Failovers of Oracle's MySQL: what GTIDs and the binary log tell here that MariaDB's do not."""

from concurrent.futures import ThreadPoolExecutor

import pymysql
import pytest

from .clients import fetch, one, run
from .cluster import Cluster
from .conftest import StartCluster, StartGroup
from .failover import crowd, gets_nothing, judge, now, tell
from .load import Mix
from .nodes import Node, Seed
from .polling import eventually

MIX = Mix(readers=8, writers=8, transfers=6, idle=5, pinned=2)
BEFORE, AFTER = 80, 120
"""Acknowledged writes before a fault, and after it."""
ANSWER_LIMIT = 60.0
ENTRY = "INSERT INTO entry (client, seq) VALUES (1, 1)"


@pytest.fixture
def cluster(start_cluster: StartCluster, mysql_seed: Seed) -> Cluster:
    """A primary and one replica."""
    return start_cluster(mysql_seed, nodes=2)


def test_the_primary_is_killed_and_returns(cluster: Cluster, start_group: StartGroup) -> None:
    daemon = start_group(cluster)
    old = cluster.primary
    with crowd(daemon, MIX) as load:
        load.works(BEFORE)
        fault = now()
        old.kill()
        promotion = cluster.promote()
        load.works(AFTER)
        old.start()
        daemon.wait_for_log("INVALID_REPLICATION_STATE")
        gets_nothing(old, load)
        report = load.finish()
    tell("kill -9 of MySQL", report, fault, promotion)
    assert report.idle == MIX.idle
    assert all("temporary_table" in error for error in report.pinned.values())
    judge(cluster, report, promotion, may_lose=True)


def test_a_planned_promotion(cluster: Cluster, start_group: StartGroup) -> None:
    daemon = start_group(cluster)
    with crowd(daemon, MIX) as load:
        load.works(BEFORE)
        fault = now()
        promotion = cluster.hand_over(cluster.replicas[0])
        load.works(AFTER)
        report = load.finish()
    tell("planned promotion of MySQL", report, fault, promotion)
    assert {each.kind for each in report.failures} <= {"transfer"}, report.errors()
    judge(cluster, report)


@pytest.mark.parametrize("ends", [True, False], ids=["a COMMIT", "an autocommit write"])
def test_a_committed_write_is_found_by_its_identity(
    cluster: Cluster, start_group: StartGroup, ends: bool
) -> None:
    """Its answer was lost, the primary restarts: its binary log names the connection that has written it."""
    daemon = start_group(cluster, over_lines=True)
    client, node = daemon.connect(), cluster.primary
    run(client, "DO 1")
    opened = _uptime(node)
    # The server counts in whole seconds: only then is it certain that it was started after the connection.
    eventually(lambda: _uptime(node) > opened + 2, "the connection to be older than the restart")
    if ends:
        run(client, "BEGIN")
        run(client, ENTRY)
    with ThreadPoolExecutor() as crew:
        node.line.hold_answers()
        answer = crew.submit(fetch, client, "COMMIT" if ends else ENTRY)
        eventually(lambda: _entries(node), "the write on the primary")
        node.line.refuse()
        node.kill()
        node.line.cut()
        node.line.heal()
        node.start()
        node.line.listen()
        error = answer.exception(ANSWER_LIMIT)
    if ends:
        assert error is None
    else:
        assert isinstance(error, pymysql.MySQLError)
        assert "; the write was committed" in error.args[1]
    assert one(client, "SELECT COUNT(*) FROM entry WHERE client = 1") == 1


def _uptime(node: Node) -> int:
    return int(node.fetch("SHOW GLOBAL STATUS LIKE 'Uptime'")[0][1])


def _entries(node: Node) -> int:
    return int(node.fetch("SELECT COUNT(*) FROM app.entry WHERE client = 1")[0][0])
