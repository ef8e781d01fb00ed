"""Waiters for a connection, and their deadlines."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import attrs

if TYPE_CHECKING:
    from .accounts import Line

__all__ = ["Deadlines", "Timed", "Waiter"]


class Timed(Protocol):
    """Something that ends at a time that does not change. Hashed and compared by identity."""

    @property
    def deadline(self) -> float:
        """When it ends, in seconds of the clock in use."""


TimedT = TypeVar("TimedT", bound=Timed)


@attrs.define(eq=False)
class Waiter:
    """One wish to borrow. Compared by identity, and good for one wait."""

    key: Hashable
    settings: object
    context: object = attrs.field(default=None, repr=False)
    """Handed to the connector when a connection is opened for this waiter."""
    until: float | None = None
    """When the wait ends, if it began elsewhere or with another timeout than the pool's."""
    is_admitted: bool = False
    """Whether it has queued before; then it is not turned away because the queue is full."""
    number: int = attrs.field(default=0, init=False)
    """Place in the order of arrival over all keys."""
    enqueued_at: float = attrs.field(default=0.0, init=False)
    deadline: float = attrs.field(default=0.0, init=False)
    skipped: int = attrs.field(default=0, init=False)
    """How often a younger waiter was served first."""
    line: "Line | None" = attrs.field(default=None, init=False, repr=False)
    """Where it stands among its tenant's, if there are tenants."""
    is_patient: bool = attrs.field(default=True, init=False)
    """Whether its tenant lets it wait for more than one attempt to connect."""
    own_timeout: float | None = attrs.field(default=None, init=False)
    """The timeout of its tenant, if that is what its deadline comes from."""


class Deadlines(Generic[TimedT]):
    """All that waits, by deadline: arrival, expiry and removal in practically constant time.

    Those who come with the same timeout expire in order of arrival, so a queue suffices for them, and no
    heap is needed that keeps entries of those served long ago. Whoever comes with an earlier deadline than
    others before it goes to another queue; there are as many of them as arrivals that were each earlier than
    the one before.
    """

    def __init__(self) -> None:
        self._lanes: list[OrderedDict[TimedT, None]] = []
        self._lane_of: dict[TimedT, OrderedDict[TimedT, None]] = {}

    def __len__(self) -> int:
        return len(self._lane_of)

    def __contains__(self, item: TimedT) -> bool:
        return item in self._lane_of

    def __iter__(self) -> Iterator[TimedT]:
        return iter(self._lane_of)

    def add(self, item: TimedT) -> None:
        """Take in one that is not in yet; its deadline is set already."""
        for lane in self._lanes:
            if next(reversed(lane)).deadline <= item.deadline:
                break
        else:
            lane = OrderedDict()
            self._lanes.append(lane)
        lane[item] = None
        self._lane_of[item] = lane

    def remove(self, item: TimedT) -> None:
        """Take out one that is in; raises KeyError for another."""
        lane = self._lane_of.pop(item)
        del lane[item]
        if not lane:
            self._lanes = [each for each in self._lanes if each]

    def first(self) -> TimedT | None:
        """Return the one that expires first; among equals the oldest of one queue."""
        heads = [next(iter(lane)) for lane in self._lanes]
        return min(heads, key=lambda item: item.deadline, default=None)
