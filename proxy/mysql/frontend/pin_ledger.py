"""What pins have cost: by session while it is pinned, and in total by reason and by statement.

A plain class that is told what happens, each time with ``now`` in seconds of any steady clock. Only sessions
that are pinned are known here. *Lost* is the time in which a session kept its connection although none of its
statements ran there and no transaction was open: without the pin another session could have had it. Of
several causes at a time each is charged with all of it, for each alone would have kept the connection; a
session's own sum counts it once.
"""

from collections.abc import Iterable, Iterator

import attrs

from ..session.pins import Reason
from .pin_metrics import DigestPins, PinMetrics, ReasonPins

__all__ = ["DEFAULT_MAX_TOTALS", "OTHERS", "PinCause", "PinLedger", "PinnedSession"]

#: Pairs of reason and digest that have totals of their own; the first that come are kept.
DEFAULT_MAX_TOTALS = 1000

#: Stands for the digests beyond that, with each reason.
OTHERS = "(others)"

#: Characters of a digest that are kept.
DIGEST_LENGTH = 256


@attrs.define(eq=False)
class _Total:
    """What pairs of a reason and a digest have cost, without those that still pin."""

    reason: Reason
    digest: str
    pins: int = 0
    seconds: float = 0.0
    lost: float = 0.0


@attrs.define(eq=False)
class PinCause:
    """Why a session is pinned: the statement and, in seconds, since when and what was lost so far."""

    total: _Total = attrs.field(repr=False)
    digest: str
    since: float
    lost: float = 0.0

    @property
    def reason(self) -> Reason:
        """The kind of cause."""
        return self.total.reason


@attrs.define(eq=False)
class PinnedSession:
    """A client session while anything pins it."""

    client: int
    user: str
    since: float
    causes: dict[Reason, PinCause] = attrs.field(factory=dict)
    lost: float = 0.0
    #: Since when it keeps its connection for the pins alone; None while it would have it anyway.
    idle_since: float | None = None

    def lost_by(self, now: float) -> float:
        """Connection-seconds lost so far."""
        return self.lost + self._open_loss(now)

    def cause_lost_by(self, cause: PinCause, now: float) -> float:
        """Those of one cause."""
        return cause.lost + min(self._open_loss(now), now - cause.since)

    def _open_loss(self, now: float) -> float:
        return 0.0 if self.idle_since is None else now - self.idle_since

    def charge(self, now: float) -> None:
        """Book what was lost since ``idle_since``."""
        if self.idle_since is None:
            return
        for cause in self.causes.values():
            cause.lost = self.cause_lost_by(cause, now)
        self.lost = self.lost_by(now)
        self.idle_since = now


class PinLedger:
    """The pinned sessions of one endpoint, and the totals of all there ever were."""

    def __init__(self, max_totals: int = DEFAULT_MAX_TOTALS) -> None:
        """``max_totals``: pairs of reason and digest that are counted apart."""
        self._max_totals = max_totals
        self._sessions: dict[int, PinnedSession] = {}
        self._totals: dict[tuple[Reason, str], _Total] = {}
        self._others: dict[Reason, _Total] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[PinnedSession]:
        return iter(tuple(self._sessions.values()))

    def session(self, client: int) -> PinnedSession | None:
        """The pinned session of a client; None if it is not pinned."""
        return self._sessions.get(client)

    # What happens

    def pinned(
        self, client: int, user: str, reasons: Iterable[Reason], digest: str, now: float
    ) -> PinnedSession:
        """A statement with this digest has pinned the session; reasons there are already stay as they are."""
        session = self._sessions.get(client)
        if session is None:
            session = self._sessions[client] = PinnedSession(client, user, now)
        session.charge(now)
        for reason in reasons:
            if reason not in session.causes:
                total = self._total(reason, digest)
                total.pins += 1
                # The total's own string, so that many sessions hold it once.
                held = digest if total.digest == OTHERS else total.digest
                session.causes[reason] = PinCause(total, _shortened(held), now)
        return session

    def unpinned(self, client: int, reason: Reason, now: float) -> float | None:
        """A cause has ended; how long it was, in seconds, or None if it was not known."""
        session = self._sessions.get(client)
        cause = None if session is None else session.causes.get(reason)
        if session is None or cause is None:
            return None
        session.charge(now)
        del session.causes[reason]
        if not session.causes:
            del self._sessions[client]
        cause.total.seconds += now - cause.since
        cause.total.lost += cause.lost
        return now - cause.since

    def ended(self, client: int, now: float) -> None:
        """The session is over; also for one that is not pinned."""
        session = self._sessions.get(client)
        if session is not None:
            for reason in tuple(session.causes):
                self.unpinned(client, reason, now)

    def busy(self, client: int, now: float) -> None:
        """A statement of the session begins, or a transaction has."""
        session = self._sessions.get(client)
        if session is not None:
            session.charge(now)
            session.idle_since = None

    def idle(self, client: int, now: float) -> None:
        """No statement of the session runs, and no transaction is open."""
        session = self._sessions.get(client)
        if session is not None and session.idle_since is None:
            session.idle_since = now

    # What is known

    def metrics(self, now: float) -> PinMetrics:
        """Gauges and counters up to ``now``, what is still pinned included."""
        rows = {key: _row(total) for key, total in self._all_totals()}
        for session in self._sessions.values():
            for cause in session.causes.values():
                row = rows[cause.reason, cause.total.digest]
                row.pinned_now += 1
                row.seconds += now - cause.since
                row.lost_connection_seconds += session.cause_lost_by(cause, now)
        by_reason: dict[Reason, ReasonPins] = {}
        for row in rows.values():
            by_reason.setdefault(row.reason, ReasonPins(row.reason)).add(row)
        return PinMetrics(
            database_connections_currently_session_pinned=len(self._sessions),
            by_reason=tuple(by_reason.values()),
            by_digest=tuple(rows.values()),
        )

    def _all_totals(self) -> Iterator[tuple[tuple[Reason, str], _Total]]:
        yield from self._totals.items()
        for reason, total in self._others.items():
            yield (reason, OTHERS), total

    def _total(self, reason: Reason, digest: str) -> _Total:
        key = (reason, _shortened(digest))
        total = self._totals.get(key)
        if total is not None:
            return total
        if len(self._totals) < self._max_totals:
            total = self._totals[key] = _Total(*key)
            return total
        return self._others.setdefault(reason, _Total(reason, OTHERS))


def _row(total: _Total) -> DigestPins:
    return DigestPins(
        total.reason,
        total.digest,
        pins_total=total.pins,
        seconds=total.seconds,
        lost_connection_seconds=total.lost,
    )


def _shortened(digest: str) -> str:
    return digest if len(digest) <= DIGEST_LENGTH else digest[: DIGEST_LENGTH - 1] + "\N{HORIZONTAL ELLIPSIS}"
