"""What stored code has left, found by asking a connection that answers what a server of each make would."""

import re
from collections.abc import Iterator

import pytest

from proxy.mysql.frontend.stored_code import find_variables
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.user_variables import MAX_VARIABLES
from proxy.mysql.session.value import SessionValue
from tests.peers import packets as p
from tests.peers.borrowed import NAMES, Borrowed
from tests.peers.world import proxied

VERSIONS = {"mysql": "8.0.36", "mariadb": "10.11.6-MariaDB"}


class Scene:
    """A connection, and what its server answers: counts, names (None for an error)."""

    def __init__(self, borrowed: Borrowed, version: str) -> None:
        self.borrowed = borrowed
        self.value = SessionValue(NAMES, 2)
        self.value.unexplained = True
        #: By name; of kinds that are not here, none.
        self.counts: dict[str, str] = {}
        self.tells_counts = True
        self.names: list[str] | None = []
        self.schema = "1"
        self.asked: list[str] = []
        borrowed.connection.server_version = version
        borrowed.session.answer = self._answer  # type: ignore[method-assign]

    def _rows(self, *rows: list[str]) -> list[bytes]:
        session = self.borrowed.session
        width = len(rows[0]) if rows else 1
        head = [p.number(width), *[p.column()] * width, *([p.eof()] if session.eof else [])]
        return [*head, *(p.row([cell.encode() for cell in row]) for row in rows), p.eof()]

    def _answer(self, command: bytes) -> list[bytes]:
        text = command[1:].decode()
        self.asked.append(text)
        if text.startswith("SHOW SESSION STATUS"):
            kinds = re.findall(r"'(Com_\w+)'", text) if self.tells_counts else []
            return self._rows(*([kind, self.counts.get(kind, "0")] for kind in kinds))
        if "@@performance_schema" in text:
            return self._rows([self.schema])
        if self.names is None:
            return [p.err(1142, b"SELECT command denied to user")]
        return self._rows(*([name] for name in self.names))

    def find(self) -> None:
        find = find_variables(self.borrowed.connection, self.value, lambda: 5.0)
        self.borrowed.result(find)
        assert not self.value.unexplained

    @property
    def is_pinned(self) -> bool:
        return self.value.pins == {PinReason.UNTRACKED_STATE: 5.0}


@pytest.fixture(params=VERSIONS)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with proxied(cap=1) as world:
        borrowed = Borrowed(world)
        yield Scene(borrowed, VERSIONS[request.param])
        world.pool.discard(borrowed.connection)


def test_its_variables_are_asked_for(scene: Scene) -> None:
    scene.names = ["a", "B"]
    scene.find()
    assert scene.value.variables.asked == {"a", "b"}
    assert not scene.value.pins


def test_so_are_those_the_session_had(scene: Scene) -> None:
    """It may have made one NULL, which is in no list."""
    scene.value.variables.answered(["c"], {})
    scene.value.variables.ask_again(["c"])
    scene.find()
    assert "c" in scene.value.variables.asked


@pytest.mark.parametrize("kind", ["a temporary table", "Com_ha_open", "Com_prepare_sql"])
def test_more_than_variables_pins(scene: Scene, kind: str) -> None:
    is_mysql = "MariaDB" not in scene.borrowed.connection.server_version
    tables = "Com_create_table" if is_mysql else "Com_create_temporary_table"
    scene.counts[tables if kind == "a temporary table" else kind] = "1"
    scene.find()
    assert scene.is_pinned
    assert len(scene.asked) == 1


def test_what_was_counted_before_does_not(scene: Scene) -> None:
    scene.counts["Com_ha_open"] = "3"
    scene.borrowed.connection.counts["Com_ha_open"] = 3
    scene.find()
    assert not scene.value.pins


def test_counts_that_nobody_tells_pin(scene: Scene) -> None:
    scene.tells_counts = False
    scene.find()
    assert scene.is_pinned


def test_a_table_counts_where_a_temporary_one_is_a_table(scene: Scene) -> None:
    scene.find()
    is_mysql = "MariaDB" not in scene.borrowed.connection.server_version
    assert ("'Com_create_table'" in scene.asked[0]) == is_mysql


def test_names_that_nobody_tells_pin(scene: Scene) -> None:
    scene.names = None
    scene.find()
    assert scene.is_pinned


@pytest.mark.parametrize("name", ["größe", ""])
def test_a_name_that_cannot_be_held_pins(scene: Scene, name: str) -> None:
    scene.names = ["a", name]
    scene.find()
    assert scene.is_pinned


@pytest.mark.parametrize("more", [0, 1])
def test_too_many_pin(scene: Scene, more: int) -> None:
    scene.names = [f"a{number}" for number in range(MAX_VARIABLES + more)]
    scene.find()
    assert scene.is_pinned == bool(more)


def test_where_mysql_keeps_no_list_it_pins(scene: Scene) -> None:
    scene.schema = "0"
    scene.find()
    assert scene.is_pinned == ("MariaDB" not in scene.borrowed.connection.server_version)
