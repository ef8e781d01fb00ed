"""What several tests begin with; most make their own world."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from proxy.demo.certificate import write_certificate
from proxy.mysql.frontend.tls import ServerTls
from tests.peers.statements import statement_world
from tests.peers.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A database with prepared statements, and one connection for all."""
    with statement_world(cap=1) as world:
        yield world


@pytest.fixture
def wide() -> Iterator[World]:
    """With two connections."""
    with statement_world(cap=2) as world:
        yield world


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    """A certificate for the proxy."""
    folder: Path = tmp_path_factory.mktemp("tls")
    write_certificate(folder / "certificate.pem", folder / "key.pem")
    return ServerTls(folder / "certificate.pem", folder / "key.pem")


@pytest.fixture
def attempts() -> Iterator[list[LogEvent]]:
    """The lines about log-ins."""
    found: list[LogEvent] = []

    def note(event: LogEvent) -> None:
        if "verdict" in event:
            found.append(event)

    globalLogPublisher.addObserver(note)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(note)  # type: ignore[arg-type]
