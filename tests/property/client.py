"""A client that does steps and returns answers; it can leave a step unanswered and look again later.

MySQL manual, "Command Phase", "Prepared Statements".
"""

import struct
from collections.abc import Callable, Mapping
from contextlib import suppress

import attrs

from .answers import LOST, Answer, Column, Error, Ok, Prepared, Reply, Rows
from .channel import Account, Channel, Flags, Hangup, Refused
from .parameters import NULL, Parameter, null
from .steps import (
    ChangeUser,
    Close,
    Execute,
    Fetch,
    InitDb,
    LongData,
    Ping,
    Prepare,
    Query,
    ResetConnection,
    ResetStatement,
    SetOption,
    Step,
)

__all__ = ["WireClient", "is_null", "read_text"]

MORE_RESULTS, CURSOR_EXISTS = 0x0008, 0x0040
EOF, ERR = 0xFE, 0xFF
NEVER_PREPARED = 0x7FFFFFF0
"""The statement that a step means whose slot is empty."""


@attrs.define
class _Statement:
    number: int
    parameters: int = 0
    types: list[int] | None = None
    long_data: bool = False


class WireClient:
    """One session. `passwords` by user are for COM_CHANGE_USER. Raises Refused, and OSError on a time-out."""

    def __init__(
        self, port: int, account: Account, passwords: Mapping[str, str], flags: int = 0, collation: int = 45
    ) -> None:
        self._channel = Channel(port, account, flags, collation)
        self._passwords = passwords
        self._statements: dict[str, _Statement] = {}
        self._receive: Callable[[], Answer] | None = None
        self._is_lost = False

    @property
    def is_pending(self) -> bool:
        """Whether a step has no answer yet."""
        return self._receive is not None

    def close(self) -> None:
        """COM_QUIT."""
        with suppress(Hangup, OSError):
            self._channel.command(1)
        self._channel.close()

    def begin(self, step: Step) -> None:
        """Send a step."""
        assert self._receive is None
        if self._is_lost:
            self._receive = self._lost
            return
        try:
            self._receive = self._send(step)
        except Hangup:
            self._is_lost, self._receive = True, self._lost

    def is_answered(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the first byte of the answer."""
        if self._is_lost or self._receive in (self._lost, self._nothing):
            return True
        return self._channel.is_readable(timeout)

    def finish(self) -> Answer:
        """Wait for the answer and return it."""
        assert self._receive is not None
        receive, self._receive = self._receive, None
        try:
            return receive()
        except Hangup:
            self._is_lost = True
            return (LOST,)

    def do(self, step: Step) -> Answer:
        """Do a step from beginning to end."""
        self.begin(step)
        return self.finish()

    # Commands

    def _send(self, step: Step) -> Callable[[], Answer]:
        send = self._channel.command
        match step:
            case Query():
                send(3, step.sql.encode())
                return self._text_results
            case Prepare():
                send(0x16, step.sql.encode())
                return lambda: self._prepared(step.slot)
            case Execute():
                send(0x17, self._execution(step))
                return self._binary_results
            case LongData():
                return self._send_long_data(step)
            case Fetch():
                send(0x1C, struct.pack("<II", self._number(step.slot), step.rows))
                return self._fetched
            case ResetStatement():
                send(0x1A, struct.pack("<I", self._number(step.slot)))
            case Close():
                send(0x19, struct.pack("<I", self._number(step.slot)))
                self._statements.pop(step.slot, None)
                return self._nothing
            case ResetConnection():
                send(0x1F)
                self._statements.clear()
            case ChangeUser():
                password = self._passwords[step.user]
                self._channel.change_user(Account(step.user, password, step.schema))
                self._statements.clear()
                return lambda: self._changed_user(password)
            case InitDb():
                send(2, step.schema.encode())
            case SetOption():
                send(0x1B, struct.pack("<H", 0 if step.multi_statements else 1))
            case Ping():
                send(0x0E)
            case _:
                raise TypeError(step)
        return self._one

    def _number(self, slot: str) -> int:
        statement = self._statements.get(slot)
        return NEVER_PREPARED if statement is None else statement.number

    def _execution(self, step: Execute) -> bytes:
        statement = self._statements.get(step.slot, _Statement(NEVER_PREPARED))
        count = statement.parameters
        values = (*step.values[:count], *[null()] * (count - len(step.values)))
        head = struct.pack("<IBI", statement.number, 1 if step.cursor else 0, 1)
        if not count:
            return head
        types = _types(values, statement)
        is_new = step.again or types != statement.types
        statement.types = types
        sent_ahead, statement.long_data = statement.long_data, False
        bits = sum(1 << at for at, value in enumerate(values) if value.data is None)
        if sent_ahead:
            bits &= ~1
        body = bits.to_bytes((count + 7) // 8, "little") + bytes((is_new,))
        if is_new:
            body += b"".join(struct.pack("<H", each) for each in types)
        data = (value.data for value in values[1 if sent_ahead else 0 :])
        return head + body + b"".join(each for each in data if each is not None)

    def _send_long_data(self, step: LongData) -> Callable[[], Answer]:
        statement = self._statements.get(step.slot)
        if statement is not None and statement.parameters:
            self._channel.command(0x18, struct.pack("<IH", statement.number, 0) + step.data)
            statement.long_data = True
        return self._nothing

    # Answers

    def _nothing(self) -> Answer:
        return ()

    def _lost(self) -> Answer:
        return (LOST,)

    def _one(self) -> Answer:
        return (self._simple(self._channel.read()),)

    def _changed_user(self, password: str) -> Answer:
        try:
            return (self._simple(self._channel.authenticate(password)),)
        except Refused as refused:
            return (_error(refused.args[0]),)

    def _text_results(self) -> Answer:
        return self._results(_text_row)

    def _binary_results(self) -> Answer:
        return self._results(_binary_row)

    def _results(self, row: "_Row") -> Answer:
        replies: list[Reply] = []
        while True:
            reply = self._result(row)
            replies.append(reply)
            end = reply.end if isinstance(reply, Rows) else reply
            if not isinstance(end, Ok) or not end.status & MORE_RESULTS:
                return tuple(replies)

    def _result(self, row: "_Row") -> Reply:
        payload = self._channel.read()
        if payload[0] in (0, ERR):
            return self._simple(payload)
        count, _ = _number(payload, 0)
        columns = tuple(_column(self._channel.read()) for _ in range(count))
        if not self._channel.flags & Flags.DEPRECATE_EOF:
            end = self._end(self._channel.read())
            if end.status & CURSOR_EXISTS:
                return Rows(columns, (), end)
        return self._rows(columns, row)

    def _fetched(self) -> Answer:
        return (self._rows((), _binary_row),)

    def _rows(self, columns: tuple[Column, ...], row: "_Row") -> Rows:
        rows: list[tuple[bytes | None, ...]] = []
        while True:
            payload = self._channel.read()
            if payload[0] == ERR:
                return Rows(columns, tuple(rows), _error(payload))
            if payload[0] == EOF and len(payload) < 0xFFFFFF:
                return Rows(columns, tuple(rows), self._end(payload))
            rows.append(row(payload))

    def _prepared(self, slot: str) -> Answer:
        payload = self._channel.read()
        if payload[0] == ERR:
            self._statements.pop(slot, None)
            return (_error(payload),)
        number, columns, parameters, warnings = struct.unpack("<IHHxH", payload[1:12])
        self._statements[slot] = _Statement(number, parameters)
        definitions = [self._definitions(count) for count in (parameters, columns)]
        return (Prepared(warnings, *definitions),)

    def _definitions(self, count: int) -> tuple[Column, ...]:
        columns = tuple(_column(self._channel.read()) for _ in range(count))
        if count and not self._channel.flags & Flags.DEPRECATE_EOF:
            self._channel.read()
        return columns

    def _simple(self, payload: bytes) -> Ok | Error:
        return _error(payload) if payload[0] == ERR else self._end(payload)

    def _end(self, payload: bytes) -> Ok:
        if payload[0] == EOF and not self._channel.flags & Flags.DEPRECATE_EOF:
            warnings, status = struct.unpack("<HH", payload[1:5])
            return Ok(0, 0, status, warnings)
        affected, at = _number(payload, 1)
        insert_id, at = _number(payload, at)
        status, warnings = struct.unpack("<HH", payload[at : at + 4])
        return Ok(affected, insert_id, status, warnings, payload[at + 4 :])


_Row = Callable[[bytes], tuple[bytes | None, ...]]


def _types(values: tuple[Parameter, ...], statement: _Statement) -> list[int]:
    """The types of the values, where NULL is of the type that the parameter had before."""
    before = statement.types or [NULL] * len(values)
    return [old if value.type == NULL else value.type for value, old in zip(values, before, strict=True)]


def _text_row(payload: bytes) -> tuple[bytes | None, ...]:
    values: list[bytes | None] = []
    at = 0
    while at < len(payload):
        if payload[at] == 0xFB:
            values.append(None)
            at += 1
        else:
            value, at = read_text(payload, at)
            values.append(value)
    return tuple(values)


def _binary_row(payload: bytes) -> tuple[bytes | None, ...]:
    return (payload,)


def is_null(row: tuple[bytes | None, ...], at: int, columns: int) -> bool:
    """Whether a value is NULL, in a row of either protocol."""
    if len(row) == columns and not (columns == 1 and (row[0] or b"")[:1] == b"\0"):
        return row[at] is None
    packet = row[0]
    return packet is not None and bool(packet[1 + (at + 2) // 8] >> (at + 2) % 8 & 1)


def _column(payload: bytes) -> Column:
    texts = []
    at = 0
    for _ in range(6):
        text, at = read_text(payload, at)
        texts.append(text.decode(errors="backslashreplace"))
    return Column(*texts[1:], rest=payload[at + 1 :])


def _error(payload: bytes) -> Error:
    (number,) = struct.unpack("<H", payload[1:3])
    state, text = ("", payload[3:]) if payload[3:4] != b"#" else (payload[4:9].decode(), payload[9:])
    return Error(number, state, text.decode(errors="backslashreplace"))


def read_text(payload: bytes, at: int) -> tuple[bytes, int]:
    """The length-encoded string at a position, and the position behind it."""
    size, at = _number(payload, at)
    return payload[at : at + size], at + size


def _number(payload: bytes, at: int) -> tuple[int, int]:
    first = payload[at]
    if first < 0xFB:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(payload[at + 1 : at + 1 + size], "little"), at + 1 + size
