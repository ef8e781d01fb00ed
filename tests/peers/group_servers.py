"""Database servers in memory that replicate from each other, as MariaDB with GTIDs does.

Each has a log of committed transactions; what was committed is there for good, unless the server is built
anew from another one. A server may be killed, frozen (it takes what is sent, and does it once it goes on),
cut off (nothing passes either way), demoted and promoted. Written from MariaDB's manual, "Replication" and
"Global Transaction ID".
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from . import binlog
from . import packets as p
from .server import Database

if TYPE_CHECKING:
    from .group_sessions import GroupPeer, GroupSession

__all__ = ["VERSION", "GroupServer", "Transaction"]

VERSION = "10.11.6-MariaDB"


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
            peer.kill(loses_answers=loses_answers)
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
