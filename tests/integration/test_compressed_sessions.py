"""What sessions do on compressed connections: users change, statements end, pools are shared."""

import random
from typing import Any

import pytest

from proxy.mysql.wire.compression import Algorithm
from tests.integration.clients import fetch, one, run
from tests.integration.compressing import CompressingClient
from tests.integration.conftest import StartProxy
from tests.integration.daemon import ProxyDaemon
from tests.integration.databases import MAX_ALLOWED_PACKET, Target
from tests.integration.sharing import ONE_CONNECTION
from tests.integration.test_compression import proxy_to, servers, towards_target
from tests.integration.test_kill import INTERRUPTED, LONG, Later, error_of, later, runs

__all__ = ["later"]

algorithms = pytest.mark.parametrize("algorithm", Algorithm)
NATIVE = {"default_client_password_auth_type": "MYSQL_NATIVE_PASSWORD"}
LENGTHS = (0, 1, 49, 50, 65_530, 65_536, 65_540, 300_000, 16_777_210, 16_777_214, 20_000_000)


@servers
@towards_target
@algorithms
def test_change_user(
    request: pytest.FixtureRequest,
    start_proxy: StartProxy,
    server: str,
    compression: str,
    algorithm: Algorithm,
) -> None:
    daemon = proxy_to(start_proxy, request.getfixturevalue(server), compression, **NATIVE)
    with CompressingClient(daemon, algorithm) as client:
        for user, schema in (("eve", "other"), ("app", "app"), ("eve", "app")):
            run(client, "SET @left = 'behind'")
            client.change_user(user, daemon.users[user], schema)
            seen = fetch(client, "SELECT SUBSTRING_INDEX(USER(), '@', 1), DATABASE(), @left")
            assert seen == ((user, schema, None),)
            assert one(client, "SELECT REPEAT('x', 300000)") == "x" * 300_000
        assert error_of(lambda: client.change_user("app", "wrong", "app")) == 1045


@algorithms
def test_values_of_all_lengths(start_proxy: StartProxy, target: Target, algorithm: Algorithm) -> None:
    daemon = proxy_to(start_proxy, target, "zlib")
    text = random.Random(1).randbytes(max(LENGTHS) // 2).hex()
    with CompressingClient(daemon, algorithm, max_allowed_packet=MAX_ALLOWED_PACKET) as client:
        for length in LENGTHS:
            assert one(client, "SELECT %s", (text[:length],)) == text[:length]
            assert one(client, "SELECT REPEAT('y', %s)", (length,)) == "y" * length
        rows = fetch(client, "SELECT REPEAT('z', seq % 2000) FROM seq_1_to_20000")
        assert [len(row[0]) for row in rows] == [number % 2000 for number in range(1, 20_001)]


@servers
@towards_target
def test_the_proxys_own_long_commands(
    request: pytest.FixtureRequest, start_proxy: StartProxy, server: str, compression: str
) -> None:
    """They are longer than a piece, and what they are made of does not shrink."""
    noise = random.Random(2).randbytes(150_000).hex()
    statements = f"SET @first = '{noise}'; SET @second = LENGTH('{noise}'); SET @third = 3"
    daemon = start_proxy(
        request.getfixturevalue(server),
        target={"compression": compression},
        pool={**ONE_CONNECTION, "init_query": statements},
    )
    for _ in range(3):
        with daemon.connect() as client:
            assert fetch(client, "SELECT LENGTH(@first), @second, @third") == ((len(noise), len(noise), 3),)


@servers
@towards_target
@algorithms
def test_kill_query(
    request: pytest.FixtureRequest,
    start_proxy: StartProxy,
    later: Later,
    server: str,
    compression: str,
    algorithm: Algorithm,
) -> None:
    target = request.getfixturevalue(server)
    daemon = proxy_to(start_proxy, target, compression)
    victim: Any = CompressingClient(daemon, algorithm)
    with victim, CompressingClient(daemon, algorithm) as other:
        run(victim, "BEGIN")
        run(victim, "INSERT INTO item (note) VALUES ('kept over a compressed KILL QUERY')")
        done = later(victim, LONG)
        runs(target)
        run(other, f"KILL QUERY {victim.thread_id()}")
        assert error_of(done) == INTERRUPTED
        count = "SELECT COUNT(*) FROM item WHERE note = 'kept over a compressed KILL QUERY'"
        assert one(victim, count) == 1
        run(victim, "ROLLBACK")
        assert one(victim, count) == 0


def test_a_pool_of_compressed_and_plain_connections(start_proxy: StartProxy, target: Target) -> None:
    """After a reload new connections are the other kind, while a transaction keeps the one it has."""
    daemon = proxy_to(start_proxy, target, "off")
    clients = [client for _ in range(2) for client in _one_of_each(daemon)]
    half = len(clients) // 2
    for before, after in (("off", "zlib"), ("zlib", "off")):
        for client in clients[:half]:
            run(client, "BEGIN")
            assert _is_compressed(client) == (before == "zlib")
        daemon.target["compression"] = after
        daemon.reload()
        for client in clients[half:]:
            run(client, "BEGIN")
        for client in clients:
            for length in (70_000, 10, 300_000):
                assert one(client, "SELECT REPEAT('x', %s)", (length,)) == "x" * length
        states = [_is_compressed(client) for client in clients]
        assert states == [before == "zlib"] * half + [after == "zlib"] * half
        for client in clients:
            run(client, "COMMIT")
    for client in clients:
        assert not _is_compressed(client)
        client.close()


def _one_of_each(daemon: ProxyDaemon) -> list[Any]:
    kinds = [CompressingClient(daemon, algorithm) for algorithm in Algorithm]
    return [*kinds, daemon.connect()]


def _is_compressed(client: Any) -> bool:
    """Whether the connection is that the client has been lent."""
    ((_, state),) = fetch(client, "SHOW SESSION STATUS LIKE 'Compression'")
    return bool(state == "ON")
