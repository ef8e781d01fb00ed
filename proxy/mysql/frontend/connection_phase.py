"""The connection phase towards clients (MySQL manual, "Connection Phase"): greet, TLS, authenticate.

The greeting names the plugin most users have; a user whose entry asks for another is switched to it. An
unknown user takes the way of a wrong password.
"""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger

from ...credentials.source import Credential
from ...errors import ClientError, access_denied, compression_refused, tls_required
from ..backend.connector import PoolKey
from ..backend.errors import TargetError
from ..session.need import NOTHING
from ..session.settings import FRESH, Settings, autocommit_of
from ..session.value import SessionValue
from ..wire.auth.plugin import NO_PASSWORD, Channel
from ..wire.auth.registry import SERVER_PLUGINS
from ..wire.auth_packets import AuthSwitchRequest, ChangeUser
from ..wire.capabilities import WIRE_FORMAT, Capability, offered_to_clients
from ..wire.compression_choice import Compression, CompressionRefused, choose, offered
from ..wire.handshake import HandshakeV10, fresh_nonce
from ..wire.login import HandshakeResponse41, SSLRequest, is_ssl_request
from ..wire.status import Status
from .context import EndpointContext
from .transfer import prepare
from .visible import visible_error

if TYPE_CHECKING:
    from .client import ClientConnection

__all__ = ["ClientGone", "LoggedIn", "change_user", "log_in"]

_log = Logger()

_NATIVE: Final = b"mysql_native_password"
_CACHING_SHA2: Final = b"caching_sha2_password"
_PLUGINS: Final = {"MYSQL_NATIVE_PASSWORD": _NATIVE, "MYSQL_CACHING_SHA2_PASSWORD": _CACHING_SHA2}

#: Character sets a client cannot speak (MySQL manual, "Impermissible Client Character Sets").
_NOT_FOR_CLIENTS = frozenset({"ucs2", "utf16", "utf16le", "utf32"})


#: Bytes, and characters, of a client's program_name that are passed on to the database.
MAX_PROGRAM_NAME = 128


class ClientGone(Exception):
    """The client's connection ended before its log-in did."""


@attrs.frozen
class LoggedIn:
    """An authenticated client."""

    key: PoolKey
    value: SessionValue
    capabilities: Capability
    program: str
    #: What begins behind the OK packet; None for no compression, or for that which there is already.
    compression: Compression | None = None


@attrs.frozen
class _Request:
    """What a client asks for when it logs in or changes its user."""

    username: bytes
    response: bytes = attrs.field(repr=False)
    plugin: bytes | None
    schema: bytes | None
    collation: int
    capabilities: Capability
    program: str


@inlineCallbacks
def log_in(client: "ClientConnection", context: EndpointContext) -> Generator[Deferred[Any], Any, LoggedIn]:
    """Take a client from greeting to authenticated session; raises what it is to be told."""
    yield context.ready()
    facts = context.facts()
    default_plugin = _default_plugin(context)
    greeting = HandshakeV10(
        server_version=(context.options.server_version or facts.version).encode(),
        connection_id=client.number,
        nonce=fresh_nonce(),
        capabilities=offered_to_clients(facts.capabilities)
        | offered(context.options.compression_algorithms)
        | (Capability.SSL if context.tls is not None else Capability(0)),
        collation=_greeting_collation(facts.is_mariadb),
        status=Status(facts.fresh_status),
        auth_plugin=default_plugin,
    )
    client.nonce = greeting.nonce
    client.greet(greeting.encode())
    payload: bytes = yield client.next_payload()
    if is_ssl_request(payload) and context.tls is not None:
        SSLRequest.decode(payload)
        client.start_tls(context.tls.factory)
        payload = yield client.next_payload()
    response = HandshakeResponse41.decode(payload, greeting.capabilities)
    if context.options.require_tls and not client.secure:
        raise tls_required()
    compression = _compression(context, response)
    request = _Request(
        response.username,
        response.auth_response,
        response.auth_plugin,
        response.database,
        response.collation,
        response.capabilities,
        _program(response.attributes),
    )
    nonce = greeting.nonce if response.auth_plugin in (None, default_plugin) else None
    admitted: LoggedIn = yield _admit(client, context, request, nonce)
    return attrs.evolve(admitted, compression=compression)


def _compression(context: EndpointContext, response: HandshakeResponse41) -> Compression | None:
    """What the client gets; a ClientError if none of what it wants is allowed."""
    allowed = context.options.compression_algorithms
    try:
        return choose(allowed, response.capabilities, response.zstd_level)
    except CompressionRefused as refusal:
        raise compression_refused(str(refusal)) from None


def _program(attributes: Mapping[bytes, bytes]) -> str:
    """The name that the database is told; its length is the client's choice, and is held for each client."""
    name = attributes.get(b"program_name", b"")[:MAX_PROGRAM_NAME]
    return name.decode("utf-8", "replace")[:MAX_PROGRAM_NAME]


@inlineCallbacks
def change_user(
    client: "ClientConnection", context: EndpointContext, payload: bytes, capabilities: Capability
) -> Generator[Deferred[Any], Any, LoggedIn]:
    """COM_CHANGE_USER: the client is always switched, with the nonce it was given last.

    Servers give the same one again, and libmariadb counts on it: it answers the former one.
    """
    change = ChangeUser.decode(payload, capabilities)
    program = _program(change.attributes)
    request = _Request(
        change.username, b"", None, change.database, change.collation or 0, capabilities, program
    )
    admitted: LoggedIn = yield _admit(client, context, request, None, is_change=True)
    return admitted


@inlineCallbacks
def _admit(
    client: "ClientConnection",
    context: EndpointContext,
    request: _Request,
    nonce: bytes | None,
    *,
    is_change: bool = False,
) -> Generator[Deferred[Any], Any, LoggedIn]:
    username = request.username.decode("utf-8", "replace")
    credential = context.credential(username)
    if nonce is None or _plugin_of(context, credential) != _default_plugin(context):
        if not is_change:
            client.nonce = fresh_nonce()
        nonce = client.nonce
        client.send(AuthSwitchRequest(_plugin_of(context, credential), nonce).encode())
        response: bytes = yield client.next_payload()
        request = attrs.evolve(request, response=response)
    proven: bool = yield _authenticate(client, context, request, credential, nonce)
    if credential is None or not proven:
        _log.info(
            "[clientConnection={client}] authentication failed for user {user} from {peer}: {why}",
            client=client.number,
            user=username,
            peer=str(client.peer),
            why="no secret for this user" if credential is None else "wrong password",
        )
        raise access_denied(username, using_password=request.response not in NO_PASSWORD)
    client.proven()
    key = PoolKey(username, request.capabilities & WIRE_FORMAT)
    initial = _initial_settings(context, request)
    yield _check_schema(context, key, initial, request.program)
    facts = context.facts()
    value = SessionValue(
        initial,
        facts.fresh_status,
        # A reset brings the log-in's character set back on MariaDB, the server's own on MySQL.
        after_reset=initial
        if facts.is_mariadb
        else FRESH.changed(variables=(autocommit_of(facts.fresh_status),)),
    )
    return LoggedIn(key, value, request.capabilities, request.program)


@inlineCallbacks
def _authenticate(
    client: "ClientConnection",
    context: EndpointContext,
    request: _Request,
    credential: Credential | None,
    nonce: bytes,
) -> Generator[Deferred[bytes], bytes, bool]:
    """Run the user's plugin on the client's response to ``nonce``."""
    plugin = SERVER_PLUGINS[_plugin_of(context, credential)]
    password = None if credential is None else credential.password
    channel = Channel(secure=client.secure, rsa_key=context.rsa_key)
    exchange = plugin.authenticate(password, nonce, request.response, channel)
    answer = None
    while True:
        try:
            step = next(exchange) if answer is None else exchange.send(answer)
        except StopIteration as end:
            return bool(end.value)
        client.send(step.payload)
        answer = (yield client.next_payload()) if step.awaits_reply else b""


def _plugin_of(context: EndpointContext, credential: Credential | None) -> bytes:
    """The plugin a user's entry asks for, or the default."""
    auth_type = credential.client_password_auth_type if credential is not None else None
    return _PLUGINS.get(auth_type or "", _default_plugin(context))


def _default_plugin(context: EndpointContext) -> bytes:
    """RDS's defaults: caching_sha2_password for MySQL, mysql_native_password for MariaDB."""
    configured = _PLUGINS.get(context.options.default_auth_type)
    if configured is not None:
        return configured
    return _NATIVE if context.facts().is_mariadb else _CACHING_SHA2


def _greeting_collation(is_mariadb: bool) -> int:
    """utf8mb4_general_ci, or MySQL 8's own default utf8mb4_0900_ai_ci."""
    return 45 if is_mariadb else 255


def _initial_settings(context: EndpointContext, request: _Request) -> Settings:
    """What the log-in packet says of the session; an unknown collation means the server's default."""
    schema = (request.schema or b"").decode("utf-8", "surrogateescape")
    known = context.facts().collations.get(request.collation)
    variables = {}
    if known is not None:
        collation, charset = known
        if charset in _NOT_FOR_CLIENTS:
            raise ClientError(
                1231, "42000", f"Variable 'character_set_client' can't be set to the value of '{charset}'"
            )
        variables = {
            "character_set_client": charset,
            "character_set_results": charset,
            "collation_connection": collation,
        }
    return FRESH.changed(
        schema=schema,
        multi_statements=bool(request.capabilities & Capability.MULTI_STATEMENTS),
        variables=(*variables.items(), autocommit_of(context.facts().fresh_status)),
    )


@inlineCallbacks
def _check_schema(
    context: EndpointContext, key: PoolKey, initial: Settings, program: str
) -> Generator[Deferred[Any], Any, None]:
    """Refuse a schema the database does not have for this user, as it would; known ones cost nothing."""
    if not initial.schema or context.known_schemas.get((key.username, initial.schema)):
        return
    connection = yield context.route.borrow(key, initial, program)
    try:
        yield connection.limited(
            prepare(connection, SessionValue(initial, 0), NOTHING, context.clock.seconds)
        )
    except TargetError as refusal:
        connection.pool.give_back(connection) if connection.is_clean else connection.pool.discard(connection)
        raise visible_error(refusal) from None
    except BaseException:
        connection.pool.discard(connection)
        raise
    connection.pool.give_back(connection)
    context.known_schemas.put((key.username, initial.schema), True)
