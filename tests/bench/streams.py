"""A large result, file and parameter, each with a slow side: what the proxy's memory grows by meanwhile.

The growth is the peak of the process (VmHWM, begun anew) beyond what it held before (VmRSS), after a smaller
transfer of the same kind has warmed it up. Another client asks one statement after the other all the time.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import attrs

from . import footprint
from .database import SINK, Address, connect
from .packets import EOF, Account, WrongResponse, ask, query, read_response, rows
from .relay import Relay

__all__ = [
    "FILE_BYTES",
    "PARAMETER_BYTES",
    "RESULT_BYTES",
    "StreamMemory",
    "large_file",
    "large_parameter",
    "large_result",
]

RESULT_BYTES = FILE_BYTES = 1_000_000_000
PARAMETER_BYTES = 64_000_000
WARM_UP_SHARE = 0.05
VALUE = 1000
BURST = 4 << 20
PAUSE = 0.02
"""Seconds the slow reader waits after each BURST bytes."""
PIECE = 1 << 16
LONGEST_PACKET = 0xFFFFFF
JOIN_LIMIT = 60.0

Check = Callable[[], None]
Flow = Callable[[socket.socket, int], None]


@attrs.frozen
class StreamMemory:
    """What one session cost: bytes that flowed, growth of the proxy in bytes, other statements answered."""

    title: str
    size: int
    seconds: float
    grown: int
    answered: int


class _Bystander:
    """Asks one statement after the other in a thread."""

    def __init__(self, address: Address, account: Account) -> None:
        self._connection = connect(address, account)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.answered = 0
        self._thread.start()

    def _ask(self) -> None:
        while not self._over.is_set():
            number = self.answered
            answer = read_response(self._connection, query(f"SELECT {number}"), False)
            if rows(answer, False) != [[str(number).encode()]]:
                return
            self.answered += 1

    def stop(self) -> int:
        """How many answers it got. Raises WrongResponse when one was wrong, or did not come."""
        over_early = not self._thread.is_alive()
        self._over.set()
        self._thread.join(JOIN_LIMIT)
        self._connection.close()
        if over_early or self._thread.is_alive():
            raise WrongResponse("another client was not answered while much data flowed")
        return self.answered


def _measured(
    title: str, size: int, relay: Relay, account: Account, flow: Callable[[socket.socket, int], None]
) -> StreamMemory:
    with connect(relay.address, account) as connection:
        flow(connection, int(size * WARM_UP_SHARE))
        bystander = _Bystander(relay.address, account)
        try:
            before = footprint.resident(relay.pid)
            footprint.forget_peak(relay.pid)
            answered, began = bystander.answered, time.perf_counter()
            flow(connection, size)
            seconds = time.perf_counter() - began
            grown = footprint.peak(relay.pid) - before
        finally:
            total = bystander.stop()
    return StreamMemory(title, size, seconds, grown, total - answered)


def large_result(relay: Relay, account: Account, check: Check, size: int = RESULT_BYTES) -> StreamMemory:
    """A client that reads a burst, waits, and reads on."""

    def flow(connection: socket.socket, size: int) -> None:
        values = size // VALUE
        connection.sendall(query(f"SELECT REPEAT('x', {VALUE}) FROM seq_1_to_{values}"))
        buffer = bytearray(PIECE)
        left, until_pause = values * (VALUE + 7), BURST
        while left > 0:
            received = connection.recv_into(buffer, min(left, PIECE))
            if not received:
                raise WrongResponse("closed within the large result")
            left -= received
            until_pause -= received
            if until_pause <= 0:
                check()
                time.sleep(PAUSE)
                until_pause = BURST
        _read_to_the_end(connection)

    return _measured("A result, to a client that reads slowly", size, relay, account, flow)


def _read_to_the_end(connection: socket.socket) -> None:
    """The column's definition was not counted: some of the last row is left, then an OK packet of 7 bytes."""
    tail = b""
    while tail[-11:-8] != b"\x07\0\0":
        data = connection.recv(PIECE)
        if not data:
            raise WrongResponse("closed before the end of the large result")
        tail = (tail + data)[-64:]
    if tail[-7] != EOF:
        raise WrongResponse("the large result has no end")


def large_file(relay: Relay, account: Account, check: Check, size: int = FILE_BYTES) -> StreamMemory:
    """LOCAL INFILE, all of whose lines but the last are ignored; the database is slow by `relay`'s target."""
    line = b"y" * 1023 + b"\n"
    block = line * (PIECE // len(line))
    header = len(block).to_bytes(3, "little")

    def flow(connection: socket.socket, size: int) -> None:
        blocks = size // len(block)
        ignored = blocks * (len(block) // len(line))
        load = query(f"LOAD DATA LOCAL INFILE 'x' INTO TABLE {SINK} IGNORE {ignored} LINES")
        request = ask(connection, load)
        if request[4:5] != b"\xfb":
            raise WrongResponse("the database does not ask for the file")
        for number in range(blocks):
            connection.sendall(header + bytes(((number + 2) & 0xFF,)) + block)
            if not number % 256:
                check()
        end = (
            b"\x07\0\0"
            + bytes(((blocks + 2) & 0xFF,))
            + b"the end"
            + b"\0\0\0"
            + bytes(((blocks + 3) & 0xFF,))
        )
        answer = ask(connection, end)
        if answer[4:6] != b"\0\x01":
            raise WrongResponse("the file was not loaded")

    return _measured("A file (LOCAL INFILE), into a slow database", size, relay, account, flow)


def large_parameter(
    relay: Relay, account: Account, check: Check, size: int = PARAMETER_BYTES
) -> StreamMemory:
    """A statement with a long literal."""

    def flow(connection: socket.socket, size: int) -> None:
        for piece in _packets(b"\x03SELECT LENGTH('", size, b"')"):
            check()
            connection.sendall(piece)
        answer = ask(connection, b"")
        if str(size).encode() not in answer:
            raise WrongResponse("the parameter did not arrive as it was sent")

    return _measured("A statement with a long literal", size, relay, account, flow)


def _packets(head: bytes, size: int, tail: bytes) -> Iterator[bytes]:
    payload = head + b"z" * size + tail
    for number, start in enumerate(range(0, len(payload) + 1, LONGEST_PACKET)):
        part = payload[start : start + LONGEST_PACKET]
        yield len(part).to_bytes(3, "little") + bytes((number,))
        yield part
