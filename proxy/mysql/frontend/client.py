"""The protocol that faces a client: its socket, TLS, flow control, and the two phases on it."""

from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from ...errors import ClientError, proxy_header_refused
from ...tenants.tenant import Tenant
from ..compressed_transport import CompressedTransport
from ..exchange import Exchange
from ..prompt_write import write_now
from ..wire.aligned_compression import AlignedCompressor
from ..wire.capabilities import Capability
from ..wire.compressed_sequences import ReplySequences
from ..wire.compression import Compressor, Decompressor
from ..wire.compression_choice import Compression
from ..wire.datatypes import MalformedPacket
from ..wire.framing import frame
from ..wire.login import is_ssl_request
from ..wire.proxy_protocol import BadProxyHeader, HeaderReader
from ..wire.results import EOF, OkPacket
from ..wire.status import Status
from .attempt import Attempt, ClientGone
from .audit import log_client_attempt
from .command_phase import CommandPhase
from .connection_phase import LoggedIn, change_user, log_in
from .context import EndpointContext
from .peer import Peer, peer_of, proxied_peer
from .registry import ClientRegistry
from .visible import client_mistake, error_packet, visible_error

__all__ = ["ClientConnection"]

#: ER_USER_LIMIT_REACHED.
LIMIT_REACHED = 1226

#: Seconds a client that reads has to take note that it is closed.
LINGER = 1.0


@implementer(IPushProducer)
class ClientConnection(Protocol):
    """One client, from accept to close; a ClientChannel for its command phase."""

    log = Logger()
    transport: Any

    def __init__(self, context: EndpointContext, registry: ClientRegistry, number: int) -> None:
        self.number = number
        self.full = False
        self.secure = False
        self.commands: CommandPhase | None = None
        #: When the client connected, on the reactor's clock.
        self.since = context.clock.seconds()
        self._context = context
        self._registry = registry
        self.peer = Peer()
        #: Where the registry counts it; empty for nowhere.
        self.counted_address = self.counted_user = ""
        self._exchange = Exchange(context.options.max_login_packet_size, self.abort)
        #: Reads the first bytes, which may be a PROXY header.
        self._header: HeaderReader | None = HeaderReader()
        self._from_balancer = False
        #: What it is told instead of being authenticated.
        self._refusal: ClientError | None = None
        #: The challenge that its password was last proven against.
        self.nonce = b""
        self._capabilities = Capability(0)
        #: The transport, where it compresses.
        self._compressed: CompressedTransport | None = None
        self._paused_for: set[str] = set()
        self._timer: Any = None
        self._admitted = False
        self._is_producer = False
        self._login: Any = None
        #: The log-in that goes on, or was the last one.
        self.attempt = Attempt()
        #: Whose limits hold for it; None until it has logged in.
        self.tenant: Tenant | None = None
        self._closing = False
        #: Sequence id of the last packet sent in the connection phase.
        self._sent = -1

    # The connection phase

    def connectionMade(self) -> None:
        """Greet, unless there are too many clients."""
        self.peer = peer_of(self.transport.getPeer())
        # Nobody else listens in on a Unix socket: MySQL's server, too, takes passwords there.
        self.secure = not self.peer.address
        self._from_balancer = self.peer.address in self._context.options.balancers
        refusal = self._registry.admit(self)
        self._admitted = refusal is None
        if refusal is None and not self._from_balancer:
            refusal = self._registry.locate(self)
        if refusal is not None:
            self._reject(refusal)
            return
        if self.peer.address and hasattr(self.transport, "setTcpNoDelay"):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self.log.debug(
            "[clientConnection={client}] A new client connected from {peer}.",
            client=self.number,
            peer=str(self.peer),
        )
        self._timer = self._context.clock.callLater(self._context.options.handshake_timeout, self._too_slow)
        self._await(log_in(self, self._context))

    def _await(self, login: Any) -> None:
        self._login = login
        login.addCallbacks(self._logged_in, self._not_logged_in)
        login.addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        self.log.failure("[clientConnection={client}] unforeseen failure", failure, client=self.number)
        self._log_attempt("unforeseen failure")
        self.abort()

    def _reject(self, refusal: ClientError) -> None:
        """An error instead of a greeting: without the SQL state, which the client cannot expect yet."""
        self._registry.refusals.note(self.peer, refusal)
        packet = bytes((0xFF,)) + refusal.errno.to_bytes(2, "little") + refusal.message.encode()
        self.transport.write(frame(packet, 0))
        self.close()

    def _too_slow(self) -> None:
        self._timer = None
        self._registry.refusals.note(self.peer, "no log-in within handshake_timeout")
        self._log_attempt("no log-in within handshake_timeout")
        self.abort()

    def start_tls(self, factory: Any) -> None:
        """The client asked for TLS. What it sent behind its request already belongs to the TLS handshake."""
        if self._exchange.unread:
            raise MalformedPacket("plain packets behind a request for TLS")
        rest = self._exchange.rest()
        raw = self.transport
        raw.startTLS(factory)
        self.secure = True
        if rest:
            raw.protocol.dataReceived(rest)

    def next_payload(self) -> Any:
        """The client's next packet; raises a refusal that had to wait for it."""
        return self._exchange.next().addCallback(self._welcome)

    def _welcome(self, payload: bytes) -> bytes:
        # A client that asks for TLS can read the refusal only through it.
        if self._refusal is not None and (self.secure or not is_ssl_request(payload)):
            raise self._refusal
        return payload

    def _introduce(self, data: bytes) -> bytes:
        """Take a PROXY header off the first bytes; what follows it. Raises BadProxyHeader."""
        header = self._header
        assert header is not None
        header.feed(data)
        if header.recognised and not self._from_balancer:
            raise BadProxyHeader("PROXY header from an address that is not in proxy_protocol_networks")
        if header.pending:
            return b""
        self._header = None
        if header.client is not None:
            balancer, self.peer = self.peer, proxied_peer(header.client)
            self.secure = self.secure and not self.peer.address
            self.log.debug(
                "[clientConnection={client}] The client behind {balancer} is {peer}.",
                client=self.number,
                balancer=str(balancer),
                peer=str(self.peer),
            )
        if self._from_balancer:
            self._refusal = self._registry.locate(self)
        return header.rest

    def _bad_header(self, problem: BadProxyHeader) -> None:
        refusal = proxy_header_refused(str(problem))
        self._registry.refusals.note(self.peer, refusal)
        self._stop_timer()
        self.send(error_packet(refusal))
        self.close()

    def send(self, payload: bytes) -> None:
        """Send the next packet of a log-in."""
        self._sent = max(self._sent + 1, self._exchange.reply_sequence)
        self.transport.write(frame(payload, self._sent))

    def greet(self, payload: bytes) -> None:
        """Send the first packet."""
        self._sent = 0
        self.transport.write(frame(payload, 0))

    def _logged_in(self, login: LoggedIn) -> None:
        self._login = None
        self._refusal = self._registry.authenticated(self, login.key)
        if self._refusal is not None:
            self._not_logged_in(Failure(self._refusal))
            return
        if self._exchange.unread:
            # A command before its log-in was answered: whoever does that guesses.
            self._log_attempt("a command came before the log-in was answered")
            self.abort()
            return
        self._stop_timer()
        self._log_attempt(None)
        self._capabilities = login.capabilities
        self.transport.registerProducer(self, True)
        self._is_producer = True
        self.commands = CommandPhase(
            self, self._context, login.key, login.value, login.capabilities, login.program
        )
        self.send(OkPacket(status=Status(login.value.status)).encode())
        self._exchange.expected = False
        rest = self._exchange.rest()
        if login.compression is not None:
            self._compress(login.compression)
        if self._compressed is not None:
            self.commands.compressed(self._compressed.begin_command)
        if rest:
            self.dataReceived(rest)

    def _compress(self, compression: Compression) -> None:
        """From now on all packets are inside compressed ones, in both directions."""
        self.transport = self._compressed = CompressedTransport(
            self.transport,
            AlignedCompressor(Compressor(compression.algorithm, compression.level)),
            partial(Decompressor, compression.algorithm),
            ReplySequences(),
            receive=self.dataReceived,
            fail=self._garbled,
            clock=self._context.clock,
        )
        # A client without compression pays nothing for those with it.
        self.dataReceived = self._compressed.data_received  # type: ignore[method-assign]

    def _garbled(self, problem: MalformedPacket) -> None:
        if self.commands is not None:
            self.commands.broken(problem)
        else:
            self._exchange.fail(problem)

    def _not_logged_in(self, failure: Failure) -> None:
        self._login = None
        self._stop_timer()
        problem = failure.value
        if isinstance(problem, (ClientGone, CancelledError)):
            self._log_attempt("the client went away")
            return
        if isinstance(problem, MalformedPacket):
            shown = client_mistake(problem)
        else:
            shown = visible_error(problem)
        if problem is self._refusal or not self.attempt.username:
            self._registry.refusals.note(self.peer, shown)
        if problem is not self._refusal:
            self._registry.refused()
        self._log_attempt(self.attempt.reason or str(shown))
        self.send(error_packet(shown))
        self.close()

    def _log_attempt(self, problem: str | None) -> None:
        """One line for each attempt to log in; ``problem`` is None for one that was granted."""
        # A client that is closed for a reason is gone for that reason.
        if not self.attempt.is_logged:
            self.attempt.is_logged = True
            log_client_attempt(self, self._context.name, problem)

    def change_user(self, payload: bytes) -> None:
        """COM_CHANGE_USER: the session starts over, authenticated anew."""
        assert self.commands is not None
        self.commands.stop()
        self._exchange = Exchange(self._context.options.max_login_packet_size, self.abort)
        self.attempt = Attempt()
        self._sent = 0
        self.commands = None
        self._timer = self._context.clock.callLater(self._context.options.handshake_timeout, self._too_slow)
        if self._is_producer:
            self._is_producer = False
            self.transport.unregisterProducer()
        self._await(change_user(self, self._context, payload, self._capabilities))

    def proven(self) -> None:
        """The password was right: what the log-in waits for now is a database, not the client."""
        self._stop_timer()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    # Bytes

    def dataReceived(self, data: bytes) -> None:
        """A chunk from the client."""
        if self._closing:
            return
        commands = self.commands
        if commands is not None:
            commands.data(data)
            return
        try:
            if self._header is not None:
                data = self._introduce(data)
            if data and not self._exchange.feed(data):
                self.abort()
        except BadProxyHeader as problem:
            self._bad_header(problem)
        except MalformedPacket as problem:
            self._exchange.fail(problem)

    def write(self, data: bytes) -> None:
        """Pass on bytes of a response."""
        write_now(self.transport, data)

    def send_ok(self, status: int, sequence: int) -> None:
        """Answer a command with OK."""
        self.transport.write(frame(OkPacket(status=Status(status)).encode(), sequence))

    def send_eof(self, status: int, sequence: int) -> None:
        """Answer a command with EOF, or with OK where the client has no EOF packets."""
        if self._capabilities & Capability.DEPRECATE_EOF:
            self.transport.write(frame(OkPacket(status=Status(status), header=EOF).encode(), sequence))
        else:
            self.transport.write(frame(bytes((EOF, 0, 0)) + status.to_bytes(2, "little"), sequence))

    def send_error(self, refusal: ClientError, sequence: int) -> None:
        """Answer a command with an error of the proxy."""
        # A tenant beyond its rate would write a line for each statement; SHOW PROXY TENANTS counts them.
        level = LogLevel.debug if refusal.errno == LIMIT_REACHED else LogLevel.info
        self.log.emit(level, "[clientConnection={client}] error: {error}", client=self.number, error=refusal)
        self.transport.write(frame(error_packet(refusal), sequence))

    # Flow control

    def pause(self, why: str) -> None:
        """Stop reading from the client."""
        if not self._paused_for:
            self.transport.pauseProducing()
        self._paused_for.add(why)

    def resume(self, why: str) -> None:
        """Read again, unless there is another reason not to."""
        if self._paused_for:
            self._paused_for.discard(why)
            if not self._paused_for:
                self.transport.resumeProducing()

    def pauseProducing(self) -> None:
        """The client reads too slowly: so must we from the database."""
        self.full = True
        # Answers of the proxy itself must not pile up either.
        self.pause("output")
        if self.commands is not None and self.commands.tenancy.connection is not None:
            self.commands.tenancy.connection.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has read what there was."""
        self.full = False
        self.resume("output")
        if self.commands is None:
            return
        if self.commands.tenancy.connection is not None:
            self.commands.tenancy.connection.transport.resumeProducing()
        self.commands.drained()

    def stopProducing(self) -> None:
        """connectionLost follows."""

    # The end

    def close(self) -> None:
        """Close once everything written is sent, or the client has had its time to read it."""
        self._closing = True
        if self.commands is not None:
            self.commands.stop()
        if self._is_producer:
            # A TLS transport waits for its producer before it closes.
            self.transport.unregisterProducer()
        self.transport.loseConnection()
        if self._timer is None:
            # A TLS client may never answer that it has seen the end.
            seconds = self._context.options.handshake_timeout if self.full else LINGER
            self._timer = self._context.clock.callLater(seconds, self.abort)

    def abort(self) -> None:
        """Close at once."""
        self.transport.abortConnection()

    def end_by_kill(self) -> None:
        """Another client's KILL: the statement ends, and the connection."""
        self.log.info("[clientConnection={client}] killed", client=self.number)
        if self.commands is None:
            self.abort()
            return
        self.commands.end_by_kill()
        self.close()

    def drain(self) -> None:
        """Close when nothing is in progress."""
        if self.commands is None:
            self.close()
        else:
            self.commands.drain()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone, or we let it go."""
        if self._compressed is not None:
            self._compressed.connection_lost()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if reason.check(SSL.Error):
            self.log.info(
                "[clientConnection={client}] TLS failed: {problem}", client=self.number, problem=reason.value
            )
        if self._login is not None:
            self._login.cancel()
        self._exchange.fail(ClientGone())
        try:
            if self.commands is not None:
                self.commands.client_lost()
        finally:
            if self._admitted:
                self._registry.gone(self)
        why = "connection closed" if reason.check(error.ConnectionDone) else reason.getErrorMessage()
        self.log.debug(
            "[clientConnection={client}] The client connection closed. Reason: {why}",
            client=self.number,
            why=why,
        )
