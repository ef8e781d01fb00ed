"""The proxy's own commands on a connection that no session has: set-up, replay, reset, questions."""

from collections.abc import Generator, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks

from ..session.given_numbers import NO_NUMBERS, GivenNumbers, assigned
from ..session.held_variables import NO_VARIABLES
from ..session.lexer import split_statements
from ..session.settings import FRESH, Settings, assignments
from ..session.user_variables import Kind, Variable, assignment
from ..wire.capabilities import Capability
from ..wire.commands import Command
from ..wire.datatypes import MalformedPacket, Reader
from ..wire.query_attributes import NO_ATTRIBUTES
from ..wire.results import (
    EOF,
    ERR,
    OK,
    ErrorPacket,
    OkPacket,
    SessionChanges,
    decode_session_changes,
    definitions_after,
    is_progress,
)
from ..wire.status import Status
from .connection import BackendConnection
from .errors import ConnectFailed, TargetError

__all__ = [
    "ASK_INSERT_ID",
    "SERVER_IDENTITY",
    "Answer",
    "ask",
    "become",
    "command",
    "confirm",
    "insert_id_in",
    "query",
    "query_payload",
    "reset",
    "save_insert_id",
    "set_trackers",
    "set_up",
    "text_row",
]

#: Bytes at the end of a column definition whose places are fixed.
_FIXED_FIELDS = 13

#: Rows that one of the proxy's own questions may be answered with.
MAX_OWN_ROWS = 10_000

_TRACKERS = (
    "SET @@session.session_track_system_variables='{}',@@session.session_track_schema=ON,"
    "@@session.session_track_state_change=ON,@@session.session_track_transaction_info='CHARACTERISTICS'"
)
_TRACKS_GTIDS = ",@@session.session_track_gtids='OWN_GTID'"
SERVER_IDENTITY = "@@hostname, @@server_id"
#: MySQL's status flags do not tell a fresh session's autocommit where the global value is 0.
_STATE = f"SELECT DATABASE(), {SERVER_IDENTITY}, @@session.autocommit"
#: Its LIMIT stands above a session's sql_select_limit.
ASK_INSERT_ID = "SELECT LAST_INSERT_ID() LIMIT 1"
#: A statement with a table clears them on MariaDB, any does on MySQL.
_CLEAR_WARNINGS = "SELECT 1 FROM (SELECT 1) AS cleared LIMIT 1"
_NAMES = "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"
_NAMES_VALUES = (
    ("character_set_client", "utf8mb4"),
    ("character_set_results", "utf8mb4"),
    ("collation_connection", "utf8mb4_general_ci"),
)

#: Errors with which a server refuses the trackers: it does not have them, or not for this user.
_TRACKERS_REFUSED = frozenset({1193, 1227, 1231, 3667})


Row = tuple[str | None, ...]

#: What comes nearest to a user variable that was never set.
_NEVER_SET = Variable(Kind.STRING, None)


@attrs.frozen
class Column:
    """What a column definition says of the values (MySQL manual, "ColumnDefinition41")."""

    type: int
    flags: int


@attrs.frozen
class Answer:
    """Result of a command of the proxy: the last OK packet, all session changes, the rows of text."""

    ok: OkPacket
    changes: tuple[SessionChanges, ...]
    rows: tuple[tuple[str | None, ...], ...]
    #: Definitions of the last result set's columns.
    columns: tuple[Column, ...] = ()


def command(connection: BackendConnection, payload: bytes) -> Deferred[Answer]:
    """Run a command; fails with TargetError or ConnectFailed."""
    connection.send(payload)
    return _answer(connection)


@inlineCallbacks
def _answer(connection: BackendConnection, *, is_last: bool = True) -> Generator[Deferred[Any], Any, Answer]:
    """Read the response to a command that was sent; ``is_last`` if no other one follows.

    A target that breaks the protocol, or says more than it was asked, is of no use any more.
    """
    try:
        answer: Answer = yield _read_answer(connection)
        if is_last and connection.has_unread_bytes():
            raise MalformedPacket("more than one answer")
    except MalformedPacket as problem:
        connection.abort(f"the target broke the protocol: {problem}")
        raise ConnectFailed(f"the target broke the protocol: {problem}") from None
    except TargetError:
        connection.unanswered -= 1
        raise
    connection.unanswered -= 1
    connection.idle()
    return answer


@inlineCallbacks
def _read_answer(connection: BackendConnection) -> Generator[Deferred[bytes], bytes, Answer]:
    changes: list[SessionChanges] = []
    rows: list[tuple[str | None, ...]] = []
    columns: list[Column] = []
    connection.expect_answer()
    is_first = True
    while True:
        first = yield connection.next_payload()
        if is_first and connection.reply_sequence != 2:
            raise MalformedPacket("the answer to something else")
        is_first = False
        if is_progress(first):
            continue
        if first[:1] not in (bytes((OK,)), bytes((ERR,)), bytes((EOF,))):
            columns.clear()
            for _ in range(definitions_after(first)):
                columns.append(_column((yield connection.next_payload())))
            while True:
                first = yield connection.next_payload()
                if is_progress(first):
                    continue
                if first[:1] in (bytes((EOF,)), bytes((ERR,))):
                    break
                rows.append(text_row(first))
                if len(rows) > MAX_OWN_ROWS:
                    raise MalformedPacket("too many rows")
        ok = _closing(connection, first)
        changes.append(decode_session_changes(ok.session))
        connection.status = int(ok.status & ~Status.SESSION_STATE_CHANGED)
        if not ok.status & Status.MORE_RESULTS_EXISTS:
            return Answer(ok, tuple(changes), tuple(rows), tuple(columns))


def _closing(connection: BackendConnection, payload: bytes) -> OkPacket:
    if payload[:1] == bytes((ERR,)):
        connection.idle()
        raise TargetError(ErrorPacket.decode(payload))
    if payload[:1] == bytes((EOF,)) and len(payload) == 5:
        return OkPacket(
            warnings=int.from_bytes(payload[1:3], "little"),
            status=Status(int.from_bytes(payload[3:5], "little")),
        )
    return OkPacket.decode(payload)


def _column(definition: bytes) -> Column:
    """From the fixed fields at the end: length (4), type, flags (2), decimals, filler (2)."""
    if len(definition) < _FIXED_FIELDS:
        raise MalformedPacket("a column definition is too short")
    return Column(definition[-6], int.from_bytes(definition[-5:-3], "little"))


def text_row(payload: bytes) -> tuple[str | None, ...]:
    """The values of a row of the text protocol. Raises MalformedPacket."""
    reader = Reader(payload)
    row: list[str | None] = []
    while reader.remaining:
        if payload[reader.position] == 0xFB:
            reader.take(1)
            row.append(None)
        else:
            row.append(reader.lenenc_bytes().decode("utf-8", "replace"))
    return tuple(row)


def query(connection: BackendConnection, sql: str) -> Deferred[Answer]:
    """Run a statement of the proxy."""
    return command(connection, query_payload(connection, sql))


@inlineCallbacks
def ask(
    connection: BackendConnection, sql: str, columns: int
) -> Generator[Deferred[Answer], Answer, tuple[str | None, ...]]:
    """Run a question of the proxy that has exactly one row for an answer."""
    answer = yield query(connection, sql)
    return _only_row(connection, answer, columns)


def _only_row(connection: BackendConnection, answer: Answer, columns: int) -> tuple[str | None, ...]:
    if len(answer.rows) != 1 or len(answer.rows[0]) != columns:
        connection.abort("not the answer to what was asked")
        raise ConnectFailed("the target's answer is not the one to the proxy's question")
    return answer.rows[0]


def query_payload(connection: BackendConnection, sql: str) -> bytes:
    """COM_QUERY with a statement of the proxy."""
    text = sql.encode("utf-8", "surrogateescape")
    if connection.capabilities & Capability.QUERY_ATTRIBUTES:
        return bytes((Command.QUERY,)) + NO_ATTRIBUTES + text
    return bytes((Command.QUERY,)) + text


@inlineCallbacks
def save_insert_id(connection: BackendConnection) -> Generator[Deferred[Row], Row, None]:
    """Ask for LAST_INSERT_ID() of the session that ran its last insert here; fails as ``query`` does."""
    value = connection.residue_of
    if value is None:
        return
    resets, answers = value.resets, value.insert_id_answers
    row = yield ask(connection, ASK_INSERT_ID, 1)
    asked = insert_id_in(row)
    if value.insert_id_at is connection:
        value.know_insert_id(value.reported_insert_id if asked is None else asked)
        connection.drop_insert_id()
    else:
        value.know_former_insert_id(asked or 0, answers, resets)


def insert_id_in(row: Row) -> int | None:
    """The insert id, or None where it is not there to be read.

    In some character sets of a session's results each digit comes with bytes of zero.
    """
    try:
        return int((row[0] or "0").replace("\0", ""))
    except ValueError:
        return None


def _trackers(connection: BackendConnection) -> str:
    trackers = _TRACKERS.format(connection.set_up.tracked_variables)
    # MariaDB reports its last_gtid among the variables.
    return trackers if "MariaDB" in connection.server_version else trackers + _TRACKS_GTIDS


def set_trackers(connection: BackendConnection) -> Deferred[Answer]:
    """Have the target report what the proxy needs to know."""
    return query(connection, _trackers(connection))


def confirm(connection: BackendConnection) -> Deferred[Any]:
    """Ask something, so that whatever was still to come has come; fails if there was anything."""
    return command(connection, bytes((Command.PING,)))


def set_up(connection: BackendConnection) -> Deferred[None]:
    """Bring a fresh connection to the state every connection starts in."""
    return _start_afresh(connection, b"")


def reset(connection: BackendConnection) -> Deferred[None]:
    """Drop everything a session left behind: COM_RESET_CONNECTION, then set up anew."""
    return _start_afresh(connection, bytes((Command.RESET_CONNECTION,)))


@inlineCallbacks
def _start_afresh(connection: BackendConnection, first: bytes) -> Generator[Deferred[Any], Any, None]:
    """All commands go out at once; their answers come one after the other."""
    statements = _statements(connection.set_up.init_query)
    connection.is_clean = False
    connection.statements.limit = connection.set_up.statements
    if first:
        connection.statements.clear()
        connection.variables = NO_VARIABLES
        connection.used_by = None
        connection.counts = {}
        connection.send(first)
    connection.send(query_payload(connection, _trackers(connection)))
    # SET NAMES is last, because the character set is the client's own choice, always part of its settings.
    for statement in (*statements, _NAMES, _STATE):
        connection.send(query_payload(connection, statement))
    if first:
        yield _answer(connection, is_last=False)
    yield _trackers_answer(connection)
    baseline: dict[str, str] = {}
    for _ in statements:
        answer = yield _answer(connection, is_last=False)
        for changes in answer.changes:
            baseline.update(changes.variables)
    yield _answer(connection, is_last=False)
    answer = yield _answer(connection)
    schema, *identity, autocommit = _only_row(connection, answer, 4)
    connection.server_identity = tuple(identity)
    connection.baseline = baseline
    # A reset keeps the schema, and whether multi-statements are on.
    connection.settings = FRESH.changed(
        schema=schema or "",
        multi_statements=connection.settings.multi_statements,
        variables=(*_NAMES_VALUES, ("autocommit", "ON" if autocommit == "1" else "OFF")),
    )
    connection.status &= ~Status.AUTOCOMMIT
    connection.status |= Status.AUTOCOMMIT if autocommit == "1" else 0
    connection.is_clean = True


@inlineCallbacks
def _trackers_answer(connection: BackendConnection) -> Generator[Deferred[Answer], Answer, None]:
    try:
        yield _answer(connection, is_last=False)
    except TargetError as refusal:
        if refusal.packet.errno not in _TRACKERS_REFUSED:
            raise
        connection.tracked = False


def _statements(init_query: str) -> list[str]:
    """The statements of an init query; as in RDS they are separated by semicolons."""
    return [statement.decode() for statement in split_statements(init_query.encode())]


@inlineCallbacks
def become(
    connection: BackendConnection,
    wanted: Settings,
    variables: Mapping[str, Variable],
    given: GivenNumbers = NO_NUMBERS,
) -> Generator[Deferred[Answer], Answer, None]:
    """Replay the difference between the connection's settings and user variables and a session's.

    ``given``: what the next statement alone is to find there.

    Raises TargetError. After an error in the schema the connection is as it was; after one in a variable it
    is not ``is_clean``.
    """
    current = connection.settings
    if wanted.schema != current.schema:
        if not wanted.schema.isascii():
            # The server reads the name in the character set of the session before.
            connection.is_clean = False
            yield query(connection, _NAMES)
            connection.is_clean = True
            connection.settings = current = current.changed(variables=_NAMES_VALUES)
        yield command(
            connection, bytes((Command.INIT_DB,)) + wanted.schema.encode("utf-8", "surrogateescape")
        )
        connection.settings = current = current.changed(schema=wanted.schema)
    if wanted.multi_statements != current.multi_statements:
        option = 0 if wanted.multi_statements else 1
        yield command(connection, bytes((Command.SET_OPTION,)) + option.to_bytes(2, "little"))
        connection.settings = current = current.changed(multi_statements=wanted.multi_statements)
    parts = assignments(current, wanted, connection.baseline)
    if connection.variables is not variables:
        parts += _variable_parts(connection, variables)
    if given:
        parts += assigned(given)
    if parts:
        sql = "SET " + ",".join(parts)
        connection.is_clean = False
        answer = yield query(connection, sql)
        connection.is_clean = True
        if answer.ok.warnings:
            # They are not the session's, and it may ask next.
            yield query(connection, _CLEAR_WARNINGS)
    connection.settings = wanted
    connection.variables = variables


def _variable_parts(connection: BackendConnection, wanted: Mapping[str, Variable]) -> list[str]:
    """What makes the user variables a session's own; those it does not have become NULL.

    All of them, since a trigger or function may read any.
    """
    current = connection.variables
    different = {name: value for name, value in wanted.items() if current.get(name) != value}
    foreign = current.keys() - wanted.keys()
    different.update(dict.fromkeys(foreign, _NEVER_SET))
    return [assignment(different)] if different else []
