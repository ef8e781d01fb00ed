"""Guessing passwords is slow: who has failed to log in several times in a row waits before the next verdict.

Failures in a row are counted for an address together with a user, and for an address alone, so that trying
many users does not help; the first log-in that succeeds ends the row of both. Of one user an address' own row
counts ``threshold`` failures at most: an application with an outdated password delays itself, and nobody else
on its machine. An IPv6 address stands for its /64, of which one machine has as many as it likes.

The wait comes before the password is looked at, and is the same for a right one and a wrong one. No account
is ever locked: the same user goes on undelayed from another address. Waiting takes a place, of which there
are ``max_waiting``, and for one address a quarter of them; without one the client is told 1040 at once, which
drivers take for a reason to try again later. MySQL's plugin connection_control delays likewise (MySQL manual,
"Connection Control Plugins"), without the bound.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed

from ...errors import too_many_failed_log_ins
from .admission import Occupancy

__all__ = ["ADDRESS_FACTOR", "ADDRESS_SHARE", "FailedLogins", "ThrottleOptions"]

#: An address is delayed after so many times ``threshold`` failures, whatever users they were for.
ADDRESS_FACTOR = 4

#: One address gets this part of the places to wait in.
ADDRESS_SHARE = 4

_IPV6_NETWORK_BITS = 64

#: Doubling more often than that exceeds any max_delay.
_MAX_DOUBLINGS = 30

_Key = tuple[str, str]


@attrs.frozen
class ThrottleOptions:
    """Times in seconds. From the ``threshold``-th failure on each doubles the delay; 0 is no threshold."""

    threshold: int = 5
    delay: float = 0.5
    max_delay: float = 8.0
    max_waiting: int = 100
    #: Rows of failures that are remembered; the one that grew least recently is forgotten first.
    memory: int = 10_000
    #: A row ends by itself after so long without a failure.
    forget_after: float = 600.0


@attrs.define
class _Row:
    """Failures without a success in between, and when the last one was."""

    failures: int
    last: float


class FailedLogins:
    """Delays who fails to log in again and again."""

    def __init__(self, clock: Any, options: Callable[[], ThrottleOptions]) -> None:
        self._clock = clock
        self._options = options
        #: By address and user, the user being empty for an address alone; the last one grew most recently.
        self._rows: OrderedDict[tuple[str, str | None], _Row] = OrderedDict()
        self._waiting: dict[_Key, dict[Deferred[None], Any]] = {}
        self._places = Occupancy()
        self._waiters = 0
        #: Attempts that had to wait, and those that found no place to.
        self.delayed = self.refused = 0

    @property
    def waiting(self) -> int:
        """Attempts that wait at present."""
        return self._waiters

    def __len__(self) -> int:
        """Rows of failures that are remembered."""
        return len(self._rows)

    def wait(self, address: str, username: str) -> Deferred[None]:
        """Fires when the password may be looked at; may be cancelled.

        Fails with the ClientError that the client is to be told where there is no place to wait in.
        """
        options = self._options()
        place = _place(address)
        delay = self._delay(place, username, options)
        if not delay:
            return succeed(None)
        if self._waiters >= options.max_waiting or not self._places.take(
            place, max(1, options.max_waiting // ADDRESS_SHARE)
        ):
            self.refused += 1
            return fail(too_many_failed_log_ins())
        self.delayed += 1
        return self._start_waiting((place, username), delay)

    def failed(self, address: str, username: str) -> bool:
        """The client did not prove who it is; whether that was once too often, so that it will wait."""
        options = self._options()
        if not options.threshold:
            return False
        place = _place(address)
        if self._grow((place, username), options) <= options.threshold:
            self._grow((place, None), options)
        return self._excess(place, username, options) >= 0

    def succeeded(self, address: str, username: str) -> None:
        """The client is who it says: the row is over, and who waits for the same user waits no longer."""
        place = _place(address)
        self._rows.pop((place, username), None)
        self._rows.pop((place, None), None)
        waiters = list(self._waiting.get((place, username), ()))
        # All at first: one that goes on may succeed, and so come here again, before the next one does.
        for waiter in waiters:
            self._stop_waiting((place, username), waiter)
        for waiter in waiters:
            waiter.callback(None)

    def _delay(self, place: str, username: str, options: ThrottleOptions) -> float:
        """Seconds to wait; 0 for who has not failed so often."""
        excess = self._excess(place, username, options) if options.threshold else -1
        if excess < 0:
            return 0.0
        return float(min(options.max_delay, options.delay * 2 ** min(excess, _MAX_DOUBLINGS)))

    def _excess(self, place: str, username: str, options: ThrottleOptions) -> int:
        """Failures beyond the threshold; negative below it."""
        of_user = self._failures((place, username), options) - options.threshold
        of_address = self._failures((place, None), options) - options.threshold * ADDRESS_FACTOR
        return max(of_user, of_address)

    def _failures(self, key: tuple[str, str | None], options: ThrottleOptions) -> int:
        row = self._rows.get(key)
        if row is None or self._clock.seconds() - row.last >= options.forget_after:
            return 0
        return row.failures

    def _grow(self, key: tuple[str, str | None], options: ThrottleOptions) -> int:
        """Count a failure; how many there are now."""
        failures = self._failures(key, options) + 1
        now = self._clock.seconds()
        self._rows[key] = _Row(failures, now)
        self._rows.move_to_end(key)
        while len(self._rows) > options.memory or self._ends_first(now - options.forget_after):
            self._rows.popitem(last=False)
        return failures

    def _ends_first(self, before: float) -> bool:
        """Whether the row that grew least recently has not grown since."""
        first = next(iter(self._rows.values()), None)
        return first is not None and first.last <= before

    def _start_waiting(self, key: _Key, delay: float) -> Deferred[None]:
        waiter: Deferred[None] = Deferred(partial(self._stop_waiting, key))
        self._waiters += 1
        timer = self._clock.callLater(delay, self._waited, key, waiter)
        self._waiting.setdefault(key, {})[waiter] = timer
        return waiter

    def _waited(self, key: _Key, waiter: Deferred[None]) -> None:
        self._stop_waiting(key, waiter)
        waiter.callback(None)

    def _stop_waiting(self, key: _Key, waiter: Deferred[None]) -> None:
        """The place is free again; the timer may have gone off."""
        waiters = self._waiting[key]
        timer = waiters.pop(waiter)
        if timer.active():
            timer.cancel()
        if not waiters:
            del self._waiting[key]
        self._waiters -= 1
        self._places.leave(key[0])


def _place(address: str) -> str:
    """What counts as one address; the Unix socket's is empty, and counts as one, too."""
    if ":" not in address:
        return address or "a Unix socket"
    network = int(ipaddress.IPv6Address(address.partition("%")[0])) >> 128 - _IPV6_NETWORK_BITS
    return f"{network:x}/{_IPV6_NETWORK_BITS}"
