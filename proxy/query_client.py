"""A blocking client for one question to a running proxy (MySQL manual, "Connection Phase", "Text Resultset").

TLS is used where the proxy offers it; with an authority's certificate the proxy's is checked, without one it
is not, as with MySQL's own clients. On a Unix socket there is no TLS. It asks over one connection and with
one statement, takes every wait to be over after TIMEOUT seconds, the one for the answer after a time that its
caller may choose, and reads answers of at most MAX_PACKET bytes for each row.
"""

import socket
import ssl
from collections.abc import Iterator

import attrs

from .mysql.wire.auth.plugin import AuthRefused, Channel, ClientExchange
from .mysql.wire.auth.registry import CLIENT_PLUGINS, SERVER_PLUGINS
from .mysql.wire.auth_packets import AuthMoreData, AuthSwitchRequest
from .mysql.wire.capabilities import Capability
from .mysql.wire.commands import Command
from .mysql.wire.datatypes import MalformedPacket, Reader
from .mysql.wire.framing import PacketReader, frame
from .mysql.wire.handshake import HandshakeV10
from .mysql.wire.login import HandshakeResponse41, SSLRequest
from .mysql.wire.result_rows import ColumnType
from .mysql.wire.results import EOF, ERR, OK, ErrorPacket

__all__ = ["Address", "Answer", "NoAnswer", "ask"]

#: Seconds for each step: connecting, a packet of the log-in, a piece of the answer.
TIMEOUT = 30.0

#: Bytes of a packet.
MAX_PACKET = 1024 * 1024

_COLLATION = 45
_RECEIVE_SIZE = 1 << 16

_USED = (
    Capability.PROTOCOL_41
    | Capability.LONG_PASSWORD
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
    | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capability.CONNECT_ATTRS
    | Capability.DEPRECATE_EOF
)
_NEEDED = Capability.PROTOCOL_41 | Capability.PLUGIN_AUTH | Capability.DEPRECATE_EOF
_ATTRIBUTES = {b"program_name": b"rds-proxy"}
_NUMBERS = frozenset((ColumnType.BIGINT, ColumnType.DOUBLE))


class NoAnswer(Exception):
    """The question was not answered; the message is one line for the user."""


@attrs.frozen
class Address:
    """Where the proxy is: a path, or else host and port. ``tls_ca``: file of authorities to check it with."""

    host: str = ""
    port: int = 3306
    path: str = ""
    tls_ca: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


@attrs.frozen
class Answer:
    """A result set as text; ``numbers`` says of each column whether it holds numbers."""

    columns: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[str | None, ...], ...]


def ask(
    address: Address, username: str, password: bytes, statement: str, patience: float = TIMEOUT
) -> Answer:
    """Log in, run a statement that has a result set, leave; ``patience`` in seconds. Raises NoAnswer."""
    try:
        with _Connection(address) as connection:
            connection.log_in(username, password)
            return connection.query(statement, patience)
    except (MalformedPacket, AuthRefused) as problem:
        raise NoAnswer(f"{address}: {problem}") from None
    except ssl.SSLCertVerificationError as problem:
        raise NoAnswer(f"{address}: its certificate is not trusted: {problem.verify_message}") from None
    except (OSError, ValueError) as problem:
        # Python's text for a wrong host name is a ValueError.
        text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        raise NoAnswer(f"{address}: {text}") from None


class _Connection:
    def __init__(self, address: Address) -> None:
        self._address = address
        self._reader = PacketReader(MAX_PACKET)
        self._payloads: Iterator[bytes] = iter(())
        if address.path:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(TIMEOUT)
            self._socket.connect(address.path)
        else:
            self._socket = socket.create_connection((address.host, address.port), TIMEOUT)

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def log_in(self, username: str, password: bytes) -> None:
        """Take the connection to its command phase."""
        greeting = HandshakeV10.decode(self._next())
        if _NEEDED & ~greeting.capabilities:
            raise NoAnswer(f"{self._address}: it does not speak like an rds-proxy")
        capabilities = _USED & greeting.capabilities
        secure = bool(self._address.path)
        if not secure and (greeting.capabilities & Capability.SSL or self._address.tls_ca):
            self._start_tls(greeting, capabilities)
            capabilities |= Capability.SSL
            secure = True
        channel = Channel(secure=secure)
        plugin = greeting.auth_plugin
        exchange = self._exchange(plugin, password, greeting.nonce, channel)
        response = HandshakeResponse41(
            capabilities=capabilities,
            max_packet_size=MAX_PACKET,
            collation=_COLLATION,
            username=username.encode(),
            auth_response=next(exchange) or b"",
            auth_plugin=plugin,
            attributes=_ATTRIBUTES if capabilities & Capability.CONNECT_ATTRS else {},
        )
        self._send(response.encode(), self._reader.sequence + (2 if capabilities & Capability.SSL else 1))
        self._prove(password, channel, exchange)

    def _start_tls(self, greeting: HandshakeV10, capabilities: Capability) -> None:
        if not greeting.capabilities & Capability.SSL:
            raise NoAnswer(f"{self._address}: it offers no TLS, but an authority was given to check it")
        if self._reader.rest():
            raise MalformedPacket("more than a greeting before TLS")
        request = SSLRequest(capabilities | Capability.SSL, MAX_PACKET, _COLLATION)
        self._send(request.encode(), self._reader.sequence + 1)
        context = ssl.create_default_context(cafile=self._address.tls_ca or None)
        if not self._address.tls_ca:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket, server_hostname=self._address.host)

    def _prove(self, password: bytes, channel: Channel, exchange: ClientExchange) -> None:
        while (payload := self._next())[0] != OK:
            if payload[0] == EOF:
                switch = AuthSwitchRequest.decode(payload)
                exchange = self._exchange(switch.plugin, password, switch.nonce, channel)
                answer: bytes | None = next(exchange) or b""
            else:
                answer = exchange.send(AuthMoreData.decode(payload).data)
            if answer is not None:
                self._send(answer, self._reader.sequence + 1)

    @staticmethod
    def _exchange(plugin: bytes, password: bytes, nonce: bytes, channel: Channel) -> ClientExchange:
        if plugin not in SERVER_PLUGINS:
            raise AuthRefused("it asks for the password in a way that an rds-proxy never does")
        return CLIENT_PLUGINS[plugin].respond(password, nonce, channel)

    def query(self, statement: str, patience: float) -> Answer:
        """Run a statement and read its result set, each piece of which may take so many seconds."""
        self._socket.settimeout(patience)
        self._send(bytes((Command.QUERY,)) + statement.encode(), 0)
        head = self._next()
        if head[0] in (OK, EOF):
            raise MalformedPacket("an answer without rows")
        columns = [_definition(self._next()) for _ in range(Reader(head).lenenc_int())]
        rows = []
        while (payload := self._next())[0] != EOF:
            rows.append(_row(payload, len(columns)))
        names = tuple(name for name, _ in columns)
        return Answer(names, tuple(kind in _NUMBERS for _, kind in columns), tuple(rows))

    def _send(self, payload: bytes, sequence: int) -> None:
        self._socket.sendall(frame(payload, sequence))

    def _next(self) -> bytes:
        """The next payload, which is neither empty nor an error."""
        while (payload := next(self._reader.payloads(), None)) is None:
            data = self._socket.recv(_RECEIVE_SIZE)
            if not data:
                raise MalformedPacket("it closed the connection")
            self._reader.feed(data)
        if not payload:
            raise MalformedPacket("an empty packet")
        if payload[0] == ERR:
            error = ErrorPacket.decode(payload)
            raise NoAnswer(f"{self._address}: {error.errno} ({error.sqlstate}): {error.message}")
        return payload


def _definition(payload: bytes) -> tuple[str, int]:
    """Name and type of a column."""
    reader = Reader(payload)
    fields = [reader.lenenc_bytes() for _ in range(6)]
    reader.take(1 + 2 + 4)
    return fields[4].decode("utf-8", "replace"), reader.integer(1)


def _row(payload: bytes, columns: int) -> tuple[str | None, ...]:
    reader = Reader(payload)
    values: list[str | None] = []
    for _ in range(columns):
        if payload[reader.position : reader.position + 1] == b"\xfb":
            reader.take(1)
            values.append(None)
        else:
            values.append(reader.lenenc_bytes().decode("utf-8", "replace"))
    return tuple(values)
