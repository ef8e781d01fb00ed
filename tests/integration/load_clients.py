"""`python -m tests.integration.load_clients`: the clients of ``load``, in one process and on one thread.

It reads a plan, then commands, one a line (`status`, `finish`), and answers each with one line of JSON.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from .async_client import Answer, AsyncClient, ServerError
from .ledger import ACCOUNTS, BALANCE, LOST

__all__ = ["Client", "LoadRun"]

RECONNECT_PAUSE = 0.02
"""Seconds between two rounds through the addresses."""
LOG_INS_AT_A_TIME = 10
LINE_LIMIT = 1 << 20
GONE = (1053, 1290, 1792, 1836, 1927)
"""Errors after which a client without a proxy looks for another server: it shuts down, or is read-only."""
SETTINGS = "SELECT @tag, @@session.time_zone, @@session.sql_mode"
SQL_MODE = "NO_ZERO_DATE"


class Dropped(Exception):
    """The socket is gone, and this client never reconnects."""


class LoadRun:
    """What all clients of the process share: the plan, the end, and what they saw."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.is_over = False
        self.writes: list[tuple[str, int, int, float, float]] = []
        self.failures: list[tuple[str, int, int, str, int, str, str, float]] = []
        self.problems: list[str] = []
        self.pinned: dict[int, str] = {}
        self.reads = 0
        self.idle = 0
        self._places = asyncio.Semaphore(LOG_INS_AT_A_TIME)
        self._clients: list[Client] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Log everybody in and set them to work."""
        roles: list[tuple[str, type[Client]]] = [
            ("readers", Reader),
            ("writers", Writer),
            ("transfers", Transfer),
            ("idle", Idle),
            ("pinned", Pinned),
        ]
        for name, role in roles:
            first = self.plan["first"] + len(self._clients)
            self._clients += [role(self, first + place) for place in range(self.plan[name])]
        await asyncio.gather(*(self._ready(client) for client in self._clients))
        self._tasks = [asyncio.create_task(self._guarded(client, client.work)) for client in self._clients]

    async def finish(self) -> dict[str, Any]:
        """Wait for everybody, then have them look at their sessions."""
        self.is_over = True
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*(self._guarded(client, client.look) for client in self._clients))
        return {
            "writes": self.writes,
            "failures": self.failures,
            "problems": self.problems,
            "pinned": self.pinned,
            "reads": self.reads,
            "idle": self.idle,
        }

    async def pause(self) -> None:
        """Think."""
        await asyncio.sleep(self.plan["think"] * random.uniform(0.2, 1.8))

    async def _ready(self, client: "Client") -> None:
        async with self._places:
            await client.begin()

    async def _guarded(self, client: "Client", act: Callable[[], Awaitable[None]]) -> None:
        if client.is_gone:
            return
        try:
            await act()
        except Dropped:
            pass
        except Exception as problem:
            client.problem(f"{type(problem).__name__}: {problem}")


class Client:
    """One client: its session's settings, and how it asks."""

    kind = "read"

    def __init__(self, run: LoadRun, number: int) -> None:
        self.run = run
        self.number = number
        self.seq = 0
        self.is_gone = False
        self._connection: AsyncClient | None = None
        self._addresses = run.plan["addresses"]
        self._next = 0

    async def begin(self) -> None:
        """Log in; set what must survive."""
        await self._connect()

    async def work(self) -> None:
        """Until the load is over."""
        while not self.run.is_over:
            self.seq += 1
            await self.act()
            await self.run.pause()

    async def act(self) -> None:
        """One piece of work."""

    async def look(self) -> None:
        """Is the session what it was?"""
        answer = await self.tried("look", SETTINGS)
        if answer is not None and answer.rows != [self.settings]:
            self.problem(f"the session has {answer.rows}, not {self.settings}")

    @property
    def settings(self) -> tuple[str, ...]:
        """The row that SETTINGS gives."""
        return f"client {self.number}", f"+{self.number % 13:02}:00", SQL_MODE

    def problem(self, what: str) -> None:
        """Note a broken promise."""
        self.run.problems.append(f"{type(self).__name__.lower()} {self.number}: {what}")

    async def ask(self, sql: str) -> Answer:
        """Say a statement. Raises ServerError, also where the socket was lost and there is another now."""
        return await self.limited(lambda connection: connection.query(sql))

    async def tried(self, stage: str, sql: str) -> Answer | None:
        """Say a statement; None after an error, which is noted."""
        try:
            return await self.ask(sql)
        except ServerError as error:
            self.failed(stage, error)
            return None

    async def limited(self, act: Callable[[AsyncClient], Awaitable[Answer]]) -> Answer:
        """Do something with the connection, within the limit."""
        assert self._connection is not None
        limit = self.run.plan["statement_limit"]
        try:
            return await asyncio.wait_for(act(self._connection), limit)
        except ServerError as error:
            if self.run.plan["retry"] and error.errno in GONE:
                return await self._lost(f"error {error.errno}")
            raise
        except (OSError, EOFError) as error:
            return await self._lost(f"the socket was lost ({type(error).__name__}: {error})")
        except TimeoutError:
            return await self._lost(f"no answer within {limit} s")

    def failed(self, stage: str, error: ServerError) -> None:
        """Note an error."""
        self.run.failures.append(
            (
                self.kind,
                self.number,
                self.seq,
                stage,
                error.errno,
                error.sqlstate,
                error.message,
                time.monotonic(),
            )
        )

    def acknowledged(self, sent: float) -> None:
        """Note a write."""
        self.run.writes.append((self.kind, self.number, self.seq, sent, time.monotonic()))

    async def _lost(self, how: str) -> Answer:
        assert self._connection is not None
        self._connection.abort()
        if not self.run.plan["retry"]:
            self.is_gone = True
            self.problem(how)
            raise Dropped
        await self._connect()
        raise ServerError(LOST, "", how)

    async def _connect(self) -> None:
        if not self.run.plan["retry"]:
            await self._connect_to(self._addresses[0])
            return
        while not self.run.is_over:
            for _ in self._addresses:
                if await self._is_writable(self._addresses[self._next]):
                    return
                self._next = (self._next + 1) % len(self._addresses)
            await asyncio.sleep(RECONNECT_PAUSE)
        self.is_gone = True

    async def _is_writable(self, address: list[Any]) -> bool:
        try:
            await asyncio.wait_for(self._connect_to(address), self.run.plan["statement_limit"])
            assert self._connection is not None
            answer = await self._connection.query("SELECT @@global.read_only")
        except (OSError, EOFError, ServerError, TimeoutError):
            return False
        return answer.rows == [("0",)]

    async def _connect_to(self, address: list[Any]) -> None:
        plan = self.run.plan
        self._connection = await AsyncClient.connect(*address, plan["user"], plan["password"])
        tag, zone, mode = self.settings
        await self._connection.query(f"SET @tag = '{tag}'")
        await self._connection.query(f"SET time_zone = '{zone}', sql_mode = '{mode}'")


class Reader(Client):
    """Reads one row, or the sum of all money, which never changes."""

    def __init__(self, run: LoadRun, number: int) -> None:
        super().__init__(run, number)
        self._addresses = run.plan["read_addresses"]

    async def act(self) -> None:
        if self.seq % 4:
            sql, expected = f"SELECT {self.seq}, COUNT(*) FROM account WHERE id = 1", (str(self.seq), "1")
        else:
            sql = "SELECT @tag, SUM(balance) FROM account"
            expected = (self.settings[0], str(ACCOUNTS * BALANCE))
        answer = await self.tried("read", sql)
        if answer is None:
            return
        self.run.reads += 1
        if answer.rows != [expected]:
            self.problem(f"{sql} gave {answer.rows}, not {expected}")


class Writer(Client):
    """Inserts one row a time; every other one of them as a prepared statement."""

    kind = "entry"

    def __init__(self, run: LoadRun, number: int) -> None:
        super().__init__(run, number)
        self._statement = 0

    async def _connect_to(self, address: list[Any]) -> None:
        await super()._connect_to(address)
        if self.number % 2:
            assert self._connection is not None
            self._statement = await self._connection.prepare("INSERT INTO entry (client, seq) VALUES (?, ?)")

    async def act(self) -> None:
        sent = time.monotonic()
        try:
            if self.number % 2:
                await self.limited(lambda it: it.execute(self._statement, (self.number, self.seq)))
            else:
                await self.ask(f"INSERT INTO entry (client, seq) VALUES ({self.number}, {self.seq})")
        except ServerError as error:
            self.failed("insert", error)
        else:
            self.acknowledged(sent)


class Transfer(Client):
    """Moves money in transactions that take their time."""

    kind = "transfer"

    async def act(self) -> None:
        # In order, so that no two of them wait for each other.
        source, sink = sorted(random.sample(range(ACCOUNTS), 2))
        amount = random.randint(-9, 9)
        change = "UPDATE account SET balance = balance"
        steps = (
            ("begin", "BEGIN"),
            ("update", f"{change} - {amount} WHERE id = {source}"),
            ("update", f"{change} + {amount} WHERE id = {sink}"),
            (
                "journal",
                "INSERT INTO journal (client, seq, source, sink, amount)"
                f" VALUES ({self.number}, {self.seq}, {source}, {sink}, {amount})",
            ),
        )
        for stage, sql in steps:
            answer = await self.tried(stage, sql)
            if answer is None:
                await self._is_free()
                return
            if not answer.is_in_transaction:
                self.problem(f"no transaction is open after {stage}, and there was no error")
            await asyncio.sleep(random.uniform(0, 0.01))
        sent = time.monotonic()
        if await self.tried("commit", "COMMIT") is None:
            await self._is_free()
        else:
            self.acknowledged(sent)

    async def _is_free(self) -> None:
        """After the error nothing is left of the transaction, and no ROLLBACK is needed."""
        answer = await self.tried("after", "SELECT 1")
        if answer is not None and answer.is_in_transaction:
            self.problem("the transaction goes on after its error")
            await self.ask("ROLLBACK")


class Idle(Client):
    """Says nothing until the end."""

    async def work(self) -> None:
        self.run.idle += 1


class Pinned(Client):
    """Has a temporary table, and says nothing until the end."""

    async def begin(self) -> None:
        await super().begin()
        await self.ask("CREATE TEMPORARY TABLE mine (id INT)")

    async def work(self) -> None:
        return

    async def look(self) -> None:
        self.run.pinned[self.number] = ""
        try:
            await self.ask("SELECT COUNT(*) FROM mine")
        except ServerError as error:
            self.run.pinned[self.number] = f"{error.errno} {error.message}"
        await super().look()


async def main() -> None:
    """Serve the commands on standard input."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    run = LoadRun(json.loads(await lines.readline()))
    await run.begin()
    _say({})
    while command := (await lines.readline()).decode().strip():
        if command == "status":
            _say({"writes": len(run.writes), "failures": len(run.failures)})
        else:
            _say(await run.finish())


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
