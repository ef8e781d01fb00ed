"""Real servers for the integration tests. What a machine does not offer is skipped with a reason."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.demo.plugins import PLUGIN_CACHE, plugin_folder
from proxy.demo.private_server import PrivateMariaDB, find_server

DATABASE_MAX_CONNECTIONS = 50
REPOSITORY = Path(__file__).resolve().parents[2]

# The parts of this folder import each other as `tests.integration`, however pytest was called.
if str(REPOSITORY) not in sys.path:
    sys.path.append(str(REPOSITORY))

from tests.integration.aws_server import AwsServer  # noqa: E402
from tests.integration.certificates import Authority, KeyFiles  # noqa: E402
from tests.integration.clients import CommandClient  # noqa: E402
from tests.integration.cluster import Cluster  # noqa: E402
from tests.integration.daemon import ProxyDaemon  # noqa: E402
from tests.integration.databases import Target, prepare, tls_options  # noqa: E402
from tests.integration.group_daemon import GroupDaemon  # noqa: E402
from tests.integration.nodes import Seed  # noqa: E402
from tests.integration.sharing import ONE_CONNECTION  # noqa: E402
from tests.mysql_server.installation import MySQLInstallation, Unavailable, find_mysql  # noqa: E402
from tests.mysql_server.server import MySQLServer  # noqa: E402

StartProxy = Callable[..., ProxyDaemon]
StartCluster = Callable[..., Cluster]
StartGroup = Callable[..., GroupDaemon]


@pytest.fixture(scope="session")
def ed25519_options() -> tuple[str, ...]:
    """Options that give a MariaDB the `ed25519` login plugin; empty where this machine does not have it."""
    folder = plugin_folder("auth_ed25519.so", REPOSITORY / PLUGIN_CACHE)
    return () if folder is None else (f"--plugin-dir={folder}", "--plugin-load-add=auth_ed25519")


@pytest.fixture(scope="session")
def database(
    tmp_path_factory: pytest.TempPathFactory, ed25519_options: tuple[str, ...]
) -> Iterator[PrivateMariaDB]:
    """A running MariaDB that all integration tests share; a test makes its own schemas and users in it."""
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    folder = tmp_path_factory.mktemp("database")
    _, tls = tls_options(folder)
    options = (f"--max-connections={DATABASE_MAX_CONNECTIONS}", *tls, *ed25519_options)
    with PrivateMariaDB(folder, options=options) as server:
        yield server


@pytest.fixture(scope="session")
def target(database: PrivateMariaDB, ed25519_options: tuple[str, ...]) -> Target:
    """The shared database with users, schemas and tables."""
    return prepare(
        database, database.folder / "tls" / "authority.pem", ("ed25519",) if ed25519_options else ()
    )


@pytest.fixture(scope="session")
def plain_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A second database, without TLS; tests may kill and restart it, and must leave it running."""
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    folder = tmp_path_factory.mktemp("plain")
    options = (f"--max-connections={DATABASE_MAX_CONNECTIONS}",)
    with PrivateMariaDB(folder, options=options) as server:
        yield prepare(server, folder / "no-authority.pem")


@pytest.fixture(scope="session")
def mysql_installation() -> MySQLInstallation:
    """The unpacked MySQL of this machine."""
    try:
        return find_mysql(REPOSITORY)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mysql_server(
    mysql_installation: MySQLInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MySQLServer]:
    """A running MySQL that all integration tests share, with TLS as `database` has it."""
    folder = tmp_path_factory.mktemp("mysql")
    _, options = tls_options(folder)
    with MySQLServer(mysql_installation, folder, options=options) as server:
        yield server


@pytest.fixture(scope="session")
def mysql_target(mysql_server: MySQLServer) -> Target:
    """The shared MySQL with the users, schemas and tables of `target`, all with caching_sha2_password."""
    return prepare(mysql_server, mysql_server.folder / "tls" / "authority.pem")


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    """moto's AWS, which all tests share; a test makes secrets of its own there."""
    pytest.importorskip("moto", reason="moto is not installed")
    with AwsServer(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def aws_environment(aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    """That AWS is the one that this process and those it starts find."""
    for name, value in aws_server.environment.items():
        monkeypatch.setenv(name, value)
    return aws_server


@pytest.fixture
def start_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartProxy]:
    """Starts proxies before a target, with options by section; each must end cleanly after the test."""
    started: list[ProxyDaemon] = []

    def start(
        target: Target, /, *, port: int | None = None, begin: bool = True, **sections: Any
    ) -> ProxyDaemon:
        users = sections.pop("users", target.users)
        folder = tmp_path_factory.mktemp("proxy")
        daemon = ProxyDaemon(folder, target.port if port is None else port, users, **sections)
        started.append(daemon)
        return daemon.start() if begin else daemon

    yield start
    _stop_all(started)


@pytest.fixture(scope="session")
def proxy_key(tmp_path_factory: pytest.TempPathFactory) -> KeyFiles:
    """A certificate for proxies, on the loopback address."""
    return Authority(tmp_path_factory.mktemp("authority")).issue("proxy", "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def proxy(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy with plain options that the tests of one module share."""
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), target.port, target.users)
    daemon.start()
    yield daemon
    _stop_all([daemon])


@pytest.fixture
def direct(target: Target, proxy: ProxyDaemon) -> Iterator[Any]:
    """A client like those of the proxy at the database itself."""
    with proxy.connect(port=target.port) as connection:
        yield connection


@pytest.fixture(scope="module")
def narrow(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy with one database connection for all, which the tests of one module share."""
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), target.port, target.users, pool=ONE_CONNECTION)
    daemon.start()
    yield daemon
    _stop_all([daemon])


@pytest.fixture
def client(narrow: ProxyDaemon) -> Iterator[Any]:
    """A client of the narrow proxy."""
    with narrow.connect() as connection:
        yield connection


@pytest.fixture
def other(narrow: ProxyDaemon) -> Iterator[Any]:
    """Another one."""
    with narrow.connect() as connection:
        yield connection


@pytest.fixture
def command_client(proxy: ProxyDaemon) -> Iterator[CommandClient]:
    """A client of the module's proxy that can send any command."""
    with CommandClient(
        host="127.0.0.1",
        port=proxy.port,
        user="app",
        password=proxy.users["app"],
        database="app",
        autocommit=True,
        ssl_disabled=True,
    ) as client:
        yield client


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """What MariaDB's clusters begin with."""
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    return Seed(tmp_path_factory.mktemp("seed"))


@pytest.fixture(scope="session")
def mysql_seed(mysql_installation: MySQLInstallation, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """What MySQL's clusters begin with."""
    return Seed(tmp_path_factory.mktemp("mysql-seed"), mysql_installation)


@pytest.fixture
def start_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartCluster]:
    """Starts clusters that end with the test: of MariaDB, or of the seed that is given."""
    started: list[Cluster] = []

    def start(from_seed: Seed | None = None, **options: Any) -> Cluster:
        chosen = from_seed or request.getfixturevalue("seed")
        started.append(Cluster(chosen, tmp_path_factory.mktemp("cluster"), **options))
        return started[-1]

    yield start
    for cluster in started:
        cluster.close()


@pytest.fixture
def start_group(
    start_cluster: StartCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartGroup]:
    """Starts proxies before clusters, and waits until they serve; each must end cleanly after the test."""
    started: list[GroupDaemon] = []

    def start(cluster: Cluster, *, serves: bool = True, **options: Any) -> GroupDaemon:
        started.append(GroupDaemon(tmp_path_factory.mktemp("proxy"), cluster, **options))
        started[-1].start()
        if serves:
            started[-1].serves()
        return started[-1]

    yield start
    _stop_all(list(started))


def _stop_all(daemons: list[ProxyDaemon]) -> None:
    try:
        for daemon in daemons:
            daemon.stop()
    finally:
        for daemon in daemons:
            daemon.kill()
