"""All that the pool holds for one key: slots, idle stacks, waiters, and how opening goes.

Idle connections are kept newest last, so that the surplus goes stale at the front and can be trimmed.
"""

import enum
from collections import OrderedDict
from collections.abc import Hashable
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from .interface import PooledConnection
from .limits import LOOK_BACK, PoolLimits
from .reasons import CloseReason
from .waiters import Waiter

if TYPE_CHECKING:
    from .accounts import Account, Line

__all__ = ["Bucket", "Opening", "Slot", "SlotState"]


class SlotState(enum.Enum):
    """Who has a connection: nobody, a borrower, or nobody ever again."""

    IDLE = "idle"
    BORROWED = "borrowed"
    CLOSING = "closing"


#: Read for each borrow and return: members are slow to look up.
_BORROWED, _IDLE = SlotState.BORROWED, SlotState.IDLE


@attrs.define(eq=False)
class Slot:
    """The pool's record of one open connection."""

    connection: PooledConnection
    bucket: "Bucket" = attrs.field(repr=False)
    expires_at: float
    state: SlotState = SlotState.BORROWED
    settings: object = None
    """The connection's settings when it became idle; keeps them alive while their id is a dict key."""
    idle_since: float = 0.0
    doom: CloseReason | None = None
    """Why it is closing, or will be closed when returned."""
    owner: "Account | None" = attrs.field(default=None, repr=False)
    """The tenant whose share it takes while it is borrowed, if there are tenants."""


@attrs.define(eq=False)
class Opening:
    """The slot kept for a connection that is being opened."""

    bucket: "Bucket" = attrs.field(repr=False)
    waiter: Waiter | None
    """The one whose settings were asked for; it may have been served since."""
    began: float
    doom: CloseReason | None = None
    line: "Line | None" = attrs.field(default=None, repr=False)
    """The waiters of the tenant whose share it takes, if there are tenants; None when nobody needs it."""


@attrs.define(eq=False)
class Bucket:
    """State of one key. Counts are kept by the owner of the slots."""

    key: Hashable
    waiters: OrderedDict[Waiter, None] = attrs.field(factory=OrderedDict, repr=False)
    idle: OrderedDict[Slot, None] = attrs.field(factory=OrderedDict, repr=False)
    stacks: dict[int, list[Slot]] = attrs.field(factory=dict, repr=False)
    """The same idle slots by the id of their settings."""
    size: int = 0
    opening: int = 0
    """Connections being opened, without those of an old generation."""
    used_at: float = 0.0
    settings: object = attrs.field(default=None, repr=False)
    """What was wanted last; connections are kept warm with these."""
    failures: int = 0
    failed_at: float = 0.0
    retry_at: float = 0.0
    last_error: BaseException | None = attrs.field(default=None, repr=False)

    def push(self, slot: Slot, now: float) -> None:
        """Put a returned slot on top of its stack."""
        slot.settings = settings = slot.connection.settings
        slot.state = _IDLE
        slot.idle_since = now
        self.idle[slot] = None
        stack = self.stacks.get(id(settings))
        if stack is None:
            self.stacks[id(settings)] = [slot]
        else:
            stack.append(slot)

    def pop(self, settings: object, now: float) -> Slot | None:
        """Take out an idle slot for these settings and lend it; None if there is none, or not at a glance."""
        stack = self.stacks.get(id(settings))
        if stack:
            slot = stack.pop()
        else:
            found = self.best_idle(settings, LOOK_BACK)
            if found is None:
                return None
            slot = found
            self.stacks[id(slot.settings)].remove(slot)
        del self.idle[slot]
        slot.state = _BORROWED
        self.used_at = now
        return slot

    def remove(self, slot: Slot) -> None:
        """Take an idle slot out, wherever it is."""
        del self.idle[slot]
        self.stacks[id(slot.settings)].remove(slot)

    def best_idle(self, settings: object, look_back: int | None = None) -> Slot | None:
        """Return the idle slot to serve these settings: an exact match, else the newest that can become it.

        At most ``look_back`` others are asked; None asks all.
        """
        stack = self.stacks.get(id(settings))
        if stack:
            return stack[-1]
        for slot in islice(reversed(self.idle), look_back):
            if slot.connection.can_become(settings):
                return slot
        return None

    def wanted(self, now: float) -> int:
        """Return how many more connections would be opened at once if there were room.

        A failing key is tried again with one connection at a time.
        """
        if not self.failures:
            return max(0, len(self.waiters) - self.opening)
        return 1 if self.waiters and not self.opening and now >= self.retry_at else 0

    def next_uncovered(self) -> Waiter:
        """Return the oldest waiter that no opening connection is for; there must be one."""
        return next(islice(self.waiters, self.opening, None))

    def failed(self, error: BaseException, began: float, now: float, limits: PoolLimits, luck: float) -> None:
        """Note a failed open; connects that began before the latest one belong to it and count once."""
        self.last_error = error
        if self.failures and began <= self.failed_at:
            return
        self.failures += 1
        self.failed_at = now
        # The exponent is bounded because a float overflows long before an outage ends.
        pause = min(limits.backoff_max, limits.backoff_initial * 2.0 ** min(self.failures - 1, 60))
        self.retry_at = now + pause * (1 - limits.backoff_jitter * luck)

    def recovered(self) -> None:
        """Forget the failures to connect."""
        self.failures = 0
        self.retry_at = 0.0
        self.last_error = None

    def purge(self) -> None:
        """Drop empty stacks, which the fast path leaves in place because it may soon refill them."""
        for settings_id in [each for each, stack in self.stacks.items() if not stack]:
            del self.stacks[settings_id]
