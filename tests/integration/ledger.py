"""The ledger that a load writes, and what must stand in it afterwards.

Two kinds of writes: an *entry* is one INSERT in autocommit mode, a *transfer* is a transaction that moves
money between two accounts and ends with a row in the journal. No unique key guards the rows: a write that ran
twice stands there twice.
"""

import enum
import itertools
from collections import Counter
from typing import Any

import attrs

__all__ = [
    "ACCOUNTS",
    "BALANCE",
    "LEDGER_SCHEMA",
    "LOST",
    "Books",
    "Failure",
    "Fate",
    "Report",
    "Write",
    "audit",
    "fate_of",
]

LOST = 0
"""The error number that stands for the loss of a connection, which no server can tell."""
ACCOUNTS = 600
"""So many that transactions hardly ever wait for each other's rows."""
BALANCE = 1000
FINAL_STAGES = ("insert", "commit")
STAGES = ("begin", "update", "journal", *FINAL_STAGES)
"""Where a write can fail, once."""
SHOWN = 5
"""How many problems of a sort are told in full."""

LEDGER_SCHEMA = (
    """
CREATE TABLE app.entry (id INT AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, seq INT NOT NULL)
    ENGINE = InnoDB;
CREATE TABLE app.journal (id INT AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, seq INT NOT NULL,
    source INT NOT NULL, sink INT NOT NULL, amount INT NOT NULL) ENGINE = InnoDB;
CREATE TABLE app.account (id INT PRIMARY KEY, balance INT NOT NULL) ENGINE = InnoDB;
INSERT INTO app.account VALUES
"""
    + ", ".join(f"({number}, {BALANCE})" for number in range(ACCOUNTS))
    + ";\n"
)


class Fate(enum.Enum):
    """What an error says of a write."""

    ABSENT = "not committed"
    PRESENT = "committed"
    UNKNOWN = "unknown"


Key = tuple[str, int, int]
"""Kind ("entry" or "transfer"), client and sequence number."""


@attrs.frozen
class Write:
    """One that was acknowledged. Times are of time.monotonic()."""

    kind: str
    client: int
    seq: int
    sent: float
    acknowledged: float

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.kind, self.client, self.seq


@attrs.frozen
class Failure:
    """An error that a client was given. `stage` is the statement: read, insert, begin, update, commit …"""

    kind: str
    client: int
    seq: int
    stage: str
    errno: int
    sqlstate: str
    message: str
    at: float

    @property
    def key(self) -> Key:
        """Of the write that failed, if it was one."""
        return self.kind, self.client, self.seq

    def __str__(self) -> str:
        return (
            f"client {self.client} ({self.kind}, {self.stage}): {self.errno} ({self.sqlstate}) {self.message}"
        )


@attrs.frozen
class Report:
    """All that a load has seen. `problems` are broken promises, such as a lost socket or a wrong value."""

    writes: list[Write]
    failures: list[Failure]
    problems: list[str]
    #: Errors of sessions that were pinned, by client, at their first statement after the load; "" for none.
    pinned: dict[int, str]
    reads: int
    idle: int

    def gap(self, since: float) -> float:
        """The longest time, in seconds, without an acknowledged write, of those that end after `since`."""
        times = sorted(write.acknowledged for write in self.writes)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times) if later > since]
        return max(gaps, default=float("inf"))

    def served_after(self, fault: float) -> float:
        """Seconds from a fault to the first write that was acknowledged after the gap that it caused."""
        times = sorted(write.acknowledged for write in self.writes)
        gaps = [(later - earlier, later) for earlier, later in itertools.pairwise(times) if later > fault]
        return max(gaps)[1] - fault if gaps else float("inf")

    def longest_write(self) -> float:
        """Seconds the slowest acknowledged write took, as its client saw it."""
        return max((write.acknowledged - write.sent for write in self.writes), default=float("inf"))

    def errors(self) -> Counter[str]:
        """How often each error was seen, by stage."""
        return Counter(f"{each.stage}: {each.errno} {each.message}" for each in self.failures)

    def summary(self, since: float) -> str:
        """One line for a log of tests."""
        errors = (
            ", ".join(f"{count} x {error}" for error, count in self.errors().most_common(SHOWN)) or "none"
        )
        return (
            f"gap {self.gap(since) * 1e3:.0f} ms, slowest write {self.longest_write() * 1e3:.0f} ms,"
            f" {len(self.writes)} writes, {self.reads} reads, {self.idle} idle; errors: {errors}"
        )


@attrs.frozen
class Books:
    """What stands in a server: how often each write, and the money."""

    rows: Counter[Key]
    balances: dict[int, int]
    moved: dict[int, int]

    @classmethod
    def of(cls, node: Any) -> "Books":
        """Read them from a node of a cluster."""
        rows: Counter[Key] = Counter()
        for client, seq in node.fetch("SELECT client, seq FROM app.entry"):
            rows["entry", client, seq] += 1
        moved = dict.fromkeys(range(ACCOUNTS), 0)
        for client, seq, source, sink, amount in node.fetch(
            "SELECT client, seq, source, sink, amount FROM app.journal"
        ):
            rows["transfer", client, seq] += 1
            moved[source] -= amount
            moved[sink] += amount
        return cls(rows, dict(node.fetch("SELECT id, balance FROM app.account")), moved)


def fate_of(failure: Failure) -> Fate | None:
    """What the documents say of an error; None for one that no document names."""
    own = "rds-proxy: " in failure.message
    if failure.errno == 9501:
        return Fate.ABSENT
    if (failure.errno, failure.sqlstate) == (1213, "40001") and own:
        return Fate.ABSENT
    if failure.errno == 2013 and own:
        return _fate_of_loss(failure)
    # Of a client without a proxy, which has lost its connection.
    return Fate.UNKNOWN if failure.errno == LOST else None


def _fate_of_loss(failure: Failure) -> Fate | None:
    """A lost connection's error must say what has become of a write."""
    if "it is unknown whether" in failure.message or failure.stage not in FINAL_STAGES:
        return Fate.UNKNOWN
    return Fate.PRESENT if " was committed" in failure.message else None


def audit(report: Report, books: Books, lost: frozenset[Key] = frozenset()) -> list[str]:
    """What is wrong with the books; `lost` are acknowledged writes that the database itself has lost."""
    problems = [*report.problems]
    undocumented = Counter(str(each) for each in report.failures if fate_of(each) is None)
    problems += [f"undocumented, {count} times: {text}" for text, count in undocumented.most_common(SHOWN)]
    problems += _of_writes(report, books, lost)
    wrong = [
        f"account {number} has {books.balances[number]}, the journal says {BALANCE + moved}"
        for number, moved in books.moved.items()
        if books.balances[number] != BALANCE + moved
    ]
    return problems + wrong[:SHOWN]


def _of_writes(report: Report, books: Books, lost: frozenset[Key]) -> list[str]:
    problems: dict[str, list[Key]] = {}

    def note(what: str, key: Key) -> None:
        problems.setdefault(what, []).append(key)

    acknowledged = {write.key for write in report.writes}
    for key in acknowledged:
        if books.rows[key] == 0 and key not in lost:
            note("acknowledged and not there", key)
    for failure in report.failures:
        # Before COMMIT was sent nothing can have been committed, whatever the error says.
        fate = fate_of(failure) if failure.stage in FINAL_STAGES else Fate.ABSENT
        if failure.stage in STAGES and fate is Fate.ABSENT and books.rows[failure.key]:
            note(f"refused with {failure.errno} at {failure.stage} and there", failure.key)
        if failure.stage in STAGES and fate is Fate.PRESENT and not books.rows[failure.key]:
            note("committed, says the error, and not there", failure.key)
    known = acknowledged | {failure.key for failure in report.failures}
    for key, count in books.rows.items():
        if count > 1:
            note("there more than once", key)
        if key not in known:
            note("there and never answered", key)
    return [f"{len(keys)} {what}: {sorted(keys)[:SHOWN]}" for what, keys in problems.items()]
