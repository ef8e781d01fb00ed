"""Who plays in a fuzzed session: innocent clients, and a model database that survives what it is asked."""

from typing import Any

from proxy.mysql.wire.compression import Algorithm
from tests.fuzz.choices import Choices
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.compressing import CompressingPeer
from tests.peers.server import Database, ServerPeer, Session
from tests.peers.world import World

__all__ = ["COMMANDS", "KINDS", "Innocent", "Model", "algorithm_of", "sql"]

KINDS = (
    p.CLIENT_CAPABILITIES | p.DEPRECATE_EOF | p.SESSION_TRACK,
    p.CLIENT_CAPABILITIES,
    p.CLIENT_CAPABILITIES | p.DEPRECATE_EOF,
    p.CLIENT_CAPABILITIES | p.SESSION_TRACK | p.MULTI_STATEMENTS,
)
QUIT = b"\x01"


def sql(text: str) -> bytes:
    """COM_QUERY."""
    return b"\x03" + text.encode()


COMMANDS = (
    *map(sql, ("SELECT 1", "SELECT DATABASE()", "SELECT LAST_INSERT_ID()", "SELECT PENDING()", "SELECT @u")),
    *map(
        sql,
        ("SELECT @@autocommit", "SELECT @@sql_mode", "SELECT @@time_zone", "SELECT @@character_set_client"),
    ),
    *map(sql, ("SET sql_mode='ANSI'", "SET sql_mode=''", "SET time_zone='+01:00'", "SET NAMES latin1")),
    *map(sql, ("SET nonsense=1", "USE shop", "USE crm", "USE nowhere", "BEGIN", "COMMIT", "ROLLBACK")),
    *map(
        sql, ("SET autocommit=0", "SET autocommit=1", "INSERT BAD", "nonsense", "CALL broken()", "SET @u='x'")
    ),
    *map(sql, ("INSERT 1", "INSERT 20", "SELECT @@collation_connection")),
    b"\x02shop",
    b"\x02nowhere",
    b"\x0e",
    b"\x1b\x00\x00",
    b"\x1b\x01\x00",
    b"\x1f",
)


def algorithm_of(number: int) -> Algorithm | None:
    """How a client compresses: rather not at all, so that what was found before is played as before."""
    return {14: Algorithm.ZLIB, 15: Algorithm.ZSTD}.get(number & 15)


def _told(data: bytes) -> list[tuple[int, bytes]]:
    """The whole packets in ``data``; without the status of an EOF in the middle, which the proxy makes."""
    found = []
    while len(data) >= 4 and len(data) >= 4 + (size := int.from_bytes(data[:3], "little")):
        payload, sequence = data[4 : 4 + size], data[3]
        data = data[4 + size :]
        middle = bool(data) and size == 5 and payload[:1] == b"\xfe"
        found.append((sequence, payload[:3] if middle else payload))
    return found


class Innocent:
    """A client that follows the rules, with the session it would have had to itself beside it.

    With ``may_fail`` an answer may break off in an error packet or in the end of the connection, after which
    nothing more is expected of this client. A wrong answer is never allowed.
    """

    def __init__(self, world: World, choices: Choices, *, may_fail: bool = False) -> None:
        capabilities, schema = choices.pick(KINDS), choices.pick(("", "shop"))
        count = 1 + choices.below(5)
        script = [choices.pick(COMMANDS) for _ in range(count)]
        self.script = [*script, sql("ROLLBACK"), sql("SELECT PENDING()"), QUIT]
        self.alone = Session(Database(), capabilities, schema)
        self.may_fail = may_fail
        self.failed = False
        self.done: list[bytes] = []
        self._expected: bytes | None = None
        algorithm, database = algorithm_of(choices.last >> 4), schema.encode()
        if algorithm is None:
            self.peer = world.client(ClientPeer(capabilities, database=database))
        else:
            self.peer = world.client(CompressingPeer(algorithm, capabilities, database=database))
        self.peer.seen = getattr(self.peer, "log_in_answer", b"") + self.peer.seen
        self._logged_in = False
        self.check()

    @property
    def can_speak(self) -> bool:
        """It is this client's turn."""
        return self._logged_in and not self.failed and self._expected is None and bool(self.script)

    @property
    def finished(self) -> bool:
        """Everything is said and answered."""
        return self.failed or (not self.script and self._expected is None)

    def speak(self) -> None:
        """The next command."""
        command = self.script.pop(0)
        self.done.append(command)
        self.peer.send(p.packet(command))
        if command != QUIT:
            self._expected = p.packets(self.alone.answer(command))

    def check(self) -> None:
        """What has arrived is the answer, or the beginning of it."""
        if self.failed:
            return
        if self.may_fail and self.peer.closed and self.script:
            self._fail()
        elif not self._logged_in:
            self._check_log_in()
        elif self._expected is None:
            told = _told(self.peer.seen)
            assert not self.peer.seen or (self.may_fail and self.script and told[-1][1][:1] == b"\xff"), (
                f"an answer nobody asked for after {self.done}"
            )
        elif len(self.peer.seen) >= len(self._expected) or self.peer.seen[4:5] == b"\xff":
            self._compare()
        if not self.may_fail:
            assert not self.peer.closed or not self.script, f"cut off after {self.done}"

    def _check_log_in(self) -> None:
        # It may have to wait for a connection, to see whether its schema is there.
        if self.peer.seen[4:5] == b"\0":
            self._logged_in = True
            self.peer.take()
        elif self.peer.seen:
            assert self.may_fail, "an innocent client cannot log in"
            self._fail()

    def _compare(self) -> None:
        assert self._expected is not None
        seen, expected = _told(self.peer.seen), _told(self._expected)
        if seen == expected:
            self._expected = None
            self.peer.take()
        elif self.may_fail and seen and seen[-1][1][:1] == b"\xff" and seen[:-1] == expected[: len(seen) - 1]:
            self._fail()
        else:
            raise AssertionError(f"after {self.done}: {seen} instead of {expected}")

    def _fail(self) -> None:
        self.failed = True
        if self.peer.line is not None:
            self.peer.line.hang_up()


class Model(ServerPeer):
    """The model database, which answers a statement that is not in its small language with an error."""

    thread = 0

    def greet(self) -> None:
        # Two log-ins may be under way at once, and a KILL must hit the right one.
        self.thread = self.database.next_thread
        super().greet()
        self.database.next_thread += 1

    def _log_in(self, payload: bytes, sequence: int) -> None:
        super()._log_in(payload, sequence)
        if self.session is not None:
            del self.database.threads[self.session.thread]
            self.session.thread = self.thread
            self.database.threads[self.thread] = self.session

    def _command(self, payload: bytes) -> None:
        assert self.session is not None
        if payload[:1] == QUIT:
            self.line.hang_up()
            return
        self.line.send(p.packets(answer(self.session, payload)))


def answer(session: Session, payload: bytes) -> list[bytes]:
    """The payloads of a response; of a broken statement the model's own trouble is the answer."""
    if not payload:
        return [p.err(1835, b"Malformed communication packet", b"HY000")]
    try:
        found: Any = session.answer(payload)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError):
        return [p.err(1064, b"You have an error in your SQL syntax")]
    return list(found)
