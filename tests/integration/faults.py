"""A TCP forwarder that can be broken on purpose, to stand between the proxy and its database.

A line can refuse, be cut, or go silent in two ways: deaf, like a server that is stuck, or dropping packets,
like a network that is down. What is dropped is not lost: as with TCP, it comes in late when the line heals.
"""

import socket
import struct
import threading
import time
from contextlib import suppress

from proxy.demo.child import LOOPBACK

__all__ = ["FaultProxy"]

CHUNK = 65536
BACKLOG = 64
FILLER_LIMIT = 0.03
"""Seconds after which a connection attempt shows that the queue of the listener is full."""
# SO_LINGER on with no time: close() sends RST.
_RESET = struct.pack("ii", 1, 0)


class FaultProxy:
    """Forwards `port` to `target_port` until told to misbehave. `delay` seconds are spent on each chunk."""

    def __init__(self, target_port: int, host: str = LOOPBACK) -> None:
        self.host = host
        self.target_port = target_port
        self.delay = 0.0
        self.is_deaf = False
        self._flows = threading.Event()
        self._flows.set()
        self._answers = threading.Event()
        self._answers.set()
        self._fillers: list[socket.socket] = []
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.listen()

    def listen(self) -> None:
        """Take connections, again on the same port; ends deafness."""
        self.is_deaf = False
        if self._listener is None:
            self._listener = socket.create_server((self.host, self.port), backlog=BACKLOG)
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse new connections; those that exist go on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Without this the thread in accept() keeps the port open.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def go_deaf(self) -> None:
        """Accept new connections and never say a word; those that exist go on."""
        self.is_deaf = True

    def drop(self) -> None:
        """Let no packet through in either direction, nor any that opens a connection: nobody is refused."""
        self._flows.clear()
        assert self._listener is not None
        # With its queue full the kernel drops what would open one more.
        self._listener.listen(0)
        while self._fill():
            pass

    def hold_answers(self) -> None:
        """Let requests through, and no answers."""
        self._answers.clear()

    def heal(self) -> None:
        """End both; what was under way arrives, late."""
        fillers, self._fillers = self._fillers, []
        for each in fillers:
            each.close()
        if self._listener is not None:
            self._listener.listen(BACKLOG)
        self._flows.set()
        self._answers.set()

    def cut(self) -> None:
        """Reset every connection."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """End everything."""
        self.refuse()
        self.cut()
        self.heal()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._sockets) // 2

    def _fill(self) -> bool:
        filler = socket.socket()
        filler.settimeout(FILLER_LIMIT)
        self._fillers.append(filler)
        try:
            filler.connect((self.host, self.port))
        except TimeoutError:
            return False
        return True

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._flows.wait()
                self._open(client)

    def _open(self, client: socket.socket) -> None:
        if self.is_deaf:
            with self._lock:
                self._sockets.add(client)
            return
        try:
            server = socket.create_connection((LOOPBACK, self.target_port))
        except OSError:
            client.close()
            return
        with self._lock:
            self._sockets |= {client, server}
        for source, sink, gate in ((client, server, self._flows), (server, client, self._answers)):
            threading.Thread(target=self._copy, args=(source, sink, gate), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with suppress(OSError):
            while True:
                data = source.recv(CHUNK)
                # The end of a stream is a packet, too.
                self._flows.wait()
                gate.wait()
                if not data:
                    break
                if self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._sockets.discard(each)
