"""What a target had executed when, should the answer to a write that was sent there be lost."""

from collections import deque

import attrs

from ..wire.gtid import GtidSet, MalformedGtid

__all__ = ["MAX_BASES", "MAX_UNSORTED", "GtidHistory", "Known"]

#: How many answers of a target about what it has executed are kept.
MAX_BASES = 256

#: How many reported transactions are kept as texts before they are made a set of.
MAX_UNSORTED = 1000


@attrs.frozen
class Known:
    """Of the server called ``identity``: ``base`` was executed before a write was sent.

    Sessions were told of the ``acknowledged`` ones. At least the last one of each writer is always there.
    """

    identity: str
    base: GtidSet
    acknowledged: GtidSet


class GtidHistory:
    """Of one target, as long as the same server is there; times in seconds on any one clock."""

    def __init__(self) -> None:
        self._identity = ""
        self._bases: deque[tuple[float, GtidSet]] = deque()
        self._acknowledged = GtidSet(is_mariadb=False)
        self._unsorted: list[str] = []

    def executed(self, at: float, identity: str, executed: GtidSet | None) -> None:
        """The target has answered, and the answer arrived at this time; None where it has no GTIDs."""
        last = self._bases[-1][1] if self._bases else None
        if executed is None:
            self._begin_anew(identity, is_mariadb=False)
            return
        is_other = identity != self._identity or executed.is_mariadb != self._acknowledged.is_mariadb
        if is_other or (last is not None and not executed.covers(last)):
            # Another server, or one whose log was begun anew.
            self._begin_anew(identity, is_mariadb=executed.is_mariadb)
        elif last == executed:
            return
        self._bases.append((at, executed))
        if len(self._bases) > MAX_BASES:
            self._bases.popleft()
            self._sort()
            known = self._acknowledged
            self._acknowledged = known.without(self._bases[0][1]).union(known.lasts())

    def acknowledge(self, text: str) -> None:
        """A session was told that this is the GTID of its transaction; as cheap as can be."""
        self._unsorted.append(text)
        if len(self._unsorted) >= MAX_UNSORTED:
            self._sort()

    def before(self, sent: float) -> Known | None:
        """What is known about a write that was sent at this time; None if that is not enough."""
        for at, executed in reversed(self._bases):
            if at <= sent:
                return Known(self._identity, executed, self.acknowledged())
        return None

    def lag_of(self, position: GtidSet, told_at: float) -> float:
        """For how long, at least, a server with this position by then has lacked what was executed here."""
        lag = 0.0
        for at, executed in reversed(self._bases):
            if at > told_at:
                continue
            if position.covers(executed):
                break
            lag = told_at - at
        return lag

    def acknowledged(self) -> GtidSet:
        """What sessions were told of up to now."""
        self._sort()
        return self._acknowledged

    @property
    def identity(self) -> str:
        """Whose history it is."""
        return self._identity

    def _begin_anew(self, identity: str, *, is_mariadb: bool) -> None:
        self._identity = identity
        self._bases.clear()
        self._unsorted.clear()
        self._acknowledged = GtidSet(is_mariadb=is_mariadb)

    def _sort(self) -> None:
        texts, self._unsorted = self._unsorted, []
        for text in texts:
            try:
                self._acknowledged = self._acknowledged.with_gtid(text)
            except MalformedGtid:
                # What is not known to be others' is still in doubt: that is the safe side.
                continue
