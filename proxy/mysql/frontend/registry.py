"""All clients of an endpoint: how many there are, which have been silent or here for too long."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twisted.logger import Logger

from .context import EndpointContext

if TYPE_CHECKING:
    from .client import ClientConnection

__all__ = ["SWEEP_INTERVAL", "ClientRegistry"]

#: Seconds between two looks at idle clients.
SWEEP_INTERVAL = 1.0

#: Clients looked at in one go, so that ten thousand of them do not hold up the reactor.
_SWEEP_BATCH = 500


class ClientRegistry:
    """Knows each ClientConnection from accept to close."""

    log = Logger()

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._clients: set[ClientConnection] = set()
        self._sweep: Iterator[ClientConnection] = iter(())
        #: Counters, named after RDS's metrics.
        self.received = self.setup_succeeded = self.setup_failed_auth = self.closed = 0

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> "Iterator[ClientConnection]":
        return iter(tuple(self._clients))

    def admit(self, client: "ClientConnection") -> bool:
        """Whether there is room for one more."""
        self.received += 1
        if len(self._clients) >= self._context.options.max_client_connections:
            return False
        self._clients.add(client)
        return True

    def authenticated(self) -> None:
        """A client has logged in."""
        self.setup_succeeded += 1

    def refused(self) -> None:
        """A client's log-in has failed."""
        self.setup_failed_auth += 1

    def gone(self, client: "ClientConnection") -> None:
        """It is no longer connected."""
        self._clients.discard(client)
        self.closed += 1

    def sweep(self) -> None:
        """Close clients beyond idle_client_timeout or max_client_connection_life, a batch at a time."""
        options = self._context.options
        now = self._context.clock.seconds()
        for _ in range(_SWEEP_BATCH):
            client = next(self._sweep, None)
            if client is None:
                self._sweep = iter(tuple(self._clients))
                return
            commands = client.commands if client in self._clients else None
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
