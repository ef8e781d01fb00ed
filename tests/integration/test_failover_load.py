"""A hundred clients while their database fails: what was acknowledged is there once, and nobody is dropped.

Readers, writers and transactions go on through the fault; idle clients keep socket and session. The gap that
clients see is told in the log of the tests, and not judged: it is the machine's, too.
"""

import pytest

from .cluster import Cluster, Promotion
from .conftest import StartCluster, StartGroup
from .failover import crowd, gets_nothing, judge, now, tell
from .group_daemon import READERS
from .ledger import Report
from .load import CROWD, Load
from .polling import eventually

BEFORE, AFTER = 150, 250
"""Acknowledged writes before a fault, and after it."""
FLAPS = 4
INVISIBLE = ("read", "begin", "after", "look")
"""Stages at which no fault is seen."""


def check(report: Report, *, pins_end: bool = True) -> None:
    """What holds after every failure; the books are judged apart."""
    assert report.idle == CROWD.idle
    assert len(report.pinned) == CROWD.pinned
    for error in report.pinned.values():
        assert not pins_end or (error.startswith("2013 ") and "temporary_table" in error), error
    # What changes nothing is run again where it was under way, and waits like any other statement.
    assert [str(each) for each in report.failures if each.stage in INVISIBLE] == []


def failed_over(load: Load, cluster: Cluster) -> Promotion:
    """A script promotes the foremost replica, and the load goes on."""
    promotion = cluster.promote()
    load.works(AFTER)
    return promotion


@pytest.mark.parametrize(
    ("semi_sync", "replay"),
    [(False, "off"), (True, "off"), (True, "safe")],
    ids=["asynchronous", "semi-synchronous", "semi-synchronous, with replay"],
)
def test_the_primary_is_killed(
    start_cluster: StartCluster, start_group: StartGroup, semi_sync: bool, replay: str
) -> None:
    cluster = start_cluster(semi_sync=semi_sync)
    daemon = start_group(cluster, proxy={"transaction_replay": replay})
    with crowd(daemon) as load:
        load.works(BEFORE)
        fault = now()
        cluster.primary.kill()
        promotion = failed_over(load, cluster)
        report = load.finish()
    tell("kill -9", report, fault, promotion)
    check(report)
    lost = judge(cluster, report, promotion, may_lose=not semi_sync)
    print(f"{len(lost)} acknowledged writes were lost by the database itself")


def test_the_primary_freezes_and_comes_back(start_cluster: StartCluster, start_group: StartGroup) -> None:
    """It is in nobody's way while it is silent, and when it wakes up as a second writer it gets nothing."""
    cluster = start_cluster()
    daemon = start_group(cluster)
    old = cluster.primary
    with crowd(daemon) as load:
        load.works(BEFORE)
        fault = now()
        old.freeze()
        promotion = failed_over(load, cluster)
        old.thaw()
        gets_nothing(old, load)
        report = load.finish()
    tell("SIGSTOP", report, fault, promotion)
    check(report)
    judge(cluster, report, promotion, may_lose=True)


def test_the_line_drops_packets(start_cluster: StartCluster, start_group: StartGroup) -> None:
    """Nobody is refused and nothing is reset: only time tells. Then the line heals, and delivers late."""
    cluster = start_cluster()
    daemon = start_group(cluster, over_lines=True)
    old = cluster.primary
    with crowd(daemon) as load:
        load.works(BEFORE)
        fault = now()
        old.line.drop()
        promotion = failed_over(load, cluster)
        old.line.heal()
        gets_nothing(old, load)
        report = load.finish()
    tell("dropped packets", report, fault, promotion)
    check(report)
    judge(cluster, report, promotion, may_lose=True)


def test_the_killed_primary_returns_as_a_second_writer(
    start_cluster: StartCluster, start_group: StartGroup
) -> None:
    cluster = start_cluster(semi_sync=True)
    daemon = start_group(cluster)
    old = cluster.primary
    with crowd(daemon) as load:
        load.works(BEFORE)
        old.kill()
        failed_over(load, cluster)
        mark = daemon.mark()
        old.start()
        daemon.wait_for_log("INVALID_REPLICATION_STATE", mark)
        gets_nothing(old, load)
        report = load.finish()
    check(report)
    judge(cluster, report)


@pytest.mark.parametrize("orderly", [True, False], ids=["stopped", "killed"])
def test_the_primary_restarts_in_place(
    start_cluster: StartCluster, start_group: StartGroup, orderly: bool
) -> None:
    cluster = start_cluster()
    daemon = start_group(cluster)
    with crowd(daemon) as load:
        load.works(BEFORE)
        fault = now()
        if orderly:
            cluster.primary.stop()
        else:
            cluster.primary.kill()
        cluster.primary.start()
        load.works(AFTER)
        report = load.finish()
    tell("restart" if orderly else "kill and restart", report, fault)
    check(report)
    judge(cluster, report)


def test_the_primary_flaps(start_cluster: StartCluster, start_group: StartGroup) -> None:
    """It is killed and is back at once, again and again."""
    cluster = start_cluster()
    daemon = start_group(cluster)
    with crowd(daemon) as load:
        fault = now()
        for _ in range(FLAPS):
            load.works(BEFORE // 2)
            cluster.primary.kill()
            cluster.primary.start()
        load.works(AFTER)
        report = load.finish()
    tell(f"{FLAPS} restarts", report, fault)
    check(report)
    judge(cluster, report)


def test_the_line_flaps(start_cluster: StartCluster, start_group: StartGroup) -> None:
    """Connections are reset and refused for moments while the database itself is well."""
    cluster = start_cluster()
    daemon = start_group(cluster, over_lines=True)
    line = cluster.primary.line
    with crowd(daemon) as load:
        fault = now()
        for _ in range(FLAPS):
            load.works(BEFORE // 2)
            line.refuse()
            line.cut()
            line.listen()
        load.works(AFTER)
        report = load.finish()
    tell(f"{FLAPS} cuts", report, fault)
    check(report)
    judge(cluster, report)


def test_somebody_else_hands_over(start_cluster: StartCluster, start_group: StartGroup) -> None:
    """The old primary turns read-only, the new one leads: what is under way there may be rolled back."""
    cluster = start_cluster()
    daemon = start_group(cluster)
    with crowd(daemon) as load:
        load.works(BEFORE)
        fault = now()
        promotion = cluster.hand_over(cluster.replicas[0])
        load.works(AFTER)
        eventually(lambda: promotion.old.threads_of("app") == 0, "the old primary to be left")
        report = load.finish()
    tell("planned promotion", report, fault, promotion)
    check(report)
    assert {each.kind for each in report.failures} <= {"transfer", "entry"}, report.errors()
    judge(cluster, report)


def test_readers_notice_no_change_of_the_writer(start_cluster: StartCluster, start_group: StartGroup) -> None:
    """At the reader endpoint, while the primary is killed and one of the replicas promoted."""
    cluster = start_cluster()
    daemon = start_group(cluster, endpoints=[READERS])
    with crowd(daemon, reader="reader") as load:
        load.works(BEFORE)
        fault = now()
        cluster.primary.kill()
        promotion = failed_over(load, cluster)
        report = load.finish()
    tell("kill -9, with readers elsewhere", report, fault, promotion)
    check(report)
    judge(cluster, report, promotion, may_lose=True)


def test_readers_notice_no_loss_of_a_replica(start_cluster: StartCluster, start_group: StartGroup) -> None:
    cluster = start_cluster()
    daemon = start_group(cluster, endpoints=[READERS])
    first, second = cluster.replicas
    with crowd(daemon, reader="reader") as load:
        load.works(BEFORE)
        for replica in (first, second):
            replica.kill()
            load.works(BEFORE)
            replica.start(as_replica=True)
            eventually(lambda node=replica: node.threads_of("app") > 0, "the replica's share")  # type: ignore[misc]
        report = load.finish()
    check(report, pins_end=False)
    assert report.failures == []
    judge(cluster, report)
