"""Targets that come, go and are fenced by a reload, under clients that stay connected."""

from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest

from .clients import one, run
from .cluster import Cluster
from .conftest import StartCluster
from .group_daemon import READERS, GroupDaemon
from .polling import eventually

READER = {**READERS, "fallback": "error"}
PORT = "SELECT @@port"


class ListedDaemon(GroupDaemon):
    """Its targets are those in `nodes` whenever it is configured; `fences`: the last of them is fenced."""

    fences = False

    def _config_text(self) -> str:
        self.target["port"] = self.port_of_node(self.nodes[0])
        text = super()._config_text()
        return f"{text}fenced = true\n" if self.fences else text


Start = Callable[..., ListedDaemon]


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a daemon before a cluster."""
    started: list[ListedDaemon] = []

    def begin(cluster: Cluster, **options: Any) -> ListedDaemon:
        started.append(ListedDaemon(tmp_path_factory.mktemp("proxy"), cluster, **options))
        started[-1].start()
        started[-1].serves()
        return started[-1]

    yield begin
    for daemon in started:
        daemon.stop()


def reloaded(daemon: GroupDaemon, changed: str) -> str:
    """Take over the configuration as it is now; what was logged."""
    mark = daemon.mark()
    daemon.reload()
    assert changed in daemon.wait_for_log("reloaded; changed:", mark)
    return daemon.log_since(mark)


def is_served_by(client: Any, port: int) -> None:
    """Wait until a client's statements go to the server at a port."""
    eventually(lambda: one(client, PORT) == port, f"a statement at {port}")


def test_replicas_come_and_go(start_cluster: StartCluster, start: Start) -> None:
    cluster = start_cluster()
    first, second, third = cluster.nodes
    daemon = start(cluster, nodes=[first], endpoints=[READER])
    with pytest.raises(pymysql.Error) as caught, daemon.connect_to("reader", database=None) as client:
        one(client, PORT)
    assert caught.value.args[0] == 9501

    daemon.nodes.append(second)
    assert f"target {daemon.name_of(second)} was added" in reloaded(daemon, "target_group.targets")
    daemon.wait_for_log(f"target {daemon.name_of(second)} is AVAILABLE")
    with daemon.connect_to("reader") as client, daemon.connect() as writing:
        run(client, "SET @mine = 'kept'")
        assert one(client, PORT) == second.port
        daemon.nodes[1] = third
        logged = reloaded(daemon, "target_group.targets")
        assert f"target {daemon.name_of(second)} was removed" in logged
        is_served_by(client, third.port)
        assert one(client, "SELECT @mine") == "kept"
        assert one(writing, PORT) == first.port


def test_a_fenced_reader_gets_nothing_until_it_is_free_again(
    start_cluster: StartCluster, start: Start
) -> None:
    cluster = start_cluster(nodes=2)
    daemon = start(cluster, endpoints=[{**READERS, "fallback": "writer"}])
    first, second = cluster.nodes
    with daemon.connect_to("reader") as client:
        is_served_by(client, second.port)
        daemon.fences = True
        reloaded(daemon, "target_group.targets[1].fenced")
        assert one(client, PORT) == first.port
        daemon.fences = False
        reloaded(daemon, "target_group.targets[1].fenced")
        is_served_by(client, second.port)


def test_the_writer_is_removed(start_cluster: StartCluster, start: Start) -> None:
    """Its clients wait for another one, in a transaction with the error that says what to do."""
    cluster = start_cluster(nodes=2)
    daemon = start(cluster)
    first, second = cluster.nodes
    with daemon.connect() as idle, daemon.connect() as busy:
        run(idle, "SET @mine = 'kept'")
        run(busy, "BEGIN")
        assert one(busy, PORT) == first.port
        daemon.nodes.remove(first)
        reloaded(daemon, "target_group.targets")
        cluster.hand_over(second)
        assert one(idle, PORT) == second.port
        assert one(idle, "SELECT @mine") == "kept"
        with pytest.raises(pymysql.OperationalError) as caught:
            one(busy, PORT)
        assert caught.value.args[0] == 1213
        assert one(busy, PORT) == second.port
