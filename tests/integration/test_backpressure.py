"""Results and statements flow: a slow side holds up its own session only, and nothing is kept whole."""

import os
import threading
from typing import Any

from .clients import one, run
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually

RESULT_BYTES = 50 * 1024 * 1024
MEMORY_BOUND = 25 * 1024 * 1024
"""Bytes the daemon may grow by meanwhile; one that keeps a whole result needs over twice as much."""
ROWS = 50
JOIN_LIMIT = 60.0


def large_select() -> str:
    """Rows of 1 MB each."""
    return f"SELECT REPEAT('x', {RESULT_BYTES // ROWS}) FROM seq_1_to_{ROWS}"


def test_a_slow_reader_costs_no_memory_and_no_one_else(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with daemon.connect() as other, daemon.connect() as slow:
        assert one(other, "SELECT 1") == 1
        before = daemon.resident_bytes()
        shown: Any = slow
        shown._execute_command(0x03, large_select())
        sending = "STATE LIKE 'Writing to net' OR STATE LIKE 'Sending data'"
        eventually(lambda: target.threads(sending), "the database to wait for the reader")
        for number in range(200):
            assert one(other, f"SELECT {number}") == number
            assert daemon.resident_bytes() < before + MEMORY_BOUND
        assert target.threads(sending)
        received = read_all(shown)
        assert received > RESULT_BYTES
        assert daemon.resident_bytes() < before + MEMORY_BOUND
        shown._result = None


def read_all(connection: Any) -> int:
    """Read a result's packets; return their size."""
    total, ends = 0, 0
    while ends < 2:
        packet = connection._read_packet()
        total += len(packet.get_all_data())
        ends += packet.is_eof_packet()
    return total


def test_a_large_result_passes_through_in_bounded_memory(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with daemon.connect() as client:
        run(client, "SELECT 1")
        before = daemon.resident_bytes()
        shown: Any = client
        shown._execute_command(0x03, large_select())
        assert read_all(shown) > RESULT_BYTES
        shown._result = None
        assert daemon.resident_bytes() < before + MEMORY_BOUND
        assert one(client, "SELECT 2") == 2


def test_a_large_statement_passes_through_in_bounded_memory(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with daemon.connect() as client:
        run(client, "SELECT 1")
        before = daemon.resident_bytes()
        peak = PeakMemory(daemon)
        content = os.urandom(20 * 1024 * 1024).hex()
        assert one(client, f"SELECT LENGTH('{content}')") == len(content)
        assert peak.stop() < before + MEMORY_BOUND


def test_a_reader_that_gives_up(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={"max_connections_percent": 2})
    slow: Any = daemon.connect()
    slow._execute_command(0x03, large_select())
    eventually(lambda: target.threads("STATE = 'Writing to net'"), "the database to wait for the reader")
    slow._force_close()
    eventually(lambda: not target.threads("INFO LIKE 'SELECT REPEAT%'"), "the end of the statement")
    with daemon.connect() as client:
        assert one(client, "SELECT 1") == 1


class PeakMemory:
    """Watches a daemon's memory in a thread."""

    def __init__(self, daemon: ProxyDaemon) -> None:
        self._daemon = daemon
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self._peak = max(self._peak, self._daemon.resident_bytes())

    def stop(self) -> int:
        """The most that was seen."""
        self._over.set()
        self._thread.join(JOIN_LIMIT)
        return max(self._peak, self._daemon.resident_bytes())
