"""A forwarder between a driver and its server that counts what goes over the wire.

What a driver says of its own compression is its word; the bytes on its socket are the proof.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import attrs

from proxy.demo.child import LOOPBACK

from .servers import Place

__all__ = ["CountingForwarder", "Traffic"]

PIECE = 256 * 1024
"""Bytes that are passed on at a time."""


class Traffic:
    """Bytes on the wire of all connections together."""

    def __init__(self) -> None:
        self.sent = 0
        """By the driver."""
        self.received = 0
        """By the driver."""
        self._lock = threading.Lock()

    def add(self, sent: int, received: int) -> None:
        """Count some more."""
        with self._lock:
            self.sent += sent
            self.received += received


class CountingForwarder:
    """Passes connections on to a place, in a `with` statement; `place` is where drivers then connect to."""

    def __init__(self, place: Place) -> None:
        self._target = (place.host, place.port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.place = attrs.evolve(place, port=self._listener.getsockname()[1])
        self.traffic = Traffic()

    def __enter__(self) -> Self:
        _in_a_thread(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would leave the thread in its accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                _in_a_thread(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as server:
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = _in_a_thread(_pass_on, server, client, lambda count: self.traffic.add(0, count))
            _pass_on(client, server, lambda count: self.traffic.add(count, 0))
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket, count: Callable[[int], None]) -> None:
    """Pass on until the source ends."""
    with suppress(OSError):
        while data := source.recv(PIECE):
            count(len(data))
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _in_a_thread(function: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread
