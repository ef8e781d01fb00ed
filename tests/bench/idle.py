"""Memory for each idle client: what the proxy holds more with a crowd than before, divided by the crowd."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

import attrs

from . import crowd, footprint
from .database import Address
from .load import Exchanged
from .packets import Account
from .relay import Relay

__all__ = ["CLIENTS", "TLS_CLIENTS", "IdleMemory", "measure"]

CLIENTS = 10_000
TLS_CLIENTS = 1_000
FIRST_CLIENTS = 200
"""Clients that come first and stay, so that what the proxy allocates once for all is not counted."""

Check = Callable[[], None]
Gather = Callable[[Address, Account, int, Check], AbstractContextManager[list[socket.socket]]]


@attrs.frozen
class IdleMemory:
    """Bytes of the proxy for each of so many clients: after the log-in, and after one statement each."""

    clients: int
    tls: bool
    logged_in: float
    after_statement: float


def measure(
    relay: Relay, account: Account, exchange: Exchanged, *, clients: int, tls: bool, check: Check
) -> IdleMemory:
    """Gather the crowd and let each client ask once. Raises WrongResponse and OSError."""
    gather: Gather = crowd.gathered_with_tls if tls else crowd.gathered
    with gather(relay.address, account, FIRST_CLIENTS, check) as first:
        crowd.ask_once(first, exchange, check)
        before = footprint.resident(relay.pid)
        with gather(relay.address, account, clients, check) as connections:
            logged_in = footprint.resident(relay.pid)
            crowd.ask_once(connections, exchange, check)
            after = footprint.resident(relay.pid)
            # Nobody was dropped meanwhile.
            crowd.ask_once(connections, exchange, check)
    return IdleMemory(clients, tls, (logged_in - before) / clients, (after - before) / clients)
