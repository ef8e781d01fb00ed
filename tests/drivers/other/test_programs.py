"""Drivers of other languages through the proxy: the same report as over a direct connection, the right one.

mysqli, PDO, DBD::MariaDB, go-sql-driver, Connector/J, and node's mysql2 and mariadb; with and without TLS,
with the text and the binary protocol, and with compression where the driver has it.
"""

import pytest

from tests.drivers.other.expected import expected
from tests.drivers.other.programs import PROGRAMS, BuildFailed, Program
from tests.drivers.other.runs import DULL, DULL_STATEMENTS, MODES, Runs

MOST_OF_COMPRESSED = len(DULL) * DULL_STATEMENTS // 5
"""Bytes in each direction."""

CASES = [
    pytest.param(program.name, mode.name, scenario, id=f"{program.name}-{mode.name}-{scenario}")
    for program in PROGRAMS.values()
    for mode in MODES.values()
    if program.compresses or not mode.compress
    for scenario in program.scenarios_in(mode)
]


@pytest.fixture(scope="session")
def build_failures() -> dict[str, str]:
    """Programs that cannot be had here, with the reason."""
    return {}


@pytest.mark.parametrize(("name", "mode_name", "scenario"), CASES)
def test_it_sees_the_same_through_the_proxy(
    runs: Runs, build_failures: dict[str, str], name: str, mode_name: str, scenario: str
) -> None:
    program, mode = PROGRAMS[name], MODES[mode_name]
    if (runs.pair.vendor, scenario) in program.refuses:
        pytest.skip(f"{name} itself refuses {scenario} on {runs.pair.vendor}")
    skip_without(program, build_failures)
    direct = runs.directly(program, mode, scenario)
    through = runs.report(program, mode, runs.pair.proxy)[scenario]
    right = expected(name, mode, runs.pair, scenario)
    if scenario == "types" and "kinds" in direct:
        right["kinds"] = direct["kinds"]
    assert direct == right
    assert through == direct


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.compresses])
def test_compression_is_really_on(runs: Runs, build_failures: dict[str, str], name: str) -> None:
    """What the driver says of itself is one thing, the bytes on its socket are the other."""
    program = PROGRAMS[name]
    skip_without(program, build_failures)
    results, traffic = runs.compressible(program)
    assert results == [*[[[DULL]]] * DULL_STATEMENTS, {"code": 1054}]
    assert 0 < traffic.sent < MOST_OF_COMPRESSED
    assert 0 < traffic.received < MOST_OF_COMPRESSED


def skip_without(program: Program, failures: dict[str, str]) -> None:
    """Skip where the program cannot be had; it is tried once."""
    if program.name not in failures:
        try:
            program.command()
        except BuildFailed as error:
            failures[program.name] = str(error)
        else:
            failures[program.name] = ""
    if failures[program.name]:
        pytest.skip(f"{program.name}: {failures[program.name]} (`python -m tests.drivers.install`)")
