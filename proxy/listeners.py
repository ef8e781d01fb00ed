"""Where clients come in: a TCP port and perhaps a Unix socket, or what systemd passes instead of both."""

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError

from .activation import initial_environment, passed_sockets
from .config.proxy_section import ProxyConfig
from .unix_port import UnixPort, bind_unix

__all__ = ["LISTEN_BACKLOG", "Listeners"]

#: Connections the kernel holds for the proxy before it accepts them.
LISTEN_BACKLOG = 1024


class Listeners:
    """All ports of one endpoint."""

    def __init__(self, options: ProxyConfig, factory: Any, reactor: Any) -> None:
        self._options = options
        self._factory = factory
        self._reactor = reactor
        self._ports: list[Any] = []

    def start(self) -> None:
        """Listen; afterwards clients may come. Raises OSError or ValueError."""
        passed = passed_sockets(initial_environment(), os.getpid())
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


def _name(address: Any) -> str:
    if hasattr(address, "port"):
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{host}:{address.port}"
    return os.fsdecode(address.name or b"(unnamed)")
