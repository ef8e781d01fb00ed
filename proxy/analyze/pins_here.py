"""What pins a session here, and until when, as far as a log shows it.

A log shows statements, not what became of them. What the proxy learns from the server while it runs (a
statement that failed, a procedure that left something behind, a lock that was not got) is not in it: each
statement counts as one that succeeded.
"""

from collections import Counter

import attrs

from ..mysql.session.pins import PinReason
from ..mysql.session.verdict import Verdict

__all__ = ["KEPT_NAMES", "PinsHere", "pins_here"]

#: Names of tables, locks and the like that are kept of one session; of more only that there are some.
KEPT_NAMES = 1000

#: Held as values, so that they pin nothing, or read back before the connection is returned.
_HELD = frozenset(
    (
        PinReason.USER_VARIABLE,
        PinReason.PREPARED_STATEMENT,
        PinReason.TEXT_PREPARED_STATEMENT,
        PinReason.DIAGNOSTICS,
        PinReason.CALC_FOUND_ROWS,
    )
)


def pins_here(verdict: Verdict) -> frozenset[PinReason]:
    """What pins once a statement with this verdict has run."""
    return verdict.pins - _HELD if verdict.pins else verdict.pins


@attrs.define
class PinsHere:
    """The pins of one session that hold now, with the names of their causes; None where they are not known."""

    open: dict[PinReason, "Counter[str] | None"] = attrs.field(factory=dict)

    def after(self, verdict: Verdict) -> frozenset[PinReason]:
        """Take in a statement; returns what it has pinned for."""
        if self.open:
            self._end(verdict)
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

    def _end(self, verdict: Verdict) -> None:
        for end in verdict.ends:
            names = self.open.get(end.reason)
            if end.names is None:
                self.open.pop(end.reason, None)
            elif names is not None:
                names -= Counter(end.names)
                self.open[end.reason] = names
                if not names:
                    del self.open[end.reason]
