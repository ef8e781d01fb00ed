"""Every Python driver does the same through the proxy as at the database itself, with and without TLS."""

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.certificates import Authority

from ..servers import Pair, Place
from .child import ChildProcess
from .drivers import DRIVERS
from .links import Driver
from .scenarios import SCENARIOS, Scenario, Setting, Stage, play

CLIENT_COMPRESS = 1 << 5

COMBINATIONS = [
    pytest.param(driver, scenario, id=f"{driver.name}-{scenario.name}")
    for driver in DRIVERS
    for scenario in SCENARIOS.values()
    if scenario.needs <= driver.features
]


@pytest.fixture(scope="session")
def strangers_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that signed nothing."""
    return Authority(tmp_path_factory.mktemp("stranger"), "Stranger").file


@pytest.fixture(scope="session")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildProcess]:
    """The process for the driver that needs one of its own."""
    with ChildProcess(tmp_path_factory.mktemp("child") / "log") as process:
        yield process


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(("driver", "scenario"), COMBINATIONS)
def test_it_is_the_same_as_directly(
    request: pytest.FixtureRequest,
    pair: Pair,
    driver: Driver,
    scenario: Scenario,
    tls: bool,
    tmp_path: Path,
    strangers_authority: Path,
) -> None:
    if importlib.util.find_spec(driver.module.split(".")[0]) is None:
        pytest.skip(f"{driver.module} is not installed: it is in the extra `drivers`")
    if "compress" in scenario.needs and not _offers_compression(pair.proxy):
        pytest.skip("the proxy does not offer compression")
    setting = Setting(pair.vendor, tls, tmp_path, strangers_authority)

    def at(place: Place) -> object:
        if not driver.is_apart:
            return play(scenario.name, Stage(driver, place, setting))
        try:
            return request.getfixturevalue("child").play(driver.name, scenario.name, place, setting)
        except LookupError as error:
            pytest.skip(f"{driver.name} cannot be loaded here: {str(error).strip().splitlines()[-1:]}")

    direct = at(pair.direct)
    assert at(pair.proxy) == direct


def _offers_compression(place: Place) -> bool:
    with socket.create_connection((place.host, place.port)) as connection:
        greeting = connection.recv(1024)
    # The lower half of the capabilities stands behind the version, the thread id, 8 bytes and a zero.
    at = greeting.index(b"\0", 5) + 1 + 4 + 8 + 1
    return bool(int.from_bytes(greeting[at : at + 2], "little") & CLIENT_COMPRESS)
