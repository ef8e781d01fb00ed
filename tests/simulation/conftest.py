"""Worlds that several tests begin with; most make their own."""

from collections.abc import Iterator

import pytest

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
