"""What pins a session here, and until when, as far as a log shows it.

A log shows statements, not what became of them. What the proxy learns from the server while it runs (a
statement that failed, a procedure that left something behind, a lock that was not got) is not in it: each
statement counts as one that succeeded.
"""

import re
from collections import Counter

import attrs

from ..mysql.session.pins import PinReason
from ..mysql.session.verdict import End, Verdict
from ..mysql.wire.shown_changes import SHOWN_BY_DEFAULT

__all__ = ["KEPT_NAMES", "PinsHere", "pins_here"]

#: Names of tables, locks and the like that are kept of one session; of more only that there are some.
KEPT_NAMES = 1000

#: Words of reasons of a text whose causes the proxy holds as values while it runs.
_HELD = frozenset(("text_prepared_statement",))
_RELEASED = re.compile(rb"\bRELEASE_LOCK\s*\(\s*'([^'\\]*)'\s*\)", re.IGNORECASE)


def pins_here(verdict: Verdict) -> frozenset[PinReason]:
    """What pins once a statement with this verdict has run."""
    if not verdict.pins:
        return verdict.pins
    found = frozenset(reason for reason in verdict.pins if reason.value not in _HELD)
    if verdict.tracks and SHOWN_BY_DEFAULT.after(verdict.tracks) is not None:
        # The proxy tells the client of the changes it wants to hear of.
        found -= {PinReason.SESSION_TRACKING}
    return found


@attrs.define
class PinsHere:
    """The pins of one session that hold now, with their causes' names; None where those are not known."""

    open: dict[PinReason, "Counter[str] | None"] = attrs.field(factory=dict)

    def after(self, verdict: Verdict, text: bytes) -> frozenset[PinReason]:
        """Take in a statement; returns what it has pinned for."""
        if self.open:
            for end in verdict.ends:
                self._end(end)
            if verdict.releases_lock and PinReason.NAMED_LOCK in self.open:
                self._end(self._released(text))
        new = pins_here(verdict)
        for reason in new:
            self._begin(reason, verdict.names.get(reason))
        return frozenset(reason for reason in new if reason in self.open) if new else new

    def _begin(self, reason: PinReason, names: frozenset[str] | None) -> None:
        if names is not None and not names:
            # It has ended itself what it has opened.
            return
        known = self.open.setdefault(reason, Counter())
        if names is None or known is None or len(known) > KEPT_NAMES:
            self.open[reason] = None
        else:
            known.update(names)

    def _end(self, end: End) -> None:
        names = self.open.get(end.reason)
        if end.names is None:
            self.open.pop(end.reason, None)
        elif names is not None:
            names -= Counter(end.names)
            self.open[end.reason] = names
            if not names:
                del self.open[end.reason]

    def _released(self, text: bytes) -> End:
        """What RELEASE_LOCK() ends: the proxy asks the server, here its name is looked for."""
        names = tuple(name.decode("utf-8", "replace").lower() for name in _RELEASED.findall(text))
        held = self.open[PinReason.NAMED_LOCK]
        if not names and (held is None or held.total() == 1):
            return End(PinReason.NAMED_LOCK)
        return End(PinReason.NAMED_LOCK, names)
