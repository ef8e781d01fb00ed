"""Ends what a database still runs for a connection that the proxy has already given up."""

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.logger import Logger

from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import BackendConnector
from .mysql.backend.errors import ConnectFailed
from .mysql.backend.own_commands import SERVER_IDENTITY, ask, query
from .mysql.session.server_run import StartWindow

__all__ = ["PAUSE", "NumbersBegunAnew", "end_thread"]

#: Seconds between two looks whether it has ended.
PAUSE = 0.1

_EXISTS = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID={}"
_UPTIME = "SHOW GLOBAL STATUS LIKE 'Uptime'"

_log = Logger()


class NumbersBegunAnew(ConnectFailed):
    """It is another server, or may have been started again: the number may be an innocent one's."""


@inlineCallbacks
def end_thread(
    connector: BackendConnector, username: str, lost: BackendConnection, window: StartWindow, clock: Any
) -> Generator[Deferred[Any], Any, None]:
    """KILL a connection's thread, and wait until the server does not have it any more; may be cancelled.

    ``username`` is that of the connection: everybody sees and may end the threads of his own name, but no
    others without further privileges. ``window`` is what is known of the server's start. Fails with
    NumbersBegunAnew, TargetError or ConnectFailed.
    """
    connection: BackendConnection = yield connector.open_plain(username)
    try:
        yield _check(connector, connection, lost, window, clock)
        while True:
            (count,) = yield connector.limited(ask(connection, _EXISTS.format(lost.thread_id), 1))
            if count == "0":
                return
            try:
                yield connector.limited(query(connection, f"KILL {lost.thread_id}"))
            except Exception as problem:
                _log.debug("KILL {number}: {problem}", number=lost.thread_id, problem=problem)
            yield deferLater(clock, PAUSE)
    finally:
        connection.abort("done")


@inlineCallbacks
def _check(
    connector: BackendConnector,
    connection: BackendConnection,
    lost: BackendConnection,
    window: StartWindow,
    clock: Any,
) -> Generator[Deferred[Any], Any, None]:
    identity = yield connector.limited(ask(connection, f"SELECT {SERVER_IDENTITY}", 2))
    asked_at = clock.seconds()
    _, uptime = yield connector.limited(ask(connection, _UPTIME, 2))
    window.narrow(asked_at, clock.seconds(), float(uptime or 0))
    is_same_run = window.is_after(lost.opened_at) is False
    if tuple(identity) != tuple(lost.server_identity) or not is_same_run:
        raise NumbersBegunAnew(f"connection {lost.thread_id} may be another one's by now")
