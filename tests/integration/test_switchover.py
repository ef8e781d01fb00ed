"""`rds-proxy switchover` with a real daemon before real clusters: nobody is dropped, nothing is lost."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.cursors import DictCursor

from proxy.cli import main

from .clients import one, run
from .cluster import Cluster
from .conftest import StartCluster
from .daemon import Section
from .failover import crowd, judge, now, tell
from .group_daemon import GroupDaemon
from .load import CROWD
from .nodes import Node
from .polling import eventually
from .replication import REPLICATION_PASSWORD, REPLICATION_USER

BEFORE, AFTER = 100, 150
"""Acknowledged writes before a switchover, and after it."""
LOST, FAILED = 2013, 1105
Capture = pytest.CaptureFixture[str]
StartSwitching = Callable[..., GroupDaemon]


class SwitchingDaemon(GroupDaemon):
    """`switchover` has the options of that section; `green`: nodes of the other deployment."""

    def __init__(
        self, *arguments: Any, switchover: Section | None = None, green: tuple[Node, ...] = (), **options: Any
    ) -> None:
        super().__init__(*arguments, proxy={"admin_users": ["app"]}, **options)
        self.users[REPLICATION_USER] = REPLICATION_PASSWORD
        self.switchover = {"replication_user_name": REPLICATION_USER, **(switchover or {})}
        self.green = green

    def _config_text(self) -> str:
        text = super()._config_text()
        for node in self.green:
            port = f"port = {self.port_of_node(node)}\n"
            text = text.replace(port, port + 'deployment = "green"\n')
        lines = [f"{name} = {json.dumps(value)}" for name, value in self.switchover.items()]
        return "\n".join([text, "[target_group.switchover]", *lines, ""])

    def switch_to(self, node: Node, *arguments: str) -> int:
        """Run the command; return its exit status."""
        common = ["--config", str(self.config), "--port", str(self.port)]
        return main(["switchover", "--to", self.name_of(node), *common, *arguments])

    def targets(self) -> dict[str, dict[str, Any]]:
        """Rows of SHOW PROXY TARGETS by name."""
        with self.connect() as admin, admin.cursor(DictCursor) as cursor:
            cursor.execute("SHOW PROXY TARGETS")
            return {row["target"]: row for row in cursor.fetchall()}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartSwitching]:
    started: list[SwitchingDaemon] = []

    def start(cluster: Cluster, **options: Any) -> SwitchingDaemon:
        daemon = SwitchingDaemon(tmp_path, cluster, **options)
        started.append(daemon)
        daemon.start()
        daemon.serves()
        return daemon

    yield start
    try:
        for daemon in started:
            daemon.stop()
    finally:
        for daemon in started:
            daemon.kill()


def switched(daemon: SwitchingDaemon, node: Node) -> bool:
    return bool(daemon.targets()[daemon.name_of(node)]["role"] == "READ_WRITE")


@pytest.mark.alone
@pytest.mark.parametrize("database", ["mariadb", "mysql"])
def test_a_hundred_clients_notice_nothing(
    request: pytest.FixtureRequest,
    start_cluster: StartCluster,
    start: StartSwitching,
    database: str,
    capsys: Capture,
) -> None:
    seed = request.getfixturevalue("mysql_seed") if database == "mysql" else None
    cluster = start_cluster(seed)
    daemon = start(cluster)
    old, new, third = cluster.nodes
    with crowd(daemon) as load:
        load.works(BEFORE)
        began = now()
        assert daemon.switch_to(new) == 0, capsys.readouterr().err
        load.works(AFTER)
        report = load.finish()
    tell("switchover", report, began)
    cluster.primary = new
    judge(cluster, report)
    assert [str(each) for each in report.failures] == []
    assert report.idle == CROWD.idle
    assert all(error.startswith(f"{LOST} ") for error in report.pinned.values())
    for node in (old, third):
        eventually(lambda node=node: cluster.replicates(node), f"{node.name} to follow")  # type: ignore[misc]
    assert "traffic goes to" in capsys.readouterr().out


def test_what_does_not_end_is_cut_and_its_client_stays(
    start_cluster: StartCluster, start: StartSwitching, capsys: Capture
) -> None:
    cluster = start_cluster(nodes=2)
    daemon = start(cluster)
    with daemon.connect() as client, daemon.connect() as other:
        run(client, "SET @mine = 7")
        run(client, "BEGIN")
        run(client, "INSERT INTO app.entry SELECT * FROM app.entry WHERE 0")
        assert daemon.switch_to(cluster.nodes[1], "--timeout", "1") == 0, capsys.readouterr().err
        with pytest.raises(pymysql.MySQLError):
            run(client, "SELECT 1")
        assert one(client, "SELECT @@global.read_only") == 0
        assert one(client, "SELECT @mine") == 7
        assert one(other, "SELECT @@port") == cluster.nodes[1].port


def test_it_goes_back_if_the_replica_does_not_catch_up(
    start_cluster: StartCluster, start: StartSwitching, capsys: Capture
) -> None:
    cluster = start_cluster(nodes=2)
    daemon = start(cluster)
    old, new = cluster.nodes
    with new.connect("app", daemon.users["app"]) as reader, daemon.connect() as client:
        run(reader, "BEGIN")
        run(reader, "SELECT * FROM app.entry LIMIT 1")
        old.run("ALTER TABLE app.entry ADD COLUMN more INT")
        assert daemon.switch_to(new, "--timeout", "1") == 1
        assert "WENT_BACK" in capsys.readouterr().err
        run(client, "CREATE TABLE app.after_all (a INT)")
        assert one(client, "SELECT @@port") == old.port
    assert not switched(daemon, new)
    eventually(lambda: cluster.replicates(new), "it to replicate on")


def test_a_second_command_is_refused_and_the_first_goes_on_without_its_client(
    start_cluster: StartCluster, start: StartSwitching, capsys: Capture
) -> None:
    cluster = start_cluster(nodes=2)
    daemon = start(cluster)
    new = cluster.nodes[1]
    with daemon.connect() as client:
        run(client, "BEGIN")
        run(client, "SELECT * FROM app.entry LIMIT 1")
        mark = daemon.mark()
        admin = daemon.connect()
        admin._execute_command(3, f"PROXY SWITCHOVER TO '{daemon.name_of(new)}' TIMEOUT 30")
        daemon.wait_for_log("new transactions wait", mark)
        admin._force_close()
        assert daemon.switch_to(new) == 1
        assert "is under way" in capsys.readouterr().err
        run(client, "COMMIT")
    eventually(lambda: switched(daemon, new), "the switchover to end")


def test_somebody_else_promotes(start_cluster: StartCluster, start: StartSwitching, capsys: Capture) -> None:
    cluster = start_cluster(nodes=2)
    daemon = start(cluster, switchover={"promote": False, "timeout": 60.0})
    new = cluster.nodes[1]
    statuses: list[int] = []
    with crowd(daemon) as load:
        load.works(BEFORE)
        mark = daemon.mark()
        command = threading.Thread(target=lambda: statuses.append(daemon.switch_to(new)))
        command.start()
        daemon.wait_for_log(f"promote {daemon.name_of(new)} now", mark)
        promotion = cluster.hand_over(new)
        command.join(60)
        load.works(AFTER)
        report = load.finish()
    assert statuses == [0], capsys.readouterr().err
    judge(cluster, report, promotion)
    assert [str(each) for each in report.failures] == []
    assert report.idle == CROWD.idle


def test_blue_and_green(start_cluster: StartCluster, start: StartSwitching, capsys: Capture) -> None:
    cluster = start_cluster(nodes=2)
    old, new = cluster.nodes
    daemon = start(cluster, green=(new,))
    name = daemon.name_of(new)
    eventually(lambda: daemon.targets()[name]["state"] == "UNUSED", "green to be probed")
    with crowd(daemon) as load:
        load.works(BEFORE)
        assert daemon.switch_to(new) == 0, capsys.readouterr().err
        load.works(AFTER)
        report = load.finish()
    cluster.primary = new
    judge(cluster, report)
    assert [str(each) for each in report.failures] == []
    eventually(lambda: daemon.targets()[daemon.name_of(old)]["state"] == "UNUSED", "blue to be unused")
    assert daemon.targets()[name]["state"] == "AVAILABLE"
