"""Pins by RDS Proxy's rules (`pinning = "rds"`): they last until the session ends or starts over.

They come on top of what this proxy cannot hold, which pins as well. Once a session is pinned so, what else
would pin it makes no difference, and is neither counted nor logged.
"""

from collections.abc import Callable

import attrs
from twisted.logger import Logger

from ..backend.connection import BackendConnection
from ..session.digest import digest
from ..session.pins import PinReason, RdsReason
from ..session.rds_messages import PIN_MESSAGE
from ..session.rds_rules import LONGEST_UNPINNED_TEXT, RDS_PREPARED, RDS_TOO_LONG, RdsPin, rds_pins
from ..session.value import SessionValue
from ..session.verdict import Verdict
from ..wire.commands import Command
from .pin_watch import PinWatch
from .screening import Screening

__all__ = ["RdsPinning"]

_PREPARED = frozenset({Command.STMT_PREPARE, Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE})
_NOTHING: frozenset[PinReason] = frozenset()


class RdsPinning:
    """One per session."""

    log = Logger()

    __slots__ = ("_client", "_exclude_variable_sets", "_screening", "_seconds", "_value", "_watch")

    def __init__(
        self,
        value: SessionValue,
        screening: Screening,
        watch: PinWatch,
        client: int,
        seconds: Callable[[], float],
        *,
        exclude_variable_sets: bool,
    ) -> None:
        """``exclude_variable_sets``: RDS's filter of this name."""
        self._value = value
        self._screening = screening
        self._watch = watch
        self._client = client
        self._seconds = seconds
        self._exclude_variable_sets = exclude_variable_sets

    def take_in(self, code: int, verdict: Verdict, text: bytes, connection: BackendConnection) -> Verdict:
        """Pin for a command that was answered; returns the verdict without what no longer matters.

        To be called before anything else takes in the response. ``text`` is what the screening has held of
        the command.
        """
        for pin in self._pins(code, text):
            if self._value.pin(pin.reason, self._seconds()):
                self._watch.pinned([pin.reason], digest(text))
                self.log.warn(
                    PIN_MESSAGE,
                    client=self._client,
                    number=connection.thread_id,
                    reason=pin.log_reason(text),
                )
        if not verdict.pins or not any(isinstance(reason, RdsReason) for reason in self._value.pins):
            return verdict
        if PinReason.SESSION_TRACKING in verdict.pins:
            # What the server reports goes to the client from now on.
            self._value.pin(PinReason.SESSION_TRACKING, self._seconds())
        return attrs.evolve(verdict, pins=_NOTHING)

    def _pins(self, code: int, text: bytes) -> tuple[RdsPin, ...]:
        is_long = not self._screening.is_whole or len(text) > LONGEST_UNPINNED_TEXT
        if code == Command.QUERY:
            return (RDS_TOO_LONG,) if is_long else self._pins_of_text(text)
        if code == Command.STMT_PREPARE and is_long:
            return (RDS_PREPARED, RDS_TOO_LONG)
        return (RDS_PREPARED,) if code in _PREPARED else ()

    def _pins_of_text(self, text: bytes) -> tuple[RdsPin, ...]:
        return rds_pins(
            text,
            exclude_variable_sets=self._exclude_variable_sets,
            backslash_escapes=self._screening.backslash_escapes(),
        )
