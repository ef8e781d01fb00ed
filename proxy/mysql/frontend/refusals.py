"""Clients that are turned away are logged at most once a second for each reason, with their count."""

from typing import Any

import attrs
from twisted.logger import Logger

from ...errors import ClientError
from .peer import Peer

__all__ = ["LOG_INTERVAL", "RefusalLog"]

#: Seconds between two lines about refusals for the same reason.
LOG_INTERVAL = 1.0


@attrs.define
class _Reason:
    logged: float
    peer: Peer
    problem: ClientError | str
    unlogged: int = 0


class RefusalLog:
    """The first refusal is logged at once, further ones together, by a later one or by ``flush``."""

    log = Logger()

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        #: By error number or text, of which there are few; an error's text may hold an address.
        self._reasons: dict[int | str, _Reason] = {}

    def note(self, peer: Peer, problem: ClientError | str) -> None:
        """One client was turned away with an error, or without one for a reason that is always the same."""
        now = self._clock.seconds()
        reason = problem if isinstance(problem, str) else problem.errno
        entry = self._reasons.get(reason)
        if entry is None:
            self._reasons[reason] = entry = _Reason(now, peer, problem)
            self._write(1, entry)
            return
        entry.unlogged += 1
        entry.peer, entry.problem = peer, problem
        if now - entry.logged >= LOG_INTERVAL:
            self._write_out(entry, now)

    def flush(self) -> None:
        """Log what has waited for its line; to be called now and then."""
        now = self._clock.seconds()
        for reason, entry in list(self._reasons.items()):
            if now - entry.logged < LOG_INTERVAL:
                continue
            if entry.unlogged:
                self._write_out(entry, now)
            else:
                del self._reasons[reason]

    def _write_out(self, entry: _Reason, now: float) -> None:
        self._write(entry.unlogged, entry)
        entry.logged, entry.unlogged = now, 0

    def _write(self, count: int, entry: _Reason) -> None:
        self.log.info(
            "turned away {count} clients, the last one from {peer}: {problem}",
            count=count,
            peer=str(entry.peer),
            problem=entry.problem,
        )
