"""A database that answers nonsense: its connection ends, its client is told, and nobody else hears of it."""

import struct
from collections.abc import Iterator
from contextlib import suppress

import pymysql
import pytest

from proxy.demo.private_server import DatabaseError

from .clients import one, run, thread_of
from .daemon import ProxyDaemon
from .databases import Target
from .meddler import Lie, Meddler
from .polling import eventually
from .raw import RawClient, error_in, packet, query

LOST = 2013
ROLLED_BACK = 1213
BORROW_TIMEOUT = 9501
UNFIT = 1105
MID_RESULT = "a stop in mid-result"
FIRST_PACKET = b"\x01"
OK_PACKET = packet(b"\0\0\0\x02\0\0\0", 1)
STATE_CHANGED = 0x4000


def with_state(block: bytes) -> bytes:
    """An OK packet with this session-state block."""
    return packet(b"\0\0\0" + struct.pack("<HH", 2 | STATE_CHANGED, 0) + b"\0" + block, 1)


LIES = {
    "text": Lie((b"HTTP/1.1 400 Bad Request\r\n\r\n",)),
    "zeros": Lie((bytes(64),)),
    "an empty packet": Lie((packet(b"", 1),)),
    "an error cut short": Lie((packet(b"\xff\x10", 1),)),
    "an OK cut short": Lie((packet(b"\0\xfe\xff", 1),)),
    "an OK of 15 MB": Lie((b"\xf0\xff\xef\x01\0" + bytes(64),)),
    "a session state that is too short": Lie((with_state(b"\x20\0\x05\x04auto"),)),
    "a session state of nonsense": Lie((with_state(b"\x04\0\xfd\xff\xff"),)),
    "a farewell": Lie((packet(b"\xff\x1d\x04#08S01Server shutdown", 0),), closes=True),
    "a stop in mid-header": Lie((OK_PACKET[:3],), closes=True),
    "a stop in mid-packet": Lie((OK_PACKET[:8],), closes=True),
    MID_RESULT: Lie((packet(FIRST_PACKET, 1) + b"\x20\0\0\x02\x03def",), closes=True),
    "nothing": Lie((), closes=True),
    "two answers": Lie((OK_PACKET + OK_PACKET,)),
}


@pytest.fixture(scope="module")
def line(target: Target) -> Iterator[Meddler]:
    """The line between proxy and database."""
    forwarder = Meddler(target.port, {})
    yield forwarder
    forwarder.close()


@pytest.fixture(scope="module")
def daemon(target: Target, line: Meddler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy at the other end of it, with two database connections at most."""
    pool = {"max_connections_percent": 4, "connection_borrow_timeout": 2}
    daemon = ProxyDaemon(
        tmp_path_factory.mktemp("proxy"), line.port, target.users, pool=pool, target={"tls": "off"}
    )
    with daemon:
        yield daemon


@pytest.fixture
def meddler(line: Meddler) -> Iterator[Meddler]:
    """The line, honest again after the test."""
    yield line
    line.lies, line.greeting = {}, b""


@pytest.mark.parametrize("begin", ["", "BEGIN"])
@pytest.mark.parametrize("what", LIES)
def test_a_wrong_answer(daemon: ProxyDaemon, meddler: Meddler, target: Target, what: str, begin: str) -> None:
    meddler.lies = {b"the lie": LIES[what]}
    mark = daemon.mark()
    with daemon.connect() as other, RawClient(daemon) as client:
        run(other, "SET @own = 'other'")
        client.log_in()
        if begin:
            client.send(query(begin))
            assert (client.payload() or b"")[:1] == b"\0"
        client.send(query("SELECT CONNECTION_ID()"))
        [number] = client.row() or [b""]
        client.send(query("SELECT 'the lie'"))
        answer = client.payload()
        if answer == FIRST_PACKET or answer is None:
            # Part of an answer is out, or could be: the client must not wait for its rest.
            assert answer is None or what == MID_RESULT
            assert client.is_closed()
        else:
            # Outside a transaction a read is run again, and is lied to each time.
            assert error_in(answer) == (ROLLED_BACK if begin else LOST)
            client.send(query("SELECT 'again'"))
            assert client.row() == [b"again"]
        eventually(lambda: not target.has_thread(int(number)), "the end of the connection")
        daemon.wait_for_log("lost [dbConnection=", mark)
        assert one(other, "SELECT @own") == "other"
        with daemon.connect() as new:
            assert one(new, "SELECT 'new'") == "new"


UNASKED = {
    "an answer": OK_PACKET,
    "half an answer": OK_PACKET[:5],
    "a row for somebody": packet(b"\x01", 1) + packet(b"\x06secret", 2),
    "a farewell": packet(b"\xff\x1d\x04#08S01Server shutdown", 0),
    "noise": bytes(range(256)),
}


@pytest.mark.parametrize("what", UNASKED)
def test_an_answer_that_nobody_asked_for(
    daemon: ProxyDaemon, meddler: Meddler, target: Target, what: str
) -> None:
    with daemon.connect() as client, daemon.connect() as pinned:
        run(pinned, "CREATE TEMPORARY TABLE own (id INT)")
        number = thread_of(client)
        meddler.say(UNASKED[what])
        eventually(lambda: not target.has_thread(number), "the end of the idle connection")
        for value in range(5):
            assert one(client, f"SELECT {value}") == value
        # The pinned one has lost what it was pinned for, and is told so.
        with pytest.raises(pymysql.MySQLError, match="Lost connection"):
            run(pinned, "SELECT * FROM own")
        assert one(pinned, "SELECT 'anew'") == "anew"


def test_a_second_answer_while_the_connection_is_idle(
    daemon: ProxyDaemon, meddler: Meddler, target: Target
) -> None:
    meddler.lies = {b"answered": Lie((OK_PACKET,))}
    with RawClient(daemon) as client, daemon.connect() as other:
        client.log_in().send(query("SELECT CONNECTION_ID()"))
        [number] = client.row() or [b""]
        client.send(query("DO 'answered'"))
        assert (client.payload() or b"")[:1] == b"\0"
        meddler.say(OK_PACKET)
        eventually(lambda: not target.has_thread(int(number)), "the end of the connection")
        assert one(other, "SELECT 'other'") == "other"
        client.send(query("SELECT 'again'"))
        assert client.row() == [b"again"]


def test_sequence_ids_of_another_answer(daemon: ProxyDaemon, meddler: Meddler, target: Target) -> None:
    meddler.lies = {b"the lie": Lie((packet(b"\0\0\0\x02\0\0\0", 5),))}
    with RawClient(daemon) as client, daemon.connect() as other:
        client.log_in().send(query("SELECT CONNECTION_ID()"))
        [number] = client.row() or [b""]
        client.send(query("SELECT 'the lie'"))
        answer = client.payload()
        assert answer is None or error_in(answer) == LOST, answer
        eventually(lambda: not target.has_thread(int(number)), "the end of the connection")
        assert one(other, "SELECT 'other'") == "other"


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", packet(b"\x09old"), b"\xff\xff\xff\0", b"\x01\0\0\0"]
)
def test_a_nonsensical_greeting(
    daemon: ProxyDaemon, meddler: Meddler, target: Target, greeting: bytes
) -> None:
    with daemon.connect() as client, daemon.connect() as other:
        run(client, "CREATE TEMPORARY TABLE own SELECT 'client'")
        pinned = thread_of(client)
        meddler.greeting = greeting

        def refusal() -> int:
            """What a statement is answered with that needs a new connection; 0 if it found an idle one."""
            for number, *_ in target.threads(f"USER = 'app' AND ID <> {pinned}"):
                with suppress(DatabaseError):
                    target.server.execute(f"KILL {number}")
            try:
                one(other, "SELECT 2")
            except pymysql.MySQLError as error:
                return int(error.args[0])
            return 0

        # What was being opened before may become idle meanwhile.
        assert eventually(refusal, "a refusal") in (BORROW_TIMEOUT, LOST, UNFIT)
        assert one(client, "SELECT * FROM own") == "client"
        meddler.greeting = b""
        eventually(lambda: served(other), "the database to be good again")


def served(client: object) -> bool:
    """Whether a statement is answered."""
    try:
        return bool(one(client, "SELECT 1") == 1)
    except pymysql.MySQLError:
        return False
