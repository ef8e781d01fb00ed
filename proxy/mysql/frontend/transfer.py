"""What happens to a database connection between two sessions, and before it is returned."""

from collections.abc import Callable, Generator, Iterable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from ..backend.connection import BackendConnection
from ..backend.errors import ConnectFailed, TargetError
from ..backend.own_commands import (
    ASK_INSERT_ID,
    Answer,
    ask,
    become,
    insert_id_in,
    query,
    reset,
    set_trackers,
)
from ..backend.preparing import StatementRefused, prepare_text
from ..backend.text_preparing import prepare_real, prepare_source
from ..session.need import NOTHING, Need
from ..session.pins import PinReason
from ..session.prepared import OpenStatement
from ..session.readings import GUARD
from ..session.user_variables import MAX_VARIABLES, answered, question
from ..session.value import SessionValue
from ..session.verdict import Diagnostics
from .reading import ask_diagnostics
from .stored_code import find_variables

__all__ = ["bring", "is_ready", "lacks_statement", "needs_alone", "prepare", "settle"]

_SETTLE = "SET @@session.collation_connection=@@session.collation_connection"

#: A procedure that counts no rows passes on the ROW_COUNT() of the statement before, on MySQL.
_NO_ROWS = "DO 0"

#: Tells the last insert id and makes it 0; because it has a table, it clears warnings on MariaDB too.
_TAKE_OVER = "SELECT LAST_INSERT_ID(), LAST_INSERT_ID(0) FROM (SELECT 1) AS taken_over LIMIT 1"


def is_ready(connection: BackendConnection, value: SessionValue, need: Need) -> bool:
    """Whether a statement can be sent at once: nothing to replay, nothing to save for another session."""
    return (
        connection.settings is value.settings
        and connection.variables is value.variables.values
        and not (connection.has_residue and connection.has_foreign_residue(value))
        and not (connection.traces_of is not None and connection.has_foreign_traces(value))
        and (need is NOTHING or not (need.reads or lacks(connection, value, need)))
    )


def lacks(connection: BackendConnection, value: SessionValue, need: Need) -> bool:
    """Whether a command needs what is not there, or needs something not to be there."""
    if need.given or need.no_rows or need.guarded or lacks_statement(connection, need):
        return True
    return needs_alone(connection, value, need)


def needs_alone(connection: BackendConnection, value: SessionValue, need: Need) -> bool:
    """Whether what other sessions may have left unseen, or as NULL, could be read."""
    if not connection.has_been_others(value):
        return False
    return need.alone or not need.variables <= value.variables.values.keys()


def lacks_statement(connection: BackendConnection, need: Need) -> bool:
    """Whether a statement must be prepared first."""
    if need.real:
        return True
    statement = need.statement
    if statement is None or statement.prepared is None or statement.server_id is not None:
        return False
    return not connection.statements.has(statement.prepared, *need.states)


@inlineCallbacks
def prepare(
    connection: BackendConnection, value: SessionValue, need: Need, seconds: Callable[[], float]
) -> Generator[Deferred[Any], Any, None]:
    """Save what its last session needs from the connection, then replay this session's value on it."""
    # Whoever used it last must not find its own diagnostics here any more.
    connection.serial += 1
    try:
        yield _part_from_last(connection, value, need)
    except Exception as problem:
        # Nothing of this session was sent yet, and under the last one's settings anything can go wrong.
        connection.is_clean = False
        raise ConnectFailed(f"the connection could not be taken over: {problem}") from None
    yield bring(connection, value, need, seconds)


@inlineCallbacks
def bring(
    connection: BackendConnection, value: SessionValue, need: Need, seconds: Callable[[], float]
) -> Generator[Deferred[Any], Any, None]:
    """Bring a connection that nobody else's state is on to what a session's next statement needs."""
    if (
        need.statement is not None
        and need.statement.prepared is not None
        and lacks_statement(connection, need)
    ):
        try:
            yield _prepare_statement(connection, value, need.statement, seconds)
        except StatementRefused:
            yield become(connection, value.settings, value.variables.values)
            raise
    for statement in need.real:
        yield prepare_real(connection, value, statement)
    yield become(connection, value.settings, value.variables.values, need.given)
    if need.reads:
        yield give_insert_id(connection, value)
    if need.no_rows:
        yield query(connection, _NO_ROWS)
    if need.guarded:
        connection.is_guarded = True
        yield query(connection, GUARD.decode())


def _prepare_statement(
    connection: BackendConnection, value: SessionValue, statement: OpenStatement, seconds: Callable[[], float]
) -> Deferred[None]:
    prepared, variables = statement.prepared, statement.variables_to_prepare(value.variables.values)
    assert prepared is not None
    if statement.name:
        return prepare_source(connection, prepared, value.settings, variables)
    return prepare_text(connection, prepared, value.settings, variables, seconds, keeps_answer=not value.pins)


@inlineCallbacks
def _part_from_last(
    connection: BackendConnection, value: SessionValue, need: Need
) -> Generator[Deferred[Any], Any, None]:
    # A session that reads diagnostics, but has left none, gets what a fresh connection says.
    resets = connection.has_foreign_traces(value) or needs_alone(connection, value, need)
    resets = resets or bool(need.reads & ~Diagnostics.LAST_INSERT_ID)
    if connection.has_foreign_residue(value) or (resets and connection.has_residue):
        yield _take_over(connection)
    if resets:
        yield reset(connection)
        connection.traces_of = None
        value.sequence_here = True


@inlineCallbacks
def _take_over(connection: BackendConnection) -> Generator[Deferred[Any], Any, None]:
    owner = connection.residue_of
    if owner is not None and owner.insert_id_at is not connection:
        owner = None
    resets, answers = (owner.resets, owner.insert_id_answers) if owner is not None else (0, 0)
    row = yield ask(connection, _TAKE_OVER, 2)
    asked = insert_id_in(row)
    if asked is None and owner is not None:
        # Hidden by the session's own settings: what its OK packet said is the best there is.
        asked = owner.reported_insert_id
    asked = asked or 0
    if owner is not None and owner.resets == resets and owner.insert_id_at is connection:
        owner.know_insert_id(asked)
    elif owner is not None:
        # It has inserted elsewhere meanwhile, or has started over.
        owner.know_former_insert_id(asked, answers, resets)
    connection.residue_gone()


@inlineCallbacks
def give_insert_id(connection: BackendConnection, value: SessionValue) -> Generator[Deferred[Any], Any, None]:
    """Make LAST_INSERT_ID() the session's own."""
    keeper = value.insert_id_at
    if keeper is connection:
        asked = insert_id_in((yield ask(connection, ASK_INSERT_ID, 1)))
        value.know_insert_id(value.reported_insert_id if asked is None else asked)
    elif isinstance(keeper, BackendConnection):
        # Another session has that connection and is just asking it.
        yield keeper.insert_id_dropped()
    yield query(connection, f"SET @@session.last_insert_id={value.last_insert_id}")
    connection.keep_insert_id(value, exact=True)


@inlineCallbacks
def settle(
    connection: BackendConnection, value: SessionValue, seconds: Callable[[], float]
) -> Generator[Deferred[Any], Any, None]:
    """Ask the target for the state in effect, where what it reported may not be.

    A no-op SET makes the tracker report the connection's collation and every value it has marked as changed;
    its OK packet tells whether a failed statement has left a transaction open, which an error packet cannot.
    """
    held = value.diagnostics
    asks_more = value.unexplained or value.doubtful_locks or bool(value.variables.asked)
    if held.must_ask or (asks_more and held.can_ask_found_rows):
        # All else would clear them.
        yield ask_diagnostics(connection, value)
    if asks_more:
        held.counts.elsewhere()
    if value.unreported or value.trackers_set:
        yield report(connection, value)
    if value.unsettled:
        answer = yield query(connection, _SETTLE)
        for change in answer.changes:
            value.settings = value.settings.changed(schema=change.schema, variables=change.variables)
            if change.transaction_characteristics is not None:
                value.characteristics = change.transaction_characteristics
        value.status = connection.status
        value.unsettled = False
    if value.unexplained or value.code_ran or value.recount:
        yield find_variables(connection, value, seconds)
    if value.variables.asked:
        yield ask_variables(connection, value, seconds)
    if value.doubtful_locks:
        yield ask_locks(connection, value)
    connection.has_now(value)


@inlineCallbacks
def report(connection: BackendConnection, value: SessionValue) -> Generator[Deferred[Any], Any, None]:
    """Restore the trackers that the client has set otherwise, and have told what they have missed."""
    names, value.unreported = sorted(value.unreported), frozenset()
    if value.trackers_set:
        yield set_trackers(connection)
        value.trackers_set = False
    if names:
        try:
            yield _report(connection, value, names)
        except TargetError:
            # One of them is none, or cannot be set: the others count all the same.
            for name in names:
                try:
                    yield _report(connection, value, (name,))
                except TargetError:
                    continue


@inlineCallbacks
def _report(
    connection: BackendConnection, value: SessionValue, names: Iterable[str]
) -> Generator[Deferred[Answer], Answer, None]:
    parts = ",".join(f"@@session.{name}=@@session.{name}" for name in names)
    answer = yield query(connection, f"SET {parts}")
    for change in answer.changes:
        value.settings = value.settings.changed(schema=change.schema, variables=change.variables)


@inlineCallbacks
def ask_locks(connection: BackendConnection, value: SessionValue) -> Generator[Deferred[Any], Any, None]:
    """Ask which of its named locks the session has still got; RELEASE_LOCK() ends one of perhaps several."""
    value.doubtful_locks = False
    held = value.names.get(PinReason.NAMED_LOCK, set())
    names = sorted(name for name in held if isinstance(name, str))
    if not names or len(names) < len(held):
        return
    columns = ",".join(f"IS_USED_LOCK(_utf8mb4 x'{name.encode().hex()}')<=>CONNECTION_ID()" for name in names)
    row = yield ask(connection, f"SELECT {columns} LIMIT 1", len(names))
    for name, is_held in zip(names, row, strict=True):
        if (is_held or "").replace("\0", "") == "0":
            value.give_up(PinReason.NAMED_LOCK, name)


@inlineCallbacks
def ask_variables(
    connection: BackendConnection, value: SessionValue, seconds: Callable[[], float]
) -> Generator[Deferred[Any], Any, None]:
    """Ask for the user variables whose values only this connection knows.

    The question clears warnings and makes FOUND_ROWS() 1.
    """
    names = sorted(value.variables.asked)
    for start in range(0, len(names), MAX_VARIABLES):
        part = names[start : start + MAX_VARIABLES]
        answer = yield query(connection, question(part))
        if len(answer.rows) != 1:
            connection.abort("not the answer to what was asked")
            raise ConnectFailed("the target's answer is not the one to the proxy's question")
        value.variables.answered(part, answered(part, answer.columns, answer.rows[0]))
    before = PinReason.USER_VARIABLE in value.pins
    value.check_variables(seconds())
    if before and PinReason.USER_VARIABLE not in value.pins:
        connection.leave_traces(value)
