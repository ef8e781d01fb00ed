"""One connection to a target: log-in, the proxy's own commands, and lending it to a session.

While a session has it, whatever arrives goes to that session unread. Otherwise packets answer the proxy's
own commands; a packet nobody asked for (a server that shuts down says so) ends the connection.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from twisted.internet import defer, error
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ...pool.reasons import CloseReason
from ..exchange import Exchange
from ..session.held_variables import NO_VARIABLES
from ..session.settings import FRESH, Settings
from ..session.user_variables import Variable
from ..session.value import SessionValue
from ..wire.capabilities import Capability
from ..wire.commands import Command
from ..wire.compression_choice import Compression
from ..wire.datatypes import MalformedPacket
from ..wire.framing import frame
from .compressed_target import CompressedTarget
from .errors import ConnectFailed
from .server_statements import ServerStatements
from .set_up import SetUp
from .tls import certificate_problem

__all__ = ["MAX_OWN_RESPONSE", "PREPARES", "BackendConnection", "Borrower"]

#: Stands for several sessions.
SHARED = object()

#: The server's count of text PREPAREs.
PREPARES = "Com_prepare_sql"

#: The longest packet of a response to one of the proxy's own commands, in bytes.
MAX_OWN_RESPONSE = 1 << 20

#: Seconds to wait for the target to close a connection after COM_QUIT before it is cut.
CLOSE_TIMEOUT = 2.0


class Borrower(Protocol):
    """What a connection tells the session that has it."""

    def backend_data(self, data: bytes) -> None:
        """A chunk of a response arrived."""

    def backend_lost(self, reason: str) -> None:
        """The connection is gone."""

    def backend_full(self) -> None:
        """The target reads slower than the client writes."""

    def backend_drained(self) -> None:
        """The target has read what was written."""


def _ask_nothing(_connection: "BackendConnection") -> defer.Deferred[None]:
    return defer.succeed(None)


@implementer(IPushProducer)
class BackendConnection(TwistedProtocol):
    """A connection to a target; ``key`` and ``settings`` are what the pool matches on."""

    log = Logger()
    transport: Any

    def __init__(self, key: Hashable, number: int, clock: Any) -> None:
        self.key = key
        #: The proxy's own number for log lines.
        self.number = number
        self.settings: Settings = FRESH
        #: How it was brought to the state every connection starts in.
        self.set_up = SetUp()
        #: What init_query set on the fresh connection.
        self.baseline: Mapping[str, str] = {}
        #: The target's id of this connection.
        self.thread_id = 0
        #: Which server this is, and since when it is connected, on the reactor's clock.
        self.server_identity: tuple[str | None, ...] = ()
        self.opened_at = 0.0
        #: As in the target's greeting; and what was agreed on.
        self.server_version = ""
        self.server_capabilities = self.capabilities = Capability(0)
        #: Status flags of the last response seen here.
        self.status = 0
        #: Whether the target's session trackers report what statements change.
        self.tracked = True
        #: Its transactions are read only until its end, so that it serves nobody else.
        self.is_guarded = False
        #: Counts how often the connection was lent: the same number means that nobody else used it since.
        self.serial = 0
        #: False while a replay of variables is under way or has failed: nobody knows what is in effect.
        self.is_clean = True
        self._begin_unused()
        #: Asks what only this connection knows, before it is closed.
        self.last_question: Callable[[BackendConnection], defer.Deferred[None]] = _ask_nothing
        #: The last command has no response, unless the target has something against it.
        self.in_doubt = False
        #: Commands sent whose responses have not ended.
        self.unanswered = 0
        self.borrower: Borrower | None = None
        self.lost: str | None = None
        #: The pool it belongs to, and what has opened it.
        self.pool: Any = None
        self.connector: Any = None
        #: The target that it is a connection to, and who is told of the GTIDs of its writes.
        self.unit: Any = None
        self.on_gtid: Callable[[str], None] | None = None
        #: Called before each command that is sent, where the transport compresses.
        self.begin_command: Callable[[], None] | None = None
        self._compressed: CompressedTarget | None = None
        self._clock = clock
        self._exchange = Exchange(MAX_OWN_RESPONSE, lambda: self.abort("timed out"))
        self._closing: Any = None
        self._ended = self._was_aborted = False
        self._is_full = False
        self._awaiting_insert_id: list[defer.Deferred[None]] = []
        #: KILLs of its statement that the target has not answered; who waits for that.
        self._kills = 0
        self._awaiting_kills: list[Callable[[], None]] = []
        self._on_lost: list[Callable[[BackendConnection], None]] = []

    def _begin_unused(self) -> None:
        """What sessions leave behind."""
        #: The server remembers an insert id, warnings or an error of an earlier statement; and whose.
        self.has_residue = False
        self.residue_of: SessionValue | None = None
        self._residue_resets = 0
        self.insert_id_is_exact = False
        #: A session that may have left what no tracker reports; a reset comes before anyone else's statement.
        self.traces_of: SessionValue | None = None
        self._traces_resets = 0
        #: The user variables it has, as far as they matter: the mapping of a session's values.
        self.variables: Mapping[str, Variable] = NO_VARIABLES
        #: The session that alone has used it since it was opened or reset; SHARED after another one.
        self.used_by: object = None
        #: Statements by kind, as the server has counted them when it was asked last, or since a reset.
        self.counts: dict[str, int] = {}
        #: What it has prepared.
        self.statements = ServerStatements()

    # Lending

    def lend(self, borrower: Borrower) -> None:
        """From now on everything that arrives goes to ``borrower``."""
        self.serial += 1
        self.borrower = borrower
        if self._is_full:
            borrower.backend_full()

    def take_back(self) -> None:
        """The session is done with it."""
        borrower, self.borrower = self.borrower, None
        if borrower is not None and self._is_full:
            borrower.backend_drained()
        self.transport.resumeProducing()

    def can_become(self, wanted: object) -> bool:
        """Whether replaying a difference leads to ``wanted``: a selected schema cannot be deselected."""
        return isinstance(wanted, Settings) and bool(wanted.schema or not self.settings.schema)

    def is_used_by(self, value: SessionValue) -> None:
        """The session gets it."""
        if self.used_by is not value:
            self.used_by = value if self.used_by is None else SHARED

    def has_been_others(self, value: SessionValue) -> bool:
        """Whether another session may have left what nobody reports, such as a variable set by a function."""
        return self.used_by is not None and self.used_by is not value

    def count_prepare(self) -> None:
        """A text PREPARE, which the server counts, was run on it."""
        self.counts[PREPARES] = self.counts.get(PREPARES, 0) + 1

    def has_now(self, value: SessionValue) -> None:
        """The session has run its statements here: what it has by now is in effect."""
        self.settings = value.settings
        self.variables = value.variables.values

    def leave_residue(self, value: SessionValue) -> None:
        """The session's last statement left warnings, an error or an insert id in the server's memory."""
        self.has_residue = True
        self.residue_of = value
        self._residue_resets = value.resets

    def has_foreign_residue(self, value: SessionValue) -> bool:
        """Whether the server remembers what is another session's, or this one's of before a reset."""
        if not self.has_residue:
            return False
        return self.residue_of is not value or self._residue_resets != value.resets

    def leave_traces(self, value: SessionValue) -> None:
        """The session may have left what no tracker reports."""
        self.traces_of = value
        self._traces_resets = value.resets

    def has_foreign_traces(self, value: SessionValue) -> bool:
        """Whether there may be traces of another session, or of this one before a reset."""
        if self.traces_of is None:
            return False
        return self.traces_of is not value or self._traces_resets != value.resets

    def keep_insert_id(self, value: SessionValue, *, exact: bool = False) -> None:
        """From now on LAST_INSERT_ID() of this session is only known here.

        It is ``exact`` if the server had the session's own former value when the statement ran: a statement
        may leave it alone and yet report an id.
        """
        previous = value.insert_id_at
        first = previous is None and not value.last_insert_id
        self.insert_id_is_exact = exact or first or (previous is self and self.insert_id_is_exact)
        if previous is not None and previous is not self:
            previous.drop_insert_id()
        self.leave_residue(value)
        value.insert_id_at = self

    def knows_insert_id_of(self, value: SessionValue) -> bool:
        """Whether LAST_INSERT_ID() here is the session's own; the server has 0 for one that borrows anew."""
        if value.insert_id_at is None:
            return not value.last_insert_id
        return value.insert_id_at is self and self.insert_id_is_exact

    def drop_insert_id(self) -> None:
        """It has been read, or nobody will ask for it."""
        value = self.residue_of
        if value is not None and value.insert_id_at is self:
            value.insert_id_at = None
        waiting, self._awaiting_insert_id = self._awaiting_insert_id, []
        for deferred in waiting:
            deferred.callback(None)

    def insert_id_dropped(self) -> defer.Deferred[None]:
        """Fires when the session that has the connection now has read what is kept here for another."""
        waiting: defer.Deferred[None] = defer.Deferred()
        self._awaiting_insert_id.append(waiting)
        return waiting

    def residue_gone(self) -> None:
        """The server's memory of earlier statements is empty."""
        self.drop_insert_id()
        self.has_residue = self.insert_id_is_exact = False
        self.residue_of = None

    @property
    def is_being_killed(self) -> bool:
        """Whether a KILL QUERY may still hit what runs here: nothing else must."""
        return self._kills > 0

    def kill_sent(self) -> None:
        """The target was told to end the statement that runs here."""
        self._kills += 1

    def kill_answered(self) -> None:
        """It has done so, or will not."""
        self._kills -= 1
        if not self._kills:
            waiting, self._awaiting_kills = self._awaiting_kills, []
            for callback in waiting:
                callback()

    def when_not_killed(self, callback: Callable[[], None]) -> None:
        """Call back once no KILL is under way any more."""
        self._awaiting_kills.append(callback)

    def limited(self, work: defer.Deferred[Any]) -> defer.Deferred[Any]:
        """Bound a wait for this connection's target; then it fails with ConnectFailed."""
        limited: defer.Deferred[Any] = self.connector.limited(work)
        return limited

    @property
    def broke_off(self) -> bool:
        """Whether it has ended without the proxy having wanted that."""
        return self._ended and self._closing is None and not self._was_aborted

    def when_lost(self, callback: Callable[["BackendConnection"], None]) -> None:
        """Call back once the target no longer has this connection."""
        if self._ended:
            callback(self)
        else:
            self._on_lost.append(callback)

    # Bytes

    def dataReceived(self, data: bytes) -> None:
        """A chunk from the target."""
        borrower = self.borrower
        if borrower is not None:
            borrower.backend_data(data)
            return
        try:
            if not self._exchange.feed(data):
                self.abort("the target sent a packet nobody asked for")
        except MalformedPacket as problem:
            self.abort(str(problem))

    @property
    def reply_sequence(self) -> int:
        """The sequence id with which to answer the packet read last."""
        return self._exchange.reply_sequence

    def idle(self) -> None:
        """The proxy's own exchange is over: from now on a packet nobody asked for is an error."""
        self._exchange.expected = False

    def expect_answer(self) -> None:
        """Packets from the target are answers to the proxy's own commands."""
        self._exchange.expected = True

    def check_is_answered(self) -> None:
        """Before anybody else gets it: what is still to come would be taken for another one's answer."""
        if self.unanswered and self.lost is None:
            self.log.error("[dbConnection={number}] an answer is outstanding", number=self.thread_id)
            self.abort("an answer is outstanding")

    def send(self, payload: bytes, sequence: int = 0) -> None:
        """Send one of the proxy's own packets; a command has the sequence id 0."""
        self.unanswered += not sequence
        self.expect_answer()
        if self.begin_command is not None and not sequence:
            self.begin_command()
        self.transport.write(frame(payload, sequence))

    def send_silently(self, payload: bytes) -> None:
        """Send a command that has no response, whoever has the connection."""
        if self.begin_command is not None:
            self.begin_command()
        self.transport.write(frame(payload))

    def has_unread_bytes(self) -> bool:
        """Whether anything has arrived that was not read; it is thrown away."""
        return self._exchange.unread or bool(self._exchange.rest())

    def next_payload(self) -> defer.Deferred[bytes]:
        """The next packet of an answer to the proxy itself; fails with ConnectFailed when there is none."""
        return self._exchange.next()

    def connectionMade(self) -> None:
        """Low latency matters more than full segments; dead peers must be noticed."""
        self.opened_at = self._clock.seconds()
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)

    def compress(self, compression: Compression) -> None:
        """Logged in: from now on all packets are inside compressed ones, in both directions."""
        self.transport = self._compressed = CompressedTarget(
            self.transport,
            compression,
            lambda: self.borrower is not None,
            receive=self.dataReceived,
            fail=lambda problem: self.abort(f"the target broke the protocol: {problem}"),
            clock=self._clock,
        )
        self.begin_command = self._compressed.begin_command
        # A connection without compression pays nothing for those with it.
        self.dataReceived = self._compressed.data_received  # type: ignore[method-assign]

    def connection_ready(self) -> None:
        """Logged in: watch how fast the target reads."""
        self.transport.registerProducer(self, True)

    # Flow control (IPushProducer towards the target's transport)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._is_full = True
        if self.borrower is not None:
            self.borrower.backend_full()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._is_full = False
        if self.borrower is not None:
            self.borrower.backend_drained()

    def stopProducing(self) -> None:
        """The transport is closing; connectionLost follows."""

    # The end

    def close(self, reason: CloseReason) -> None:
        """Say goodbye and let the target close, so that it has counted the connection out."""
        self.log.debug(
            "closing connection {number} to the target: {reason}", number=self.number, reason=reason.value
        )
        if self._ended or self._closing is not None:
            return
        if reason in (CloseReason.UNCLEAN, CloseReason.LOST):
            self.abort("closed unclean")
            return
        self._closing = self._clock.callLater(CLOSE_TIMEOUT, self.transport.abortConnection)
        if self.residue_of is not None and self.residue_of.insert_id_at is self:
            # Nobody else knows LAST_INSERT_ID() of the session that ran its last insert here.
            self.last_question(self).addBoth(lambda _: self._quit())
        else:
            self._quit()

    def _quit(self) -> None:
        if not self._ended:
            self.send(bytes((Command.QUIT,)))

    def abort(self, reason: str) -> None:
        """Cut the connection."""
        self._was_aborted = True
        if self.lost is None:
            self.lost = reason
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The target or the network closed it, or we did."""
        if self._compressed is not None:
            self._compressed.connection_lost()
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        if self.lost is None:
            closed = reason.check(error.ConnectionDone) is not None
            self.lost = "connection closed" if closed else certificate_problem(reason.value)
        self._ended = True
        if self.residue_of is not None and self.residue_of.insert_id_at is self:
            self.residue_of.know_insert_id(self.residue_of.reported_insert_id)
        self.drop_insert_id()
        self._exchange.fail(ConnectFailed(self.lost))
        borrower, self.borrower = self.borrower, None
        try:
            if borrower is not None:
                borrower.backend_lost(self.lost)
        finally:
            # Whatever happens in a session, the pool must know that the connection is gone.
            callbacks, self._on_lost = self._on_lost, []
            for callback in callbacks:
                callback(self)
