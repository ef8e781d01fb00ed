"""Targets without a network, each with its pool, for what borrows through routes on a fake clock."""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from proxy.pool.limits import PoolLimits
from proxy.pool.pool import Pool

__all__ = ["Ends", "Lender", "Loan"]


class Loan:
    """A connection of a lender's pool."""

    def __init__(self, lender: "Lender", request: Any) -> None:
        self.lender = lender
        self.pool = lender.pool
        self.key = request.key
        self.settings = request.settings
        self.is_closing = False

    def can_become(self, settings: object) -> bool:
        return True

    def close(self, reason: Any) -> None:
        self.is_closing = True
        self.lender.closing.append(self)
        self.lender.clock.callLater(0, self.gone)

    def gone(self) -> None:
        if self in self.lender.alive:
            self.lender.alive.remove(self)
            self.pool.closed(self)


class Lender:
    """Opens connections at once while it is ``prompt``, else when told; its pool is ``pool``."""

    def __init__(self, clock: Clock, name: str = "db", *, prompt: bool = True, **limits: Any) -> None:
        self.clock = clock
        self.name = name
        self.prompt = prompt
        self.pending: list[tuple[Any, Deferred[Any]]] = []
        self.alive: list[Loan] = []
        self.closing: list[Loan] = []
        limits = {"max_connections": 4, "borrow_timeout": 10.0, **limits}
        self.pool: Pool[Any] = Pool(self, PoolLimits(**limits), clock, randomness=lambda: 0.0)

    def open(self, request: Any) -> Deferred[Any]:
        if self.prompt:
            return succeed(self._connect(request))
        opening: Deferred[Any] = Deferred(lambda _: self._forget(opening))
        self.pending.append((request, opening))
        return opening

    def accept(self) -> Loan:
        request, opening = self.pending.pop(0)
        loan = self._connect(request)
        opening.callback(loan)
        return loan

    def refuse(self, error: BaseException) -> None:
        self.pending.pop(0)[1].errback(error)

    def fill(self) -> list[Any]:
        """Borrow all that the pool may lend."""
        loans: list[Any] = []
        for _ in range(self.pool.limits.max_connections):
            self.pool.borrow("filler", None).addCallback(loans.append)
        return loans

    def _connect(self, request: Any) -> Loan:
        loan = Loan(self, request)
        self.alive.append(loan)
        return loan

    def _forget(self, opening: Deferred[Any]) -> None:
        self.pending = [each for each in self.pending if each[1] is not opening]


class Ends:
    """How borrows ended, in order: (name, connection or failure's exception)."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, Any]] = []

    def note(self, name: object, borrow: Deferred[Any]) -> Deferred[Any]:
        borrow.addCallbacks(
            lambda loan: self.seen.append((name, loan)),
            lambda failure: self.seen.append((name, failure.value)),
        )
        return borrow

    @property
    def names(self) -> list[object]:
        return [name for name, _ in self.seen]

    def __getitem__(self, name: object) -> Any:
        (found,) = [result for each, result in self.seen if each == name]
        return found
