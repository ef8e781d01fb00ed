"""What real servers say of their place: MariaDB's and MySQL's replication, a group, a Galera cluster."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from proxy.demo.child import LOOPBACK, free_port
from proxy.demo.private_server import PrivateMariaDB, find_server
from tests.mysql_server.installation import MySQLInstallation
from tests.mysql_server.server import ADMIN, ADMIN_PASSWORD, MySQLServer

from .observing import Observer, observing
from .polling import eventually

USER, PASSWORD = "watcher", "watcher's secret"
QUOTED = PASSWORD.replace("'", "''")
GALERA_VARIABLE = "RDS_PROXY_TEST_GALERA"
"""The environment variable that names Galera's library where it is not installed."""
GALERA_LIBRARIES = ("/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so")
GROUP_LIMIT = 60.0
"""Seconds that members of a group may need to find each other."""

Watch = Callable[..., Observer]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts observers of servers' ports."""
    with ExitStack() as stack:

        def start(server: Any, user: str = USER, password: str = PASSWORD, **options: Any) -> Observer:
            return stack.enter_context(observing(server.port, user, password, **options))

        yield start


def when(observer: Observer, what: str, limit: float = GROUP_LIMIT, **wanted: Any) -> dict[str, Any]:
    """What is seen once these fields have these values."""

    seen: dict[str, Any] = {}

    def look() -> bool:
        seen.clear()
        seen.update(observer.ask())
        return all(seen.get(name, "-") == value for name, value in wanted.items())

    try:
        eventually(look, what, limit)
    except AssertionError as late:
        raise AssertionError(f"{late}; what was seen last: {seen}") from None
    return seen


def mariadb(folder: Path, number: int, *options: str) -> PrivateMariaDB:
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    return PrivateMariaDB(folder, options=(f"--server-id={number}", *options))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateMariaDB, PrivateMariaDB]]:
    """A primary and a replica with GTIDs."""
    options = ("--log-bin=log", "--log-slave-updates", "--gtid-strict-mode=1")
    with (
        mariadb(tmp_path_factory.mktemp("primary"), 1, *options) as primary,
        mariadb(tmp_path_factory.mktemp("replica"), 2, *options) as replica,
    ):
        replica.execute("RESET MASTER")
        primary.execute(
            f"RESET MASTER; CREATE USER {USER}@'%' IDENTIFIED BY '{QUOTED}';"
            f"GRANT SLAVE MONITOR, REPLICATION SLAVE ON *.* TO {USER}@'%';"
            f"CREATE USER nobody@'%' IDENTIFIED BY '{QUOTED}'; CREATE DATABASE app;"
        )
        replica.execute(
            f"SET GLOBAL gtid_slave_pos=''; CHANGE MASTER TO MASTER_HOST='{LOOPBACK}',"
            f" MASTER_PORT={primary.port}, MASTER_USER='{USER}', MASTER_PASSWORD='{QUOTED}',"
            " MASTER_USE_GTID=slave_pos; START SLAVE; SET GLOBAL read_only=1"
        )
        eventually(lambda: replica.execute("SELECT 1 FROM mysql.user WHERE User='nobody'"), "it replicates")
        yield primary, replica


class TestMariaDB:
    def test_a_primary(self, pair: tuple[PrivateMariaDB, PrivateMariaDB], watch: Watch) -> None:
        seen = watch(pair[0]).ask()
        assert (seen["role"], seen["topology"], seen["problem"]) == ("READ_WRITE", "replication", "")
        assert (seen["source"], seen["replicates"], seen["lag"]) == ("", None, None)
        assert seen["identity"] == f"1@{os.uname().nodename}:{pair[0].port}"
        assert seen["uptime"] >= 0
        assert seen["position"].startswith("0-1-")

    def test_a_replica(self, pair: tuple[PrivateMariaDB, PrivateMariaDB], watch: Watch) -> None:
        primary, replica = pair
        writer, reader = watch(primary), watch(replica)
        seen = when(reader, "it runs", replicates=True, lag=0.0)
        assert (seen["role"], seen["source"]) == ("READ_ONLY", f"{LOOPBACK}:{primary.port}")
        assert seen["identity"] != writer.ask()["identity"]

    def test_positions(self, pair: tuple[PrivateMariaDB, PrivateMariaDB], watch: Watch) -> None:
        primary, replica = pair
        writer, reader = watch(primary), watch(replica)
        replica.execute("STOP SLAVE")
        primary.execute("CREATE TABLE app.more (id INT)")
        behind, ahead = reader.ask(), writer.ask()
        assert writer.covers(behind)
        assert not reader.covers(ahead)
        assert (behind["replicates"], behind["lag"]) == (False, None)
        replica.execute("START SLAVE")
        eventually(lambda: reader.ask() and reader.covers(ahead), "it has caught up")

    def test_a_source_that_is_gone(self, pair: tuple[PrivateMariaDB, PrivateMariaDB], watch: Watch) -> None:
        primary, replica = pair
        writer, reader = watch(primary), watch(replica)
        before = writer.ask()
        primary.stop()
        when(reader, "it has noticed", replicates=False, role="READ_ONLY")
        assert "error" in writer.ask()
        primary.start()
        after = when(writer, "it is back", identity=before["identity"])
        assert after["uptime"] <= before["uptime"] + 60
        replica.execute("STOP SLAVE; START SLAVE")
        when(reader, "it runs again", replicates=True)

    def test_without_privileges(self, pair: tuple[PrivateMariaDB, PrivateMariaDB], watch: Watch) -> None:
        observer = watch(pair[1], "nobody")
        for _ in range(3):
            seen = observer.ask()
            assert (seen["role"], seen["replicates"], seen["lag"]) == ("READ_ONLY", None, None)
            assert seen["position"].startswith("0-1-")

    def test_a_promotion(self, pair: tuple[PrivateMariaDB, PrivateMariaDB], watch: Watch) -> None:
        primary, replica = pair
        old, new = watch(primary), watch(replica)
        last = old.ask()
        primary.execute("SET GLOBAL read_only=1")
        assert old.ask()["role"] == "READ_ONLY"
        eventually(lambda: new.ask() and new.covers(last), "it has caught up")
        replica.execute(
            "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0; CREATE TABLE app.after (id INT)"
        )
        seen = new.ask()
        assert (seen["role"], seen["source"], seen["replicates"]) == ("READ_WRITE", "", None)
        assert new.covers(old.ask())
        assert not old.covers(seen)

    def test_by_name_and_static(self, pair: tuple[PrivateMariaDB, PrivateMariaDB], watch: Watch) -> None:
        """Each look-up of the name is due at once."""
        observer = watch(pair[1], host="localhost", topology="static")
        identities = {observer.ask().get("identity") for _ in range(5)}
        assert len(identities) == 1
        assert observer.ask()["topology"] == "static"


@pytest.fixture(scope="module")
def mysql_pair(
    mysql_installation: MySQLInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MySQLServer, MySQLServer]]:
    """A primary and a replica, which was told where its source is and not yet to begin."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                MySQLServer(
                    mysql_installation,
                    tmp_path_factory.mktemp("mysql"),
                    options=(f"--server-id={number}", "--log-bin=log"),
                )
            )
            for number in (1, 2)
        ]
        primary, replica = servers
        for server in servers:
            server.execute("RESET BINARY LOGS AND GTIDS")
        primary.execute(
            f"CREATE USER {USER}@'%' IDENTIFIED BY '{QUOTED}';"
            f"GRANT REPLICATION CLIENT ON *.* TO {USER}@'%';"
            f"CREATE USER nobody@'%' IDENTIFIED BY '{QUOTED}'; CREATE DATABASE app"
        )
        quoted = ADMIN_PASSWORD.replace("'", "''")
        replica.execute(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='{LOOPBACK}', SOURCE_PORT={primary.port},"
            f" SOURCE_USER='{ADMIN}', SOURCE_PASSWORD='{quoted}', SOURCE_AUTO_POSITION=1,"
            " GET_SOURCE_PUBLIC_KEY=1"
        )
        yield primary, replica


class TestMySQL:
    def test_a_pair_and_a_promotion(self, mysql_pair: tuple[MySQLServer, MySQLServer], watch: Watch) -> None:
        primary, replica = mysql_pair
        replica.execute("SET GLOBAL super_read_only=1; START REPLICA")
        writer, reader = watch(primary), watch(replica, ADMIN, ADMIN_PASSWORD)
        first = writer.ask()
        assert (first["role"], first["replicates"], first["topology"]) == ("READ_WRITE", None, "replication")
        assert f"@{os.uname().nodename}:{primary.port}" in first["identity"]
        seen = when(reader, "it runs", replicates=True, lag=0.0, role="READ_ONLY")
        assert seen["source"] == f"{LOOPBACK}:{primary.port}"
        eventually(lambda: reader.ask() and reader.covers(first), "it has caught up")
        bare = watch(replica, "nobody")
        for _ in range(2):
            seen = bare.ask()
            assert (seen["role"], seen["lag"], seen["replicates"]) == ("READ_ONLY", None, None)
        replica.execute("STOP REPLICA")
        assert reader.ask()["replicates"] is False
        primary.execute("CREATE TABLE app.more (id INT)")
        later = writer.ask()
        assert not reader.covers(later)
        assert writer.covers(reader.ask())
        replica.execute("RESET REPLICA ALL; SET GLOBAL super_read_only=0; SET GLOBAL read_only=0")
        seen = reader.ask()
        assert (seen["role"], seen["source"], seen["replicates"]) == ("READ_WRITE", "", None)
        replica.execute("SET GLOBAL offline_mode=1")
        assert reader.ask()["problem"] == "offline_mode is on"


class TestGroup:
    @pytest.fixture
    def members(
        self, mysql_installation: MySQLInstallation, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[list[MySQLServer]]:
        """Two members of one group, none of which has joined it."""
        plugins = mysql_installation.root / "usr/lib/mysql/plugin"
        if not (plugins / "group_replication.so").is_file():
            pytest.skip("this MySQL has no plugin for group replication")
        ports = [free_port(), free_port()]
        group = (
            *(f"--plugin-dir={plugins}", "--plugin-load-add=group_replication.so"),
            *("--log-bin=log", "--performance-schema=ON", f"--report-host={LOOPBACK}"),
            f"--group-replication-group-name={uuid.uuid4()}",
            f"--group-replication-group-seeds={','.join(f'{LOOPBACK}:{port}' for port in ports)}",
            *("--group-replication-start-on-boot=OFF", "--group-replication-recovery-get-public-key=ON"),
        )
        with ExitStack() as stack:
            members = []
            for number, port in enumerate(ports, 1):
                folder = tmp_path_factory.mktemp("member")
                local = f"--group-replication-local-address={LOOPBACK}:{port}"
                options = (*group, f"--server-id={number}", local)
                member = stack.enter_context(MySQLServer(mysql_installation, folder, options=options))
                # Without a majority it would not shut down.
                stack.callback(member.kill)
                member.execute(
                    f"CREATE USER {USER}@'%' IDENTIFIED BY '{QUOTED}';"
                    f"GRANT SELECT ON performance_schema.* TO {USER}@'%';"
                    "RESET BINARY LOGS AND GTIDS;"
                )
                members.append(member)
            yield members

    def test_a_group(self, members: list[MySQLServer], watch: Watch) -> None:
        primary, secondary = members
        quoted = ADMIN_PASSWORD.replace("'", "''")
        first, second = watch(primary), watch(secondary)
        seen = first.ask()
        assert seen["topology"] == "group_replication"
        assert "OFFLINE" in seen["problem"]
        join = f"START GROUP_REPLICATION USER='{ADMIN}', PASSWORD='{quoted}'"
        primary.execute(
            f"SET GLOBAL group_replication_bootstrap_group=ON; {join};"
            "SET GLOBAL group_replication_bootstrap_group=OFF; CREATE DATABASE app"
        )
        where = f"{LOOPBACK}:{primary.port}"
        seen = when(first, "it is the primary", role="READ_WRITE", problem="", writer=where)
        assert (seen["source"], seen["replicates"], seen["in_transition"]) == ("", None, False)
        secondary.execute(join)
        when(second, "it has joined", role="READ_ONLY", problem="", replicates=True, lag=0.0, writer=where)
        written = first.ask()
        eventually(lambda: second.ask() and second.covers(written), "it has caught up")
        uuids = secondary.execute("SELECT @@server_uuid")[0][0]
        primary.execute(f"SELECT group_replication_set_as_primary('{uuids}')")
        where = f"{LOOPBACK}:{secondary.port}"
        when(second, "it is the primary", role="READ_WRITE", problem="", writer=where)
        when(first, "it is one no more", role="READ_ONLY", source=where, replicates=True)
        primary.kill()
        when(second, "it is alone", problem="the group has no majority")


def galera_library() -> str:
    names = (os.environ.get(GALERA_VARIABLE, ""), *GALERA_LIBRARIES)
    library = next((name for name in names if name and Path(name).is_file()), None)
    if library is None:
        pytest.skip(f"no Galera library on this machine, and none named by {GALERA_VARIABLE}")
    return library


class TestGalera:
    @pytest.fixture
    def nodes(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[PrivateMariaDB]]:
        """Two nodes with the same data, neither of which runs: the first begins a cluster when it starts.

        The second becomes a member and waits for ever for the first one's data, since that takes programs
        which need not be here.
        """
        library = galera_library()
        ports = [free_port(), free_port()]
        with ExitStack() as stack:
            folders = [tmp_path_factory.mktemp("node") for _ in ports]
            nodes = [mariadb(folder, number, "--binlog-format=ROW") for number, folder in enumerate(folders)]
            with nodes[0] as seed:
                seed.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY '{QUOTED}'")
            for node, port, others in zip(nodes, ports, ("", f"{LOOPBACK}:{ports[0]}"), strict=True):
                stack.callback(node.kill)
                node.options = (
                    *node.options,
                    *("--wsrep-on=ON", f"--wsrep-provider={library}", "--innodb-autoinc-lock-mode=2"),
                    *(f"--wsrep-cluster-address=gcomm://{others}", "--wsrep-sst-method=skip"),
                    f"--wsrep-node-address={LOOPBACK}:{port}",
                    f"--wsrep-node-incoming-address={LOOPBACK}:{node.port}",
                    f"--wsrep-provider-options=gmcast.listen_addr=tcp://{LOOPBACK}:{port};"
                    f"ist.recv_addr={LOOPBACK}:{free_port()};gcache.size=8M;"
                    "evs.keepalive_period=PT0.2S;evs.suspect_timeout=PT1S;evs.inactive_timeout=PT3S",
                )
            nodes[0].restart()
            nodes[0].stop()
            # With the position at which the first has stopped.
            shutil.copytree(folders[0] / "data", folders[1] / "data")
            (folders[1] / "complete").touch()
            (folders[1] / "data" / "gvwstate.dat").unlink(missing_ok=True)
            yield nodes

    def test_a_cluster(self, nodes: list[PrivateMariaDB], watch: Watch) -> None:
        first, second = nodes
        first.start()
        observer = watch(first)
        where = f"{LOOPBACK}:{first.port}"
        seen = when(observer, "it is synced", problem="", role="READ_WRITE", writer=where)
        assert (seen["topology"], seen["lag"], seen["replicates"]) == ("galera", 0.0, True)
        first.execute("SET GLOBAL wsrep_desync=ON")
        when(observer, "it is desynced", problem="the node is not synced (Donor/Desynced)", replicates=False)
        first.execute("SET GLOBAL wsrep_desync=OFF")
        when(observer, "it is synced again", problem="")
        second.start()
        joining = watch(second).ask()
        assert joining["problem"].startswith("the node is not ")
        assert joining["identity"] != seen["identity"]
        when(observer, "it has given its state", problem="")
        second.kill()
        when(observer, "it is alone", problem="the node is not in the primary component (non-Primary)")

    def test_a_node_that_rejects_queries(self, nodes: list[PrivateMariaDB], watch: Watch) -> None:
        nodes[0].start()
        observer = watch(nodes[0])
        when(observer, "it is synced", problem="")
        nodes[0].execute("SET GLOBAL wsrep_reject_queries=ALL")
        assert observer.ask()["problem"] == "wsrep_reject_queries is ALL"
        assert watch(nodes[0]).ask()["problem"] == "wsrep_reject_queries is ALL"
