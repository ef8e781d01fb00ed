"""The proxy's own commands against the model server."""

from collections.abc import Iterator

import pytest

from proxy.mysql.backend.errors import ConnectFailed, TargetError
from proxy.mysql.backend.own_commands import become, query, reset
from proxy.mysql.session.held_variables import NO_VARIABLES
from proxy.mysql.session.settings import Settings
from tests.peers import packets as p
from tests.peers.borrowed import NAMES, Borrowed
from tests.peers.user_variables import UserVariable
from tests.peers.world import proxied


@pytest.fixture
def borrowed() -> Iterator[Borrowed]:
    with proxied(cap=1) as world:
        borrowed = Borrowed(world)
        yield borrowed
        world.pool.discard(borrowed.connection)


def wanted(**variables: str) -> Settings:
    return NAMES.changed(variables=tuple(variables.items()))


class TestSetUp:
    def test_trackers_come_first(self, borrowed: Borrowed) -> None:
        first, *others = borrowed.statements()
        assert "session_track_state_change=ON" in first
        assert [sql for sql in others if sql.startswith("SET")] == [
            "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"
        ]
        assert borrowed.connection.settings is NAMES
        assert borrowed.connection.tracked

    def test_init_query_is_remembered(self) -> None:
        with proxied(cap=1, init_query="SET sql_mode='ANSI'; SET time_zone='+01:00'") as world:
            borrowed = Borrowed(world)
            assert borrowed.connection.baseline == {"sql_mode": "ANSI", "time_zone": "+01:00"}
            assert borrowed.connection.settings is NAMES
            borrowed.result(become(borrowed.connection, wanted(sql_mode="X"), NO_VARIABLES))
            borrowed.result(become(borrowed.connection, NAMES, NO_VARIABLES))
            assert borrowed.session.variables["sql_mode"] == "ANSI"
            borrowed.result(reset(borrowed.connection))
            assert borrowed.session.variables["time_zone"] == "+01:00"
            world.pool.give_back(borrowed.connection)


class TestQuery:
    def test_rows(self, borrowed: Borrowed) -> None:
        answer = borrowed.result(query(borrowed.connection, "SELECT @@sql_mode"))
        assert answer.rows == (("STRICT_TRANS_TABLES",),)

    def test_null(self, borrowed: Borrowed) -> None:
        assert borrowed.result(query(borrowed.connection, "SELECT DATABASE()")).rows == ((None,),)

    def test_changes(self, borrowed: Borrowed) -> None:
        answer = borrowed.result(query(borrowed.connection, "SET sql_mode='ANSI'"))
        assert answer.changes[0].variables == (("sql_mode", "ANSI"),)

    def test_an_error_leaves_the_connection_usable(self, borrowed: Borrowed) -> None:
        with pytest.raises(TargetError):
            borrowed.result(query(borrowed.connection, "nonsense"))
        assert borrowed.result(query(borrowed.connection, "SELECT 1")).rows == (("1",),)

    def test_a_packet_nobody_asked_for_ends_it_even_after_an_error(self, borrowed: Borrowed) -> None:
        with pytest.raises(TargetError):
            borrowed.result(query(borrowed.connection, "nonsense"))
        borrowed.server.line.send(p.packet(p.err(1927), 0))
        borrowed.world.settle()
        assert borrowed.connection.lost is not None

    def test_a_connection_that_ends(self, borrowed: Borrowed) -> None:
        borrowed.server.kill()
        with pytest.raises(ConnectFailed):
            borrowed.result(query(borrowed.connection, "SELECT 1"))

    @pytest.mark.parametrize(
        "payloads", [[b""], [b"\x00"], [b"\xff"], [b"\x01", p.column(), b"\xfe\x01\x02\x03\x04\x05"]]
    )
    def test_a_target_that_breaks_the_protocol(self, borrowed: Borrowed, payloads: list[bytes]) -> None:
        borrowed.session.answer = lambda _: payloads  # type: ignore[assignment, method-assign]
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, nobody waits for ever
            borrowed.result(query(borrowed.connection, "SELECT 1"))


class TestBecome:
    def test_everything_at_once(self, borrowed: Borrowed) -> None:
        goal = wanted(sql_mode="ANSI").changed(schema="shop", multi_statements=True)
        borrowed.result(become(borrowed.connection, goal, NO_VARIABLES))
        assert borrowed.connection.settings is goal
        session = borrowed.session
        assert (session.schema, session.multi, session.variables["sql_mode"]) == ("shop", True, "ANSI")

    def test_nothing_to_do_asks_nothing(self, borrowed: Borrowed) -> None:
        before = len(borrowed.statements())
        borrowed.result(become(borrowed.connection, NAMES, NO_VARIABLES))
        assert len(borrowed.statements()) == before

    def test_a_schema_that_is_not_there_changes_nothing(self, borrowed: Borrowed) -> None:
        goal = wanted(sql_mode="ANSI").changed(schema="nowhere")
        with pytest.raises(TargetError):
            borrowed.result(become(borrowed.connection, goal, NO_VARIABLES))
        assert borrowed.connection.is_clean
        assert borrowed.connection.settings is NAMES

    def test_a_variable_that_cannot_be_set_makes_it_unclean(self, borrowed: Borrowed) -> None:
        with pytest.raises(TargetError):
            borrowed.result(become(borrowed.connection, wanted(nonsense="1"), NO_VARIABLES))
        assert not borrowed.connection.is_clean


class TestReset:
    def test_everything_is_as_it_was_but_schema_and_multi_statements(self, borrowed: Borrowed) -> None:
        goal = wanted(sql_mode="ANSI").changed(schema="shop", multi_statements=True)
        borrowed.result(become(borrowed.connection, goal, NO_VARIABLES))
        borrowed.session.user["u"] = UserVariable("string", "a")
        borrowed.result(reset(borrowed.connection))
        session = borrowed.session
        assert (session.user, session.variables["sql_mode"]) == ({}, "STRICT_TRANS_TABLES")
        settings = borrowed.connection.settings
        assert (
            (settings.schema, settings.multi_statements) == (session.schema, session.multi) == ("shop", True)
        )
        assert settings.changed(schema="", multi_statements=False) is NAMES
