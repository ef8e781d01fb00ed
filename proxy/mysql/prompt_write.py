"""Writes that reach the socket at once.

Twisted's transports put what is written into a buffer and ask the reactor to be told when the socket takes
it: two system calls and one turn of the reactor, for a socket that nearly always takes a small packet there
and then. A quarter of the processor time of a short statement goes there (`make bench` shows it).
"""

from typing import Any

from twisted.internet.tcp import Connection

__all__ = ["write_now"]


def write_now(transport: Any, data: bytes) -> None:
    """As ``transport.write``; a plain TCP transport with nothing to send before ``data`` sends it now.

    What the socket does not take, and everything over TLS, goes the usual way, with its back-pressure.
    """
    if (
        isinstance(transport, Connection)
        and transport.connected
        and not transport.TLS
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
    ):
        sent = transport.writeSomeData(data)
        if not isinstance(sent, int) or sent <= 0:
            # The usual way finds out what is wrong, and reports it.
            sent = 0
        if sent == len(data):
            return
        data = data[sent:]
    transport.write(data)
