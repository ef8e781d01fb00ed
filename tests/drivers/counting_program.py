"""The program behind `counting.py`: `counting_program.py HOST PORT` passes connections on to that place.

It prints the port it listens on, and for each line on its standard input how many bytes its clients have sent
and received so far, all connections together. It ends with its standard input.
"""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

__all__ = ["main"]

PIECE = 256 * 1024
"""Bytes that are passed on at a time."""


class Forwarder:
    """Accepts, passes on and counts, each direction of each connection in a thread."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.listener = socket.create_server(("127.0.0.1", 0))

    def accept(self) -> None:
        """Serve clients for ever."""
        while True:
            client, _ = self.listener.accept()
            _in_a_thread(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as server:
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = _in_a_thread(self._pass_on, server, client, "received")
            self._pass_on(client, server, "sent")
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE):
                with self._lock:
                    self.counts[direction] += len(data)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _in_a_thread(function: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Run until the standard input ends."""
    host, port = sys.argv[1:]
    forwarder = Forwarder(host, int(port))
    _in_a_thread(forwarder.accept)
    print(forwarder.listener.getsockname()[1], flush=True)
    for _ in sys.stdin:
        print(forwarder.counts["sent"], forwarder.counts["received"], flush=True)


if __name__ == "__main__":
    main()
