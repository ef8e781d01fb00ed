"""The connection phase towards clients (MySQL manual, "Connection Phase"): greet, TLS, authenticate, begin.

The greeting names the plugin most users have; who is to use another is switched to it. A client that has
proven who it is gets a session in the tenant that it belongs to.
"""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks

from ...errors import ClientError, access_denied, compression_refused, schema_denied, tls_required
from ...tenants.tenant import Tenant
from ..backend.connector import PoolKey
from ..backend.errors import TargetError
from ..session.allowed_schemas import is_allowed
from ..session.need import NOTHING
from ..session.settings import FRESH, Settings, autocommit_of
from ..session.value import SessionValue
from ..wire.auth_packets import ChangeUser
from ..wire.capabilities import WIRE_FORMAT, Capability, offered_to_clients
from ..wire.compression_choice import Compression, CompressionRefused, choose, offered
from ..wire.handshake import HandshakeV10, fresh_nonce
from ..wire.login import HandshakeResponse41, SSLRequest, is_ssl_request
from ..wire.status import Status
from .accounts import Way
from .authentication import Claim, authenticate, default_plugin
from .context import EndpointContext
from .tenant_limits import session_variables
from .transfer import prepare
from .visible import visible_error

if TYPE_CHECKING:
    from .client import ClientConnection

__all__ = ["LoggedIn", "change_user", "log_in"]

#: Character sets a client cannot speak (MySQL manual, "Impermissible Client Character Sets").
_NOT_FOR_CLIENTS = frozenset({"ucs2", "utf16", "utf16le", "utf32"})


#: Bytes, and characters, of a client's program_name that are passed on to the database.
MAX_PROGRAM_NAME = 128


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

    schema: bytes | None
    collation: int
    capabilities: Capability
    attributes: Mapping[bytes, bytes] = attrs.field(repr=False)

    @property
    def program(self) -> str:
        """The name that the database is told; its length is the client's choice, and is held for each."""
        name = self.attributes.get(b"program_name", b"")[:MAX_PROGRAM_NAME]
        return name.decode("utf-8", "replace")[:MAX_PROGRAM_NAME]


@inlineCallbacks
def log_in(client: "ClientConnection", context: EndpointContext) -> Generator[Deferred[Any], Any, LoggedIn]:
    """Take a client from greeting to authenticated session; raises what it is to be told."""
    yield context.ready()
    facts = context.facts()
    plugin = default_plugin(context)
    greeting = HandshakeV10(
        server_version=(context.options.server_version or facts.version).encode(),
        connection_id=client.number,
        nonce=fresh_nonce(),
        capabilities=offered_to_clients(facts.capabilities)
        | offered(context.options.compression_algorithms)
        | (Capability.SSL if context.tls is not None else Capability(0)),
        collation=_greeting_collation(facts.is_mariadb),
        status=Status(facts.fresh_status),
        auth_plugin=plugin,
    )
    client.nonce = greeting.nonce
    client.greet(greeting.encode())
    payload: bytes = yield client.next_payload()
    if is_ssl_request(payload) and context.tls is not None:
        SSLRequest.decode(payload)
        client.start_tls(context.tls.factory)
        payload = yield client.next_payload()
    response = HandshakeResponse41.decode(payload, greeting.capabilities)
    username = client.attempt.username = response.username.decode("utf-8", "replace")
    if context.options.require_tls and not client.secure:
        raise tls_required()
    compression = _compression(context, response)
    request = _Request(response.database, response.collation, response.capabilities, response.attributes)
    claim = Claim(
        username,
        response.auth_response,
        response.auth_plugin or plugin,
        greeting.nonce if response.auth_plugin in (None, plugin) else None,
    )
    admitted: LoggedIn = yield _admit(client, context, request, claim)
    return attrs.evolve(admitted, compression=compression)


def _compression(context: EndpointContext, response: HandshakeResponse41) -> Compression | None:
    """What the client gets; a ClientError if none of what it wants is allowed."""
    allowed = context.options.compression_algorithms
    try:
        return choose(allowed, response.capabilities, response.zstd_level)
    except CompressionRefused as refusal:
        raise compression_refused(str(refusal)) from None


@inlineCallbacks
def change_user(
    client: "ClientConnection", context: EndpointContext, payload: bytes, capabilities: Capability
) -> Generator[Deferred[Any], Any, LoggedIn]:
    """COM_CHANGE_USER: the client is always switched, with the nonce it was given last.

    Servers give the same one again, and libmariadb counts on it: it answers the former one.
    """
    change = ChangeUser.decode(payload, capabilities)
    request = _Request(change.database, change.collation or 0, capabilities, change.attributes)
    username = client.attempt.username = change.username.decode("utf-8", "replace")
    claim = Claim(username, b"", None, None, is_change=True)
    admitted: LoggedIn = yield _admit(client, context, request, claim)
    return admitted


@inlineCallbacks
def _admit(
    client: "ClientConnection", context: EndpointContext, request: _Request, claim: Claim
) -> Generator[Deferred[Any], Any, LoggedIn]:
    way: Way = yield authenticate(client, context, claim)
    client.proven()
    schema = (request.schema or b"").decode("utf-8", "surrogateescape")
    tenant = context.tenants.tenant_for(claim.username, schema, request.attributes)
    _check_tenant(client, context, claim, tenant, schema)
    is_read_only = way.is_read_only or tenant.limits.read_only
    key = PoolKey(claim.username, request.capabilities & WIRE_FORMAT, tenant, is_read_only)
    initial = _initial_settings(context, request, schema, key)
    yield _check_schema(context, key, initial, request.program)
    facts = context.facts()
    value = SessionValue(
        initial,
        facts.fresh_status,
        # A reset brings the log-in's character set back on MariaDB, the server's own on MySQL.
        after_reset=initial if facts.is_mariadb else FRESH.changed(variables=_given_variables(context, key)),
    )
    return LoggedIn(key, value, request.capabilities, request.program)


def _check_tenant(
    client: "ClientConnection", context: EndpointContext, claim: Claim, tenant: Tenant, schema: str
) -> None:
    """ClientError for who may not come from there, or not to this schema."""
    networks = tenant.limits.allowed_networks
    if networks is not None and client.peer.address not in networks:
        tenant.refused_networks += 1
        client.attempt.reason = f"the address is not in allowed_networks of tenant {tenant.name}"
        # As with a wrong password: nobody learns there by the delay that this one was right.
        client.attempt.is_repeated = context.failed_log_ins.failed(client.peer.address, claim.username)
        raise access_denied(claim.username, using_password=True)
    context.failed_log_ins.succeeded(client.peer.address, claim.username)
    if schema and not is_allowed(schema, tenant.limits.allowed_schemas):
        tenant.refused_schemas += 1
        client.attempt.reason = f"the schema is not in allowed_schemas of tenant {tenant.name}"
        raise schema_denied(claim.username, schema)


def _greeting_collation(is_mariadb: bool) -> int:
    """utf8mb4_general_ci, or MySQL 8's own default utf8mb4_0900_ai_ci."""
    return 45 if is_mariadb else 255


def _initial_settings(context: EndpointContext, request: _Request, schema: str, key: PoolKey) -> Settings:
    """What the log-in packet says of the session; an unknown collation means the server's default."""
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
        variables=(*variables.items(), *_given_variables(context, key)),
    )


def _given_variables(context: EndpointContext, key: PoolKey) -> tuple[tuple[str, str], ...]:
    """What each session of this user begins with, and has again after a reset."""
    facts = context.facts()
    limits = session_variables(
        key.tenant, is_read_only=key.is_read_only, is_mariadb=facts.is_mariadb, version=facts.version
    )
    return autocommit_of(facts.fresh_status), *limits


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
