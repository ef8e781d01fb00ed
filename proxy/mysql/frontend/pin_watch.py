"""Keeps the ledger and the log in step with the pins of one session.

The session's value alone says what pins it. This class compares it with what the ledger holds whenever a
statement has ended or the session has lost its connection, so nothing needs to be told where a pin ends.
"""

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from ..session.pins import Reason
from ..session.value import SessionValue
from .pin_ledger import PinLedger

__all__ = ["PinWatch"]


class PinWatch:
    """One per session. All but ``pinned`` and ``ended`` are to be called only while ``is_open``."""

    log = Logger()

    __slots__ = ("_client", "_ledger", "_seconds", "_username", "_value", "is_open")

    def __init__(
        self,
        ledger: PinLedger,
        value: SessionValue,
        client: int,
        username: str,
        seconds: Callable[[], float],
    ) -> None:
        #: The ledger holds a pin of this session.
        self.is_open = False
        self._ledger = ledger
        self._value = value
        self._client = client
        self._username = username
        self._seconds = seconds

    def pinned(self, reasons: Iterable[Reason], digest: str) -> None:
        """A statement with this digest has pinned the session."""
        self._ledger.pinned(self._client, self._username, reasons, digest, self._seconds())
        self.is_open = True

    def begins(self) -> None:
        """A statement goes to the database."""
        self._ledger.busy(self._client, self._seconds())

    def rests(self) -> None:
        """A statement has ended, or what followed it: pins may have ended with it."""
        self.follow()
        if self.is_open and not self._value.in_transaction:
            self._ledger.idle(self._client, self._seconds())

    def follow(self) -> None:
        """Take note of the pins that are no longer there."""
        session = self._ledger.session(self._client)
        if session is not None:
            now = self._seconds()
            for reason in [each for each in session.causes if each not in self._value.pins]:
                self._unpinned(reason, now)
        self.is_open = bool(self._ledger.session(self._client))

    def ended(self) -> None:
        """The session is over."""
        self.is_open = False
        self._ledger.ended(self._client, self._seconds())

    def _unpinned(self, reason: Reason, now: float) -> None:
        seconds = self._ledger.unpinned(self._client, reason, now)
        self.log.info(
            "[clientConnection={client}] A pin of the client session has ended. Reason: {reason}."
            " It lasted {seconds:.3f} s.{rest}",
            client=self._client,
            reason=reason.value,
            seconds=seconds,
            rest=_what_remains(self._value),
        )


def _what_remains(value: SessionValue) -> str:
    if not value.pins:
        return ""
    return f" Still pinned by: {', '.join(each.value for each in value.pins)}."
