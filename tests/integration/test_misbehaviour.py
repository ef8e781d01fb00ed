"""Clients that break the protocol: each harms only itself."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.bench import footprint

from .certificates import KeyFiles
from .clients import one, run
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually
from .raw import RawClient, error_in, packet, query

MEBIBYTE = 1 << 20
OUT_OF_ORDER = 1156
MALFORMED = 1835
TOO_LARGE = 1153
TIMEOUT = 2.0
"""Seconds; the shortest that an honest client's log-in on a busy machine still meets."""
PING = packet(b"\x0e")
SSL_REQUEST = packet((0x0008AA05).to_bytes(4, "little") + bytes(28), 1)


@pytest.fixture
def bystander(proxy: ProxyDaemon) -> Iterator[None]:
    """Another client: after the test it and a new one must get their own answers."""
    with proxy.connect() as other:
        run(other, "SET @own = 'by'")
        yield
        assert one(other, "SELECT @own") == "by"
        with proxy.connect() as new:
            assert one(new, "SELECT 'new'") == "new"


GARBAGE_BEFORE = {
    "http": b"GET / HTTP/1.1\r\nHost: database\r\n\r\n",
    "a length beyond all": b"\xff\xff\xff\x01" + bytes(100),
    "nonsense": packet(bytes(range(200, 256)), 1),
    "empty": packet(b"", 1),
    "too short": packet(b"\x05\xa2", 1),
    "an empty user's cut log-in": packet((0x0008A205).to_bytes(4, "little") + bytes(28) + b"nobody", 1),
}


@pytest.mark.parametrize("what", GARBAGE_BEFORE)
@pytest.mark.usefixtures("bystander")
def test_garbage_instead_of_a_log_in(proxy: ProxyDaemon, what: str) -> None:
    mark = proxy.mark()
    with RawClient(proxy) as client:
        assert client.payload()
        client.send(GARBAGE_BEFORE[what])
        answer = client.payload()
        assert error_in(answer) or answer is None
        assert client.is_closed()
    proxy.wait_for_log("turned away 1 clients", mark)


GARBAGE_AFTER = {
    "wrong sequence id": (packet(b"\x03SELECT 1", 1), OUT_OF_ORDER),
    "an empty command": (packet(b""), MALFORMED),
    "a length beyond max_statement_size": (b"\xff\xff\xff\x00\x03SELECT 1", TOO_LARGE),
    "noise": (bytes(range(1, 200)), OUT_OF_ORDER),
}


@pytest.mark.parametrize("what", GARBAGE_AFTER)
def test_garbage_instead_of_a_command(start_proxy: StartProxy, target: Target, what: str) -> None:
    data, errno = GARBAGE_AFTER[what]
    daemon = start_proxy(target, proxy={"max_statement_size": MEBIBYTE})
    with daemon.connect() as other, RawClient(daemon) as client:
        client.log_in().send(data)
        assert error_in(client.payload()) == errno
        assert client.is_closed()
        daemon.wait_for_log("the client broke the protocol")
        assert one(other, "SELECT 'other'") == "other"


def test_half_a_log_in(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"handshake_timeout": TIMEOUT})
    halves = (b"", b"\x54", b"\x54\0\0\x01", b"\x54\0\0\x01\x05\xa2\x0a\0")
    with ExitStack() as open_ones:
        clients = [open_ones.enter_context(RawClient(daemon)) for _ in halves]
        for client, half in zip(clients, halves, strict=True):
            assert client.payload()
            client.send(half)
        assert all(client.is_closed() for client in clients)
    daemon.wait_for_log("handshake_timeout")


@pytest.mark.parametrize("size", [40, 600_000])
def test_half_a_command(start_proxy: StartProxy, target: Target, size: int) -> None:
    daemon = start_proxy(target, proxy={"idle_client_timeout": TIMEOUT}, pool={"max_connections_percent": 2})
    statement = query(f"SELECT '{'x' * size}'")
    with RawClient(daemon) as client:
        client.log_in().send(statement[: len(statement) * 3 // 4])
        assert client.is_closed()
    daemon.wait_for_log("idle_client_timeout")
    with daemon.connect() as other:
        assert one(other, "SELECT 'other'") == "other"
    assert not target.threads('INFO LIKE "SELECT \'x%"')


@pytest.mark.parametrize("cut", [3, 4, 20])
@pytest.mark.usefixtures("bystander")
def test_a_client_that_ends_in_mid_packet(proxy: ProxyDaemon, cut: int) -> None:
    with RawClient(proxy) as client:
        client.log_in().send(query("SELECT 'never complete'")[:cut])
        client.socket.shutdown(socket.SHUT_WR)
        assert client.is_closed()


@pytest.fixture
def secure(start_proxy: StartProxy, target: Target, proxy_key: KeyFiles) -> ProxyDaemon:
    """A proxy with TLS."""
    files = {"tls_certificate": str(proxy_key.certificate), "tls_private_key": str(proxy_key.private_key)}
    return start_proxy(target, proxy={**files, "handshake_timeout": TIMEOUT})


@pytest.mark.parametrize(
    "garbage", [bytes(range(256)), b"\x16\x03\x01\xff\xff" + bytes(300), b"\x03SELECT 1"]
)
def test_garbage_instead_of_a_tls_handshake(secure: ProxyDaemon, garbage: bytes) -> None:
    mark = secure.mark()
    with RawClient(secure) as client:
        assert client.payload()
        client.send(SSL_REQUEST)
        client.send(garbage)
        received = b""
        while more := receive(client.socket):
            received += more
        # An alert of TLS at the most: nothing of the plain protocol may follow.
        assert received[:1] in (b"", b"\x15")
    secure.wait_for_log("[clientConnection=", mark)
    with secure.connect() as other:
        assert one(other, "SELECT 'other'") == "other"


def receive(connection: socket.socket) -> bytes:
    """Some bytes; none after the end."""
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


def test_tls_without_asking_and_plain_packets_behind_asking(secure: ProxyDaemon) -> None:
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + bytes(508), SSL_REQUEST + SSL_REQUEST):
        with RawClient(secure) as client:
            assert client.payload()
            client.send(data)
            assert client.is_closed()
    with secure.connect() as other:
        assert one(other, "SELECT 'other'") == "other"


@pytest.mark.usefixtures("bystander")
def test_commands_before_the_answers_come_in_order(proxy: ProxyDaemon) -> None:
    with RawClient(proxy) as client:
        client.log_in()
        client.send(b"".join(query(f"SELECT {number}, SLEEP(0.001)") + PING for number in range(40)))
        for number in range(40):
            assert client.row() == [str(number).encode(), b"0"]
            assert (client.payload() or b"")[:1] == b"\0"


@pytest.mark.usefixtures("bystander")
def test_a_command_before_the_log_in_is_answered(proxy: ProxyDaemon) -> None:
    """Nothing may run for it before its password is checked; afterwards it may, or the client is let go."""
    with RawClient(proxy) as client:
        assert client.payload()
        client.send(
            packet((0x0008A205).to_bytes(4, "little") + bytes(28) + b"app\0\0", 1) + query("SELECT 1")
        )
        assert client.row() is None
        assert client.is_closed()


def test_a_client_that_never_reads(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with daemon.connect() as other, RawClient(daemon) as client:
        client.log_in()
        for number in range(20):
            assert one(other, f"SELECT {number}") == number
        before = footprint.resident(daemon.pid)
        footprint.forget_peak(daemon.pid)
        client.socket.settimeout(1.0)
        batch = PING * 50_000
        with pytest.raises(TimeoutError):
            client.socket.sendall(batch * 200)
        for number in range(20):
            assert one(other, f"SELECT {number}") == number
        assert footprint.peak(daemon.pid) - before < 2 * MEBIBYTE


def begin_load(client: RawClient) -> None:
    """Log in with LOCAL INFILE and let the database ask for the file."""
    client.log_in().send(query("LOAD DATA LOCAL INFILE 'any' INTO TABLE item (note)"))
    assert (client.payload() or b"")[:1] == b"\xfb"


@pytest.mark.usefixtures("bystander")
def test_a_command_within_a_file_ends_that_connection_only(proxy: ProxyDaemon, target: Target) -> None:
    with RawClient(proxy) as client:
        begin_load(client)
        client.send(query("SELECT 'within'"))
        answer = client.read()
        assert answer is None or error_in(answer[1]), answer
    eventually(lambda: not target.threads("INFO LIKE 'LOAD DATA%'"), "the end of the load")


@pytest.mark.usefixtures("bystander")
def test_a_command_right_behind_a_file(proxy: ProxyDaemon, target: Target) -> None:
    with RawClient(proxy) as client:
        begin_load(client)
        client.send(packet(b"behind-1\n", 2) + packet(b"", 3) + query("SELECT 'behind'") + PING)
        loaded = client.read()
        assert loaded is not None
        assert (loaded[0], loaded[1][:2]) == (4, b"\0\x01")
        assert client.row() == [b"behind"]
        assert (client.payload() or b"")[:1] == b"\0"
    target.server.execute("DELETE FROM app.item WHERE note = 'behind-1'")


@pytest.mark.usefixtures("bystander")
def test_a_client_that_vanishes_within_a_file(proxy: ProxyDaemon, target: Target) -> None:
    with RawClient(proxy) as client:
        begin_load(client)
        client.send(packet(b"never-loaded\n", 2)[:7])
    eventually(lambda: not target.threads("INFO LIKE 'LOAD DATA%'"), "the end of the load")
    assert target.one("SELECT COUNT(*) FROM app.item WHERE note LIKE 'never-loaded%'") == "0"
