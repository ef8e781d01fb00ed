"""Database servers in memory that replicate from each other, as MariaDB with GTIDs does.

Each has a log of committed transactions; what was committed is there for good, unless the server is built anew
from another one. A server may be killed, frozen (it takes what is sent, and does it once it goes on), cut off
(nothing passes either way), demoted and promoted. Written from MariaDB's manual, "Replication" and "GTID".
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from . import binlog
from . import packets as p
from .link import Line
from .server import Database, ServerPeer, Session

__all__ = ["GroupLine", "GroupPeer", "GroupServer", "GroupSession", "Transaction"]

VERSION = "10.11.6-MariaDB"
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


@attrs.frozen
class Transaction:
    """One in a log; ``rows`` are what it has inserted."""

    origin: int
    number: int
    rows: tuple[str, ...]
    #: The connection, as its origin counts them.
    thread: int = 0

    @property
    def gtid(self) -> str:
        return f"0-{self.origin}-{self.number}"


class GroupServer(Database):
    """One server; ``find`` knows the others by name, ``wrote`` is told of each commit of a session."""

    def __init__(
        self,
        name: str,
        number: int,
        clock: Any,
        find: "Callable[[str], GroupServer]",
        wrote: "Callable[[GroupSession, Transaction], None]",
        tell: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.name, self.number = name, number
        self.clock, self.find, self.wrote, self.tell = clock, find, wrote, tell
        self.hides_bare_names = True
        self.transactions: list[Transaction] = []
        self.replicated: Transaction | None = None
        self.source = ""
        self.read_only = False
        self.up, self.frozen, self.unreachable, self.paused = True, False, False, False
        #: Its replication was stopped with a statement; ``paused``: it merely lags behind.
        self.stopped = False
        self.started = clock.seconds() - 1000.0
        self.behind_since: float | None = None
        self.max_connections = 6
        #: Whether the log names the connection of each transaction, on all servers; else it does nowhere.
        self.names_threads = True
        #: How long the log was at each start.
        self.starts: list[int] = []
        self.peers: list[GroupPeer] = []
        self.waits: list[Callable[[], bool]] = []
        self.unknown: list[str] = []

    # Data

    @property
    def rows(self) -> set[str]:
        return {row for each in self.transactions for row in each.rows}

    @property
    def last(self) -> int:
        return self.transactions[-1].number if self.transactions else 0

    def commit(self, session: "GroupSession", rows: Sequence[str]) -> Transaction:
        assert not self.read_only, "a read-only server has committed"
        twice = self.rows.intersection(rows)
        assert not twice, f"{twice} were written twice on {self.name}"
        made = Transaction(self.number, self.last + 1, tuple(rows), session.thread)
        self.transactions.append(made)
        self.wrote(session, made)
        return made

    @property
    def state(self) -> str:
        """The last transaction of each server."""
        return ",".join({each.origin: each.gtid for each in self.transactions}.values())

    # Replication

    @property
    def is_diverged(self) -> bool:
        """Whether its source does not have all that it has."""
        if not self.source:
            return False
        theirs = self.find(self.source).transactions
        return theirs[: len(self.transactions)] != self.transactions

    @property
    def replicates(self) -> bool:
        if not self.source or self.stopped:
            return False
        source = self.find(self.source)
        is_there = source.up and not (source.frozen or source.unreachable or self.unreachable)
        return is_there and not self.is_diverged

    def pull(self, most: int = 1000) -> None:
        """Replicate what there is, but no more transactions than this."""
        if not self.up or self.frozen or not self.replicates:
            return
        missing = self.find(self.source).transactions[len(self.transactions) :]
        if self.paused:
            most = 0
        for each in missing[:most]:
            self.transactions.append(each)
            self.replicated = each
            self.tell(f"{self.name} has replicated {', '.join(each.rows)}")
        if len(missing) <= most:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = self.clock.seconds()
        self.waits = [wait for wait in self.waits if not wait()]

    def rebuild(self, other: "GroupServer") -> None:
        """Throw all data away and take a copy of another server's."""
        self.transactions, self.starts = list(other.transactions), []
        self.replicated = self.transactions[-1] if self.transactions else None

    # What happens to it

    def kill(self, *, loses_answers: bool = False) -> None:
        """The process ends; nothing that was not committed is left."""
        self.up = self.frozen = False
        for peer in list(self.peers):
            if loses_answers:
                peer.line.incoming.clear()
            peer.kill()
        assert not self.threads

    def restart(self, *, read_only: bool) -> None:
        """It begins anew."""
        if self.up:
            self.kill()
        self.up, self.read_only, self.started = True, read_only, self.clock.seconds()
        self.next_thread = 1
        self.starts.append(len(self.transactions))

    def thaw(self) -> None:
        """It goes on where it was stopped."""
        self.frozen = False
        for peer in list(self.peers):
            peer.thaw()

    def reconnect(self) -> None:
        """The network is back."""
        self.unreachable = False
        for peer in list(self.peers):
            peer.line.reconnect()

    # What it says

    def variable(self, name: str) -> str:
        """A global variable."""
        values = {
            "character_set_client": "utf8mb4",
            "gtid_binlog_state": self.state,
            "gtid_slave_pos": self.replicated.gtid if self.replicated else "",
            "hostname": self.name,
            "log_bin": "1",
            "max_connections": str(self.max_connections),
            "port": "3306",
            "read_only": "ON" if self.read_only else "OFF",
            "server_id": str(self.number),
            "version": VERSION,
            "event_scheduler": "OFF",
        }
        return values[name]

    def log_after(self, number: int) -> list[bytes]:
        """The binary log behind a transaction, as it is sent."""
        events = [binlog.rotate(is_artificial=True), binlog.description(self.number)]
        for at, each in enumerate(self.transactions):
            if each.number <= number:
                continue
            if at in self.starts:
                events += [binlog.rotate(), binlog.description(self.number, created=1)]
            text = b"INSERT INTO t VALUES (1)" if self.names_threads else b"BEGIN"
            thread = each.thread if self.names_threads or each.origin == self.number else at % 20
            events.append(binlog.mariadb_gtid(0, each.origin, each.number))
            events += [binlog.query(thread, text, each.origin), binlog.commit(each.origin)]
        if len(self.transactions) in self.starts:
            events += [binlog.rotate(), binlog.description(self.number, created=1)]
        return [*(b"\0" + each for each in events), p.eof()]

    def replica_status(self) -> list[list[str | None]]:
        """SHOW ALL SLAVES STATUS."""
        if not self.source:
            return []
        lag: str | None = None
        if self.replicates:
            lag = "0" if self.behind_since is None else str(int(self.clock.seconds() - self.behind_since))
        reads = "No" if self.stopped else "Yes" if self.replicates else "Connecting"
        applies = "No" if self.stopped else "Yes"
        return [["", self.source, "3306", reads, applies, lag, str(self.find(self.source).number)]]


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

    def kill(self) -> None:
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
