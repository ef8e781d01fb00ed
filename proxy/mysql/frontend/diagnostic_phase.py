"""Commands that ask for what an earlier statement has left, which their connection need not know any more.

Where the session's own connection still has its warnings, the database answers. Else SHOW WARNINGS is
answered from what was read, GET DIAGNOSTICS becomes a SET, and constants stand for ROW_COUNT(), FOUND_ROWS(),
@@warning_count, @@error_count and CONNECTION_ID().
"""

from collections.abc import Container

import attrs

from ...errors import diagnostics_gone
from ..session.condition_answers import show_answer
from ..session.condition_keeping import Keep, keeps_text
from ..session.get_diagnostics import GetDiagnostics, as_set, parse_get
from ..session.given_numbers import given, places
from ..session.need import Need
from ..session.show_conditions import parse_show
from ..session.substitution import Ask, constant, substituted
from ..session.verdict import Diagnostics, Verdict
from ..wire.commands import Command, ResponseKind
from ..wire.framing import HEADER
from .prepared_commands import EXECUTIONS, need_of_text
from .statement_phase import StatementPhase
from .statements import named

__all__ = ["DiagnosticPhase"]

_COUNTS = Ask.WARNING_COUNT | Ask.ERROR_COUNT


class DiagnosticPhase(StatementPhase):
    """The part of the command phase that is about diagnostics."""

    __slots__ = ()

    def _run_reader(self, packet: bytes, verdict: Verdict) -> None:
        """Put what is known into a text that asks for it, and run it; or answer the command."""
        held = self.value.diagnostics
        reads = verdict.reads
        constants = self._constants(verdict)
        if constants:
            packet = self._packet = self._screening.with_constants(packet, constants)
            reads &= ~_replaced(verdict, constants)
        if reads & Diagnostics.CONDITIONS:
            asked = parse_get(self._screening.text)
            held.wants_details = held.wants_details or (asked is not None and asked.condition is not None)
            if not held.unread:
                if self._answers_conditions(packet, asked):
                    return
                reads &= ~Diagnostics.CONDITIONS
        if self._stand_in:
            # A server reports for a SET what it does not for the original.
            verdict, self._stand_in = self._screening.verdict_of(self._stand_in), b""
        elif reads != verdict.reads or held.unread:
            verdict = self._explained(verdict)
        if reads & Diagnostics.FOUND_ROWS:
            held.want_found_rows()
        need = need_of_text(verdict)
        self.run(ResponseKind.RESULT, verdict, attrs.evolve(need, reads=reads))

    def _explained(self, verdict: Verdict) -> Verdict:
        """MySQL reports with these once more what the statement before has changed."""
        text = self._screening.text
        if parse_show(text) is None and parse_get(text) is None:
            return verdict
        return attrs.evolve(verdict, explains_change=True, explains_visible_change=True, runs_code=False)

    def _constants(self, verdict: Verdict) -> dict[Ask, bytes]:
        asks = verdict.asks | (Ask.CONNECTION_ID if verdict.asks_connection_id else Ask.NONE)
        return {ask: constant(ask, number) for ask, number in self._numbers(asks).items()}

    def _numbers(self, asks: Ask) -> dict[Ask, int]:
        """Those of the numbers asked for that are known."""
        held = self.value.diagnostics
        numbers: dict[Ask, int | None] = {Ask.CONNECTION_ID: self.channel.number}
        if asks & ~Ask.CONNECTION_ID:
            counts = held.counts
            numbers |= {Ask.ROW_COUNT: counts.row_count, Ask.FOUND_ROWS: counts.found_rows}
            if asks & _COUNTS and not held.unread:
                numbers |= self._condition_counts()
        return {ask: number for ask, number in numbers.items() if number is not None and ask in asks}

    def places(self, verdict: Verdict) -> dict[Ask, bytes]:
        """What a text to be prepared is to have where it asks for a number; not all are known by then."""
        found = places(self._asks_when_executed(verdict)) if verdict.asks else {}
        if verdict.asks_connection_id:
            found[Ask.CONNECTION_ID] = constant(Ask.CONNECTION_ID, self.channel.number)
        return found

    def with_what_is_known(self, source: bytes, verdict: Verdict) -> tuple[bytes, Diagnostics]:
        """A text that the present command contains, with constants, and what it still reads."""
        text, self._screening.text = self._screening.text, source
        constants = self._constants(verdict)
        self._screening.text = text
        new = substituted(source, constants, backslash_escapes=self.backslash_escapes)
        return new, verdict.reads & ~_replaced(verdict, constants)

    def send_instead(self, text: bytes) -> None:
        """The database is to get another text than the client's."""
        self._packet = self._screening.with_text(self._packet, text)

    def _asks_when_executed(self, verdict: Verdict) -> Ask:
        asks = verdict.asks & ~Ask.CONNECTION_ID
        # MySQL refuses to prepare a text with one of the others, and is to have its say.
        return asks & ~_COUNTS if self.is_mysql else asks

    def with_numbers(self, verdict: Verdict, need: Need) -> Need:
        """What the present command needs to execute a statement that asks for what others have left."""
        asks = self._asks_when_executed(verdict)
        numbers = self._numbers(asks)
        reads = need.reads & ~_replaced(verdict, numbers)
        if reads & Diagnostics.FOUND_ROWS:
            self.value.diagnostics.want_found_rows()
        return attrs.evolve(need, reads=reads, given=given(asks, numbers))

    def _condition_counts(self) -> dict[Ask, int | None]:
        held = self.value.diagnostics
        if held.are_lost:
            return {}
        total, errors = held.conditions.total, held.conditions.errors
        if total and held.counts.is_mariadb:
            kept = keeps_text(self._screening.text, is_mariadb=True)
            if kept is Keep.CLEARS:
                # It does so before it reads them.
                total = errors = 0
            elif kept is Keep.UNKNOWN:
                return {}
        return {Ask.WARNING_COUNT: total, Ask.ERROR_COUNT: errors}

    def _answers_conditions(self, packet: bytes, asked: GetDiagnostics | None) -> bool:
        """Answer, or refuse to; or make the command one that any connection can run."""
        held, text = self.value.diagnostics, self._screening.text
        if held.conditions and self._shows(text):
            return True
        if asked is not None and (held.conditions or asked.condition is None):
            new = as_set(asked, held.conditions, held.counts.row_count)
            if new is not None:
                self._packet = self._screening.with_text(packet, new)
                self._stand_in = new
                return False
        elif not held.conditions:
            return False
        self.refuse(diagnostics_gone(named(Diagnostics.CONDITIONS)))
        return True

    def _shows(self, text: bytes, *, binary: bool = False) -> bool:
        """Answer SHOW WARNINGS or the like from what was read."""
        value = self.value
        show = parse_show(text)
        if show is None:
            return False
        data = show_answer(
            value.diagnostics.conditions,
            show,
            status=value.status,
            charset=value.settings.variables.get("character_set_results", ""),
            is_mariadb=value.diagnostics.counts.is_mariadb,
            binary=binary,
        )
        if data is None:
            return False
        self._scanner.begin(ResponseKind.RESULT)
        self._scanner.status = value.status
        self.channel.write(self._scanner.feed(data))
        value.diagnostics.after(Command.QUERY, text, in_rows=True, rows=self._scanner.rows)
        self._answered()
        return True

    def _is_answered(self, need: Need) -> bool:
        """Whether a prepared statement asks for conditions, and has been answered."""
        held = self.value.diagnostics
        if not need.reads & Diagnostics.CONDITIONS or held.unread or not held.conditions:
            return False
        is_execution = self._packet[HEADER] in EXECUTIONS
        runs_text = is_execution or self.text_command is not None
        if runs_text and self._shows(self._screening.text, binary=is_execution):
            return True
        self.refuse(diagnostics_gone(named(Diagnostics.CONDITIONS)))
        return True


def _replaced(verdict: Verdict, constants: Container[Ask]) -> Diagnostics:
    """What a text reads no longer."""
    replaced = Diagnostics.NONE
    if Ask.ROW_COUNT in constants:
        replaced |= Diagnostics.ROW_COUNT
    if Ask.FOUND_ROWS in constants:
        replaced |= Diagnostics.FOUND_ROWS
    if verdict.asks & _COUNTS and all(ask in constants for ask in _COUNTS & verdict.asks):
        replaced |= Diagnostics.CONDITIONS
    return replaced
