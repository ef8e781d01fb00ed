"""The load generator: closed loops over sockets in one process, with little Python per operation.

Each function runs for about `seconds` and returns the latency of every operation, in seconds. Every response
to a point select is compared byte for byte with the database's own, so that a broken relay cannot look fast.
`check` is called again and again and may raise to end the load.
"""

import itertools
import random
import select
import socket
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import perf_counter

from .database import CONNECTION_LIMIT, Address, LargeResult
from .packets import QUIT, RECEIVE_SIZE, Account, Dialogue, WrongResponse, log_in
from .prepared import PreparedPoint, execution

__all__ = [
    "Exchanged",
    "check_large_result",
    "hang_up",
    "large_results",
    "point_selects",
    "prepared_selects",
    "visits",
]

Check = Callable[[], None]
Exchanged = tuple[bytes, bytes]

POLL_LIMIT = 0.5
LARGE_RECEIVE_SIZE = 1 << 18


class _Client:
    """A connection that has one statement under way."""

    __slots__ = ("answer", "expected", "feed", "number", "receive", "send", "sent_at")

    def __init__(self, connection: socket.socket, feed: Iterator[Exchanged]) -> None:
        self.feed = feed
        self.number = connection.fileno()
        self.receive = connection.recv
        self.send = connection.send
        self.sent_at = 0.0
        self.answer = b""
        self.expected = b""

    def ask(self, now: float) -> None:
        """Send the next statement, which is short enough for any socket's buffer."""
        statement, self.expected = next(self.feed)
        self.sent_at = now
        self.send(statement)


def point_selects(
    connections: Sequence[socket.socket], exchanges: Sequence[Exchanged], seconds: float, check: Check
) -> list[float]:
    """Keep one statement under way on each connection."""
    feed = _endless(exchanges)
    return _kept_busy([_Client(connection, feed) for connection in connections], seconds, check)


def prepared_selects(
    statements: Sequence[tuple[socket.socket, int]],
    points: Sequence[PreparedPoint],
    seconds: float,
    check: Check,
) -> list[float]:
    """Keep one execution under way on each connection, of the statement with its id there."""
    feeds = {
        statement: _endless([(execution(statement, number), answer) for number, answer in points])
        for statement in {statement for _, statement in statements}
    }
    clients = [_Client(connection, feeds[statement]) for connection, statement in statements]
    return _kept_busy(clients, seconds, check)


def _kept_busy(asking: Sequence[_Client], seconds: float, check: Check) -> list[float]:
    clients = {client.number: client for client in asking}
    latencies: list[float] = []
    with select.epoll(len(clients)) as events:
        for number in clients:
            events.register(number, select.EPOLLIN)
        deadline = perf_counter() + seconds
        for client in clients.values():
            client.ask(perf_counter())
        busy = len(clients)
        while busy:
            for number, _ in _wait(events, check, deadline):
                client = clients[number]
                data = client.receive(RECEIVE_SIZE)
                if data != client.expected and not _is_whole(client, data):
                    continue
                now = perf_counter()
                latencies.append(now - client.sent_at)
                if now < deadline:
                    client.ask(now)
                else:
                    busy -= 1
    return latencies


def _endless(exchanges: Sequence[Exchanged]) -> Iterator[Exchanged]:
    """Every caller gets them in another order than the one before, so that no client follows another."""
    shuffled = list(exchanges)
    random.Random(len(shuffled)).shuffle(shuffled)
    return itertools.cycle(shuffled)


def _wait(events: select.epoll, check: Check, deadline: float) -> list[tuple[int, int]]:
    check()
    ready = events.poll(POLL_LIMIT)
    if not ready and perf_counter() > deadline + CONNECTION_LIMIT:
        raise WrongResponse(f"no answer for {CONNECTION_LIMIT:.0f} s")
    return ready


def _is_whole(client: _Client, data: bytes) -> bool:
    """Put together an answer that came in pieces; say whether it is complete. Raises WrongResponse."""
    answer = client.answer + data
    if not data or not client.expected.startswith(answer):
        raise WrongResponse(_what_is_wrong(answer if data else b""))
    client.answer = b"" if answer == client.expected else answer
    return not client.answer


def _what_is_wrong(answer: bytes) -> str:
    if not answer:
        return "the connection was closed before the answer was complete"
    if answer[4:5] == b"\xff":
        return f"error instead of a row: {answer[7:].decode(errors='replace')}"
    return f"the answer is not the database's own: {answer[:200]!r}"


class _Visitor:
    """A client that connects, asks some statements, quits, and does so again."""

    def __init__(self, address: Address, account: Account, exchanges: Sequence[Exchanged]) -> None:
        self._address = address
        self._account = account
        self._exchanges = exchanges
        self.begin()

    def begin(self) -> None:
        self.began_at = perf_counter()
        self.connection = socket.create_connection(self._address, timeout=CONNECTION_LIMIT)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._steps: Dialogue | None = _visit(self._account, self._exchanges)
        next(self._steps)

    def is_over(self) -> bool:
        """Take what has arrived; say whether the other side has hung up after our goodbye."""
        try:
            data = self.connection.recv(RECEIVE_SIZE)
        except ConnectionResetError:
            data = b""
        if self._steps is None or not data:
            if data or self._steps is not None:
                raise WrongResponse(_what_is_wrong(data))
            self.connection.close()
            return True
        try:
            out = self._steps.send(data)
        except StopIteration:
            self._steps, out = None, QUIT
        if out:
            self.connection.send(out)
        return False


def _visit(account: Account, exchanges: Sequence[Exchanged]) -> Dialogue:
    yield from log_in(account)
    for statement, expected in exchanges:
        answer = yield statement
        while answer != expected:
            if not expected.startswith(answer):
                raise WrongResponse(_what_is_wrong(answer))
            answer += yield b""


def visits(
    address: Address,
    account: Account,
    exchanges: Sequence[Exchanged],
    clients: int,
    seconds: float,
    check: Check,
) -> list[float]:
    """Connect, ask these statements and quit, `clients` at a time; over when the other side has hung up."""
    latencies: list[float] = []
    visitors: dict[int, _Visitor] = {}
    with select.epoll(clients) as events:

        def begun(visitor: _Visitor) -> None:
            visitors[visitor.connection.fileno()] = visitor
            events.register(visitor.connection, select.EPOLLIN)

        try:
            deadline = perf_counter() + seconds
            for _ in range(clients):
                begun(_Visitor(address, account, exchanges))
            while visitors:
                for number, _ in _wait(events, check, deadline):
                    visitor = visitors[number]
                    if not visitor.is_over():
                        continue
                    del visitors[number]
                    now = perf_counter()
                    latencies.append(now - visitor.began_at)
                    if now < deadline:
                        visitor.begin()
                        begun(visitor)
        finally:
            for visitor in visitors.values():
                visitor.connection.close()
    return latencies


def large_results(
    connection: socket.socket, expected: LargeResult, seconds: float, check: Check
) -> list[float]:
    """Read the large result again and again; its length and its end are checked."""
    latencies: list[float] = []
    buffer = bytearray(LARGE_RECEIVE_SIZE)
    deadline = perf_counter() + seconds
    now = perf_counter()
    while now < deadline:
        check()
        began = now
        connection.sendall(expected.statement)
        left = expected.size - len(expected.tail)
        while left > 0:
            received = connection.recv_into(buffer, min(left, LARGE_RECEIVE_SIZE))
            if not received:
                raise WrongResponse(_what_is_wrong(b""))
            left -= received
        if connection.recv(len(expected.tail), socket.MSG_WAITALL) != expected.tail:
            raise WrongResponse("the large result does not end as the database's own")
        now = perf_counter()
        latencies.append(now - began)
    return latencies


def check_large_result(connection: socket.socket, expected: LargeResult) -> None:
    """Read the large result once, slowly, and compare all of it by checksum. Raises WrongResponse."""
    connection.sendall(expected.statement)
    left, checksum = expected.size, 0
    while left > 0:
        data = connection.recv(min(left, LARGE_RECEIVE_SIZE))
        if not data:
            raise WrongResponse(_what_is_wrong(b""))
        left -= len(data)
        checksum = zlib.crc32(data, checksum)
    if checksum != expected.checksum:
        raise WrongResponse("the large result is not the database's own")


def hang_up(connections: Sequence[socket.socket]) -> None:
    """Say goodbye on all connections and wait until the other side has let go."""
    for connection in connections:
        with suppress(OSError):
            connection.send(QUIT)
    for connection in connections:
        with suppress(OSError):
            while connection.recv(RECEIVE_SIZE):
                pass
        connection.close()
