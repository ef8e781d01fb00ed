"""A client with a session full of state, that knows which values it may have and says what is wrong.

What it sets is its own by its number, so that another client's value is told at sight. After an error a
command may have run or not; only an error about the connection (2013, 2006) lets a session have lost
anything.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from . import packets as p
from .faults import FaultPlan
from .statements import CLOSE, FETCH, LONG_DATA, PREPARE, RESET, StatementClient
from .world import World

__all__ = ["FickleClient"]

DEFAULTS: dict[str, str | None] = {
    "@a": None,
    "@b": None,
    "@kept": None,
    "@@time_zone": "SYSTEM",
    "@@character_set_client": "utf8mb4",
    "DATABASE()": None,
    "LAST_INSERT_ID()": "0",
}
CHANGE_USER = b"\x11app\x00\x00\x00\x2d\x00mysql_native_password\x00"
_LOST = (2013, 2006, 1927, 4031, 1053)

Packets = list[bytes]


@attrs.define
class Expected:
    """A response to come: its shape, what to do with it."""

    name: str
    shape: str
    take: Callable[[Packets], None] = lambda _: None
    first: int = 1


def shaped(shape: str, data: bytes, first: int = 1) -> tuple[Packets, bytes] | None:
    """The first whole response in ``data``, and the rest; None if there is more to come."""
    found: Packets = []
    while True:
        if len(data) < 4 or len(data) < 4 + int.from_bytes(data[:3], "little"):
            return None
        end = 4 + int.from_bytes(data[:3], "little")
        assert data[3] == len(found) + first, f"packet {data[3]} after {found}: {data!r}"
        found.append(data[4:end])
        data = data[end:]
        if _ends(shape, found):
            return found, data


def _ends(shape: str, found: Packets) -> bool:
    first, last = found[0][:1], found[-1][:1]
    if last == b"\xff" or shape == "packet":
        return True
    if shape == "prepare":
        assert first == b"\0"
        columns, parameters = int.from_bytes(found[0][5:7], "little"), int.from_bytes(found[0][7:9], "little")
        return len(found) == 1 + columns + parameters
    if shape == "rows":
        return last == b"\xfe"
    if shape == "ok" or first == b"\0":
        assert first in (b"\0", b"\xfe"), f"no OK: {found}"
        return True
    return len(found) > 1 + found[0][0] and last == b"\xfe"


def errno(answer: Packets) -> int:
    return int.from_bytes(answer[-1][1:3], "little") if answer[-1][:1] == b"\xff" else 0


class FickleClient(StatementClient):
    """Acts a number of times, at times before the answer to what it said before."""

    def __init__(self, world: World, plan: FaultPlan, number: int) -> None:
        super().__init__(world)
        self.plan, self.chance, self.number = plan, plan.chance, number
        self.left = self.chance.choice((6, 15, 30))
        self.pending: deque[Expected] = deque()
        self.history: list[str] = []
        self.gone = self.changes_user = False
        self.count = 0
        self.possible: dict[str, set[str | None]] = {name: {value} for name, value in DEFAULTS.items()}
        self.ever: dict[str, set[str | None]] = {name: {value} for name, value in DEFAULTS.items()}
        self.statements: list[tuple[int, str]] = []
        #: Those that had a cursor, and can only be executed with one again: MySQL 9 would break the protocol.
        self.had_cursor: set[int] = set()
        self.named: bool = False
        #: Locks that it has for sure.
        self.locks: dict[str, int] = {}
        #: Rows: those committed for sure, those that may be, those of the transaction.
        self.sure: set[int] = set()
        self.maybe: set[int] = set()
        self.open: set[int] | None = None
        #: A failed statement may have ended a transaction, or not.
        self.is_unclear = False
        if not self.peer.closed:
            self.peer.take()
        else:
            self.gone = True

    # Its turn

    @property
    def finished(self) -> bool:
        """Nothing is to be said or to be heard."""
        return self.gone or (not self.left and not self.pending)

    @property
    def can_act(self) -> bool:
        """It says something now."""
        may = len(self.pending) < (3 if self.number % 2 else 1) and not self.changes_user
        return not self.gone and self.left > 0 and may

    def act(self) -> None:
        """One thing."""
        self.left -= 1
        ways = (
            self._set, self._set, self._get, self._get, self._get, self._get, self._transaction,
            self._transaction, self._insert, self._lock, self._prepare, self._execute, self._execute,
            self._text, self._text, self._other, self._other, self._kill, self._proxy, self._start_over,
        )  # fmt: skip
        self.chance.choice(ways)()

    def vanish(self) -> None:
        """Leave, in one of several ways."""
        if self.gone:
            return
        self.gone = True
        self.history.append("VANISHES")
        if self.peer.line.connected:
            self.peer.line.hang_up(rudely=self.chance.random() < 0.5)

    def drain(self) -> None:
        """The proxy is to stop."""
        self.history.append("DRAINED")
        self.peer.line.protocol.drain()

    def _say(self, payload: bytes, name: str, shape: str = "result", take: Any = None) -> None:
        self.history.append(name)
        self.peer.send(p.packet(payload))
        if shape:
            self.pending.append(Expected(name, shape, take or (lambda _: None)))

    def _sql(self, sql: str, take: Any = None, shape: str = "result") -> None:
        self._say(b"\x03" + sql.encode(), sql, shape, take)

    def _tag(self) -> str:
        self.count += 1
        return f"c{self.number}-{self.count}"

    def _row(self) -> int:
        self.count += 1
        return (self.number + 1) * 10_000 + self.count

    # What it hears

    def check(self) -> None:
        """Take in what has come."""
        while self.pending and not self.gone:
            found = shaped(self.pending[0].shape, self.peer.seen, self.pending[0].first)
            if found is None:
                break
            answer, self.peer.seen = found
            expected = self.pending.popleft()
            self.history.append(
                f"  {expected.name[:20]} -> {answer[-1 if errno(answer) else -2 :][0][:60]!r}"
            )
            self._take(expected, answer)
        if self.peer.closed:
            self.gone = True
        assert self.gone or self.pending or not self.peer.seen, self.story("an answer nobody asked for")

    def story(self, problem: str) -> str:
        """What it did and what went wrong around it."""
        return "\n".join([f"client {self.number}: {problem}", *self.history, "--", *self.plan.log])

    def _take(self, expected: Expected, answer: Packets) -> None:
        number = errno(answer)
        assert number != 1105 or b"internal" not in answer[-1].lower(), self.story(repr(answer[-1]))
        # A KILL goes over another connection.
        if number in _LOST and not expected.name.startswith("KILL"):
            self.locks.clear()
            self.possible = {name: set(values) for name, values in self.ever.items()}
            self._settle_rows(self.open or set(), failed=True)
            self.is_unclear = False
        for packet in answer:
            self._check_tags(packet)
        expected.take(answer)

    def _check_tags(self, packet: bytes) -> None:
        for other in range(5):
            if other != self.number:
                assert f"c{other}-".encode() not in packet, self.story(f"foreign data {packet!r}")

    # Values

    def _assigned(self, name: str, value: str | None) -> Callable[[Packets], None]:
        self.ever[name].add(value)

        def take(answer: Packets) -> None:
            if errno(answer):
                self.possible[name].add(value)
            else:
                self.possible[name] = {value}

        return take

    def _set(self) -> None:
        tag = self._tag()
        zone = f"+0{1 + self.chance.randrange(9)}:00"
        charset = self.chance.choice(("latin1", "utf8mb4"))
        schema = self.chance.choice(("shop", "crm"))
        sql, name, value = self.chance.choice(
            (
                (f"SET @a = '{tag}'", "@a", tag),
                (f"SET @b := '{tag}'", "@b", tag),
                (f"SELECT @a := '{tag}'", "@a", tag),
                (f"SELECT @b := '{tag}'", "@b", tag),
                (f"CALL keeps('{tag}')", "@kept", tag),
                (f"SET time_zone = '{zone}'", "@@time_zone", zone),
                (f"SET @@time_zone = '{zone}'", "@@time_zone", zone),
                (f"SET NAMES {charset}", "@@character_set_client", charset),
                (f"SET NAMES {charset} COLLATE {charset}_bin", "@@character_set_client", charset),
                (f"USE {schema}", "DATABASE()", schema),
            )
        )
        self._sql(sql, self._assigned(name, value))

    def _get(self) -> None:
        name = self.chance.choice(tuple(DEFAULTS))

        def take(answer: Packets) -> None:
            if errno(answer) or self.plan.lies:
                return
            row = answer[-2]
            value = None if row[:1] == b"\xfb" else row[1:].decode()
            assert value in self.possible[name], self.story(
                f"{name} is {value} and not of {self.possible[name]}"
            )
            self.possible[name] = {value}

        self._sql(f"SELECT {name}", take)

    # Rows

    def _insert(self) -> None:
        row = self._row()
        known = self._assigned("LAST_INSERT_ID()", str(row))

        def take(answer: Packets) -> None:
            known(answer)
            self._note_row(row, failed=bool(errno(answer)))

        self._sql(f"INSERT {row}", take)

    def _note_row(self, row: int, *, failed: bool) -> None:
        rows = self.sure if self.open is None else self.open
        (self.maybe if failed or self.is_unclear else rows).add(row)

    def _transaction(self) -> None:
        def begun(answer: Packets) -> None:
            # It commits what was open before.
            done, failed = self.open or set(), bool(errno(answer))
            self._settle_rows(done, failed=failed)
            if not failed:
                self.open = set()

        def over(answer: Packets) -> None:
            self._settle_rows(self.open or set(), failed=bool(errno(answer)))

        def undone(answer: Packets) -> None:
            self._settle_rows(self.open or set(), failed=True)
            self.is_unclear = bool(errno(answer))

        sql, take = self.chance.choice(
            (("BEGIN", begun), ("BEGIN", begun), ("COMMIT", over), ("ROLLBACK", undone))
        )
        self._sql(sql, take)
        if sql == "BEGIN" and self.chance.random() < 0.8:
            self._insert()

    def _settle_rows(self, rows: set[int], *, failed: bool) -> None:
        (self.maybe if failed else self.sure).update(rows)
        self.open, self.is_unclear = None, failed

    def check_rows(self, committed: list[str]) -> None:
        """What was acknowledged is there once, nothing twice."""
        if self.plan.lies:
            return
        for row in self.sure - self.maybe:
            assert committed.count(str(row)) == 1, self.story(f"row {row}: {committed.count(str(row))} times")
        for row in self.maybe:
            assert committed.count(str(row)) <= 1, self.story(f"row {row} twice")

    # Locks

    def _lock(self) -> None:
        name = self.chance.choice(("one", "two"))

        def got(answer: Packets) -> None:
            if not errno(answer) and answer[-2] == b"\x011":
                self.locks[name] = self.locks.get(name, 0) + 1
            elif errno(answer):
                self.locks.pop(name, None)

        def released(answer: Packets) -> None:
            if errno(answer):
                self.locks.pop(name, None)
                return
            had = self.locks.get(name, 0)
            assert self.plan.lies or not had or answer[-2] == b"\x011", self.story(f"lost lock {name}")
            self.locks[name] = max(0, had - 1)

        if self.chance.random() < 0.6:
            self._sql(f"SELECT GET_LOCK('{name}', 0)", got)
        else:
            self._sql(f"SELECT RELEASE_LOCK('{name}')", released)

    # Prepared statements

    def _prepare(self) -> None:
        text = self.chance.choice(("SELECT ?", "SELECT ? , ?", "INSERT ?", f"SELECT ? /* c{self.number}- */"))

        def take(answer: Packets) -> None:
            if not errno(answer):
                self.statements.append((int.from_bytes(answer[0][1:5], "little"), text))

        self._say(bytes((PREPARE,)) + text.encode(), f"PREPARE {text}", "prepare", take)

    def _execute(self) -> None:
        if not self.statements:
            self._prepare()
            return
        number, text = self.chance.choice(self.statements)
        way = self.chance.choice(("run", "run", "run", "cursor", "long", "fetch", "reset", "close"))
        values: list[Any] = [self._tag() for _ in range(text.count("?"))]
        if number in self.had_cursor and way in ("run", "long"):
            way = "cursor"
        if text.startswith("INSERT"):
            way, values = "run" if way in ("cursor", "long") else way, [self._row()]
        if way == "close":
            self.statements.remove((number, text))
            self._say(bytes((CLOSE,)) + number.to_bytes(4, "little"), f"CLOSE {number}", "")
        elif way == "reset":
            self._say(bytes((RESET,)) + number.to_bytes(4, "little"), f"RESET {number}", "ok")
        elif way == "fetch":
            packet = bytes((FETCH,)) + number.to_bytes(4, "little") + (2).to_bytes(4, "little")
            self._say(packet, f"FETCH {number}", "rows")
        else:
            self._run(way, number, values)

    def _run(self, way: str, number: int, values: list[Any]) -> None:
        if way == "long":
            head = bytes((LONG_DATA,)) + number.to_bytes(4, "little") + b"\0\0"
            self._say(head + values[0].encode(), f"LONG DATA {number}", "")
        if way == "cursor":
            self.had_cursor.add(number)
        packed = [each if isinstance(each, int) else each.encode() for each in values]
        shown = ",".join(map(str, values))

        def take(answer: Packets) -> None:
            if isinstance(values[0], int):
                self._note_row(values[0], failed=bool(errno(answer)))
            elif not errno(answer) and way == "run" and not self.plan.lies:
                tags = answer[-2][3:].decode()
                assert tags == shown or tags.endswith("/* */"), self.story(f"{tags} is not {shown}")

        packet = self.packet_of(number, packed, cursor=way == "cursor")
        self._say(packet, f"{way} {number} {shown}", "result", take)

    def _text(self) -> None:
        sql = self.chance.choice(
            (
                "PREPARE s FROM 'SELECT @a'",
                "PREPARE s FROM 'SELECT 1'",
                "EXECUTE s",
                "EXECUTE s",
                "DEALLOCATE PREPARE s",
            )
        )
        self._sql(sql)

    # All else

    def _other(self) -> None:
        sql = self.chance.choice(
            (
                "INSERT BAD 1",
                "SHOW WARNINGS",
                "SELECT FOUND_ROWS()",
                "SELECT 1",
                "SAVEPOINT a",
                "CREATE TEMPORARY TABLE t (a INT)",
                "DROP TEMPORARY TABLE t",
                "SET nonsense = 1",
                "nonsense",
                "SELECT CONNECTION_ID()",
            )
        )
        if self.chance.random() < 0.2:
            self._say(b"\x0e", "PING", "ok")
        else:
            self._sql(sql)

    def _proxy(self) -> None:
        self._sql(f"SHOW PROXY {self.chance.choice(('PINS', 'CLIENTS', 'POOL', 'PIN TOTALS'))}")

    def _kill(self) -> None:
        others = [each.number for each in self.world.registry]
        query = self.chance.choice(("QUERY ", "QUERY ", ""))
        self._sql(f"KILL {query}{self.chance.choice(others)}")

    def _start_over(self) -> None:
        def take(answer: Packets) -> None:
            if errno(answer):
                return
            self._settle_rows(self.open or set(), failed=True)
            self.is_unclear = False
            self.locks.clear()
            schema = self.possible["DATABASE()"]
            self.possible = {name: {value} for name, value in DEFAULTS.items()}
            self.possible["DATABASE()"] = schema
            self.statements.clear()
            self.had_cursor.clear()

        def switch(answer: Packets) -> None:
            self.possible["DATABASE()"] = set(self.ever["DATABASE()"])
            if answer[0][:1] == b"\xfe":
                nonce = answer[0].split(b"\0", 1)[1].rstrip(b"\0")
                self.peer.send(p.packet(p.native(b"secret", nonce), 2))
                self.pending.appendleft(Expected("password", "ok", changed, 3))
            else:
                changed(answer)

        def changed(answer: Packets) -> None:
            self.changes_user = False
            take(answer)
            # After an error the connection is closed.
            self.left = 0 if errno(answer) else self.left

        if not self.pending and self.chance.random() < 0.5:
            self._say(b"\x1f", "RESET CONNECTION", "ok", take)
        elif not self.pending:
            self.changes_user = True
            self._say(CHANGE_USER, "CHANGE USER", "packet", switch)
