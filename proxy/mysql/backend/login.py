"""The connection phase towards a target (MySQL manual, "Connection Phase")."""

from collections.abc import Generator, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks

from ..wire.auth.native import NAME as NATIVE
from ..wire.auth.native import NativeDigest
from ..wire.auth.plugin import AuthRefused, Channel
from ..wire.auth.registry import CLIENT_PLUGINS
from ..wire.auth_packets import AuthMoreData, AuthSwitchRequest
from ..wire.capabilities import DEPENDS_ON_TARGET, Capability
from ..wire.compression_choice import Compression, capability_of
from ..wire.datatypes import MalformedPacket
from ..wire.handshake import NONCE_LENGTH, HandshakeV10
from ..wire.login import HandshakeResponse41, SSLRequest
from ..wire.results import EOF, ERR, OK, ErrorPacket, OkPacket
from .connection import BackendConnection
from .errors import ConnectFailed, TargetError, UnfitTarget
from .tls import TargetTls

__all__ = ["COLLATION", "LogIn", "log_in"]

#: utf8mb4_general_ci: both server families know it, and every connection starts with it.
COLLATION = 45

_MAX_PACKET_SIZE = 1 << 30

_NEEDED = (
    Capability.PROTOCOL_41
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
    | Capability.SESSION_TRACK
    | Capability.DEPRECATE_EOF
)

_USED = (
    _NEEDED
    | Capability.LONG_PASSWORD
    | Capability.LONG_FLAG
    | Capability.TRANSACTIONS
    | Capability.CONNECT_ATTRS
    | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capability.MARIADB_STMT_BULK_OPERATIONS
)


@attrs.frozen
class LogIn:
    """Who logs in, and how. ``capabilities`` are those that the client it is opened for needs."""

    username: bytes
    password: bytes = attrs.field(repr=False)
    capabilities: Capability
    attributes: Mapping[bytes, bytes]
    tls: TargetTls
    #: Used where the target has it.
    compression: Compression | None = None


@inlineCallbacks
def log_in(connection: BackendConnection, login: LogIn) -> Generator[Deferred[Any], Any, HandshakeV10]:
    """Log in; afterwards the connection takes commands. Raises TargetError, UnfitTarget, ConnectFailed."""
    try:
        greeting: HandshakeV10 = yield _greeting(connection)
        _check_wire_format(login, greeting)
        secure: bool = yield _start_tls(connection, login, greeting)
        yield _authenticate(connection, login, greeting, secure)
    except MalformedPacket as problem:
        raise ConnectFailed(f"the target broke the protocol: {problem}") from None
    except AuthRefused as problem:
        raise UnfitTarget(str(problem)) from None
    connection.thread_id = greeting.connection_id
    connection.server_capabilities = greeting.capabilities
    connection.capabilities = _capabilities(login, greeting)
    connection.server_version = greeting.server_version.decode("utf-8", "replace")
    if login.compression is not None and _compresses(connection.capabilities, login):
        connection.compress(login.compression)
    return greeting


@inlineCallbacks
def _greeting(connection: BackendConnection) -> Generator[Deferred[bytes], bytes, HandshakeV10]:
    payload = yield connection.next_payload()
    _raise_if_error(payload)
    greeting = HandshakeV10.decode(payload)
    missing = _NEEDED & ~greeting.capabilities
    if missing:
        raise UnfitTarget(
            f"the target ({greeting.server_version.decode('ascii', 'replace')}) lacks {missing!r};"
            " MySQL 5.7 or MariaDB 10.2 is the oldest that will do"
        )
    return greeting


def _check_wire_format(login: LogIn, greeting: HandshakeV10) -> None:
    """A client may speak in a way that the target of before had, and this one does not have."""
    missing = login.capabilities & DEPENDS_ON_TARGET & ~greeting.capabilities
    if missing:
        raise UnfitTarget(f"the target does not have what this client uses ({missing!r}); connect again")


@inlineCallbacks
def _start_tls(
    connection: BackendConnection, login: LogIn, greeting: HandshakeV10
) -> Generator[Deferred[Any], Any, bool]:
    """Switch to TLS as the mode asks; returns whether the connection is protected."""
    if not login.tls.wanted:
        return False
    if not greeting.capabilities & Capability.SSL:
        if login.tls.required:
            raise UnfitTarget("the target does not offer TLS, which this target's configuration requires")
        return False
    request = SSLRequest(_capabilities(login, greeting) | Capability.SSL, _MAX_PACKET_SIZE, COLLATION)
    connection.send(request.encode(), connection.reply_sequence)
    if connection.has_unread_bytes():
        # Whoever sent them could not be the server: it waits for TLS. Somebody in between is guessing.
        raise ConnectFailed("the target sent more than its greeting before TLS")
    connection.transport.startTLS(login.tls.factory)
    yield from ()
    return True


def _capabilities(login: LogIn, greeting: HandshakeV10) -> Capability:
    wanted = _USED | login.capabilities
    if login.compression is not None:
        wanted |= capability_of(login.compression.algorithm)
    capabilities = wanted & greeting.capabilities
    # Setting it says to a MariaDB that there is nothing above bit 31.
    return capabilities if capabilities.high else capabilities | Capability.LONG_PASSWORD


def _compresses(capabilities: Capability, login: LogIn) -> bool:
    """Whether what the configuration asks for was agreed on."""
    return login.compression is not None and bool(capabilities & capability_of(login.compression.algorithm))


def _first_plugin(login: LogIn, greeting: HandshakeV10) -> bytes:
    """The greeting's, unless it cannot be used; the server may switch an account to another one we know."""
    if isinstance(login.password, NativeDigest) or greeting.auth_plugin not in CLIENT_PLUGINS:
        return NATIVE
    return greeting.auth_plugin


@inlineCallbacks
def _authenticate(
    connection: BackendConnection, login: LogIn, greeting: HandshakeV10, secure: bool
) -> Generator[Deferred[bytes], bytes, None]:
    channel = Channel(secure=secure)
    plugin = _first_plugin(login, greeting)
    nonce = greeting.nonce if plugin == greeting.auth_plugin else greeting.nonce[:NONCE_LENGTH]
    exchange = CLIENT_PLUGINS[plugin].respond(login.password, nonce, channel)
    capabilities = _capabilities(login, greeting)
    response = HandshakeResponse41(
        capabilities=capabilities | (Capability.SSL if secure else Capability(0)),
        max_packet_size=_MAX_PACKET_SIZE,
        collation=COLLATION,
        username=login.username,
        auth_response=next(exchange) or b"",
        database=None,
        auth_plugin=plugin,
        attributes=dict(login.attributes),
        zstd_level=login.compression.level
        if login.compression is not None and capabilities & Capability.ZSTD_COMPRESSION
        else None,
    )
    # After an SSLRequest the server's last sequence id is still that of its greeting.
    connection.send(response.encode(), connection.reply_sequence + secure)
    while True:
        payload = yield connection.next_payload()
        _raise_if_error(payload)
        if payload[:1] == bytes((OK,)):
            connection.status = int(OkPacket.decode(payload).status)
            return
        if payload[:1] == bytes((EOF,)):
            switch = AuthSwitchRequest.decode(payload)
            if switch.plugin not in CLIENT_PLUGINS:
                name = switch.plugin.decode("ascii", "replace")
                raise UnfitTarget(
                    f"the target asks for authentication plugin {name!r}, which is not supported"
                )
            exchange = CLIENT_PLUGINS[switch.plugin].respond(login.password, switch.nonce, channel)
            answer: bytes | None = next(exchange) or b""
        else:
            answer = exchange.send(AuthMoreData.decode(payload).data)
        if answer is not None:
            connection.send(answer, connection.reply_sequence)


def _raise_if_error(payload: bytes) -> None:
    if payload[:1] == bytes((ERR,)):
        raise TargetError(ErrorPacket.decode(payload))
    if not payload:
        raise MalformedPacket("empty packet in the connection phase")
