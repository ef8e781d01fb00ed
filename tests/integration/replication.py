"""The SQL of replication with GTIDs, as an operator or a promotion script gives it: MariaDB's and MySQL's.

MariaDB manual, "CHANGE MASTER TO", "Semisynchronous Replication"; MySQL manual, "Replication Statements".
"""

from typing import Any, Protocol

import pymysql

from proxy.demo.child import LOOPBACK

from .clients import one, run

__all__ = [
    "REPLICATION_PASSWORD",
    "REPLICATION_USER",
    "MariaDBReplication",
    "MySQLReplication",
    "Replication",
]

REPLICATION_USER, REPLICATION_PASSWORD = "repl", "repl's secret"
APPLY_LIMIT = 20
"""Seconds a replica may take to apply what it has received."""
LOCK_WAIT_TIMEOUT, LOCK_ATTEMPTS = 1205, 20
HEARTBEAT = 1
"""Seconds without an event from the source after which a replica expects a sign of life."""


class Replication(Protocol):
    """What one vendor's statements do, over an operator's connection."""

    def options(self, *, semi_sync: bool) -> tuple[str, ...]:
        """Options of a server that replicates, or is replicated."""

    def follow(self, server: Any, port: int) -> None:
        """Refuse writes and replicate from the server at a port, from the own position on."""

    def stop_receiving(self, replica: Any) -> str:
        """Take no more from the source; return all that was received, applied or not."""

    def catch_up(self, replica: Any, position: str) -> None:
        """Wait until a position is executed; AssertionError after APPLY_LIMIT."""

    def lead(self, server: Any, *, semi_sync: bool) -> None:
        """Be nobody's replica, and take writes."""

    def refuse_writes(self, server: Any) -> None:
        """Refuse the writes of all who may not write to a replica; waits for running transactions."""

    def accept_writes(self, server: Any) -> None:
        """Take writes."""

    def position(self, server: Any) -> str:
        """The GTIDs that are executed."""

    def progress(self, position: str) -> int:
        """How many GTIDs those are; of two servers with one history the one with more is ahead."""

    def replicates(self, replica: Any) -> bool:
        """Whether both threads run."""


class MariaDBReplication:
    """One domain, strict."""

    def options(self, *, semi_sync: bool) -> tuple[str, ...]:
        plain = (
            *("--log-bin=binlog", "--log-slave-updates", "--gtid-strict-mode=1", "--binlog-format=ROW"),
            # What was committed survives a kill, though not a power cut.
            *("--innodb-flush-log-at-trx-commit=2", f"--slave-net-timeout={2 * HEARTBEAT}"),
        )
        if not semi_sync:
            return plain
        wait = ("--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--rpl-semi-sync-master-timeout=600000")
        return (*plain, "--rpl-semi-sync-slave-enabled=ON", *wait)

    def follow(self, server: Any, port: int) -> None:
        run(server, "STOP SLAVE")
        run(server, "SET GLOBAL read_only = 1")
        run(server, "SET GLOBAL rpl_semi_sync_master_enabled = 0")
        # A former primary has written what its last position as a replica does not know.
        run(server, "SET GLOBAL gtid_slave_pos = @@gtid_binlog_pos")
        run(
            server,
            f"CHANGE MASTER TO MASTER_HOST = '{LOOPBACK}', MASTER_PORT = {port}, MASTER_USER = %s,"
            f" MASTER_PASSWORD = %s, MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = {HEARTBEAT},"
            " MASTER_USE_GTID = slave_pos",
            (REPLICATION_USER, REPLICATION_PASSWORD),
        )
        run(server, "START SLAVE")

    def stop_receiving(self, replica: Any) -> str:
        run(replica, "STOP SLAVE IO_THREAD")
        return _status(replica, "SHOW SLAVE STATUS").get("Gtid_IO_Pos") or self.position(replica)

    def catch_up(self, replica: Any, position: str) -> None:
        waited = one(replica, "SELECT MASTER_GTID_WAIT(%s, %s)", (position, APPLY_LIMIT)) if position else 0
        assert waited == 0, f"position {position} is not executed within {APPLY_LIMIT} s"

    def lead(self, server: Any, *, semi_sync: bool) -> None:
        run(server, "STOP SLAVE")
        run(server, "RESET SLAVE ALL")
        run(server, f"SET GLOBAL rpl_semi_sync_master_enabled = {int(semi_sync)}")
        self.accept_writes(server)

    def refuse_writes(self, server: Any) -> None:
        _set_patiently(server, "SET GLOBAL read_only = 1")

    def accept_writes(self, server: Any) -> None:
        run(server, "SET GLOBAL read_only = 0")

    def position(self, server: Any) -> str:
        return str(one(server, "SELECT @@gtid_binlog_pos"))

    def progress(self, position: str) -> int:
        return int(position.rpartition("-")[2] or 0)

    def replicates(self, replica: Any) -> bool:
        status = _status(replica, "SHOW SLAVE STATUS")
        return status.get("Slave_IO_Running") == status.get("Slave_SQL_Running") == "Yes"


class MySQLReplication:
    """Automatic positions. Semi-synchronous replication needs plugins, and is not offered."""

    def options(self, *, semi_sync: bool) -> tuple[str, ...]:
        assert not semi_sync
        return ("--innodb-flush-log-at-trx-commit=2", f"--replica-net-timeout={2 * HEARTBEAT}")

    def follow(self, server: Any, port: int) -> None:
        run(server, "STOP REPLICA")
        run(server, "SET GLOBAL super_read_only = 1")
        run(
            server,
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{LOOPBACK}', SOURCE_PORT = {port},"
            " SOURCE_USER = %s, SOURCE_PASSWORD = %s, SOURCE_CONNECT_RETRY = 1,"
            f" SOURCE_HEARTBEAT_PERIOD = {HEARTBEAT}, SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1",
            (REPLICATION_USER, REPLICATION_PASSWORD),
        )
        run(server, "START REPLICA")

    def stop_receiving(self, replica: Any) -> str:
        run(replica, "STOP REPLICA IO_THREAD")
        return _status(replica, "SHOW REPLICA STATUS").get("Retrieved_Gtid_Set") or self.position(replica)

    def catch_up(self, replica: Any, position: str) -> None:
        waited = one(replica, "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", (position, APPLY_LIMIT))
        assert waited == 0, f"position {position} is not executed within {APPLY_LIMIT} s"

    def lead(self, server: Any, *, semi_sync: bool) -> None:
        run(server, "STOP REPLICA")
        run(server, "RESET REPLICA ALL")
        self.accept_writes(server)

    def refuse_writes(self, server: Any) -> None:
        _set_patiently(server, "SET GLOBAL super_read_only = 1")

    def accept_writes(self, server: Any) -> None:
        run(server, "SET GLOBAL super_read_only = 0")
        run(server, "SET GLOBAL read_only = 0")

    def position(self, server: Any) -> str:
        return str(one(server, "SELECT @@GLOBAL.gtid_executed")).replace("\n", "")

    def progress(self, position: str) -> int:
        intervals = [each for part in position.split(",") for each in part.split(":")[1:]]
        pairs = [each.partition("-") for each in intervals]
        return sum(int(last or first) - int(first) + 1 for first, _, last in pairs)

    def replicates(self, replica: Any) -> bool:
        status = _status(replica, "SHOW REPLICA STATUS")
        return status.get("Replica_IO_Running") == status.get("Replica_SQL_Running") == "Yes"


def _set_patiently(server: Any, sql: str) -> None:
    """Set what needs the global read lock; it and transactions that wait for each other's rows can block one
    another, so it is given up and tried again.
    """
    run(server, "SET lock_wait_timeout = 1")
    for attempt in range(LOCK_ATTEMPTS):
        try:
            run(server, sql)
            return
        except pymysql.OperationalError as error:
            if error.args[0] != LOCK_WAIT_TIMEOUT or attempt == LOCK_ATTEMPTS - 1:
                raise


def _status(replica: Any, sql: str) -> dict[str, Any]:
    """The status by column; empty where there is no replication."""
    with replica.cursor() as cursor:
        cursor.execute(sql)
        columns = [each[0] for each in cursor.description]
        rows = cursor.fetchall()
    return dict(zip(columns, rows[0], strict=True)) if rows else {}
