"""All suites there are."""

from .drivers import DRIVER_SUITES
from .mariadb import MARIADB_SUITES
from .outcomes import Suite

__all__ = ["SUITES", "suite_named"]

SUITES: tuple[Suite, ...] = (*DRIVER_SUITES, *MARIADB_SUITES)


def suite_named(name: str) -> Suite:
    """The suite of this name. SystemExit, with a text for the user, when there is none."""
    found = next((suite for suite in SUITES if suite.name == name), None)
    if found is None:
        raise SystemExit(f"no suite is called {name}; there are {', '.join(each.name for each in SUITES)}")
    return found
