"""The shrunk failures of the random test, each by name."""

import pytest

from tests.property.channel import Flags
from tests.property.checking import Checker
from tests.property.found import FOUND
from tests.property.script import case_from


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("connections", [1, 2])
def test_it_does_not_come_back(checker: Checker, name: str, connections: int) -> None:
    checker.check(case_from(FOUND[name], Flags.DEPRECATE_EOF), connections)
