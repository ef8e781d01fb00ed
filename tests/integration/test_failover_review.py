"""Failovers at the moments where a write could run twice, or a client be told what is not so."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pymysql
import pytest

from .clients import fetch, one, run
from .cluster import Cluster
from .conftest import StartCluster, StartGroup
from .nodes import Node
from .polling import eventually

ANSWER_LIMIT = 60.0
ENTRY = "INSERT INTO entry (client, seq) VALUES (7, {})"
#: A view whose rows are written by a stored function.
FUNCTION = f"CREATE FUNCTION app.writes() RETURNS INT BEGIN {ENTRY.format(1)}; RETURN 1; END"
VIEW = "CREATE SQL SECURITY INVOKER VIEW app.looks_harmless AS SELECT app.writes() AS one"
#: Writes, waits, writes again; each is a transaction of its own.
PROCEDURE = f"CREATE PROCEDURE app.twice() BEGIN {ENTRY.format(1)}; DO SLEEP(2); {ENTRY.format(2)}; END"


@pytest.fixture(params=["mariadb", "mysql"])
def cluster(request: pytest.FixtureRequest, start_cluster: StartCluster) -> Cluster:
    """A primary and a replica of either vendor, with code that writes."""
    seed = request.getfixturevalue("mysql_seed") if request.param == "mysql" else None
    made = start_cluster(seed, nodes=2)
    for node in made.nodes:
        node.run("SET GLOBAL log_bin_trust_function_creators = 1")
    for text in (FUNCTION, VIEW, PROCEDURE):
        made.primary.run(text)
    made.wait_for_replicas()
    return made


def entries(node: Node) -> int:
    return int(node.fetch("SELECT COUNT(*) FROM app.entry WHERE client = 7")[0][0])


def error_of(answer: "Future[Any]") -> tuple[Any, ...]:
    error = answer.exception(ANSWER_LIMIT)
    assert isinstance(error, pymysql.MySQLError)
    return tuple(error.args)


def test_a_procedure_that_has_done_a_part(cluster: Cluster, start_group: StartGroup) -> None:
    """Its second write is refused by a primary that was demoted: the first one stands."""
    client = start_group(cluster).connect()
    with ThreadPoolExecutor() as crew:
        answer = crew.submit(fetch, client, "CALL twice()")
        eventually(lambda: entries(cluster.primary), "the first write")
        cluster.hand_over(cluster.replicas[0])
        number, text, *_ = error_of(answer)
    assert number == 2013
    assert "unknown" in text or "lost" in text
    assert entries(cluster.primary) == 1
    assert one(client, "SELECT COUNT(*) FROM entry WHERE client = 7") == 1


def test_a_transaction_that_its_client_has_made_read_only(cluster: Cluster, start_group: StartGroup) -> None:
    """The refusal is its own, and says nothing of the primary."""
    daemon = start_group(cluster)
    client = daemon.connect()
    for begin in (
        "START TRANSACTION READ ONLY",
        "SET TRANSACTION READ ONLY",
        "SET SESSION TRANSACTION READ ONLY",
    ):
        run(client, begin)
        with pytest.raises(pymysql.MySQLError) as caught:
            run(client, ENTRY.format(1))
        assert caught.value.args[0] == 1792
        run(client, "ROLLBACK")
    assert "clients wait for a writer" not in daemon.log_since(0)


def test_a_view_that_writes_is_not_for_readers(cluster: Cluster, start_group: StartGroup) -> None:
    daemon = start_group(cluster, proxy={"routing": "read_write_split"})
    client = daemon.connect()
    assert one(client, "SELECT one FROM looks_harmless") == 1
    assert entries(cluster.primary) == 1
    assert "clients wait for a writer" not in daemon.log_since(0)


def test_a_view_that_writes_is_not_run_again(cluster: Cluster, start_group: StartGroup) -> None:
    """Whether it had written nobody knows; a second time it must not."""
    daemon = start_group(cluster, over_lines=True)
    client, node = daemon.connect(), cluster.primary
    run(client, "DO 1")
    with ThreadPoolExecutor() as crew:
        node.line.hold_answers()
        answer = crew.submit(fetch, client, "SELECT one FROM looks_harmless")
        eventually(lambda: entries(node), "the write")
        node.line.cut()
        node.line.heal()
        assert error_of(answer)[0] == 2013
    assert entries(node) == 1
    run(client, ENTRY.format(2))
    assert entries(node) == 2


def test_a_transaction_of_which_a_part_was_not_kept(cluster: Cluster, start_group: StartGroup) -> None:
    """A lock has pinned its session for a while: it is not had again at all."""
    client = start_group(cluster, proxy={"transaction_replay": "safe"}).connect()
    run(client, "BEGIN")
    run(client, ENTRY.format(1))
    fetch(client, "SELECT GET_LOCK('a', 1)")
    fetch(client, "SELECT RELEASE_LOCK('a')")
    run(client, ENTRY.format(2))
    cluster.primary.kill()
    cluster.promote()
    with pytest.raises(pymysql.MySQLError):
        run(client, ENTRY.format(3))
    run(client, "COMMIT")
    assert entries(cluster.primary) == 0


def test_a_commit_that_begins_another_transaction(cluster: Cluster, start_group: StartGroup) -> None:
    """What it has committed is not committed again with the next."""
    client = start_group(cluster, proxy={"transaction_replay": "safe"}).connect()
    run(client, "BEGIN")
    run(client, ENTRY.format(1))
    run(client, "COMMIT AND CHAIN")
    run(client, ENTRY.format(2))
    cluster.wait_for_replicas()
    cluster.primary.kill()
    cluster.promote()
    with pytest.raises(pymysql.MySQLError) as caught:
        run(client, "COMMIT")
    assert caught.value.args[0] == 1213
    assert entries(cluster.primary) == 1
