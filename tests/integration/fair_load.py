"""Clients that borrow again and again, by tenant, and how long each statement of theirs took.

All of them in one thread of asyncio. What is compared is compared within one run, and at one time, so that a
busy machine weighs on both sides.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable
from typing import TypeVar

import attrs

from .async_client import AsyncClient, ServerError

__all__ = ["ATTRIBUTE", "LOAD_LIMIT", "Endpoint", "Part", "Party", "in_time", "median"]

ATTRIBUTE = "customer"
"""The connection attribute that names a client's tenant."""
LOG_INS_AT_A_TIME = 16
LOAD_LIMIT = 120.0
"""Seconds after which clients that are not done count as stuck."""

T = TypeVar("T")


@attrs.frozen
class Endpoint:
    """Where clients log in, and the passwords."""

    host: str
    port: int
    users: dict[str, str] = attrs.field(repr=False)


@attrs.frozen
class Part:
    """What the clients of one tenant do: a statement again and again, with a pause (s) behind each."""

    tenant: str
    clients: int
    sql: str
    pause: float = 0.0
    user: str = "app"


@attrs.define(eq=False)
class Party:
    """The logged-in clients of one part. Times are in seconds."""

    part: Part
    endpoint: Endpoint
    latencies: list[float] = attrs.field(factory=list, repr=False)
    errors: list[ServerError] = attrs.field(factory=list, repr=False)
    _clients: list[AsyncClient] = attrs.field(factory=list, init=False, repr=False)
    _tasks: list["asyncio.Task[None]"] = attrs.field(factory=list, init=False, repr=False)

    async def join(self) -> "Party":
        """Log all of them in."""
        gate = asyncio.Semaphore(LOG_INS_AT_A_TIME)

        async def log_in() -> None:
            async with gate:
                where, user = self.endpoint, self.part.user
                self._clients.append(
                    await AsyncClient.connect(
                        where.host,
                        where.port,
                        user,
                        where.users[user],
                        attributes={ATTRIBUTE: self.part.tenant},
                    )
                )

        await asyncio.gather(*(log_in() for _ in range(self.part.clients)))
        return self

    def begin(self) -> None:
        """Let all of them work until `leave`; an error of the server's is noted, and work goes on."""
        self._tasks = [asyncio.create_task(self._work(client)) for client in self._clients]

    async def reach(self, statements: int) -> None:
        """Wait until so many statements are done since `begin` or `forget`; raise what ended a client."""
        while len(self.latencies) < statements:
            ended = [task for task in self._tasks if task.done()]
            for task in ended:
                task.result()
            await asyncio.sleep(0.01)

    def forget(self) -> None:
        """Count from now on."""
        self.latencies.clear()

    async def leave(self) -> None:
        """Close all sockets, whatever is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients:
            client.abort()

    async def _work(self, client: AsyncClient) -> None:
        while True:
            began = time.monotonic()
            try:
                await client.query(self.part.sql)
                self.latencies.append(time.monotonic() - began)
            except ServerError as error:
                self.errors.append(error)
            await asyncio.sleep(self.part.pause)


def median(party: Party) -> float:
    """What half of a party's statements took at most."""
    return statistics.median(party.latencies)


def in_time(work: Awaitable[T]) -> T:
    """Run it; TimeoutError after `LOAD_LIMIT`."""

    async def limited() -> T:
        return await asyncio.wait_for(work, LOAD_LIMIT)

    return asyncio.run(limited())
