"""Whether a target's name still stands for the server that is connected.

RDS moves the name of a Multi-AZ instance to the standby, and a blue/green switch moves all names: the old
server may live on and answer. Nothing is cached here: each connection looks the name up when it is opened,
and this asks again at an interval, and at once after a doubt. A name that stands for several servers in turn
is no target: each answer would look like a move.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["ADDRESS_INTERVAL", "AddressWatch", "Resolve", "resolve_with"]

#: Seconds between two look-ups of a name: the life that RDS gives to its own.
ADDRESS_INTERVAL = 5.0

#: Looks a name up, without blocking: all its addresses, as text.
Resolve = Callable[[str], Deferred[frozenset[str]]]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressWatch:
    """Looks the name of one target up while a connection to it is open; it has no timer of its own."""

    log = Logger()

    def __init__(
        self, host: Callable[[], str], resolve: Resolve, clock: Any, interval: float = ADDRESS_INTERVAL
    ) -> None:
        """``host``: the target's name as it is configured now; ``interval`` in seconds."""
        self._host = host
        self._resolve = resolve
        self._clock = clock
        #: Seconds between two look-ups.
        self.interval = interval
        self._peer: _Address | None = None
        self._moved = False
        self._due = 0.0
        self._under_way: object = None

    def connected(self, peer: str) -> None:
        """A new connection is open, to this address; what was found out before is of no interest."""
        self._peer = None if _address(self._host()) is not None else _address(peer)
        self._moved = False
        self._under_way = None
        self._due = self._clock.seconds() + self.interval

    def doubt(self) -> None:
        """Something is wrong with the target: look the name up with the next question."""
        self._due = self._clock.seconds()

    def has_moved(self) -> bool:
        """Whether the name, when it was looked up last, did not stand for the connection's peer any more.

        Begins to look it up where that is due; the answer counts when this is asked again. A name that
        cannot be looked up has not moved.
        """
        if self._peer is not None and self._under_way is None and self._clock.seconds() >= self._due:
            self._look_up()
        return self._moved

    def _look_up(self) -> None:
        self._under_way = this = object()
        self._due = self._clock.seconds() + self.interval
        self._resolve(self._host()).addCallbacks(
            self._found, self._failed, callbackArgs=(this,), errbackArgs=(this,)
        ).addErrback(lambda failure: self.log.failure("a look-up of {host}", failure, host=self._host()))

    def _found(self, texts: frozenset[str], this: object) -> None:
        if this is not self._under_way:
            return
        self._under_way = None
        found = {address for text in texts if (address := _address(text)) is not None}
        self._moved = bool(found) and self._peer not in found
        if self._moved:
            self.log.warn(
                "{host} is at {now} and no longer at {before}",
                host=self._host(),
                now=", ".join(sorted(map(str, found))),
                before=str(self._peer),
            )

    def _failed(self, failure: Failure, this: object) -> None:
        if this is self._under_way:
            self._under_way = None
        self.log.debug("{host} cannot be looked up: {reason}", host=self._host(), reason=str(failure.value))


def _address(text: str) -> _Address | None:
    """The address that a text is, IPv4 inside IPv6 taken out; None where it is a name."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def resolve_with(resolver: IHostnameResolver) -> Resolve:
    """From the reactor's ``nameResolver``, which asks the system in a thread."""

    def resolve(host: str) -> Deferred[frozenset[str]]:
        receiver = _Receiver()
        resolver.resolveHostName(receiver, host)
        return receiver.done

    return resolve


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects the addresses of one look-up; a name that is not found has none."""

    def __init__(self) -> None:
        self.done: Deferred[frozenset[str]] = Deferred()
        self._found: set[str] = set()

    def resolutionBegan(self, resolution: Any) -> None:
        """It cannot be stopped any more."""

    def addressResolved(self, address: Any) -> None:
        """One of the addresses."""
        self._found.add(address.host)

    def resolutionComplete(self) -> None:
        """That was all."""
        self.done.callback(frozenset(self._found))
