"""Pools with server-side prepared statements, fifty clients on two database connections: nobody is pinned."""

import pytest

from tests.drivers.other.programs import PROGRAMS, SOURCES, BuildFailed
from tests.drivers.sharing import Crossing, play


def command_of(name: str) -> list[str]:
    """The command of the driver's program of scenarios; skips where that cannot be had."""
    try:
        return PROGRAMS[name].command()
    except BuildFailed as error:
        pytest.skip(f"{name}: {error} (`python -m tests.drivers.install`)")


def test_mysql2_with_execute(crossing: Crossing) -> None:
    node = command_of("mysql2")[0]
    program = str(SOURCES / "node" / "mysql2_sharing.js")
    play(crossing, [node, program], environment=PROGRAMS["mysql2"].environment)


def test_connector_j_with_prepared_statements_of_the_server(crossing: Crossing) -> None:
    play(crossing, [*command_of("java")[:-1], "Sharing"])
