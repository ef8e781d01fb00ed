"""The memory part of the benchmark: its figures, and its place in the document."""

import mmap
import os
import socket
import threading

import pytest

from tests.bench import footprint
from tests.bench.idle import IdleMemory
from tests.bench.memory import MemoryResults, kept, replaced, section, table
from tests.bench.packets import WrongResponse, ask
from tests.bench.streams import StreamMemory

RESULTS = MemoryResults(
    [IdleMemory(10_000, False, 4096.0, 4608.0), IdleMemory(1_000, True, 30_720.0, 30_720.0)],
    [StreamMemory("A result", 1_000_000_000, 4.0, 524_288, 1234)],
)
DOCUMENT = "# Performance\n\n## Ratios\n\nMany.\n\n## What is not measured\n\nMuch.\n"


def test_the_table() -> None:
    lines = table(RESULTS).splitlines()
    assert lines[2] == "| 10,000 without TLS | 4.0 KiB each | 4.5 KiB each |"
    assert lines[3] == "| 1,000 over TLS | 30.0 KiB each | 30.0 KiB each |"
    assert lines[-1] == "| A result | 1,000 MB | 0.50 MiB | 1,234 |"


def test_the_section_has_its_place_and_is_replaced_there() -> None:
    once = replaced(DOCUMENT, section(RESULTS))
    assert once.index("## Ratios") < once.index("## Memory") < once.index("## What is not measured")
    assert once.replace(section(RESULTS) + "\n", "") == DOCUMENT
    assert replaced(once, section(RESULTS)) == once
    assert "1,234" not in replaced(once, "## Memory\n\nNone.\n")


def test_a_new_document_keeps_the_section() -> None:
    once = replaced(DOCUMENT, section(RESULTS))
    assert kept(once, DOCUMENT) == once
    assert kept(DOCUMENT, DOCUMENT) == DOCUMENT


def test_a_new_document_keeps_what_is_measured_apart() -> None:
    with_failover = replaced(DOCUMENT, "## Failover\n\nFast.\n", "## Failover\n")
    once = replaced(with_failover, section(RESULTS), "## Memory\n")
    again = kept(once, DOCUMENT)
    assert "\nFast.\n" in again
    assert again.count("## Failover") == again.count("## Memory") == 1


def test_the_peak_of_this_process() -> None:
    footprint.forget_peak(os.getpid())
    before = footprint.resident(os.getpid())
    # Pages of its own: what an earlier test has freed may be in memory already.
    with mmap.mmap(-1, 32 << 20) as ballast:
        for page in range(0, len(ballast), mmap.PAGESIZE):
            ballast[page] = 1
        assert footprint.resident(os.getpid()) - before > len(ballast) // 2
    assert footprint.peak(os.getpid()) - before > 16 << 20


def test_an_answer_in_pieces() -> None:
    near, far = socket.socketpair()
    with near, far:

        def answer() -> None:
            far.recv(1)
            for byte in b"\x02\0\0\x01\0\x07":
                far.sendall(bytes((byte,)))

        thread = threading.Thread(target=answer)
        thread.start()
        assert ask(near, b"?") == b"\x02\0\0\x01\0\x07"
        thread.join()


def test_an_error_for_an_answer() -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"\x05\0\0\x01\xff\x10\x04no")
        with pytest.raises(WrongResponse, match="error 1040: no"):
            ask(near, b"?")
