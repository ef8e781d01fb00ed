"""A database that fails at the worst moment, by a plan drawn from a seeded generator.

It tells the proxy's own questions from the commands of clients, since faults in those are the rarer ones in
the other tests: errors, silence, late answers, a lost connection before or after the work, a goodbye. A plan
that ``lies`` also answers the proxy's questions with nonsense, after which values prove nothing any more.
"""

import random
import re
from typing import Any

import attrs

from . import packets as p
from .server import Database, Session
from .statements import CLOSE, LONG_DATA, PREPARE, QUERY_ATTRIBUTES, StatementServer

__all__ = ["FaultPlan", "FaultyServer", "FullSession"]

QUIT, QUERY, PING, RESET_CONNECTION, SET_OPTION = 0x01, 0x03, 0x0E, 0x1F, 0x1B
_OWN = re.compile(
    r"SET @@session\.|SHOW SESSION STATUS|SELECT IF\(CHAR_LENGTH|IS_USED_LOCK|AS taken_over|AS cleared|"
    r"SELECT DATABASE\(\), |SET NAMES utf8mb4 COLLATE|@@performance_schema|USER_VARIABLES|"
    r"user_variables_by_thread|PREPARE rds_proxy|@@warning_count, @@error_count|SET .*@`|SET .*_utf8 0x|"
    r".* LIMIT \d+\Z",
)
_ERRORS = (1030, 1064, 1104, 1227, 1243, 1317, 1461, 1615, 3024)
_NONSENSE = (
    b"\x00",
    b"\xff",
    b"\xfb\x01",
    b"\xfe",
    p.ok(),
    p.ok(status=p.AUTOCOMMIT | p.MORE),
    p.number(1),
    p.row([b"nonsense"]),
)
_PREPARED = re.compile(r"PREPARE (\S+) FROM '(.*)'\Z", re.DOTALL)


@attrs.define
class FaultPlan:
    """How often what goes wrong; ``own`` and ``others`` are chances between 0 and 1."""

    chance: random.Random
    own: float = 0.2
    others: float = 0.04
    lies: bool = False
    over: bool = False
    faults: int = 0
    log: list[str] = attrs.field(factory=list)

    def way(self, *, is_own: bool) -> str:
        """The fault for the next command, "" for none."""
        if self.over or self.chance.random() >= (self.own if is_own else self.others):
            return ""
        self.faults += 1
        ways = ["error", "error", "silence", "late", "late", "lost before", "lost after", "goodbye", "cut"]
        return self.chance.choice([*ways, "nonsense"] if self.lies and is_own else ways)


class FullSession(Session):
    """A Session that knows more statements, and takes those it does not know for errors."""

    def __init__(self, *arguments: Any) -> None:
        self.named: dict[str, str] = {}
        super().__init__(*arguments)

    def _forget(self) -> None:
        super()._forget()
        self.named.clear()

    def answer(self, command: bytes) -> list[bytes]:
        try:
            return super().answer(command)
        except (KeyError, IndexError, ValueError, AttributeError):
            return [p.err(1064, b"You have an error in your SQL syntax")]

    def _do_create(self, sql: str) -> list[bytes]:
        self.state_changed = True
        return [self.ok()]

    _do_drop = _do_create

    def _do_prepare(self, sql: str) -> list[bytes]:
        found = _PREPARED.match(sql)
        if found is None:
            return [p.err()]
        self.named[found[1].strip("`")] = found[2]
        return [self.ok()]

    def _do_execute(self, sql: str) -> list[bytes]:
        text = self.named.get(sql.split()[1].strip("`"))
        return [p.err(1243, b"Unknown prepared statement handler")] if text is None else self._query(text)

    def _do_deallocate(self, sql: str) -> list[bytes]:
        found = self.named.pop(sql.split()[2].strip("`"), None)
        return [p.err(1243, b"Unknown prepared statement handler") if found is None else self.ok()]


class _Recorder:
    """Stands for the line while an answer is made."""

    def __init__(self, line: Any) -> None:
        self.line = line
        self.sent = b""

    def send(self, data: bytes) -> None:
        """Keep it."""
        self.sent += data

    def hang_up(self, **options: Any) -> None:
        """Not a matter of answers."""
        self.line.hang_up(**options)


class FaultyServer(StatementServer):
    """A StatementServer with faults by plan."""

    def __init__(self, database: Database, plan: FaultPlan) -> None:
        super().__init__(database)
        self.plan = plan
        self.thread = 0
        #: Answers that come late, in order.
        self.late: list[bytes] = []
        self.waits_for_answer = False

    def greet(self) -> None:
        # Several log-ins may be under way at once, and a KILL must hit the right one.
        self.thread = self.database.next_thread
        self.database.next_thread += 1
        offer = p.SERVER_CAPABILITIES | QUERY_ATTRIBUTES
        self.line.send(p.packet(p.greeting(offer, thread=self.thread), 0))

    def _log_in(self, payload: bytes, sequence: int) -> None:
        way = self.plan.way(is_own=True)
        if way in ("silence", "late"):
            self.muted = True
            return
        if way:
            self.line.send(p.packet(p.err(1040, b"Too many connections", b"08004"), sequence + 1))
            self.line.hang_up()
            return
        following = self.database.next_thread
        super()._log_in(payload, sequence)
        self.database.next_thread = following
        if self.session is not None:
            self.database.threads.pop(self.session.thread)
            self.session.thread = self.thread
            self.database.threads[self.thread] = self.session

    def _command(self, payload: bytes) -> None:
        code = payload[0]
        if code == QUIT:
            self.line.hang_up()
            return
        if self.muted:
            return
        text = payload[1:].decode("utf-8", "replace").removeprefix("\0\1") if code == QUERY else ""
        is_own = code in (PING, RESET_CONNECTION, SET_OPTION) or bool(_OWN.match(text) or _OWN.search(text))
        answered = code not in (CLOSE, LONG_DATA)
        assert not (self.late and answered and not is_own), f"two commands at once: {payload!r}"
        way = self.plan.way(is_own=is_own or code == PREPARE)
        if way == "nonsense" and (code in (PING, PREPARE) or text.startswith("PREPARE")):
            # It may be a client's own.
            way = "error"
        if not way:
            self._tell(self._right(payload))
            return
        self.plan.log.append(f"thread {self.thread}: {way} at {code:#x} {text}")
        self._fail(way, payload, answered=answered)

    def _right(self, payload: bytes) -> bytes:
        line = self.line
        self.line = recorder = _Recorder(line)
        try:
            super()._command(payload)
        finally:
            self.line = line
        return recorder.sent

    def _tell(self, data: bytes) -> None:
        if self.late:
            self.late.append(data)
        else:
            self.line.send(data)

    def _fail(self, way: str, payload: bytes, *, answered: bool) -> None:
        chance = self.plan.chance
        if way == "error" and answered:
            self._tell(p.packet(p.err(chance.choice(_ERRORS), b"scripted", b"HY000"), 1))
        elif way == "late" and answered:
            self.late.append(self._right(payload))
        elif way == "silence" and answered:
            self.muted = True
        elif way == "lost before":
            self.kill()
        elif way == "nonsense":
            self._tell(p.packets([chance.choice(_NONSENSE) for _ in range(1 + chance.randrange(3))]))
        else:
            self._lose_after(way, self._right(payload))

    def _lose_after(self, way: str, right: bytes) -> None:
        if way == "cut":
            self._tell(right[: self.plan.chance.randrange(len(right) + 1)])
        elif way == "goodbye":
            self._tell(right)
            self._tell(p.packet(p.err(1053, b"Server shutdown in progress", b"08S01"), 0))
        self.kill()

    def come_late(self) -> None:
        """Send what was held back."""
        late, self.late = self.late, []
        if not self.muted:
            for data in late:
                self.line.send(data)
