"""Answers SHOW PROXY statements and PROXY SWITCHOVER, without the database.

A short answer is written at once. A long one goes out in pieces of ROWS_PER_PIECE rows, between which others
have their turn, and waits where the client reads too slowly. The statement leaves no trace on the session:
its connection, if it has one, and the diagnostics of the statement before are as they were.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import (
    ClientError,
    in_transaction,
    internal_error,
    privilege_needed,
    switchover_failed,
    unsupported_clause,
    wrong_proxy_statement,
)
from ...targets.switchover import Outcome, SwitchoverReport, TargetsView
from ..session.show_proxy import ProxyView, SwitchoverRequest, WrongProxyStatement, request_in
from ..wire.result_rows import ResultRows, Value
from .context import EndpointContext
from .proxy_views import View, Viewer, switchover_view, view_of

if TYPE_CHECKING:
    from .command_phase import CommandPhase

__all__ = ["ROWS_PER_PIECE", "OwnAnswer", "answer_proxy_statement"]

#: Rows that are made and written in one go.
ROWS_PER_PIECE = 200

#: Values of character_set_results, apart from those that begin with utf8, with which UTF-8 gets through.
_UNCONVERTED = frozenset(("", "null", "binary"))


def answer_proxy_statement(phase: "CommandPhase", context: EndpointContext, text: bytes) -> None:
    """Answer the present command, whose text is a statement for the proxy, with rows or an error."""
    sees_all = phase.username in context.options.admin_users
    try:
        request = _request(text)
        if isinstance(request, SwitchoverRequest):
            _switch_over(phase, context, request, sees_all=sees_all)
            return
        view = view_of(
            request, context, Viewer(phase.channel.number, phase.username, sees_all, phase.key.tenant)
        )
    except ClientError as refusal:
        phase.refuse(refusal)
        return
    answer = OwnAnswer(phase, context.clock)
    answer.has(view)
    phase.begin_own_answer(answer)


def _request(text: bytes) -> ProxyView | SwitchoverRequest:
    try:
        return request_in(text)
    except WrongProxyStatement as problem:
        if problem.unsupported:
            raise unsupported_clause(str(problem)) from None
        raise wrong_proxy_statement(str(problem)) from None


def _switch_over(
    phase: "CommandPhase", context: EndpointContext, request: SwitchoverRequest, *, sees_all: bool
) -> None:
    """Begin a switchover; it goes on if the client leaves, which then does not learn how it ends."""
    if not sees_all:
        raise privilege_needed()
    if phase.value.in_transaction or phase.value.pins:
        # Its own connection would be waited for.
        raise in_transaction()
    group: TargetsView | None = context.group
    if group is None:
        raise switchover_failed(request.target, Outcome.REFUSED.value, "there is no target group")
    answer = OwnAnswer(phase, context.clock)
    phase.begin_own_answer(answer)
    asked_by = f"{phase.username}, client {phase.channel.number}"
    group.switchover(request.target, request.timeout, asked_by).addCallback(_report, answer).addErrback(
        answer.broken
    )


def _report(report: SwitchoverReport, answer: "OwnAnswer") -> None:
    if report.outcome is Outcome.SWITCHED:
        answer.has(switchover_view(report))
        answer.send()
    else:
        why = "; ".join((report.why, *report.notes))
        answer.refuse(switchover_failed(report.target, report.outcome.value, why))


def _takes_utf8(phase: "CommandPhase") -> bool:
    """Whether the session has its results in UTF-8. A session that has never said so might not."""
    charset = phase.value.settings.variables.get("character_set_results", "unknown").lower()
    return charset.startswith("utf8") or charset in _UNCONVERTED


class OwnAnswer:
    """An answer that is being sent, once it ``has`` something; ``resume`` when the client has read that."""

    log = Logger()

    def __init__(self, phase: "CommandPhase", clock: Any) -> None:
        self._phase = phase
        self._clock = clock
        self._rows: Iterator[Sequence[Value]] = iter(())
        self._encoder: ResultRows | None = None
        self._began = False
        self._failed = False
        self._scheduled = False

    def has(self, view: View) -> None:
        """This is the answer."""
        phase = self._phase
        self._rows = view.rows
        self._encoder = ResultRows(
            view.table, view.columns, phase.capabilities, phase.reply_sequence, utf8=_takes_utf8(phase)
        )

    def refuse(self, error: ClientError) -> None:
        """There will be no rows."""
        if not self._failed and self._phase.sends(self):
            self._failed = True
            self._phase.refuse(error)

    def broken(self, failure: Failure) -> None:
        """Nobody has foreseen how this failed."""
        self.log.failure("unforeseen failure", failure)
        self.refuse(internal_error())

    def resume(self) -> None:
        """Go on soon."""
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._resumed)

    def _resumed(self) -> None:
        self._scheduled = False
        # Its end is told with another resume.
        if not self._phase.channel.full:
            self.send()

    def send(self) -> None:
        """Write the next piece; once the last one is written the command has ended."""
        phase = self._phase
        if self._encoder is None or self._failed or not phase.sends(self):
            return
        try:
            piece, is_last = self._piece(self._encoder)
        except Exception:
            self.log.failure("unforeseen failure")
            self._fail()
            return
        self._began = True
        phase.channel.write(piece)
        if is_last:
            phase.end_own_answer()
        elif not phase.channel.full:
            self.resume()

    def _piece(self, encoder: ResultRows) -> tuple[bytes, bool]:
        status = self._phase.value.status
        rows = list(islice(self._rows, ROWS_PER_PIECE))
        piece = encoder.rows(rows) if self._began else encoder.begin(status)
        if not self._began:
            piece += encoder.rows(rows)
        is_last = len(rows) < ROWS_PER_PIECE
        return (piece + encoder.end(status) if is_last else piece), is_last

    def _fail(self) -> None:
        self._failed = True
        if self._began:
            # Rows are out: only closing tells the client that the others will not come.
            self._phase.channel.close()
        else:
            self._phase.refuse(internal_error())
