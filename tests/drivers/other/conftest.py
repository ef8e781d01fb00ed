"""The tables of these tests, and the reports of the programs."""

from pathlib import Path

import pytest

from tests.drivers.other.runs import Runs
from tests.drivers.other.tables import SETUP, run_all
from tests.drivers.servers import DriverServer, Pair


@pytest.fixture(scope="session")
def runs(driver_server: DriverServer, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """What the programs report of one database."""
    run_all(driver_server.connect, SETUP)
    return Runs(driver_server, pair, Path(tmp_path_factory.mktemp("programs")))
