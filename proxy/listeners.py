"""Where clients come in: for each endpoint a TCP port and perhaps a Unix socket, or what systemd passes
instead of both.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError

from .activation import PassedSocket, initial_environment, passed_sockets
from .config.endpoint_options import DEFAULT_ENDPOINT
from .unix_port import UnixPort, bind_unix

__all__ = ["LISTEN_BACKLOG", "EndpointListeners", "ListenOptions", "Listeners"]

#: Connections the kernel holds for the proxy before it accepts them.
LISTEN_BACKLOG = 1024


class ListenOptions(Protocol):
    """Where one endpoint listens, as `[proxy]` and `[[proxy.endpoints]]` say it."""

    @property
    def bind_address(self) -> str:
        """An IPv4 or IPv6 address."""

    @property
    def port(self) -> int:
        """Of TCP; 0 for any free one."""

    @property
    def socket(self) -> str:
        """Path of a Unix socket, or empty."""

    @property
    def socket_mode(self) -> str:
        """Its permissions, in octal."""


class EndpointListeners:
    """All ports of one endpoint."""

    def __init__(self, options: ListenOptions, factory: Any, reactor: Any) -> None:
        self._options = options
        self._factory = factory
        self._reactor = reactor
        self._ports: list[Any] = []

    def start(self, passed: Sequence[socket.socket] = ()) -> None:
        """Listen, on ``passed`` alone if there are any; afterwards clients may come. Raises OSError."""
        for each in passed:
            self._adopt(each)
        if passed:
            return
        options = self._options
        try:
            self._ports.append(
                self._reactor.listenTCP(
                    options.port, self._factory, backlog=LISTEN_BACKLOG, interface=options.bind_address
                )
            )
        except CannotListenError as problem:
            raise OSError(str(problem)) from None
        if options.socket:
            self._listen_unix(bind_unix(options.socket, int(options.socket_mode, 8), LISTEN_BACKLOG), True)

    def _adopt(self, passed: socket.socket) -> None:
        if passed.family == socket.AF_UNIX:
            self._listen_unix(passed, False)
            return
        port = self._reactor.adoptStreamPort(passed.fileno(), passed.family, self._factory)
        # The port has a descriptor of its own.
        passed.close()
        self._ports.append(port)

    def _listen_unix(self, listening: socket.socket, owned: bool) -> None:
        port = UnixPort(listening, self._factory, self._reactor, owned=owned)
        port.startListening()
        self._ports.append(port)

    def __bool__(self) -> bool:
        return bool(self._ports)

    def names(self) -> list[str]:
        """Each port as a reader knows it: `address:port`, or a path."""
        return [_name(port.getHost()) for port in self._ports]

    def stop(self) -> Deferred[Any]:
        """Accept nobody any more; the Deferred fires when the ports are closed."""
        ports, self._ports = self._ports, []
        return DeferredList([maybeDeferred(port.stopListening) for port in ports])


class Listeners:
    """All ports of all endpoints: the default one, and those that are added before the start."""

    def __init__(self, options: ListenOptions, factory: Any, reactor: Any) -> None:
        self._reactor = reactor
        self._of: dict[str, EndpointListeners] = {}
        self.add(DEFAULT_ENDPOINT, options, factory)

    def add(self, name: str, options: ListenOptions, factory: Any) -> None:
        """One more endpoint; systemd's sockets of this name are its own."""
        self._of[name] = EndpointListeners(options, factory, self._reactor)

    def start(self) -> None:
        """Listen everywhere; afterwards clients may come. Raises OSError or ValueError."""
        passed = self._by_endpoint(passed_sockets(initial_environment(), os.getpid()))
        for name, listeners in self._of.items():
            listeners.start(passed[name])

    def _by_endpoint(self, passed: Sequence[PassedSocket]) -> dict[str, list[socket.socket]]:
        found: dict[str, list[socket.socket]] = {name: [] for name in self._of}
        for each in passed:
            name = each.name or DEFAULT_ENDPOINT
            if name not in found:
                # Served by another endpoint, its clients would get to targets they did not ask for.
                raise ValueError(f"systemd passes a socket named {name}, and no endpoint has that name")
            found[name].append(each.socket)
        return found

    def __bool__(self) -> bool:
        return any(self._of.values())

    def endpoints(self) -> Iterator[tuple[str, str]]:
        """Each port: the endpoint's name, and the port as a reader knows it. The default endpoint first."""
        for name, listeners in self._of.items():
            for port in listeners.names():
                yield name, port

    def names(self) -> list[str]:
        """Each port as a reader knows it: `address:port`, or a path."""
        return [port for _, port in self.endpoints()]

    def stop(self) -> Deferred[Any]:
        """Accept nobody any more; the Deferred fires when the ports are closed."""
        return DeferredList([listeners.stop() for listeners in self._of.values()])


def _name(address: Any) -> str:
    if hasattr(address, "port"):
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{host}:{address.port}"
    return os.fsdecode(address.name or b"(unnamed)")
