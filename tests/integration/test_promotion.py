"""Read-only, writable, replicating: with real MariaDBs and MySQLs, and connections that break meanwhile."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pymysql
import pytest

from .clients import run
from .cluster import Cluster
from .conftest import StartCluster
from .nodes import CLUSTER_USERS, MONITOR, Node
from .polling import eventually
from .replication import REPLICATION_PASSWORD, REPLICATION_USER
from .switching import Switching, switching

READ_ONLY_ERRORS = {1290, 1836}
TABLE = "CREATE TABLE IF NOT EXISTS app.paper (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(20))"
WRITE = "INSERT INTO app.paper (text) VALUES ('x')"


@attrs.frozen
class Scene:
    cluster: Cluster
    proxy: Switching

    @property
    def old(self) -> Node:
        return self.cluster.nodes[0]

    @property
    def new(self) -> Node:
        return self.cluster.nodes[1]

    @property
    def is_mariadb(self) -> bool:
        return self.cluster.seed.mysql is None

    @property
    def rights(self) -> tuple[str, ...]:
        """What a switchover takes and cannot do without, besides the right to look at replication."""
        if self.is_mariadb:
            return ("READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "CONNECTION ADMIN", "PROCESS")
        return ("SYSTEM_VARIABLES_ADMIN", "REPLICATION_SLAVE_ADMIN", "CONNECTION_ADMIN")

    def is_writable(self, node: Node) -> bool:
        return self.is_mode(node, "read_only", "0")

    def is_mode(self, node: Node, name: str, value: str) -> bool:
        return [(value,)] == [(str(row[0]),) for row in node.fetch(f"SELECT @@GLOBAL.{name}")]

    def writer_and_reader(self) -> bool:
        return self.is_writable(self.old) and not self.is_writable(self.new) and self.replicates(self.new)

    def replicates(self, node: Node) -> bool:
        return self.cluster.replicates(node)


@pytest.fixture(params=["mariadb", "mysql"])
def scene(request: pytest.FixtureRequest, start_cluster: StartCluster) -> Iterator[Scene]:
    """A writer and its replica, reached over lines that can be broken."""
    seed = request.getfixturevalue("mysql_seed") if request.param == "mysql" else None
    cluster = start_cluster(seed, nodes=2)
    cluster.primary.run(TABLE)
    cluster.wait_for_replicas()
    ports = [node.line.port for node in cluster.nodes]
    replication = (REPLICATION_USER, REPLICATION_PASSWORD)
    with switching(ports, MONITOR, CLUSTER_USERS[MONITOR], replication) as proxy:
        yield Scene(cluster, proxy)


def refused(write: Callable[[], Any]) -> bool:
    try:
        write()
    except pymysql.MySQLError as problem:
        return problem.args[0] in READ_ONLY_ERRORS
    return False


class TestSwitchover:
    def test_there_and_back(self, scene: Scene) -> None:
        with scene.old.connect("app", CLUSTER_USERS["app"]) as client:
            run(client, WRITE)
        report = scene.proxy.do("switchover", 1)
        assert (report["outcome"], report["writer"], report["held_still"]) == ("SWITCHED", 1, False), report
        assert scene.is_writable(scene.new)
        assert not scene.is_writable(scene.old)
        eventually(lambda: scene.replicates(scene.old), "the former writer to replicate")
        with scene.new.connect("app", CLUSTER_USERS["app"]) as client:
            run(client, WRITE)
        scene.cluster.primary = scene.new
        scene.cluster.wait_for_replicas()
        assert scene.old.fetch("SELECT COUNT(*) FROM app.paper") == [(2,)]
        report = scene.proxy.do("switchover", 0)
        assert report["outcome"] == "SWITCHED", report
        assert scene.is_writable(scene.old)
        eventually(lambda: scene.replicates(scene.new), "the other one to replicate again")

    def test_replication_that_has_stopped(self, scene: Scene) -> None:
        scene.new.run("STOP SLAVE" if scene.cluster.seed.mysql is None else "STOP REPLICA")
        report = scene.proxy.do("switchover", 1)
        assert (report["outcome"], report["writer"]) == ("REFUSED", 0)
        assert "replication does not run" in report["why"]
        assert scene.is_writable(scene.old)

    def test_missing_rights_are_seen_before_anything_is_done(self, scene: Scene) -> None:
        for right in scene.rights:
            scene.old.server.execute(f"REVOKE {right} ON *.* FROM {MONITOR}@'%'")
            scene.cluster.wait_for_replicas()
            lacks = f"lacks {right}: GRANT {right} ON *.* TO '{MONITOR}'@'%'"
            report = scene.proxy.do("switchover", 1)
            assert report["outcome"] == "REFUSED", report
            assert lacks in report["why"]
            assert "hold" not in [step["name"] for step in report["steps"]]
            # The replica's own word counts, too.
            answer = scene.proxy.call("control", "rehearse_promotion", 1)
            assert answer["type"] == "UnfitTarget"
            assert lacks in answer["error"]
            # What is told to be granted is enough.
            scene.old.server.execute(answer["error"].rpartition(": ")[2])
            scene.cluster.wait_for_replicas()
            scene.proxy.do("control", "rehearse_fence", 0)
            scene.proxy.do("control", "rehearse_promotion", 1)
        assert scene.writer_and_reader()

    def test_rights_by_way_of_a_role(self, scene: Scene) -> None:
        rights = ", ".join(scene.rights)
        execute = scene.old.server.execute
        execute(f"CREATE ROLE powers; GRANT {rights} ON *.* TO powers; GRANT powers TO {MONITOR}@'%'")
        execute(f"REVOKE {rights} ON *.* FROM {MONITOR}@'%'")
        report = scene.proxy.do("switchover", 1)
        assert (report["outcome"], "lacks" in report["why"]) == ("REFUSED", True), report
        execute(f"SET DEFAULT ROLE powers {'FOR' if scene.is_mariadb else 'TO'} {MONITOR}@'%'")
        scene.cluster.wait_for_replicas()
        report = scene.proxy.do("switchover", 1)
        assert report["outcome"] == "SWITCHED", report
        assert "RELOAD" in "; ".join(report["notes"])

    def test_a_replica_that_does_not_catch_up(self, scene: Scene) -> None:
        with scene.new.connect("app", CLUSTER_USERS["app"]) as reader:
            # Its metadata lock keeps the replica from applying the next statement.
            run(reader, "BEGIN")
            run(reader, "SELECT * FROM app.paper")
            scene.old.run("ALTER TABLE app.paper ADD COLUMN more INT")
            report = scene.proxy.do("switchover", 1, catch_up_timeout=2.0)
        assert report["outcome"] == "WENT_BACK", report
        assert "has not caught up within 2 s" in report["why"]
        eventually(scene.writer_and_reader, "all to be as before")

    def test_a_table_lock_keeps_it_from_being_read_only(self, scene: Scene) -> None:
        with scene.old.connect("app", CLUSTER_USERS["app"]) as holder:
            run(holder, "LOCK TABLES app.paper WRITE")
            report = scene.proxy.do("switchover", 1, fence_timeout=2.0)
            assert report["outcome"] == "WENT_BACK", report
            run(holder, "UNLOCK TABLES")
            run(holder, WRITE)
        assert scene.writer_and_reader()


class TestFence:
    def test_it_can_be_undone(self, scene: Scene) -> None:
        fence = scene.proxy.do("control", "fence", 0, 5.0)
        assert fence["runs_events"] is False
        with scene.old.connect("app", CLUSTER_USERS["app"]) as client:
            assert refused(lambda: run(client, WRITE))
            scene.proxy.do("control", "unfence", 0)
            run(client, WRITE)

    def test_one_that_was_read_only_before_stays_so(self, scene: Scene) -> None:
        scene.proxy.do("control", "fence", 1, 5.0)
        scene.proxy.do("control", "unfence", 1)
        assert not scene.is_writable(scene.new)

    def test_a_statement_that_was_given_up_has_no_effect_later(self, scene: Scene) -> None:
        with scene.old.connect("app", CLUSTER_USERS["app"]) as holder:
            run(holder, "LOCK TABLES app.paper WRITE")
            answer = scene.proxy.call("control", "fence", 0, 60.0, limit=1.0)
            assert "error" in answer
            scene.proxy.do("control", "unfence", 0)
            run(holder, "UNLOCK TABLES")
            time.sleep(0.5)
            run(holder, WRITE)
        assert scene.is_writable(scene.old)

    def test_scheduled_events_move(self, scene: Scene) -> None:
        scene.old.run("SET GLOBAL event_scheduler = ON")
        scene.old.run(
            "CREATE EVENT app.tick ON SCHEDULE EVERY 1 DAY DO INSERT INTO app.paper (text) VALUES ('tick')"
        )
        scene.cluster.wait_for_replicas()
        rights = (
            "SUPER, SET USER" if scene.cluster.seed.mysql is None else "SET_ANY_DEFINER, SYSTEM_USER, RELOAD"
        )
        scene.old.server.execute(f"GRANT EVENT, {rights} ON *.* TO {MONITOR}@'%'")
        scene.cluster.wait_for_replicas()
        before = scene.old.fetch("SELECT DEFINER FROM information_schema.EVENTS")
        report = scene.proxy.do("switchover", 1)
        assert report["outcome"] == "SWITCHED", report
        assert scene.is_mode(scene.old, "event_scheduler", "OFF")
        assert scene.is_mode(scene.new, "event_scheduler", "ON"), report
        state = "SELECT STATUS FROM information_schema.EVENTS"
        assert scene.new.fetch(state) == [("ENABLED",)], "; ".join(report["notes"])
        assert scene.new.fetch("SELECT DEFINER FROM information_schema.EVENTS") == before
        eventually(lambda: "SIDE_DISABLED" in scene.old.fetch(state)[0][0], "it to be off on the replica")

    def test_users_who_could_still_write_are_ended(self, scene: Scene) -> None:
        if scene.cluster.seed.mysql is not None:
            pytest.skip("MySQL has super_read_only")
        # Else it is not told who they are.
        scene.old.server.execute(f"GRANT SELECT ON mysql.* TO {MONITOR}@'%'")
        with scene.old.connect("operator", "operator's secret") as powerful:
            run(powerful, WRITE)
            scene.proxy.do("control", "fence", 0, 5.0)
            with pytest.raises(pymysql.MySQLError):
                run(powerful, WRITE)
        scene.old._forget_operator()
        scene.proxy.do("control", "unfence", 0)


class TestPromotion:
    def test_what_is_lost_on_the_way_is_found_out(self, scene: Scene) -> None:
        """The answer to the statement that makes it writable never comes."""
        scene.new.line.hold_answers()
        answer = scene.proxy.call("control", "promote", 1, limit=3.0)
        assert "error" in answer
        scene.new.line.heal()
        is_writable = scene.proxy.do("control", "settle", 1)
        assert is_writable == scene.is_writable(scene.new)
        time.sleep(1.0)
        assert is_writable == scene.is_writable(scene.new)

    @pytest.mark.parametrize("after", [0.0, 0.01, 0.03, 0.1])
    def test_a_connection_that_is_cut_leaves_no_doubt(self, scene: Scene, after: float) -> None:
        scene.new.line.delay = 0.01
        answer = scene.proxy.begin("control", "promote", 1)
        time.sleep(after)
        scene.new.line.cut()
        answer.get(timeout=30)
        scene.new.line.delay = 0.0
        is_writable = scene.proxy.do("control", "settle", 1)
        assert is_writable == scene.is_writable(scene.new)
        if not is_writable:
            eventually(lambda: scene.replicates(scene.new), "it to replicate again")

    def test_a_switchover_through_a_network_that_goes_down(self, scene: Scene) -> None:
        scene.new.line.delay = 0.02
        answer = scene.proxy.begin("switchover", 1, promote_timeout=2.0, doubt_timeout=60.0)
        eventually(lambda: not scene.is_writable(scene.old), "the writer to be read-only")
        scene.new.line.drop()
        time.sleep(4.0)
        scene.new.line.heal()
        scene.new.line.delay = 0.0
        report = answer.get(timeout=90)["result"]
        assert report["outcome"] in ("SWITCHED", "WENT_BACK"), report
        writable = [scene.is_writable(node) for node in scene.cluster.nodes]
        assert writable == ([False, True] if report["outcome"] == "SWITCHED" else [True, False]), report

    def test_a_writer_is_not_made_to_follow(self, scene: Scene) -> None:
        answer = scene.proxy.call("follow", 0, 1)
        assert answer["type"] == "UnfitTarget"
        assert scene.writer_and_reader()

    def test_what_is_persisted_is_changed(self, scene: Scene) -> None:
        if scene.cluster.seed.mysql is None:
            pytest.skip("MariaDB persists nothing")
        scene.new.run("SET PERSIST super_read_only = ON")
        report = scene.proxy.do("switchover", 1)
        assert report["outcome"] == "SWITCHED", report
        assert scene.is_writable(scene.new)
