"""A real database behind a forwarder that answers chosen statements itself, and wrongly."""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress

import attrs

from proxy.demo.child import LOOPBACK

__all__ = ["Lie", "Meddler"]

CHUNK = 1 << 16
BACKLOG = 64


@attrs.frozen
class Lie:
    """What comes instead of an answer, in chunks of their own; then perhaps the end of the connection."""

    chunks: tuple[bytes, ...]
    closes: bool = False


class Meddler:
    """Forwards `port` to `target_port`; a statement that has one of the `lies` in its text gets that one.

    The database never sees such a statement. A statement is sent in one chunk, which short ones are.
    """

    def __init__(self, target_port: int, lies: Mapping[bytes, Lie]) -> None:
        self.lies = dict(lies)
        #: What new connections are greeted with; empty for the database's own greeting.
        self.greeting = b""
        self._target_port = target_port
        self._lock = threading.Lock()
        self._proxies: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=BACKLOG)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def say(self, data: bytes) -> None:
        """Send something that nobody asked for, on all connections."""
        with self._lock:
            proxies = list(self._proxies)
        for each in proxies:
            with suppress(OSError):
                each.sendall(data)

    def close(self) -> None:
        """End everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            proxies = list(self._proxies)
        for each in proxies:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                proxy, _ = self._listener.accept()
                proxy.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.greeting:
                    proxy.sendall(self.greeting)
                    proxy.close()
                    continue
                with self._lock:
                    self._proxies.add(proxy)
                database = socket.create_connection((LOOPBACK, self._target_port))
                for work in (self._to_database, self._to_proxy):
                    threading.Thread(target=work, args=(proxy, database), daemon=True).start()

    def _to_database(self, proxy: socket.socket, database: socket.socket) -> None:
        with suppress(OSError):
            while data := proxy.recv(CHUNK):
                lie = next((lie for mark, lie in self.lies.items() if mark in data), None)
                if lie is None:
                    database.sendall(data)
                    continue
                for chunk in lie.chunks:
                    proxy.sendall(chunk)
                if lie.closes:
                    break
        self._end(proxy, database)

    def _to_proxy(self, proxy: socket.socket, database: socket.socket) -> None:
        with suppress(OSError):
            while data := database.recv(CHUNK):
                proxy.sendall(data)
        self._end(proxy, database)

    def _end(self, proxy: socket.socket, database: socket.socket) -> None:
        with self._lock:
            self._proxies.discard(proxy)
        for each in (proxy, database):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
