"""Which of the waiting tenants comes first, found without looking at all of them.

A place does not change with time, only when its tenant gets or gives up a connection; then it is entered
anew. What is no longer valid is dropped when it comes to the top, or when there is too much of it.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from .accounts import Account, Entry

__all__ = ["Ranking"]

_STALE_LIMIT = 64
"""Places that may be out of date beyond as many as are valid."""


class Ranking:
    """The tenants for whom someone waits who may be served; those below their minimum apart."""

    def __init__(self) -> None:
        self._owed: list[Entry] = []
        self._others: list[Entry] = []
        self._serial = 0
        self._valid = 0

    def __len__(self) -> int:
        return self._valid

    def enter(self, account: Account, standing: float, number: int) -> None:
        """Give the account a place by its level, then ``standing``, then ``number``; lower is first."""
        if account.entry is None:
            self._valid += 1
        self._serial += 1
        entry = account.entry = (account.level, standing, number, self._serial, account)
        heap = self._owed if account.used < account.least else self._others
        heappush(heap, entry)
        if len(heap) > 2 * self._valid + _STALE_LIMIT:
            heap[:] = [each for each in heap if each[4].entry is each]
            heapify(heap)

    def leave(self, account: Account) -> None:
        """Take the account's place away, if it has one."""
        if account.entry is not None:
            account.entry = None
            self._valid -= 1

    def first(self, with_others: bool) -> Account | None:
        """Return who comes first: of all, or of those below their minimum only."""
        heaps = [self._owed, self._others] if with_others else [self._owed]
        tops = [top for top in map(_valid_top, heaps) if top is not None]
        return min(tops)[4] if tops else None

    def clear(self, accounts: Iterable[Account]) -> None:
        """Take away the places of all accounts, which must be all there are."""
        for account in accounts:
            account.entry = None
        self._owed.clear()
        self._others.clear()
        self._valid = 0


def _valid_top(heap: list[Entry]) -> Entry | None:
    while heap:
        if heap[0][4].entry is heap[0]:
            return heap[0]
        heappop(heap)
    return None
