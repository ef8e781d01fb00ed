"""A forwarder before a server that tests may shut and open again: behind a shut one nothing listens.

One that holds takes connections and lets nothing through, so that the server seems to hang.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType

from proxy.demo.child import LOOPBACK

__all__ = ["Gate"]

CHUNK = 1 << 16
BACKLOG = 64


class Gate:
    """Forwards `port` to `target_port`, from `with` on; `requests` counts the POSTs that went through."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.requests = 0
        self._target_port = target_port
        self._flows = threading.Event()
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """For clients of HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> "Gate":
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()

    def open(self) -> None:
        """Take connections, on the same port as before, and let everything through."""
        self._flows.set()
        if self._listener is None:
            self._listener = socket.create_server((LOOPBACK, self.port), backlog=BACKLOG)
            self.port = int(self._listener.getsockname()[1])
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """End all connections, and refuse new ones."""
        self._flows.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            ends = list(self._ends)
        for each in ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        """Let nothing through until it is opened or shut."""
        self._flows.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((LOOPBACK, self._target_port))
                with self._lock:
                    self._ends |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._flows.wait()
                with self._lock:
                    self.requests += data.startswith(b"POST ")
                sink.sendall(data)
        with self._lock:
            self._ends.discard(source)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
