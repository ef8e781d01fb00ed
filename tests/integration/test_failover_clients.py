"""What one client sees of a failover, by what it was doing when its database was lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pymysql
import pytest

from .clients import fetch, in_transaction, one, run
from .cluster import Cluster
from .conftest import StartCluster, StartGroup
from .group_daemon import GroupDaemon
from .nodes import Node
from .polling import eventually

ANSWER_LIMIT = 60.0
"""Seconds a statement in the background may take."""
ROLLED_BACK = (
    1213,
    "rds-proxy: the database connection was lost, the transaction is rolled back; try restarting transaction",
)
BORROW_TIMEOUT = (9501, "Timed-out waiting to acquire database connection")
SAFE = {"transaction_replay": "safe"}
ENTRY = "INSERT INTO entry (client, seq) VALUES ({}, 1)"

Begin = Callable[..., "Future[Any]"]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts a statement, or a connection's making, and does not wait for its end."""
    with ThreadPoolExecutor() as crew:
        yield lambda act, *arguments: crew.submit(
            act if callable(act) else lambda sql: fetch(act, sql), *arguments
        )


@pytest.fixture
def cluster(start_cluster: StartCluster) -> Cluster:
    """One of its own for each test."""
    return start_cluster()


def runs(node: Node, sql: str) -> None:
    """Wait until a node runs a statement."""
    looked_for = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'app' AND INFO LIKE '{sql}%'"
    eventually(lambda: node.fetch(looked_for), f"{sql} on {node.name}")


def entries(node: Node, client: int) -> int:
    """How often a client's entry stands on a node."""
    return int(node.fetch(f"SELECT COUNT(*) FROM app.entry WHERE client = {client}")[0][0])


def error_of(client: Any, sql: str) -> tuple[Any, ...]:
    """The number and text of the error that a statement gives."""
    with pytest.raises(pymysql.MySQLError) as caught:
        run(client, sql)
    return tuple(caught.value.args)


def is_in_transaction(client: Any) -> bool:
    """What the answer to one more statement says; PyMySQL reads it in OK packets only."""
    run(client, "DO 0")
    return in_transaction(client)


def loses(cluster: Cluster, daemon: GroupDaemon) -> None:
    """The primary is killed, and the proxy sees it."""
    mark = daemon.mark()
    name = daemon.name_of(cluster.primary)
    cluster.primary.kill()
    daemon.wait_for_log(f"target {name} is UNAVAILABLE", mark)


def test_each_kind_of_session(cluster: Cluster, start_group: StartGroup, begin: Begin) -> None:
    daemon = start_group(cluster)
    idle, reading, working, pinned, locking = (daemon.connect() for _ in range(5))
    run(idle, "SET time_zone = '+04:00', sql_mode = 'ANSI'")
    run(idle, "SET @mine = 'held'")
    run(working, "BEGIN")
    run(working, ENTRY.format(1))
    run(pinned, "CREATE TEMPORARY TABLE mine (id INT)")
    one(locking, "SELECT GET_LOCK('mine', 0)")
    answer = begin(reading, "SELECT SLEEP(1), 17, @@server_id")
    runs(cluster.primary, "SELECT SLEEP")
    cluster.primary.kill()
    promotion = cluster.promote()
    assert answer.result(ANSWER_LIMIT) == ((0, 17, promotion.new.number),)
    assert error_of(working, ENTRY.format(1)) == ROLLED_BACK
    assert not is_in_transaction(working)
    for client, pin in ((pinned, "temporary_table"), (locking, "named_lock")):
        number, text = error_of(client, "SELECT 1")
        assert number == 2013
        assert pin in text
    for client in (idle, reading, working, pinned, locking):
        assert one(client, "SELECT @@server_id") == promotion.new.number
    assert fetch(idle, "SELECT @@time_zone, @mine") == (("+04:00", "held"),)
    assert "ANSI_QUOTES" in one(idle, "SELECT @@sql_mode")
    assert entries(promotion.new, 1) == 0


def test_clients_wait_while_there_is_no_writer(
    cluster: Cluster, start_group: StartGroup, begin: Begin
) -> None:
    daemon = start_group(cluster)
    old, late = daemon.connect(), daemon.connect()
    loses(cluster, daemon)
    waiting = [begin(old, ENTRY.format(1)), begin(late, "SELECT COUNT(*) FROM account")]
    # Its driver says SET NAMES at once.
    waiting.append(begin(daemon.connect))
    assert not any(each.done() for each in waiting)
    cluster.promote()
    for each in waiting:
        each.result(ANSWER_LIMIT)
    assert entries(cluster.primary, 1) == 1


def test_nobody_waits_longer_than_the_borrow_timeout(cluster: Cluster, start_group: StartGroup) -> None:
    daemon = start_group(cluster, pool={"connection_borrow_timeout": 1.0})
    client = daemon.connect()
    loses(cluster, daemon)
    assert error_of(client, ENTRY.format(1)) == BORROW_TIMEOUT
    cluster.promote()
    eventually(lambda: _is_served(client), "the same client to be served")
    assert entries(cluster.primary, 1) == 0


def _is_served(client: Any) -> bool:
    try:
        return one(client, "SELECT 17") == 17
    except pymysql.OperationalError as error:
        if error.args != BORROW_TIMEOUT:
            raise
        return False


@pytest.mark.parametrize("ends", [True, False], ids=["a COMMIT", "an autocommit write"])
def test_a_write_whose_answer_was_lost_is_never_run_again(
    cluster: Cluster, start_group: StartGroup, begin: Begin, ends: bool
) -> None:
    """It was committed, and has reached the replicas."""
    daemon = start_group(cluster, over_lines=True)
    client = daemon.connect()
    if ends:
        run(client, "BEGIN")
        run(client, ENTRY.format(1))
    line = cluster.primary.line
    line.hold_answers()
    answer = begin(client, "COMMIT" if ends else ENTRY.format(1))
    for node in cluster.replicas:
        eventually(lambda node=node: entries(node, 1), f"the write on {node.name}")  # type: ignore[misc]
    line.refuse()
    cluster.primary.kill()
    line.cut()
    cluster.promote()
    error = answer.exception(ANSWER_LIMIT)
    if error is not None:
        number, text = error.args
        assert number == 2013
        assert "it is unknown whether" in text or "was committed" in text
    assert one(client, "SELECT COUNT(*) FROM entry WHERE client = 1") == 1
    assert entries(cluster.primary, 1) == 1


@pytest.mark.parametrize("ends", [True, False], ids=["a COMMIT", "an autocommit write"])
def test_a_write_that_never_arrived_is_told_to_be_absent(
    cluster: Cluster, start_group: StartGroup, begin: Begin, ends: bool
) -> None:
    """Packets are dropped; the write arrives at the old primary when nobody counts on it any more."""
    daemon = start_group(cluster, over_lines=True)
    client = daemon.connect()
    # From then on it is sure that the proxy is told the GTIDs of its clients' writes.
    run(client, ENTRY.format(2))
    if ends:
        run(client, "BEGIN")
        run(client, ENTRY.format(1))
    old = cluster.primary
    old.line.drop()
    answer = begin(client, "COMMIT" if ends else ENTRY.format(1))
    daemon.wait_for_log(f"target {daemon.name_of(old)} is UNAVAILABLE")
    cluster.promote()
    error = answer.exception(ANSWER_LIMIT)
    assert error is not None
    assert error.args[0] == 1213, error
    assert "was not committed; try restarting transaction" in error.args[1]
    old.line.heal()
    run(client, ENTRY.format(1))
    assert one(client, "SELECT COUNT(*) FROM entry WHERE client = 1") == 1
    assert entries(cluster.primary, 1) == 1


def test_a_primary_that_freezes_for_a_while_is_waited_for(
    cluster: Cluster, start_group: StartGroup, begin: Begin
) -> None:
    """Nobody is promoted: what was under way is found out, what changes nothing is run again."""
    daemon = start_group(cluster)
    reading, writing = daemon.connect(), daemon.connect()
    node = cluster.primary
    node.freeze()
    try:
        answers = [begin(reading, "SELECT 17"), begin(writing, ENTRY.format(1))]
        daemon.wait_for_log(f"target {daemon.name_of(node)} is UNAVAILABLE")
    finally:
        node.thaw()
    assert answers[0].result(ANSWER_LIMIT) == ((17,),)
    error = answers[1].exception(ANSWER_LIMIT)
    told = 1 if error is None else {1213: 0}.get(error.args[0])
    if told is None:
        assert error is not None
        assert error.args[0] == 2013
    assert one(writing, "SELECT COUNT(*) FROM entry WHERE client = 1") in (
        (0, 1) if told is None else (told,)
    )


def test_a_transaction_is_replayed(cluster: Cluster, start_group: StartGroup) -> None:
    daemon = start_group(cluster, proxy=SAFE)
    client = daemon.connect()
    run(client, "BEGIN")
    assert one(client, "SELECT COUNT(*) FROM account") > 0
    run(client, ENTRY.format(1))
    assert one(client, "SELECT COUNT(*) FROM entry WHERE client = 1") == 1
    cluster.primary.kill()
    cluster.promote()
    assert one(client, "SELECT COUNT(*) FROM entry WHERE client = 1") == 1
    assert in_transaction(client)
    assert entries(cluster.primary, 1) == 0
    run(client, "COMMIT")
    assert entries(cluster.primary, 1) == 1


def test_a_transaction_that_reads_something_else_is_not_replayed(
    cluster: Cluster, start_group: StartGroup
) -> None:
    daemon = start_group(cluster, proxy=SAFE)
    client = daemon.connect()
    run(client, "BEGIN")
    balance = one(client, "SELECT balance FROM account WHERE id = 1")
    run(client, ENTRY.format(1))
    cluster.primary.kill()
    cluster.promote().new.run(f"UPDATE app.account SET balance = {balance + 1} WHERE id = 1")
    number, text = error_of(client, "COMMIT")
    assert number == 1213
    assert text.startswith("rds-proxy: ")
    assert not is_in_transaction(client)
    assert entries(cluster.primary, 1) == 0
    assert one(client, "SELECT balance FROM account WHERE id = 1") == balance + 1
