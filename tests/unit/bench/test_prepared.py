"""The benchmark's prepared statements: what is sent, and what is taken for a right answer."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.bench.load import prepared_selects
from tests.bench.packets import WrongResponse, framed
from tests.bench.prepared import execution, prepare, row_of

PREPARED = b"\0" + b"\7\0\0\0" + b"\2\0" + b"\1\0" + b"\0\0\0"
END = b"\xfe\0\0\2\0\0\0"
DEFINITIONS = (b"\x03def", b"\x03def", b"\x03def")


def response(number: int) -> bytes:
    """A result set of one row, as far as the benchmark looks into it."""
    payloads = (b"\2", *DEFINITIONS[:2], row_of(number, b"body"), END)
    return b"".join(framed(payload, sequence) for sequence, payload in enumerate(payloads, 1))


def definition(*payloads: bytes) -> bytes:
    """The answer to a COM_STMT_PREPARE."""
    return b"".join(framed(payload, sequence) for sequence, payload in enumerate(payloads, 1))


@contextmanager
def peer(answers: Sequence[bytes], asked: list[bytes]) -> Iterator[socket.socket]:
    """Give a socket whose other end answers one statement after the other, and notes them."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            for answer in answers:
                asked.append(theirs.recv(1000))
                theirs.sendall(answer)
            theirs.recv(1000)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("legacy_eof", [False, True])
def test_the_type_is_sent_with_the_first_execution_only(legacy_eof: bool) -> None:
    ends = (b"\xfe\0\0\2\0",) if legacy_eof else ()
    answer = definition(PREPARED, DEFINITIONS[0], *ends, *DEFINITIONS[1:], *ends)
    result = b"".join(
        framed(each) for each in (b"\2", *DEFINITIONS[:2], *ends, row_of(5, b"body"), *(ends or (END,)))
    )
    asked: list[bytes] = []
    with peer([answer, result, result], asked) as connection:
        statement = prepare(connection, (5, result), legacy_eof)
        assert len(prepared_selects([(connection, statement)], [(5, result)], 0.0, lambda: None)) == 1
    assert statement == 7
    assert asked[0][4:5] == b"\x16"
    assert asked[1:] == [execution(7, 5, with_type=True), execution(7, 5)]
    assert len(asked[1]) == len(asked[2]) + 2


def test_each_connection_executes_the_statement_with_its_id_there() -> None:
    first: list[bytes] = []
    second: list[bytes] = []
    with peer([response(5)], first) as one, peer([response(5)], second) as other:
        statements = [(one, 1), (other, 9)]
        assert len(prepared_selects(statements, [(5, response(5))], 0.0, lambda: None)) == 2
    assert (first, second) == ([execution(1, 5)], [execution(9, 5)])


def test_a_statement_that_is_not_prepared_is_refused() -> None:
    error = framed(b"\xff\x15\x04#42000no such table", 1)
    with peer([error], []) as connection, pytest.raises(WrongResponse, match="no such table"):
        prepare(connection, (5, response(5)), False)


def test_the_first_execution_must_answer_as_the_database() -> None:
    answers = [definition(PREPARED, *DEFINITIONS), response(6)]
    with peer(answers, []) as connection, pytest.raises(WrongResponse, match="not the database's own"):
        prepare(connection, (5, response(5)), False)
