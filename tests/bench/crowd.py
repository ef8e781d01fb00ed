"""Many clients that log in and then say nothing, or one statement: all in one process, few objects each.

Log-ins run through one epoll set, some at a time, so that the relay's listen queue does not overflow. A
thousand clients share a source address in 127.0.0.0/8: no machine is short of ports for them.
"""

import resource
import select
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from .database import CONNECTION_LIMIT, Address
from .load import Exchanged, hang_up, point_selects
from .packets import RECEIVE_SIZE, Account, Dialogue, WrongResponse, converse, log_in, request_tls

__all__ = ["ask_once", "gathered", "gathered_with_tls", "raise_descriptor_limit"]

AT_A_TIME = 64
PER_SOURCE_ADDRESS = 1000
SPARE_DESCRIPTORS = 256
POLL_LIMIT = 0.5


def raise_descriptor_limit(clients: int) -> int:
    """Let this process, and those it starts from now on, have a descriptor for each client.

    Returns how many clients there may be; fewer than asked for where the hard limit is lower.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = clients + SPARE_DESCRIPTORS
    wanted = room if hard == resource.RLIM_INFINITY else min(room, hard)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard)
    )
    return min(clients, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS)


@contextmanager
def gathered(
    address: Address, account: Account, clients: int, check: Callable[[], None]
) -> Iterator[list[socket.socket]]:
    """So many clients, logged in. Raises WrongResponse when one is refused."""
    connections: list[socket.socket] = []
    try:
        _log_in_all(address, account, clients, connections, check)
        yield connections
    finally:
        hang_up(connections)


def _log_in_all(
    address: Address,
    account: Account,
    clients: int,
    connections: list[socket.socket],
    check: Callable[[], None],
) -> None:
    underway: dict[int, tuple[socket.socket, Dialogue]] = {}
    with select.epoll() as events:
        while len(connections) < clients or underway:
            check()
            while len(connections) < clients and len(underway) < AT_A_TIME:
                source = (f"127.0.0.{1 + len(connections) // PER_SOURCE_ADDRESS}", 0)
                connection = socket.create_connection(address, CONNECTION_LIMIT, source)
                connections.append(connection)
                dialogue = log_in(account)
                next(dialogue)
                underway[connection.fileno()] = connection, dialogue
                events.register(connection, select.EPOLLIN)
            for number, _ in events.poll(POLL_LIMIT):
                connection, dialogue = underway[number]
                if _is_over(connection, dialogue):
                    events.unregister(number)
                    del underway[number]


def _is_over(connection: socket.socket, dialogue: Dialogue) -> bool:
    data = connection.recv(RECEIVE_SIZE)
    if not data:
        raise WrongResponse("the connection was closed within the log-in")
    try:
        out = dialogue.send(data)
    except StopIteration:
        return True
    if out:
        connection.sendall(out)
    return False


@contextmanager
def gathered_with_tls(
    address: Address, account: Account, clients: int, check: Callable[[], None]
) -> Iterator[list[socket.socket]]:
    """As ``gathered``, over TLS; one client after the other, and nobody looks at the certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connections: list[socket.socket] = []
    try:
        for _ in range(clients):
            check()
            plain = socket.create_connection(address, CONNECTION_LIMIT)
            greeting = request_tls(plain, account)
            connections.append(context.wrap_socket(plain))
            converse(connections[-1], log_in(account, greeting))
        yield connections
    finally:
        hang_up(connections)


def ask_once(connections: Sequence[socket.socket], exchange: Exchanged, check: Callable[[], None]) -> None:
    """One statement by each client, a few at a time. Raises WrongResponse for a wrong answer."""
    for start in range(0, len(connections), AT_A_TIME):
        point_selects(connections[start : start + AT_A_TIME], [exchange], 0.0, check)
