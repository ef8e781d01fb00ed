"""What a target had executed when, should the answer to a write that was sent there be lost."""

from collections import deque

import attrs

from ..wire.gtid import GtidSet, MalformedGtid

__all__ = ["MAX_BASES", "MAX_UNSORTED", "GtidHistory", "Known"]

#: How many answers of a target about what it has executed are kept.
MAX_BASES = 120

#: How many reported transactions are kept as texts before they are made a set of.
MAX_UNSORTED = 1000


@attrs.frozen
class Known:
    """``base``: executed before a write was sent; ``acknowledged``: sessions were told of these since."""

    base: GtidSet
    acknowledged: GtidSet


class GtidHistory:
    """Of one target; times in seconds on any one clock. No method ever fails."""

    def __init__(self, is_mariadb: bool) -> None:
        self.is_mariadb = is_mariadb
        self._bases: deque[tuple[float, GtidSet]] = deque()
        self._acknowledged = GtidSet(is_mariadb=is_mariadb)
        self._unsorted: list[str] = []

    def executed(self, at: float, executed: GtidSet) -> None:
        """The target has answered, and the answer arrived at this time."""
        if self._bases:
            last = self._bases[-1][1]
            if last == executed:
                return
            if not executed.covers(last):
                # Its log was begun anew, or it is another server.
                self._bases.clear()
                self._unsorted.clear()
                self._acknowledged = GtidSet(is_mariadb=self.is_mariadb)
        self._bases.append((at, executed))
        if len(self._bases) > MAX_BASES:
            self._bases.popleft()
            self._sort()
            self._acknowledged = self._acknowledged.without(self._bases[0][1])

    def acknowledge(self, text: str) -> None:
        """A session was told that this is the GTID of its transaction; as cheap as can be."""
        self._unsorted.append(text)
        if len(self._unsorted) >= MAX_UNSORTED:
            self._sort()

    def before(self, sent: float) -> Known | None:
        """What is known about a write that was sent at this time; None if that is not enough."""
        for at, executed in reversed(self._bases):
            if at <= sent:
                self._sort()
                return Known(executed, self._acknowledged)
        return None

    def _sort(self) -> None:
        texts, self._unsorted = self._unsorted, []
        for text in texts:
            try:
                self._acknowledged = self._acknowledged.with_gtid(text)
            except MalformedGtid:
                # What is not known to be others' is still in doubt: that is the safe side.
                continue
