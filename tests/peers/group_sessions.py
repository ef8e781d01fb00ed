"""Sessions at a GroupServer: what clients run there, what a proxy asks of a replica, and their network."""

import re
from collections.abc import Callable, Sequence

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from . import packets as p
from .group_servers import VERSION, GroupServer
from .link import Line
from .server import ServerPeer, Session

__all__ = ["GroupLine", "GroupPeer", "GroupSession"]

READ_ONLY = p.err(
    1290,
    b"The MariaDB server is running with the --read-only option so it cannot execute this statement",
    b"HY000",
)
BINLOG_DUMP = 0x12
_ROW = re.compile(r"SELECT id FROM t WHERE id=(\d+)\Z")
_WAIT = re.compile(r"SELECT MASTER_GTID_WAIT\('(\d+)-(\d+)-(\d+)',([\d.]+)\)\Z")
_ALIASES = re.compile(r"@@(?:global\.)?(\w+) AS (\w+)")
_COUNT = re.compile(r"SELECT COUNT\(\*\) FROM information_schema\.PROCESSLIST WHERE ID=(\d+)\Z")
_THREAD = re.compile(r"SELECT ID FROM information_schema\.PROCESSLIST WHERE ID = (\d+)\Z")
_GLOBAL = re.compile(r"SET GLOBAL read_only = ([01])\Z")
_START = re.compile(r"@slave_connect_state='(?:\d+-\d+-(\d+))?'")
_SOURCE = re.compile(r"MASTER_HOST='(\w+)'")
_REPLICA_COLUMNS = (
    "Connection_name", "Master_Host", "Master_Port", "Slave_IO_Running", "Slave_SQL_Running",
    "Seconds_Behind_Master", "Master_Server_Id",
)  # fmt: skip


class GroupSession(Session):
    """A session that reads and writes rows, and answers what a proxy asks of a replica."""

    database: GroupServer

    def __init__(self, peer: "GroupPeer", capabilities: int) -> None:
        self.peer = peer
        server = peer.server
        following, server.next_thread = server.next_thread, peer.thread
        super().__init__(server, capabilities)
        server.next_thread = following
        self.later: Callable[[list[bytes]], None] = lambda _: None
        #: After which transaction it is to be sent the binary log.
        self.log_from = 0

    def _forget(self) -> None:
        super()._forget()
        self.variables["last_gtid"] = ""
        self.is_guarded = False

    def answer(self, command: bytes) -> list[bytes]:
        if command[0] == BINLOG_DUMP:
            return self.database.log_after(self.log_from)
        return super().answer(command)

    # Writing

    def write(self, row: str) -> None:
        if self.in_trans:
            self.pending.append(row)
        else:
            self._log([row])

    def _log(self, rows: Sequence[str]) -> None:
        self.variables["last_gtid"] = self.database.commit(self, rows).gtid
        self.changed.append("last_gtid")

    def _commit(self) -> None:
        if self.pending:
            self._log(self.pending)
        self.pending.clear()
        self._end_transaction()

    def _query(self, sql: str) -> list[bytes]:
        commits = sql.split(maxsplit=1)[0].upper() in ("BEGIN", "COMMIT", "START", "ALTER")
        if commits and self.pending and self.database.read_only:
            self._rollback()
            return [READ_ONLY]
        try:
            return super()._query(sql)
        except (KeyError, IndexError, AttributeError):
            self.database.unknown.append(sql)
            return [p.err()]

    def _do_insert(self, sql: str) -> list[bytes]:
        if self.is_guarded:
            return [p.err(1792, b"Cannot execute statement in a READ ONLY transaction", b"25006")]
        return [READ_ONLY] if self.database.read_only else super()._do_insert(sql)

    # Reading

    def _table(self, names: Sequence[str], *rows: Sequence[str | None]) -> list[bytes]:
        return self._result([p.column(name.encode()) for name in names], *rows)

    def _do_select(self, sql: str) -> list[bytes]:
        server = self.database
        if found := _ROW.match(sql):
            has = found[1] in server.rows or found[1] in self.pending
            server.tell(f"{server.name} is asked for {found[1]}: {has}")
            return self._table(["id"], *([[found[1]]] if has else []))
        if found := _WAIT.match(sql):
            return self._wait(int(found[3]), float(found[4]))
        if found := _COUNT.match(sql):
            return self.rows(str(int(int(found[1]) in server.threads)))
        if found := _THREAD.match(sql):
            return self._table(["ID"], *([[found[1]]] if int(found[1]) in server.threads else []))
        if sql.startswith("SELECT ID, COLLATION_NAME"):
            row = ["45", "utf8mb4_general_ci", "utf8mb4"]
            return self._table(["ID", "COLLATION_NAME", "CHARACTER_SET_NAME"], row)
        if found_names := _ALIASES.findall(sql):
            return self._table([as_ for _, as_ in found_names], [server.variable(n) for n, _ in found_names])
        if sql == "SELECT @@hostname, @@server_id":
            return self.rows(server.name, str(server.number))
        if sql == "SELECT DATABASE(), @@hostname, @@server_id, @@session.autocommit":
            is_auto = "1" if self.variables["autocommit"] == "ON" else "0"
            return self.rows(self.schema or None, server.name, str(server.number), is_auto)
        if sql.startswith("SELECT DISTINCT REPLACE(SUBSTRING_INDEX"):
            return [p.err(1142, b"SELECT command denied", b"42000")]
        return super()._do_select(sql)

    def _wait(self, number: int, seconds: float) -> list[bytes]:
        """Until the transaction has come by replication."""
        server = self.database

        def has_it() -> bool:
            return server.replicated is not None and server.replicated.number >= number

        if has_it():
            return self.rows("0")

        def over() -> None:
            server.waits.remove(look)
            self.later(self.rows("-1"))

        def look() -> bool:
            if not has_it():
                return False
            call.cancel()
            self.later(self.rows("0"))
            return True

        def forget() -> None:
            if call.active():
                call.cancel()
                server.waits.remove(look)

        call = server.clock.callLater(seconds, over)
        server.waits.append(look)
        self.peer.when_gone.append(forget)
        return []

    def _do_show(self, sql: str) -> list[bytes]:
        server = self.database
        if sql == "SHOW SESSION VARIABLES":
            names = ("version", "server_id", "hostname", "port", "read_only", "log_bin")
            names += ("gtid_binlog_state", "gtid_slave_pos")
            mine = [[name, value] for name, value in self.variables.items()]
            rows = [*mine, *([name, server.variable(name)] for name in names)]
            return self._table(["Variable_name", "Value"], *rows)
        if sql.startswith("SHOW GLOBAL VARIABLES"):
            rows = [[name, server.variable(name)] for name in ("version", "read_only", "event_scheduler")]
            return self._table(["Variable_name", "Value"], *rows)
        if "'Uptime'" in sql:
            uptime = str(int(server.clock.seconds() - server.started))
            return self._table(["Variable_name", "Value"], ["Uptime", uptime])
        if sql == "SHOW ALL SLAVES STATUS":
            return self._table(_REPLICA_COLUMNS, *server.replica_status())
        return super()._do_show(sql)

    # Administration

    def _do_set(self, sql: str) -> list[bytes]:
        if sql.startswith("SET SESSION TRANSACTION READ "):
            self.is_guarded = sql.endswith("ONLY")
            return [self.ok()]
        if found := _GLOBAL.match(sql):
            self.database.read_only = found[1] == "1"
            return [self.ok()]
        if found := _START.search(sql):
            self.log_from = int(found[1] or 0)
        if sql.startswith(("SET SESSION lock_wait", "SET GLOBAL gtid_slave_pos", "SET @master_binlog")):
            return [self.ok()]
        return super()._do_set(sql)

    def _do_stop(self, sql: str) -> list[bytes]:
        self.database.stopped = True
        return [self.ok()]

    def _do_start(self, sql: str) -> list[bytes]:
        if "SLAVE" not in sql:
            return self._do_begin(sql)
        self.database.stopped = False
        return [self.ok()]

    def _do_reset(self, sql: str) -> list[bytes]:
        self.database.source = ""
        return [self.ok()]

    def _do_change(self, sql: str) -> list[bytes]:
        found = _SOURCE.search(sql)
        assert found is not None
        self.database.source = found[1]
        return [self.ok()]


class GroupLine(Line):
    """A line on which nothing passes while its server is cut off."""

    peer: "GroupPeer"
    was_aborted = False

    @property
    def is_cut(self) -> bool:
        return self.peer.server.unreachable

    def abortConnection(self) -> None:
        self.was_aborted = True
        super().abortConnection()

    @property
    def has_work(self) -> bool:
        if self.is_cut:
            return self.connected and self.was_aborted
        return super().has_work

    def deliver_in(self, size: int | None = None) -> None:
        if not self.is_cut:
            super().deliver_in(size)

    def deliver(self) -> None:
        if not self.is_cut:
            super().deliver()
        elif self.connected and self.was_aborted:
            # The server does not learn of it.
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionLost("aborted")))

    def reconnect(self) -> None:
        if not self.connected:
            self.peer.gone()


class GroupPeer(ServerPeer):
    """The server's end of a GroupLine."""

    line: GroupLine

    def __init__(self, server: GroupServer) -> None:
        super().__init__(server)
        self.server = server
        self.when_gone: list[Callable[[], None]] = []
        self.is_dead = False
        self._inbox: list[bytes] = []
        self._is_left = False
        self.thread = server.next_thread
        server.next_thread += 1
        server.peers.append(self)

    def greet(self) -> None:
        if not self.server.frozen:
            version = b"5.5.5-" + VERSION.encode()
            self.line.send(p.packet(p.greeting(thread=self.thread, version=version), 0))
        else:
            self._inbox.append(b"")

    def received(self, data: bytes) -> None:
        if self.is_dead:
            return
        if self.server.frozen:
            self._inbox.append(data)
        else:
            super().received(data)

    def thaw(self) -> None:
        """Do what was asked meanwhile."""
        inbox, self._inbox = self._inbox, []
        for data in inbox:
            if data:
                super().received(data)
            else:
                self.greet()
        if self._is_left:
            self.gone()

    def _log_in(self, payload: bytes, sequence: int) -> None:
        capabilities = int.from_bytes(payload[:4], "little")
        self.session = session = GroupSession(self, capabilities)
        session.killed = self.kill
        session.later = lambda payloads: self.line.send(p.packets(payloads))
        self.line.send(p.packet(p.ok(), sequence + 1))

    def _command(self, payload: bytes) -> None:
        if not self.is_dead:
            super()._command(payload)

    def kill(self, *, loses_answers: bool = False) -> None:
        if loses_answers:
            self.line.incoming.clear()
        self.line.hang_up(rudely=True)
        self._end()

    def gone(self) -> None:
        if self.server.frozen and not self.is_dead:
            self._is_left = True
        else:
            self._end()

    def _end(self) -> None:
        if self.is_dead:
            return
        self.is_dead = True
        self.server.peers.remove(self)
        for callback in self.when_gone:
            callback()
        if self.session is not None:
            self.session.gone()
