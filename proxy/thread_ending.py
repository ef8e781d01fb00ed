"""Ends what a database still runs for a connection that the proxy has already given up."""

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.logger import Logger

from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import BackendConnector
from .mysql.backend.own_commands import ask, query

__all__ = ["PAUSE", "end_thread"]

#: Seconds between two looks whether it has ended.
PAUSE = 0.1

_EXISTS = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID={}"

_log = Logger()


@inlineCallbacks
def end_thread(
    connector: BackendConnector, username: str, number: int, clock: Any
) -> Generator[Deferred[Any], Any, None]:
    """KILL a thread of this user, and wait until the server does not have it any more; may be cancelled.

    To be called only where the number cannot be another one's: the server has not restarted since.
    """
    connection: BackendConnection = yield connector.open_plain(username)
    try:
        while True:
            (count,) = yield connector.limited(ask(connection, _EXISTS.format(number), 1))
            if count == "0":
                return
            try:
                yield connector.limited(query(connection, f"KILL {number}"))
            except Exception as problem:
                _log.debug("KILL {number}: {problem}", number=number, problem=problem)
            yield deferLater(clock, PAUSE)
    finally:
        connection.abort("done")
