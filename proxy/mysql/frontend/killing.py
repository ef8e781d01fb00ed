"""KILL of a client by the connection id that the proxy gave it (MySQL manual, "KILL Statement").

A client may end its own connections and statements and those of its user. Another user's are the database's
to allow: it is asked to KILL with the rights of the one who wants it, or, where the victim has no statement
running, whether that one has the privilege. What a user's other tenants have is not its own, for the database
cannot tell them apart; and who may only read ends nobody who may write.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, inlineCallbacks

from ...errors import not_owner, unknown_thread
from ..backend.connector import PoolKey
from ..backend.errors import TargetError
from .context import EndpointContext

if TYPE_CHECKING:
    from .client import ClientConnection

__all__ = ["kill_client"]

_DENIED = frozenset({1095, 1227})


@inlineCallbacks
def kill_client(
    context: EndpointContext,
    username: str,
    number: int,
    *,
    query_only: bool,
    killer: PoolKey | None = None,
) -> Generator[Deferred[Any], Any, None]:
    """End a client's statement, or the client; fails with what the one who wants it is told.

    ``killer``: whose sessions that one has, where there are tenants.
    """
    victim = _victim(context, number)
    if killer is not None and not _is_within_reach(context, killer, victim):
        raise not_owner(number)
    is_own = victim.commands is not None and victim.commands.username == username
    count = victim.commands.statement_count if victim.commands is not None else 0
    if victim.commands is not None and (query_only or not is_own):
        try:
            ended: bool = yield _end_statement(username, victim)
        except TargetError as refusal:
            if refusal.packet.errno in _DENIED:
                raise not_owner(number) from None
            raise
        if ended and query_only:
            return
        is_own = is_own or ended
    if not is_own:
        allowed: bool = yield context.may_kill(username)
        if not allowed:
            raise not_owner(number)
    # It may have left while the database was asked.
    victim = _victim(context, number)
    if not query_only:
        victim.end_by_kill()
    elif victim.commands is not None:
        victim.commands.interrupt(count)


def _is_within_reach(context: EndpointContext, killer: PoolKey, victim: "ClientConnection") -> bool:
    """Whether the database is to be asked at all."""
    if killer.username in context.options.admin_users:
        return True
    if victim.commands is None:
        return not killer.is_read_only
    key: PoolKey = victim.commands.key
    if key.username != killer.username:
        return not killer.is_read_only
    return key.tenant is killer.tenant and (key.is_read_only or not killer.is_read_only)


def _victim(context: EndpointContext, number: int) -> "ClientConnection":
    victim: ClientConnection | None = context.find_client(number)
    if victim is None:
        raise unknown_thread(number)
    return victim


@inlineCallbacks
def _end_statement(username: str, victim: "ClientConnection") -> Generator[Deferred[Any], Any, bool]:
    """Ask the database to end what the client runs there; False if that was not to be had."""
    commands = victim.commands
    assert commands is not None
    connection, count = commands.running_on, commands.statement_count
    if connection is None:
        return False

    def is_wanted() -> bool:
        return commands.running_on is connection and commands.statement_count == count

    accepted: bool = yield connection.connector.kill_statement(connection, username, is_wanted)
    return accepted
