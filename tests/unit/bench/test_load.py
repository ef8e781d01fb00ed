"""The load generator against a peer in the same process: what it counts and what it does not accept."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.bench.load import point_selects
from tests.bench.packets import WrongResponse

EXCHANGES = [(b"ask 1", b"answer 1"), (b"ask 2", b"answer 2")]
ANSWERS = dict(EXCHANGES)


@contextmanager
def peer(answer: Callable[[socket.socket, bytes], None]) -> Iterator[socket.socket]:
    """Give a socket whose other end answers each statement, in a thread."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            while statement := theirs.recv(100):
                answer(theirs, statement)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join()


def nothing() -> None:
    pass


def test_asks_at_least_once_on_each_connection_and_waits_for_every_answer() -> None:
    def right(theirs: socket.socket, statement: bytes) -> None:
        theirs.sendall(ANSWERS[statement])

    with peer(right) as one, peer(right) as other:
        assert len(point_selects([one, other], EXCHANGES, 0.0, nothing)) == 2


def test_an_answer_in_pieces_is_one_answer() -> None:
    def in_pieces(theirs: socket.socket, statement: bytes) -> None:
        for byte in ANSWERS[statement]:
            theirs.sendall(bytes((byte,)))

    with peer(in_pieces) as connection:
        assert len(point_selects([connection], EXCHANGES, 0.0, nothing)) == 1


def test_the_answer_to_another_statement_is_refused() -> None:
    def crossed(theirs: socket.socket, statement: bytes) -> None:
        theirs.sendall(ANSWERS[b"ask 2" if statement == b"ask 1" else b"ask 1"])

    with peer(crossed) as connection, pytest.raises(WrongResponse, match="not the database's own"):
        point_selects([connection], EXCHANGES, 0.0, nothing)


def test_an_error_is_refused_with_its_text() -> None:
    def failing(theirs: socket.socket, statement: bytes) -> None:
        theirs.sendall(b"\x11\0\0\1\xff\x15\x04#42000no such row")

    with peer(failing) as connection, pytest.raises(WrongResponse, match="no such row"):
        point_selects([connection], EXCHANGES, 0.0, nothing)


def test_a_connection_closed_early_is_refused() -> None:
    def closing(theirs: socket.socket, statement: bytes) -> None:
        theirs.sendall(ANSWERS[statement][:3])
        theirs.shutdown(socket.SHUT_WR)

    with peer(closing) as connection, pytest.raises(WrongResponse, match="closed"):
        point_selects([connection], EXCHANGES, 0.0, nothing)


def test_the_check_ends_the_load() -> None:
    def silent(theirs: socket.socket, statement: bytes) -> None:
        pass

    def stop() -> None:
        raise KeyboardInterrupt

    with peer(silent) as connection, pytest.raises(KeyboardInterrupt):
        point_selects([connection], EXCHANGES, 60.0, stop)
