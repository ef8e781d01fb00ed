"""Answers SHOW PROXY statements, without the database.

A short answer is written at once. A long one goes out in pieces of ROWS_PER_PIECE rows, between which others
have their turn, and waits where the client reads too slowly. The statement leaves no trace on the session:
its connection, if it has one, and the diagnostics of the statement before are as they were.
"""

from itertools import islice
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from ...errors import ClientError, internal_error, unsupported_clause, wrong_proxy_statement
from ..session.show_proxy import WrongProxyStatement, view_in
from ..wire.result_rows import ResultRows
from .context import EndpointContext
from .proxy_views import View, Viewer, view_of

if TYPE_CHECKING:
    from .command_phase import CommandPhase

__all__ = ["ROWS_PER_PIECE", "OwnAnswer", "answer_proxy_statement"]

#: Rows that are made and written in one go.
ROWS_PER_PIECE = 200

#: Values of character_set_results, apart from those that begin with utf8, with which UTF-8 gets through.
_UNCONVERTED = frozenset(("", "null", "binary"))


def answer_proxy_statement(phase: "CommandPhase", context: EndpointContext, text: bytes) -> None:
    """Answer the present command, whose text is a SHOW PROXY statement, with rows or an error."""
    try:
        view = _view(phase, context, text)
    except ClientError as refusal:
        phase.refuse(refusal)
        return
    encoder = ResultRows(
        view.table, view.columns, phase.capabilities, phase.reply_sequence, utf8=_takes_utf8(phase)
    )
    phase.begin_own_answer(OwnAnswer(phase, context.clock, view, encoder))


def _view(phase: "CommandPhase", context: EndpointContext, text: bytes) -> View:
    try:
        asked = view_in(text)
    except WrongProxyStatement as problem:
        if problem.unsupported:
            raise unsupported_clause(str(problem)) from None
        raise wrong_proxy_statement(str(problem)) from None
    sees_all = phase.username in context.options.admin_users
    return view_of(asked, context, Viewer(phase.channel.number, phase.username, sees_all))


def _takes_utf8(phase: "CommandPhase") -> bool:
    """Whether the session has its results in UTF-8. A session that has never said so might not."""
    charset = phase.value.settings.variables.get("character_set_results", "unknown").lower()
    return charset.startswith("utf8") or charset in _UNCONVERTED


class OwnAnswer:
    """An answer that is being sent; ``resume`` when the client has read what there was."""

    log = Logger()

    def __init__(self, phase: "CommandPhase", clock: Any, view: View, encoder: ResultRows) -> None:
        self._phase = phase
        self._clock = clock
        self._rows = view.rows
        self._encoder = encoder
        self._began = False
        self._failed = False
        self._scheduled = False

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
        if self._failed or not phase.sends(self):
            return
        try:
            piece, is_last = self._piece()
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

    def _piece(self) -> tuple[bytes, bool]:
        status = self._phase.value.status
        rows = list(islice(self._rows, ROWS_PER_PIECE))
        piece = self._encoder.rows(rows) if self._began else self._encoder.begin(status)
        if not self._began:
            piece += self._encoder.rows(rows)
        is_last = len(rows) < ROWS_PER_PIECE
        return (piece + self._encoder.end(status) if is_last else piece), is_last

    def _fail(self) -> None:
        self._failed = True
        if self._began:
            # Rows are out: only closing tells the client that the others will not come.
            self._phase.channel.close()
        else:
            self._phase.refuse(internal_error())
