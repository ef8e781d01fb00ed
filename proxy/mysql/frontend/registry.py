"""All clients of an endpoint: how many there may be, which have been silent or here for too long."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twisted.logger import Logger

from ...errors import (
    ClientError,
    rate_limit_exceeded,
    too_many_clients,
    too_many_from_address,
    too_many_of_tenant,
    too_many_of_user,
)
from ...tenants.tenant import Tenant
from ..backend.connector import PoolKey
from .admission import ConnectionRate, Occupancy
from .context import EndpointContext
from .refusals import RefusalLog

if TYPE_CHECKING:
    from .client import ClientConnection

__all__ = ["FIRST_CLIENT_NUMBER", "LAST_CLIENT_NUMBER", "SWEEP_INTERVAL", "ClientRegistry"]

#: The first client's connection id; far above a database's own, so that a KILL never hits the wrong one. The
#: last one is such that clients which keep it as a signed number of 32 bits send it back as it was.
FIRST_CLIENT_NUMBER = 1 << 30
LAST_CLIENT_NUMBER = (1 << 31) - 1

#: Seconds between two looks at idle clients.
SWEEP_INTERVAL = 1.0

#: Clients looked at in one go, so that ten thousand of them do not hold up the reactor.
_SWEEP_BATCH = 500


class ClientRegistry:
    """Knows each ClientConnection from accept to close."""

    log = Logger()

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._clients: dict[int, ClientConnection] = {}
        self._last_number = FIRST_CLIENT_NUMBER - 1
        self._sweep: Iterator[ClientConnection] = iter(())
        self._rate = ConnectionRate(context.clock)
        self._addresses = Occupancy()
        self._users = Occupancy()
        self.refusals = RefusalLog(context.clock)
        #: Counters, named after RDS's metrics.
        self.received = self.setup_succeeded = self.setup_failed_auth = self.closed = 0

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> "Iterator[ClientConnection]":
        return iter(tuple(self._clients.values()))

    def next_number(self) -> int:
        """A connection id that no present client has."""
        while True:
            following = self._last_number + 1
            self._last_number = following if following <= LAST_CLIENT_NUMBER else FIRST_CLIENT_NUMBER
            if self._last_number not in self._clients:
                return self._last_number

    def find(self, number: int) -> "ClientConnection | None":
        """The client with this connection id."""
        return self._clients.get(number)

    def admit(self, client: "ClientConnection") -> ClientError | None:
        """Let one more in, or say why not. Until it has logged in it has neither address nor user."""
        self.received += 1
        options = self._context.options
        if len(self._clients) >= options.max_client_connections:
            return too_many_clients(options.max_client_connections)
        if not self._rate.allows(options.client_connection_rate_limit):
            return rate_limit_exceeded(options.client_connection_rate_limit)
        self._clients[client.number] = client
        return None

    def locate(self, client: "ClientConnection") -> ClientError | None:
        """Count a client at its address, which is known by now, or say why it cannot stay."""
        address, limit = client.peer.address, self._context.options.max_client_connections_per_address
        if not self._addresses.take(address, limit):
            return too_many_from_address(address, limit)
        client.counted_address = address
        return None

    def authenticated(self, client: "ClientConnection", key: PoolKey) -> ClientError | None:
        """Count a client as whom it has proven to be, no longer as another, or say why it cannot stay."""
        self._uncount(client)
        if not self._users.take(key.username, self._context.options.max_client_connections_per_user):
            return too_many_of_user(key.username)
        client.counted_user = key.username
        tenant: Tenant = key.tenant
        if not tenant.admit():
            return too_many_of_tenant(tenant.name, tenant.limits.max_client_connections)
        client.tenant = tenant
        self.setup_succeeded += 1
        return None

    def has_user(self, username: str) -> bool:
        """Whether anybody is logged in as this user."""
        return self._users[username] > 0

    def _uncount(self, client: "ClientConnection") -> None:
        self._users.leave(client.counted_user)
        client.counted_user = ""
        tenant, client.tenant = client.tenant, None
        if tenant is not None:
            self._context.tenants.leave(tenant)

    def refused(self) -> None:
        """A client's log-in has failed."""
        self.setup_failed_auth += 1

    def gone(self, client: "ClientConnection") -> None:
        """It is no longer connected."""
        self._clients.pop(client.number, None)
        self._addresses.leave(client.counted_address)
        self._uncount(client)
        self.closed += 1

    def sweep(self) -> None:
        """Close clients beyond idle_client_timeout or max_client_connection_life, a batch at a time."""
        self.refusals.flush()
        options = self._context.options
        now = self._context.clock.seconds()
        for _ in range(_SWEEP_BATCH):
            client = next(self._sweep, None)
            if client is None:
                self._sweep = iter(tuple(self._clients.values()))
                return
            commands = client.commands if self.find(client.number) is client else None
            if commands is None or not commands.waits_for_client:
                continue
            if now - commands.last_active >= options.idle_client_timeout:
                self._close(client, "idle_client_timeout")
            elif (
                now - client.since >= options.max_client_connection_life and not commands.value.in_transaction
            ):
                self._close(client, "max_client_connection_life")

    def _close(self, client: "ClientConnection", option: str) -> None:
        self.log.info(
            "[clientConnection={client}] The client connection closed. Reason: {option}",
            client=client.number,
            option=option,
        )
        client.close()
