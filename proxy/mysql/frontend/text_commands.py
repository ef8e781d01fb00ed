"""PREPARE, EXECUTE and DEALLOCATE PREPARE as text, which any connection may run.

The names are the client's; in what a connection gets, one of the proxy's own stands in their place (MySQL
manual, "PREPARE Statement"; backend/text_preparing.py). A statement is prepared on a connection when it is
executed there first. What EXECUTE does is what the statement's own text does.

Names stay the client's own, and pin, where the text of a statement is not known, and in a session that may
have statements of which the proxy has not seen the names.
"""

from typing import TYPE_CHECKING

import attrs

from ...errors import too_many_statements, unpreparable
from ..backend.connection import BackendConnection
from ..backend.text_preparing import name_of, take_name
from ..session.need import NOTHING, Need
from ..session.pins import PinReason
from ..session.prepared import NEW, OpenStatement
from ..session.screen import Dialect, dialect_of
from ..session.substitution import substituted
from ..session.text_prepared import renamed
from ..session.text_statements import (
    classes_of_variables,
    executed,
    history_after_using,
    literal_of,
    with_lock_names,
)
from ..session.user_variables import Kind
from ..session.value import SessionValue
from ..session.variable_use import runs_only_built_ins
from ..session.verdict import PLAIN, Diagnostics, End, TextDeallocate, TextExecute, TextPrepare, Verdict
from ..wire.commands import Command, ResponseKind
from ..wire.framing import HEADER, frame
from ..wire.scanner import ResponseScanner
from .executions import owner, states_for
from .prepared_commands import need_of_text
from .statements import UNKNOWN_STATEMENT

if TYPE_CHECKING:
    from .diagnostic_phase import DiagnosticPhase
    from .statement_phase import StatementPhase

__all__ = [
    "TextCommand",
    "named_for_server",
    "prepare_named",
    "run_text_command",
    "text_prepare_ended",
    "with_real_names",
]

_PREPARED = PinReason.TEXT_PREPARED_STATEMENT

#: With one of these a session may have prepared statements by names that are not known.
_MAY_HIDE_NAMES = frozenset({_PREPARED, PinReason.UNREADABLE, PinReason.UNTRACKED_STATE})

#: ANSI_QUOTES and the modes that contain it: "text" is a name.
_QUOTES_NAMES = ("ANSI_QUOTES",)

_NAME_IN_OWN_TEXT = (8, 9)


@attrs.frozen
class TextCommand:
    """What the client has sent, and the text that a connection gets, but for the name in it."""

    client_text: bytes = attrs.field(repr=False)
    text: bytes = attrs.field(repr=False)
    command: TextPrepare | TextExecute

    def with_name(self, packet: bytes, name: bytes) -> bytes:
        """The client's command for a connection that has the statement by this name."""
        start = len(packet) - len(self.client_text)
        return frame(packet[HEADER:start] + renamed(self.text, self.command, name))


def with_real_names(value: SessionValue, verdict: Verdict, need: Need) -> Need:
    """What a text needs that may use prepared statements in a way that is not seen: their real names."""
    if need.statement is not None or verdict.prepared is not None:
        return need
    if verdict.pins.isdisjoint((_PREPARED, PinReason.UNREADABLE)):
        return need
    return attrs.evolve(need, real=tuple(value.texts.shared.values()))


def run_text_command(phase: "DiagnosticPhase", packet: bytes, verdict: Verdict) -> None:
    """Run a text whose one statement is PREPARE, EXECUTE or DEALLOCATE PREPARE."""
    command = verdict.prepared
    if phase.context.options.pinning == "rds":
        phase.run(ResponseKind.RESULT, verdict)
    elif isinstance(command, TextPrepare):
        _prepare(phase, packet, verdict, command)
    elif isinstance(command, TextDeallocate):
        _deallocate(phase, verdict, command)
    elif isinstance(command, TextExecute) and command.name:
        _execute(phase, verdict, command)
    elif isinstance(command, TextExecute):
        _execute_immediate(phase, packet, verdict, command)


def _hides_names(value: SessionValue) -> bool:
    return not _MAY_HIDE_NAMES.isdisjoint(value.pins)


def _without_pin(verdict: Verdict) -> Verdict:
    """Of a text of which it is known what it does with prepared statements."""
    return attrs.evolve(
        verdict,
        pins=verdict.pins - {_PREPARED, PinReason.UNREADABLE},
        calls=False,
        runs_code=False,
        explains_change=True,
        explains_visible_change=True,
    )


# PREPARE


def _prepare(phase: "DiagnosticPhase", packet: bytes, verdict: Verdict, command: TextPrepare) -> None:
    value = phase.value
    if value.is_doubtful and phase.tenancy.connection is not None:
        # What the statement means depends on settings that are not known for sure.
        phase.when_settled(lambda: _prepare(phase, packet, verdict, command))
        return
    limit = phase.context.options.max_prepared_statements_per_client
    if command.name not in value.texts.shared and len(value.statements) + len(value.texts) >= limit:
        value.texts.close(command.name)
        phase.refuse(too_many_statements(limit))
        return
    source = _source(phase, command)
    if source is None or _hides_names(value):
        _prepare_real(phase, verdict, command, source)
        return
    of_source = phase.screened(source)
    if of_source.shows_proxy:
        value.texts.close(command.name)
        phase.refuse(unpreparable())
        return
    text = client_text = phase.command_text
    shown = source
    places = phase.places(of_source)
    if places:
        source = substituted(source, places, backslash_escapes=phase.backslash_escapes)
    literal = literal_of(
        source, double_quoted=command.double_quoted, backslash_escapes=phase.backslash_escapes
    )
    if source is not shown:
        text, command = _own_text(literal, command)
    statement = _shared(phase, command.name, source, literal, of_source)
    phase.preparing, phase.text_command = statement, TextCommand(client_text, text, command)
    need = Need(variables=frozenset((command.variable,))) if command.variable else NOTHING
    phase.run(ResponseKind.RESULT, _without_pin(verdict), need)


def _own_text(literal: bytes, command: TextPrepare) -> tuple[bytes, TextPrepare]:
    own = attrs.evolve(command, variable="", name_at=_NAME_IN_OWN_TEXT)
    return b"PREPARE x FROM " + literal, own


def _shared(
    phase: "DiagnosticPhase", name: str, source: bytes, literal: bytes, of_source: Verdict
) -> OpenStatement:
    value = phase.value
    use = of_source.variables
    names = sorted(use.mentioned) if use is not None and phase.is_mysql else []
    held = value.variables.values
    mentioned = {each: held[each] for each in names if each in held}
    types = tuple((each, v.kind, v.collation) for each, v in mentioned.items())
    prepared = phase.context.texts.text(phase.key, value.settings.meaning, literal, ("text", types))
    statement = OpenStatement(0, prepared, of_source, name=name, source=source)
    statement.variables = mentioned
    statement.unset = frozenset(names).difference(mentioned)
    return statement


def _source(phase: "DiagnosticPhase", command: TextPrepare | TextExecute) -> bytes | None:
    """The text that is to be prepared, where that is certain."""
    value = phase.value
    source = command.immediate if isinstance(command, TextExecute) else command.source
    if source is None:
        source = _source_in(value, command.variable)
    elif command.double_quoted and _quotes_names(value):
        return None
    if source is None or b"\0" in source:
        return None
    return source if value.texts.has_room_for(source) else None


def _quotes_names(value: SessionValue) -> bool:
    return any(mode in value.settings.variables.get("sql_mode", "") for mode in _QUOTES_NAMES)


def _source_in(value: SessionValue, name: str) -> bytes | None:
    variables = value.variables
    if name in variables.asked or name in variables.not_held:
        return None
    held = variables.values.get(name)
    if held is None or held.value is None:
        return b"NULL"
    if held.kind is not Kind.STRING:
        return held.value
    charset = held.collation.partition("_")[0]
    if dialect_of(charset, no_backslash_escapes=False) is Dialect.OPAQUE:
        return None
    return held.value if held.value.isascii() or _is_unconverted(value, charset) else None


def _is_unconverted(value: SessionValue, charset: str) -> bool:
    """Whether a literal with a variable's bytes means the same."""
    variables = value.settings.variables
    is_same = charset == "utf8mb4" == variables.get("character_set_client", "")
    return is_same and variables.get("collation_connection", "").startswith("utf8mb4_")


def _prepare_real(
    phase: "DiagnosticPhase", verdict: Verdict, command: TextPrepare, source: bytes | None
) -> None:
    """Let the connection know it by the client's own name, for as long as the client has it."""
    of_source = UNKNOWN_STATEMENT if source is None else phase.screened(source)
    phase.preparing, phase.text_command = OpenStatement(0, None, of_source, name=command.name), None
    names = {**verdict.names, _PREPARED: frozenset((command.name,))}
    phase.run(ResponseKind.RESULT, attrs.evolve(verdict, names=names))


def prepare_named(phase: "StatementPhase", statement: OpenStatement, connection: BackendConnection) -> None:
    """The present command is to prepare a statement on this connection."""
    if phase.text_command is None:
        return
    # A name whose PREPARE has failed is not used again: only one that a server has makes room there.
    statement.server_id = take_name(connection)
    phase.rename_command(name_of(statement.server_id))


def text_prepare_ended(
    value: SessionValue, statement: OpenStatement, scanner: ResponseScanner, connection: BackendConnection
) -> None:
    """A PREPARE has ended. Its name has gone over to the new statement, or nobody has it any more."""
    server_id, statement.server_id = statement.server_id, None
    connection.count_prepare()
    value.texts.close(statement.name)
    if scanner.errno:
        value.give_up(_PREPARED, statement.name)
        return
    value.texts.open(statement)
    if statement.prepared is not None and server_id is not None:
        former = connection.statements.put(statement.prepared, NEW, server_id)
        if former is not None:
            connection.statements.spare_name(former)


# EXECUTE


def _execute(phase: "DiagnosticPhase", verdict: Verdict, command: TextExecute) -> None:
    value = phase.value
    statement = value.texts.shared.get(command.name)
    if statement is None:
        phase.run(ResponseKind.RESULT, _verdict_by_name(value, verdict, command))
        return
    of_source = with_lock_names(
        executed(statement.verdict, command.using), command.using, value.variables.values
    )
    text = phase.command_text
    if _switches_schema(phase, statement):
        # Servers go to the statement's schema and back, and report both as a change.
        of_source = attrs.evolve(of_source, explains_visible_change=True)
    phase.text_command = TextCommand(text, text, command)
    phase.run_source(statement.source, of_source, _need(phase, statement, of_source, command))


def _switches_schema(phase: "DiagnosticPhase", statement: OpenStatement) -> bool:
    """Whether that alone can be what a changed state is about."""
    prepared = statement.prepared
    if prepared is None or prepared.meaning.schema == phase.value.settings.schema:
        return False
    return runs_only_built_ins(statement.source, phase.backslash_escapes)


def _verdict_by_name(value: SessionValue, verdict: Verdict, command: TextExecute) -> Verdict:
    """Of an EXECUTE that its connection is to understand."""
    of_source = value.texts.real.get(command.name)
    if of_source is not None:
        return executed(of_source, command.using)
    return verdict if _hides_names(value) else _without_pin(verdict)


def _need(phase: "DiagnosticPhase", statement: OpenStatement, verdict: Verdict, command: TextExecute) -> Need:
    plain = need_of_text(verdict)
    if not phase.is_mysql:
        return attrs.evolve(plain, statement=statement, states=(NEW,))
    value = phase.value
    before = statement.history
    variables = value.variables
    unknown = variables.asked | variables.not_held
    classes = classes_of_variables(command.using, variables.values, unknown)
    after = history_after_using(before, classes)
    states = states_for(owner(value, statement), before, after)
    return attrs.evolve(plain, statement=statement, states=states)


def named_for_server(phase: "StatementPhase", statement: OpenStatement, server_id: int) -> None:
    """The present command is to execute a statement that has this name at the server."""
    if phase.text_command is None:
        return
    if phase.is_mysql:
        command = phase.text_command.command
        using = command.using if isinstance(command, TextExecute) else ()
        variables = phase.value.variables
        unknown = variables.asked | variables.not_held
        classes = classes_of_variables(using, variables.values, unknown)
        before, (other, history, _) = statement.history, statement.server_state
        statement.history = history_after_using(before, classes)
        after = statement.history if history == before else history_after_using(history, classes)
        statement.server_state = (other or owner(phase.value, statement), after, False)
    phase.rename_command(name_of(server_id))


def _execute_immediate(
    phase: "DiagnosticPhase", packet: bytes, verdict: Verdict, command: TextExecute
) -> None:
    """Nothing of it stays prepared, so that it is like its text."""
    value = phase.value
    if value.is_doubtful and command.variable and phase.tenancy.connection is not None:
        phase.when_settled(lambda: _execute_immediate(phase, packet, verdict, command))
        return
    source = _source(phase, command)
    of_source = PLAIN if source is None else phase.screened(source)
    if source is None or of_source.multiple or of_source.shows_proxy:
        phase.run(ResponseKind.RESULT, verdict)
        return
    if phase.is_mysql:
        # It has no such statement, and says so.
        of_source = attrs.evolve(of_source, reads=Diagnostics.NONE)
    elif of_source.asks:
        source, reads = phase.with_what_is_known(source, of_source)
        of_source = attrs.evolve(of_source, reads=reads)
        literal = literal_of(source, double_quoted=False, backslash_escapes=phase.backslash_escapes)
        using = b",".join(b"@`" + name.replace("`", "``").encode() + b"`" for name in command.using)
        phase.send_instead(b"EXECUTE IMMEDIATE " + literal + (b" USING " + using if using else b""))
    of_source = with_lock_names(executed(of_source, command.using), command.using, value.variables.values)
    phase.run_source(source, of_source, need_of_text(of_source))


# DEALLOCATE PREPARE


def _deallocate(phase: "DiagnosticPhase", verdict: Verdict, command: TextDeallocate) -> None:
    """The database keeps what it has prepared, for others."""
    value = phase.value
    if command.name in value.texts.shared:
        value.texts.close(command.name)
        value.diagnostics.after(Command.QUERY, phase.command_text)
        phase.answer_ok()
        return
    if command.name in value.texts.real:
        ends = (*verdict.ends, End(_PREPARED, (command.name,)))
        verdict = attrs.evolve(_without_pin(verdict), ends=ends)
    elif not _hides_names(value):
        verdict = _without_pin(verdict)
    value.texts.close(command.name)
    phase.run(ResponseKind.RESULT, verdict)
