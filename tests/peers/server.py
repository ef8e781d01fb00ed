"""A small MySQL server in memory: sessions with variables, schema, transactions, user variables, insert ids.

Written from the manual and from what servers do, not from the proxy. A session answers in the manner of the
client's capabilities, so the same class serves as the target behind the proxy and as the server a client
would have had to itself.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from . import packets as p
from .named_locks import NamedLocks
from .user_variables import LITERAL, UserVariable, made, question_names, question_row

DEFAULTS = {
    "autocommit": "ON",
    "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4",
    "character_set_results": "utf8mb4",
    "collation_connection": "utf8mb4_general_ci",
    "innodb_lock_wait_timeout": "50",
    "lock_wait_timeout": "31536000",
    "net_write_timeout": "60",
    "performance_schema": "1",
    "session_track_gtids": "OFF",
    "session_track_schema": "ON",
    "session_track_state_change": "OFF",
    "session_track_system_variables": "time_zone,autocommit,character_set_client,character_set_results,"
    "character_set_connection",
    "session_track_transaction_info": "OFF",
    "sql_mode": "STRICT_TRANS_TABLES",
    "time_zone": "SYSTEM",
    "transaction_read_only": "OFF",
}
_ASSIGNMENT = re.compile(
    r"(?P<user>@(?!@))?(?P<scope>@@session\.|@@|session\s+)?`?(?P<name>\w+)`?\s*:?=\s*"
    rf"(?P<value>{LITERAL})",
    re.IGNORECASE,
)
_KEPT = re.compile(r"LAST_INSERT_ID\(\), LAST_INSERT_ID\((\d+)\) FROM \(SELECT 1\) AS \w+")
_NAMES = re.compile(r"SET NAMES '?(\w+)'?(?: COLLATE '?(\w+)'?)?", re.IGNORECASE)


class Database:
    """What all sessions share."""

    def __init__(self) -> None:
        self.threads: dict[int, Session] = {}
        self.committed: list[str] = []
        self.schemas = {"shop", "crm"}
        self.next_thread = 1
        self.log: list[tuple[int, str]] = []
        self.locks = NamedLocks()
        #: As MariaDB does: the tracker is silent about `SET @@name = value`.
        self.hides_bare_names = False


class Session:
    """One connection as the server sees it; ``answer`` takes a command and gives payloads."""

    def __init__(self, database: Database, capabilities: int, schema: str = "") -> None:
        self.database = database
        self.eof = not capabilities & p.DEPRECATE_EOF
        self.track = bool(capabilities & p.SESSION_TRACK)
        self.multi = bool(capabilities & p.MULTI_STATEMENTS)
        self.thread = database.next_thread
        database.next_thread += 1
        database.threads[self.thread] = self
        self.schema = schema
        self.killed: Callable[[], None] = lambda: None
        self._forget()

    def _forget(self) -> None:
        self.variables = dict(DEFAULTS)
        self.user: dict[str, UserVariable] = {}
        self.in_trans = False
        self.savepoints: set[str] = set()
        self.pending: list[str] = []
        self.insert_id = 0
        self.statements: dict[int, str] = {}
        self.changed: list[str] = []
        self.schema_changed = self.state_changed = False
        self.transaction: str | None = None

    # Answers

    @property
    def status(self) -> int:
        """Status flags."""
        in_trans = p.IN_TRANS if self.in_trans else 0
        if in_trans and self.variables["transaction_read_only"] == "ON":
            in_trans |= p.IN_TRANS_READONLY
        return (p.AUTOCOMMIT if self.variables["autocommit"] == "ON" else 0) | in_trans

    def _tracked(self) -> bytes:
        wanted = self.variables["session_track_system_variables"]
        names = [name for name in self.changed if wanted == "*" or name in wanted.split(",")]
        block = b"".join(
            p.variable(name.encode(), self.variables[name].encode()) for name in dict.fromkeys(names)
        )
        if self.schema_changed and self.variables["session_track_schema"] == "ON":
            block += p.schema(self.schema.encode())
        if self.state_changed and self.variables["session_track_state_change"] == "ON":
            block += p.STATE_CHANGE
        if (
            self.transaction is not None
            and self.variables["session_track_transaction_info"] == "CHARACTERISTICS"
        ):
            block += p.characteristics(self.transaction.encode())
        self.changed = []
        self.schema_changed = self.state_changed = False
        self.transaction = None
        return block if self.track else b""

    def ok(self, *, header: int = 0, **fields: Any) -> bytes:
        """An OK, with what the trackers have."""
        block = self._tracked()
        return p.ok(status=self.status, session=block, header=header, **fields)

    def _ended(self) -> bytes:
        if self.eof:
            self._tracked()
            return p.eof(self.status)
        return self.ok(header=0xFE)

    def rows(self, *values: str | None) -> list[bytes]:
        """A result set of one row."""
        return self._result([p.column(b"c") for _ in values], list(values))

    def _result(self, columns: list[bytes], *rows: Sequence[str | None]) -> list[bytes]:
        head = [p.number(len(columns)), *columns, *([p.eof(self.status)] if self.eof else [])]
        coded = [p.row([None if value is None else value.encode() for value in row]) for row in rows]
        return [*head, *coded, self._ended()]

    # Commands

    def answer(self, command: bytes) -> list[bytes]:
        """Payloads of the response."""
        code, text = command[0], command[1:].decode("utf-8", "surrogateescape")
        if code == 0x03:
            self.database.log.append((self.thread, text))
            return self._query(text)
        if code == 0x02:
            return self._use(text)
        if code == 0x0E:
            return [self.ok()]
        if code == 0x1B:
            self.multi = command[1] == 0
            return [self._ended()]
        if code == 0x1F:
            self._rollback()
            self._forget()
            self.database.locks.forget(self.thread)
            return [self.ok()]
        if code == 0x16:
            self.statements[len(self.statements) + 1] = text
            return [p.prepared(len(self.statements), 0, 0)]
        if code == 0x17:
            number = int.from_bytes(command[1:5], "little")
            return (
                self._query(self.statements[number])
                if number in self.statements
                else [p.err(1243, b"unknown")]
            )
        if code == 0x19:
            self.statements.pop(int.from_bytes(command[1:5], "little"), None)
            return []
        if code == 0x18:
            return []
        if code == 0x09:
            return [b"Uptime: 1"]
        return [p.err(1047, b"Unknown command", b"08S01")]

    def _use(self, name: str) -> list[bytes]:
        if name not in self.database.schemas:
            return [p.err(1049, f"Unknown database '{name}'".encode(), b"42000")]
        self.schema, self.schema_changed = name, True
        return [self.ok()]

    def _query(self, sql: str) -> list[bytes]:
        if ";" in sql and not self.multi:
            return [p.err(1064, b"You have an error in your SQL syntax")]
        verb = sql.split(maxsplit=1)[0].upper()
        rule = getattr(self, f"_do_{verb.lower()}", None)
        found: list[bytes] = (
            rule(sql) if rule is not None else [p.err(1064, b"You have an error in your SQL syntax")]
        )
        return found

    def _do_use(self, sql: str) -> list[bytes]:
        return self._use(sql.split()[1])

    def _do_begin(self, sql: str) -> list[bytes]:
        self._commit()
        self.in_trans, self.state_changed, self.transaction = True, False, "START TRANSACTION;"
        return [self.ok()]

    _do_start = _do_begin

    def _do_commit(self, sql: str) -> list[bytes]:
        self._commit()
        return [self.ok()]

    def _do_savepoint(self, sql: str) -> list[bytes]:
        """Kept without autocommit, although no status flag tells of a transaction."""
        if self.in_trans or self.variables["autocommit"] == "OFF":
            self.savepoints.add(sql.rsplit(maxsplit=1)[-1])
        return [self.ok()]

    def _do_rollback(self, sql: str) -> list[bytes]:
        words = sql.split()
        if "TO" in words:
            return [self.ok() if words[-1] in self.savepoints else p.err(1305, b"SAVEPOINT does not exist")]
        self._rollback()
        return [self.ok()]

    def _commit(self) -> None:
        self.database.committed += self.pending
        self.pending.clear()
        self._end_transaction()

    def _rollback(self) -> None:
        self.pending.clear()
        self._end_transaction()

    def _end_transaction(self) -> None:
        self.savepoints.clear()
        if self.in_trans:
            self.in_trans, self.transaction = False, ""

    def write(self, row: str) -> None:
        """A row, now or when the transaction is committed."""
        if self.variables["autocommit"] == "OFF":
            self.in_trans = True
        if self.in_trans:
            self.pending.append(row)
        else:
            self.database.committed.append(row)

    def _do_insert(self, sql: str) -> list[bytes]:
        """INSERT n: an AUTO_INCREMENT id; INSERT EXPLICIT n: reported, LAST_INSERT_ID() stays; INSERT BAD."""
        words = sql.split()
        if words[1] == "BAD":
            self.in_trans = self.in_trans or self.variables["autocommit"] == "OFF"
            return [p.err(1062, b"Duplicate entry", b"23000")]
        self.write(words[-1])
        if words[1] != "EXPLICIT":
            self.insert_id = int(words[-1])
        return [self.ok(affected=1, insert_id=int(words[-1]))]

    def _do_call(self, sql: str) -> list[bytes]:
        """CALL broken(): starts a transaction, writes, fails. CALL keeps('x'): sets a user variable."""
        if "keeps" in sql:
            self.user["kept"] = made(sql[sql.index("(") + 1 : -1], None, "utf8mb4_general_ci")
            self.state_changed = True
            return [self.ok()]
        self._commit()
        self.in_trans, self.transaction = True, None
        self.write("called")
        return [p.err(1644, b"signalled", b"45000")]

    def _do_kill(self, sql: str) -> list[bytes]:
        victim = self.database.threads.get(int(sql.rsplit(maxsplit=1)[-1]))
        if victim is None:
            return [p.err(1094, b"Unknown thread id")]
        victim.killed()
        return [self.ok()]

    def _do_show(self, sql: str) -> list[bytes]:
        if sql.startswith("SHOW WARNINGS"):
            return [p.number(3), *(p.column(name) for name in (b"Level", b"Code", b"Message")), self._ended()]
        if sql.startswith("SHOW SESSION STATUS"):
            return self._result([p.column()] * 2, *([name, "0"] for name in re.findall(r"'(Com_\w+)'", sql)))
        return self.rows("Uptime", "86400")

    def _do_alter(self, sql: str) -> list[bytes]:
        self._commit()
        return [self.ok()]

    def _do_lock(self, sql: str) -> list[bytes]:
        return [self.ok()]

    def _do_do(self, sql: str) -> list[bytes]:
        return [self.ok()]

    def _do_select(self, sql: str) -> list[bytes]:
        if "WHERE 1=0" in sql:
            return self.rows()[:0] or [p.number(1), p.column(b"1"), self._ended()]
        what = sql.split(None, 1)[1].removesuffix("LIMIT 1").strip()
        kept = _KEPT.fullmatch(what)
        if kept:
            before, self.insert_id = self.insert_id, int(kept[1])
            return self.rows(str(before), kept[1])
        if what == "@@warning_count, @@error_count":
            return self.rows("0", "0")
        if what.startswith("1 FROM (SELECT 1)"):
            return self.rows("1")
        if what.endswith("@@session.autocommit") and "DATABASE" in what:
            return self.rows(
                self.schema or None, "model", "1", "1" if self.variables["autocommit"] == "ON" else "0"
            )
        if what.endswith("@@hostname, @@server_id"):
            return self.rows(*([self.schema or None] if "DATABASE" in what else []), "model", "1")
        locks = self.database.locks.answer(self.thread, what)
        if locks is not None:
            return self.rows(*locks)
        if what.startswith("VARIABLE_NAME FROM"):
            names = [name for name, variable in self.user.items() if variable.value is not None]
            return self._result([p.column()], *([name] for name in names))
        asked = question_names(sql)
        if asked:
            return self._result(*question_row(sql, [self.user.get(name, UserVariable()) for name in asked]))
        if what.startswith("@@"):
            name = what[2:].removeprefix("session.")
            return self.rows(str(self.insert_id) if name == "last_insert_id" else self.variables[name])
        if ":=" in what:
            self._do_set(f"SET {what}")
            what = what.split()[0]
        if what.startswith("@"):
            return self.rows(self.user.get(what[1:].lower(), UserVariable()).value)
        values = {
            "1": "1",
            "DATABASE()": self.schema or None,
            "PENDING()": str(len(self.pending)),
            "LAST_INSERT_ID()": str(self.insert_id),
            "FOUND_ROWS()": "1",
        }
        return self.rows(values[what])

    def _do_set(self, sql: str) -> list[bytes]:
        names = _NAMES.match(sql)
        assignments = list(_ASSIGNMENT.finditer(sql, 4 if names is None else names.end()))
        known = {*DEFAULTS, "last_insert_id"}
        if any(not found["user"] and found["name"].lower() not in known for found in assignments):
            return [p.err(1193, b"Unknown system variable")]
        if names:
            charset, collation = names.groups()
            for name in ("character_set_client", "character_set_connection", "character_set_results"):
                self._assign(name, charset)
            # Servers do not report this one here.
            self.variables["collation_connection"] = collation or f"{charset}_general_ci"
            self.state_changed = True
        for found in assignments:
            name = found["name"].lower()
            if found["user"]:
                collation = self.variables["collation_connection"]
                self.user[name] = made(found["value"], self.user.get(name), collation)
                self.state_changed = True
                continue
            value = self._value(name, found["value"])
            if name == "last_insert_id":
                self.insert_id = int(value)
            elif found["scope"] == "@@" and self.database.hides_bare_names:
                self._assign(name, value, is_told=False)
            else:
                self._assign(name, value)
                self.state_changed = True
        return [self.ok()]

    def _value(self, name: str, value: str) -> str:
        if value.upper() == "DEFAULT":
            return DEFAULTS[name]
        if value.startswith("@@session."):
            return self.variables[value[10:]]
        if value.startswith("'"):
            return value[1:-1]
        if value.startswith("_utf8 0x"):
            return bytes.fromhex(value[8:]).decode("utf-8", "surrogateescape")
        return value

    def _assign(self, name: str, value: str, *, is_told: bool = True) -> None:
        if DEFAULTS[name] in ("ON", "OFF"):
            value = {"1": "ON", "0": "OFF"}.get(value, value.upper())
        if name == "autocommit" and value == "ON" and self.variables[name] == "OFF":
            self._commit()
        self.variables[name] = value
        if is_told:
            self.changed.append(name)
        if name == "collation_connection":
            self.variables["character_set_connection"] = value.split("_")[0]
            self.changed.append("character_set_connection")

    def gone(self) -> None:
        """The connection ended."""
        self._rollback()
        self.database.locks.forget(self.thread)
        self.database.threads.pop(self.thread, None)


class ServerPeer:
    """The database's end of a Line: log-in with mysql_native_password, then a Session."""

    def __init__(self, database: Database, password: bytes = b"secret") -> None:
        self.database = database
        self.password = password
        self.line: Any = None
        self.session: Session | None = None
        self.username = b""
        self.muted = False
        self._data = b""
        self._commands: list[bytes] = []

    def greet(self) -> None:
        """Send the first packet."""
        self.line.send(p.packet(p.greeting(thread=self.database.next_thread), 0))

    def received(self, data: bytes) -> None:
        """Bytes of the proxy."""
        self._data += data
        while len(self._data) >= 4:
            end = 4 + int.from_bytes(self._data[:3], "little")
            if len(self._data) < end:
                return
            (sequence, payload), self._data = (self._data[3], self._data[4:end]), self._data[end:]
            if self.session is None:
                self._log_in(payload, sequence)
            else:
                self._command(payload)

    def _log_in(self, payload: bytes, sequence: int) -> None:
        capabilities = int.from_bytes(payload[:4], "little")
        self.username, _, rest = payload[32:].partition(b"\0")
        answer = rest[1 : 1 + rest[0]]
        if answer != p.native(self.password, p.NONCE):
            self.line.send(p.packet(p.err(1045, b"Access denied", b"28000"), sequence + 1))
            self.line.hang_up()
            return
        self.session = Session(self.database, capabilities)
        self.session.killed = self.kill
        self.line.send(p.packet(p.ok(), sequence + 1))

    def _command(self, payload: bytes) -> None:
        assert self.session is not None
        if payload[0] == 0x01:
            self.line.hang_up()
        elif not self.muted:
            self.line.send(p.packets(self.session.answer(payload)))

    def kill(self) -> None:
        """The server ends the connection."""
        self.line.hang_up()
        if self.session is not None:
            self.session.gone()

    def gone(self) -> None:
        """The proxy's side ended."""
        if self.session is not None:
            self.session.gone()
