"""Every Python driver does the same through the proxy as at the database itself, with and without TLS."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.integration.certificates import Authority

from ..counting import CountingForwarder, Traffic
from ..servers import Pair, Place
from .child import ChildProcess
from .drivers import DRIVERS
from .links import Driver
from .scenarios import SCENARIOS, Scenario, Setting, Stage, play
from .sessions import COMPRESSIBLE_BYTES

# Some drivers pass the server's warnings on as warnings of Python.
WARNING_MODULES = (r"aiomysql\.cursors", r"mysql\.connector\..*", r"tests\.drivers\.python\.drivers")
pytestmark = pytest.mark.filterwarnings(*(f"ignore::Warning:{module}" for module in WARNING_MODULES))

MOST_OF_COMPRESSED = COMPRESSIBLE_BYTES // 5
"""Bytes that COMPRESSIBLE_BYTES and the statements around them may take where they are compressed."""

COMBINATIONS = [
    pytest.param(driver, scenario, speech == "tls", id=f"{driver.name}-{scenario.name}-{speech}")
    for driver in DRIVERS
    for scenario in SCENARIOS.values()
    if scenario.needs <= driver.features
    for speech in scenario.speeches
]


@pytest.fixture(scope="session")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildProcess]:
    """The process for the driver that needs one of its own."""
    with ChildProcess(tmp_path_factory.mktemp("child") / "log") as process:
        yield process


@attrs.define
class Plays:
    """Plays scenarios at the two places; what a direct connection sees, it looks at once."""

    pair: Pair
    child: ChildProcess
    folder: Path
    strangers_authority: Path
    _direct: dict[tuple[str, str, bool], object] = attrs.Factory(dict)

    def at(self, place: Place, driver: Driver, scenario: Scenario, tls: bool) -> object:
        """What the scenario returned."""
        if not scenario.is_counted:
            return self._played(place, driver, scenario, tls)
        with CountingForwarder(place) as forwarder:
            result = self._played(forwarder.place, driver, scenario, tls)
            _check_compression(forwarder.traffic())
            return result

    def directly(self, driver: Driver, scenario: Scenario, tls: bool) -> object:
        """The same at the database itself; without TLS where that makes no difference."""
        tls = tls and (scenario.feels_tls or "plain" not in scenario.speeches)
        key = (driver.name, scenario.name, tls)
        if key not in self._direct:
            self._direct[key] = self.at(self.pair.direct, driver, scenario, tls)
        return self._direct[key]

    def _played(self, place: Place, driver: Driver, scenario: Scenario, tls: bool) -> object:
        shows = self.pair.shows_attributes
        setting = Setting(self.pair.vendor, tls, self.folder, self.strangers_authority, shows)
        if not driver.is_apart:
            return play(scenario.name, Stage(driver, place, setting))
        try:
            return self.child.play(driver.name, scenario.name, place, setting)
        except LookupError as error:
            pytest.skip(f"{driver.name} cannot be loaded here: {str(error).strip().splitlines()[-1:]}")


@pytest.fixture(scope="session")
def plays(pair: Pair, child: ChildProcess, tmp_path_factory: pytest.TempPathFactory) -> Plays:
    """Plays at one database and the proxy before it, with an authority that signed nothing."""
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "Stranger").file
    return Plays(pair, child, tmp_path_factory.mktemp("plays"), stranger)


@pytest.mark.parametrize(("driver", "scenario", "tls"), COMBINATIONS)
def test_it_is_the_same_as_directly(plays: Plays, driver: Driver, scenario: Scenario, tls: bool) -> None:
    if importlib.util.find_spec(driver.module.split(".")[0]) is None:
        pytest.skip(f"{driver.module} is not installed: it is in the extra `drivers`")
    through = plays.at(plays.pair.proxy, driver, scenario, tls)
    if not scenario.is_complete:
        assert through == plays.directly(driver, scenario, tls)


def _check_compression(traffic: Traffic) -> None:
    assert 0 < traffic.sent < MOST_OF_COMPRESSED
    assert 0 < traffic.received < MOST_OF_COMPRESSED
