"""The one place that decides what a client may see of a failure."""

import re

from twisted.logger import Logger

from ...errors import (
    ClientError,
    borrow_timeout,
    connection_lost,
    internal_error,
    malformed,
    no_reader,
    packet_too_large,
    queue_full,
    shutting_down,
    tenant_queue_full,
    tenant_timeout,
    wrong_sequence,
)
from ...pool.errors import BorrowTimeout, PoolClosed, QueueFull, TenantQueueFull, TenantTimeout
from ...targets.errors import NoReader
from ..backend.errors import ConnectFailed, TargetError, UnfitTarget
from ..wire.datatypes import MalformedPacket
from ..wire.framing import PacketTooLarge
from ..wire.intake import OutOfOrder
from ..wire.results import ErrorPacket

__all__ = ["client_mistake", "error_packet", "visible_error"]

_log = Logger()

_ACCESS_DENIED = frozenset({1044, 1045, 1698})
_HOST = re.compile(r"'@'[^']*'")


def error_packet(error: ClientError) -> bytes:
    """The ERR packet's payload."""
    return ErrorPacket(error.errno, error.sqlstate, error.message).encode()


def client_mistake(problem: MalformedPacket) -> ClientError:
    """What a client that does not follow the protocol is told."""
    if isinstance(problem, OutOfOrder):
        return wrong_sequence()
    if isinstance(problem, PacketTooLarge):
        return packet_too_large()
    return malformed(str(problem))


def visible_error(problem: BaseException | None) -> ClientError:
    """What the client is told; anything unforeseen is logged whole and shown as "Unknown error"."""
    if isinstance(problem, ClientError):
        return problem
    if isinstance(problem, TenantTimeout):
        return tenant_timeout(problem.tenant, problem.seconds)
    if isinstance(problem, TenantQueueFull):
        return tenant_queue_full(problem.tenant, problem.limit, problem.used, problem.most)
    if isinstance(problem, BorrowTimeout):
        return borrow_timeout()
    if isinstance(problem, QueueFull):
        return queue_full()
    if isinstance(problem, NoReader):
        return no_reader()
    if isinstance(problem, PoolClosed):
        return shutting_down()
    if isinstance(problem, TargetError):
        packet = problem.packet
        message = packet.message
        if packet.errno in _ACCESS_DENIED:
            # The address in it is the proxy's own, as the target sees it.
            message = _HOST.sub("'@'%'", message, count=1)
        return ClientError(packet.errno, packet.sqlstate, message)
    if isinstance(problem, ConnectFailed):
        return connection_lost("the database connection was lost")
    if isinstance(problem, UnfitTarget):
        return ClientError(1105, "HY000", f"rds-proxy: {problem}")
    _log.error("unexpected failure: {kind}: {problem}", kind=type(problem).__name__, problem=problem)
    return internal_error()
