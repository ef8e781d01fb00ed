"""Large results, files and parameters flow through: what a session costs in memory, and who is held up.

Memory is the daemon's VmHWM: its peak is reset before, so that the difference to VmRSS at that time is the
most it has grown by since. Several sessions do the same at once, and the growth is divided by their number:
what the daemon allocates once, and what its allocator rounds up, weighs less that way.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench import footprint
from tests.bench.database import connect
from tests.bench.packets import Account, query, read_response, rows

from .clients import LONG_STRING, STMT_EXECUTE, CommandClient, one, run
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .faults import FaultProxy
from .polling import eventually

MEBIBYTE = 1 << 20
PER_SESSION = MEBIBYTE
"""Bytes of the proxy's memory that one session may take, however much flows through it."""
KEPT = 32 * 1024
"""Bytes that an idle session may hold more than before its first statement, what is shared included."""
SLACK = 1024 * 1024
"""Bytes by which the process may grow for other reasons."""
SESSIONS = 8
RESULT_BYTES = 40 * MEBIBYTE
"""More than what all socket buffers between a database and its client can hold."""
FILE_BYTES = 12 * MEBIBYTE
PARAMETER_BYTES = 48 * MEBIBYTE
PARAMETERS = 3
"""Sessions that send a parameter of that size at the same time."""
WARM_UP_BYTES = 2 * MEBIBYTE
LINE = b"x" * 1023 + b"\n"
RECEIVE_SIZE = 1 << 16
LONGEST_PACKET = 0xFFFFFF
THROTTLE = 0.02
"""Seconds that the slow database takes for each chunk of at most 64 KiB."""
STATEMENTS_MEANWHILE = 30


@contextmanager
def bounded(daemon: ProxyDaemon, sessions: int) -> Iterator[None]:
    """The block, in which the daemon may grow by PER_SESSION bytes for each of the sessions in it."""
    before = footprint.resident(daemon.pid)
    footprint.forget_peak(daemon.pid)
    yield
    grown = footprint.peak(daemon.pid) - before
    assert grown < sessions * PER_SESSION, (
        f"{grown / sessions / MEBIBYTE:.2f} MiB for each of {sessions} sessions"
    )


def account(daemon: ProxyDaemon) -> Account:
    """For clients with as little of their own as possible between test and socket."""
    return Account("app", daemon.users["app"], "app")


def statement_of(size: int) -> bytes:
    """A result of that many bytes, in rows of 4 kB that are made while they are sent."""
    return query(f"SELECT REPEAT('x', 4095) FROM seq_1_to_{size // 4096}")


def drain(connection: socket.socket, size: int) -> None:
    """Read that many bytes."""
    buffer = bytearray(RECEIVE_SIZE)
    while size > 0:
        received = connection.recv_into(buffer, min(size, RECEIVE_SIZE))
        assert received, "closed within the result"
        size -= received


def answers(other: Any) -> None:
    """Another client gets its own answers."""
    for number in range(STATEMENTS_MEANWHILE):
        assert one(other, f"SELECT {number}") == number


def test_results_that_nobody_reads(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with ExitStack() as open_ones, daemon.connect() as other:
        clients = [
            open_ones.enter_context(connect(("127.0.0.1", daemon.port), account(daemon)))
            for _ in range(SESSIONS)
        ]
        small = len(read_response(clients[0], statement_of(WARM_UP_BYTES), False))
        size = small + (RESULT_BYTES - WARM_UP_BYTES) // 4096 * (4 + 3 + 4095)
        with bounded(daemon, SESSIONS):
            for client in clients:
                client.sendall(statement_of(RESULT_BYTES))
            stuck = "INFO LIKE 'SELECT REPEAT%' AND STATE IN ('Writing to net', 'Sending data')"
            eventually(lambda: len(target.threads(stuck)) == SESSIONS, "the database to wait for the readers")
            answers(other)
            assert len(target.threads("INFO LIKE 'SELECT REPEAT%'")) == SESSIONS
            with ThreadPoolExecutor(SESSIONS) as readers:
                list(readers.map(lambda client: drain(client, size - 64), clients))
            for client in clients:
                tail = client.recv(64, socket.MSG_WAITALL)
                assert tail[-64:].count(b"x") < 64
                assert rows(read_response(client, query("SELECT 4711"), False), False) == [[b"4711"]]


def write_lines(file: Path, size: int) -> str:
    """Fill a file; return the statement that reads all of it, and stores its last line alone."""
    lines = size // len(LINE)
    file.write_bytes(LINE * lines + b"the end")
    return f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE streamed IGNORE {lines} LINES"


def test_files_into_a_slow_database(start_proxy: StartProxy, target: Target, tmp_path: Path) -> None:
    slow = FaultProxy(target.port)
    daemon = start_proxy(target, port=slow.port)
    try:
        with daemon.connect() as other, ExitStack() as open_ones:
            run(other, "CREATE OR REPLACE TABLE streamed (line VARCHAR(1023))")
            clients = [open_ones.enter_context(daemon.connect(local_infile=True)) for _ in range(SESSIONS)]
            assert run(clients[0], write_lines(tmp_path / "small", WARM_UP_BYTES)) == 1
            load = write_lines(tmp_path / "large", FILE_BYTES)
            with bounded(daemon, SESSIONS), ThreadPoolExecutor(SESSIONS) as senders:
                slow.delay = THROTTLE
                loads = [senders.submit(run, client, load) for client in clients]
                begun = "INFO LIKE 'LOAD DATA%'"
                eventually(lambda: len(target.threads(begun)) == SESSIONS, "all loads to have begun")
                answers(other)
                assert not any(each.done() for each in loads)
                slow.delay = 0.0
                assert [each.result() for each in loads] == [1] * SESSIONS
            assert one(other, "SELECT COUNT(*) FROM streamed WHERE line = 'the end'") == SESSIONS + 1
            run(other, "DROP TABLE streamed")
    finally:
        slow.close()


def framed(payload_size: int, head: bytes, tail: bytes, sequence: int = 0) -> Iterator[bytes]:
    """The packets of a command `head` + filling + `tail`, in pieces of at most 1 MiB."""
    filling = payload_size - len(head) - len(tail)
    pieces = [head, *[b"y" * MEBIBYTE] * (filling // MEBIBYTE), b"y" * (filling % MEBIBYTE), tail]
    room = 0
    left = payload_size
    for piece in pieces:
        while piece:
            if not room:
                room = min(left, LONGEST_PACKET)
                yield room.to_bytes(3, "little") + bytes((sequence,))
                sequence += 1
            yield piece[:room]
            taken = len(piece[:room])
            piece = piece[taken:]  # noqa: PLW2901 - what is left of it
            room -= taken
            left -= taken


def test_statements_that_stop_in_the_middle(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    head, tail = b"\x03SELECT MD5('", b"')"
    with ExitStack() as open_ones, daemon.connect() as other:
        clients = [
            open_ones.enter_context(connect(("127.0.0.1", daemon.port), account(daemon)))
            for _ in range(PARAMETERS)
        ]
        expected = one(other, f"SELECT MD5(REPEAT('y', {PARAMETER_BYTES - len(head) - len(tail)}))")
        read_response(clients[0], b"".join(framed(WARM_UP_BYTES, head, tail)), False)
        pieces = list(framed(PARAMETER_BYTES, head, tail))
        middle = len(pieces) // 2
        with bounded(daemon, PARAMETERS):
            send_all(clients, pieces[:middle])
            answers(other)
            send_all(clients, pieces[middle:-1])
            for client in clients:
                answer = read_response(client, pieces[-1], False)
                # The command came in several packets, and the answer counts on from them.
                assert rows(answer, False) == [[expected.encode()]]


def send_all(clients: Sequence[socket.socket], pieces: Sequence[bytes]) -> None:
    """Send all pieces for each client, at the same time."""

    def send(client: socket.socket) -> None:
        for piece in pieces:
            client.sendall(piece)

    with ThreadPoolExecutor(len(clients)) as senders:
        list(senders.map(send, clients))


def in_one_parameter(client: CommandClient, statement: int, content: bytes) -> Any:
    """COM_STMT_EXECUTE with the value in it."""
    head = statement.to_bytes(4, "little") + b"\0\x01\0\0\0" + b"\0\x01" + bytes((LONG_STRING, 0))
    packet = client.command(STMT_EXECUTE, head + b"\xfe" + len(content).to_bytes(8, "little") + content)
    return client._binary_rows(packet.read_length_encoded_integer())


def in_pieces(client: CommandClient, statement: int, content: bytes) -> Any:
    """The value ahead, 1 MiB at a time."""
    for start in range(0, len(content), MEBIBYTE):
        client.send_long_data(statement, 0, content[start : start + MEBIBYTE])
    return client.execute_prepared(statement, "", sent=True)


@pytest.mark.parametrize("sent", [in_one_parameter, in_pieces])
def test_large_parameters(
    proxy: ProxyDaemon, sent: Callable[[CommandClient, int, bytes], Any], other_of_proxy: Any
) -> None:
    content = b"z" * PARAMETER_BYTES
    expected = one(other_of_proxy, f"SELECT MD5(REPEAT('z', {PARAMETER_BYTES}))")
    with ExitStack() as open_ones:
        clients = [open_ones.enter_context(command_client_of(proxy)) for _ in range(PARAMETERS)]
        statements = [client.prepare("SELECT MD5(?)")[0] for client in clients]
        assert [sent(client, number, b"warm") for client, number in zip(clients, statements, strict=True)]
        over = threading.Event()
        with bounded(proxy, PARAMETERS), ThreadPoolExecutor(PARAMETERS + 1) as senders:
            counting = senders.submit(count_answers, other_of_proxy, over)
            values = [
                senders.submit(sent, client, number, content)
                for client, number in zip(clients, statements, strict=True)
            ]
            results = [each.result() for each in values]
            over.set()
            assert counting.result() > 0
        assert results == [[(expected,)]] * PARAMETERS


def count_answers(other: Any, over: threading.Event) -> int:
    """How many statements of another client are answered until `over`."""
    count = 0
    while not over.is_set():
        assert one(other, f"SELECT {count}") == count
        count += 1
    return count


def command_client_of(daemon: ProxyDaemon) -> CommandClient:
    """A client that can send any command."""
    return CommandClient(
        host="127.0.0.1",
        port=daemon.port,
        user="app",
        password=daemon.users["app"],
        database="app",
        autocommit=True,
        ssl_disabled=True,
    )


@pytest.fixture
def other_of_proxy(proxy: ProxyDaemon) -> Iterator[Any]:
    """Another client of the module's proxy."""
    with proxy.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    "size",
    [
        200 * 1024,
        4 * MEBIBYTE,
    ],
)
def test_nothing_is_kept_of_what_has_passed(start_proxy: StartProxy, target: Target, size: int) -> None:
    """Neither of a statement that is held as a whole to be screened, nor of the pieces of a longer one."""
    daemon = start_proxy(target)
    with ExitStack() as open_ones:
        clients = [open_ones.enter_context(daemon.connect()) for _ in range(2 * SESSIONS)]
        content = os.urandom(size // 2).hex()
        for client in clients[:2]:
            assert one(client, f"SELECT '{content}'") == content
        before = footprint.resident(daemon.pid)
        for client in clients:
            assert one(client, f"SELECT '{content}'") == content
        # Much less than a statement that is screened whole; allocators keep some of what was free in between.
        assert footprint.resident(daemon.pid) - before < len(clients) * KEPT + SLACK
