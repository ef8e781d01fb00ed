"""Where the sessions of an endpoint for reading borrow: from the readers that are fit, else as told.

A reader is fit while it is available and lags no further behind than allowed. While none is fit, ``fallback``
says what becomes of borrowers:

- "error", RDS's way: NoReader at once if no reader is registered at all; else they wait for one.
- "wait": they wait for a reader until ``fallback_wait`` seconds after the last one was fit, then for the
  writer as well. If there is no reader to wait for, or the borrower is not to wait, the writer serves
  at once.
- "writer": the writer serves at once.

Those who wait move to a reader that comes, in order of arrival.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from ..pool.interface import ConnectionT
from ..pool.pool import Pool
from .errors import NoReader
from .reader_choice import Candidate, Reader, ReaderChoice, fit
from .routes import WriterRoute
from .waits import RouteOptions, Wait, Waits

__all__ = ["Reader", "ReaderOptions", "ReaderRoute"]


@attrs.frozen
class ReaderOptions(RouteOptions):
    """What a reader route reads each time; times in seconds."""

    fallback: str = attrs.field(default="wait", validator=attrs.validators.in_(("error", "wait", "writer")))
    fallback_wait: float = 5.0
    max_replica_lag: float = 0.0
    """0 sets no limit."""
    slow_start: float = 30.0
    """How long the share of a reader that has come back grows."""


class ReaderRoute(Generic[ConnectionT]):
    """To the pools of the readers, and to the writer's as far as the fallback allows."""

    def __init__(
        self, writer: WriterRoute[ConnectionT], options: Callable[[], ReaderOptions], clock: IReactorTime
    ) -> None:
        """There is no reader yet; ``writer`` lends to those who fall back, and is watched for changes."""
        self._writer = writer
        self._options = options
        self._seconds: Callable[[], float] = clock.seconds
        self._registered = False
        self._unfit_since: float | None = clock.seconds()
        self._choice: ReaderChoice[ConnectionT] = ReaderChoice()
        self._waits: Waits[ConnectionT] = Waits(options, clock, self)
        self._end_watch = writer.watch(self._waits.move_on)

    @property
    def has_readers(self) -> bool:
        """Whether any is registered, fit or not."""
        return self._registered

    @property
    def waiting(self) -> bool:
        """Whether anyone waits for a connection."""
        return len(self._waits) > 0 or any(pool.waiting for pool in self._choice.pools)

    def lends(self, pool: Pool[ConnectionT]) -> bool:
        """Whether it is of a reader that is fit, or of the writer that serves in its place."""
        return self._waits.is_open and self.keeps(pool)

    @property
    def waiters(self) -> int:
        """How many wait at this route."""
        return len(self._waits)

    @property
    def is_short(self) -> bool:
        """Whether only a returned connection can help somebody who waits, or none is to be kept."""
        if self._choice:
            return any(pool.is_short for pool in self._choice.pools)
        return self._waits.parked > 0 or self._writer.is_short

    def take(
        self, key: Hashable, settings: object, preferred: Pool[ConnectionT] | None = None
    ) -> ConnectionT | None:
        """Borrow an idle connection at once; None means that `borrow` would have to wait.

        ``preferred`` is the pool that the session used last.
        """
        if not self._waits.is_open:
            return None
        candidate = self._candidate(key, preferred)
        if candidate is None:
            return self._writer.take(key, settings) if self._falls_back() else None
        connection = candidate.pool.take(key, settings)
        if connection is not None:
            self._choice.chosen(candidate)
        return connection

    def borrow(
        self,
        key: Hashable,
        settings: object,
        context: object = None,
        preferred: Pool[ConnectionT] | None = None,
    ) -> Deferred[ConnectionT]:
        """Borrow a connection as soon as possible; may be cancelled.

        Fails as `Route` says, and with NoReader.
        """
        if not self._registered and self._options().fallback == "error":
            return fail(_no_reader())
        return self._waits.borrow(key, settings, context, preferred)

    def set_readers(self, readers: Iterable[Reader[ConnectionT]]) -> None:
        """Borrow from these from now on, as far as they are fit.

        To be called with all readers that are registered, whenever anything about one of them has changed,
        its lag or the options included, and before the pool of one that has gone is evacuated.
        """
        readers = list(readers)
        options = self._options()
        self._registered = bool(readers)
        fits = [reader for reader in readers if fit(reader, options.max_replica_lag)]
        self._choice.update(fits, options.slow_start)
        self._note_fitness()
        if not readers and options.fallback == "error":
            self._waits.refuse(_no_reader())
        self._waits.leave(self._choice.has_better)

    def stop(self) -> None:
        """Lend nothing more; who waits is refused with PoolClosed."""
        self._end_watch()
        self._waits.stop()

    # -- for those who wait ---------------------------------------------------------------------------------

    def choose(self, wait: Wait[ConnectionT], /) -> Pool[ConnectionT] | None:
        """Where to wait."""
        candidate = self._candidate(wait.key, wait.preferred)
        if candidate is None:
            return self._writer.pool if self._falls_back(patient=wait.ends is not None) else None
        self._choice.chosen(candidate)
        return candidate.pool

    def keeps(self, pool: Pool[ConnectionT]) -> bool:
        """Whether those who wait in this pool may stay there."""
        if self._choice:
            return pool in self._choice
        return pool is self._writer.pool

    def look_again(self) -> float | None:
        """When the writer may serve."""
        if self._unfit_since is None or self._falls_back():
            return None
        options = self._options()
        return self._unfit_since + options.fallback_wait if options.fallback == "wait" else None

    def settled(self) -> None:
        """Nobody needs to be told."""

    # -- inside ---------------------------------------------------------------------------------------------

    def _candidate(self, key: Hashable, preferred: Pool[ConnectionT] | None) -> Candidate[ConnectionT] | None:
        while (candidate := self._choice.choose(key, preferred, self._seconds())) is not None:
            if not candidate.pool.is_stopping:
                return candidate
            self._choice.drop(candidate.pool)
            self._note_fitness()
        return None

    def _note_fitness(self) -> None:
        if self._choice:
            self._unfit_since = None
        elif self._unfit_since is None:
            self._unfit_since = self._seconds()

    def _falls_back(self, *, patient: bool = True) -> bool:
        """Whether the writer serves now, while no reader is fit."""
        options = self._options()
        if options.fallback != "wait":
            return options.fallback == "writer"
        if not self._registered or not patient or self._unfit_since is None:
            return True
        return self._seconds() >= self._unfit_since + options.fallback_wait


def _no_reader() -> NoReader:
    return NoReader("there is no reader to borrow from")
