"""The promise: 200 clients on at most 10 database connections, and nothing of one shows up at another."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.demo.private_server import PrivateMariaDB, find_server

from .conftest import StartProxy
from .crowd import CLIENTS, Crowd
from .databases import Target, prepare, tls_options

pytestmark = pytest.mark.skipif(find_server() is None, reason="no MariaDB server on this machine")

POOL_CAP = 10
DATABASE_MAX_CONNECTIONS = 20
MONITORING_CONNECTIONS = 1
"""The proxy's probe."""
ROOT_CONNECTIONS = 1
"""The test's own look at the status."""
SEED_VARIABLE = "RDS_PROXY_TEST_SEED"


@pytest.fixture(scope="module")
def small_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A database of its own, so that nobody else counts in Max_used_connections."""
    folder: Path = tmp_path_factory.mktemp("small")
    files, tls = tls_options(folder)
    with PrivateMariaDB(folder, options=(f"--max-connections={DATABASE_MAX_CONNECTIONS}", *tls)) as server:
        target = prepare(server, files.authority)
        # A row on the border of each client's range keeps the gap locks of one from those of the next.
        borders = ", ".join(f"({client}, -1, '')" for client in range(CLIENTS + 1))
        server.execute(f"INSERT INTO app.work VALUES {borders}")
        yield target


def test_200_clients_on_10_connections(small_target: Target, start_proxy: StartProxy) -> None:
    seed = int(os.environ.get(SEED_VARIABLE, random.SystemRandom().randrange(1 << 32)))
    percent = POOL_CAP * 100 // DATABASE_MAX_CONNECTIONS
    daemon = start_proxy(small_target, pool={"max_connections_percent": percent})
    crowd = Crowd(daemon, seed)
    crowd.run()
    assert not crowd.problems, f"{SEED_VARIABLE}={seed}: {crowd.problems[:5]}"
    assert crowd.done == CLIENTS, f"{SEED_VARIABLE}={seed}: only {crowd.done} clients came to their end"
    assert small_target.most_connections() <= POOL_CAP + MONITORING_CONNECTIONS + ROOT_CONNECTIONS
