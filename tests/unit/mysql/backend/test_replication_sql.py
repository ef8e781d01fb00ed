"""Statements about replication: which words each server is told, and what its modes say."""

import pytest

from proxy.mysql.backend.replication_sql import ServerState, Source, literal, state_of, statements_to_follow

MARIADB, MYSQL_57, MYSQL_9 = "10.11.6-MariaDB-log", "5.7.44-log", "9.7.0"


def state(version: str, **values: str) -> ServerState:
    return state_of([("version", version), *values.items()])


class TestState:
    @pytest.mark.parametrize(
        ("version", "values", "writable", "fenced"),
        [
            (MARIADB, {"read_only": "OFF"}, True, False),
            (MARIADB, {"read_only": "ON"}, False, True),
            ("12.1.2-MariaDB", {"read_only": "NO_LOCK_NO_ADMIN"}, False, True),
            (MYSQL_9, {"read_only": "OFF", "super_read_only": "OFF"}, True, False),
            (MYSQL_9, {"read_only": "ON", "super_read_only": "OFF"}, False, False),
            (MYSQL_9, {"read_only": "ON", "super_read_only": "ON"}, False, True),
            (MYSQL_9, {"read_only": "OFF", "super_read_only": "OFF", "innodb_read_only": "ON"}, False, True),
        ],
    )
    def test_modes(self, version: str, values: dict[str, str], writable: bool, fenced: bool) -> None:
        found = state(version, **values)
        assert (found.is_writable, found.is_fenced) == (writable, fenced)

    def test_events_and_semi_synchronous_replication(self) -> None:
        assert state(MARIADB, event_scheduler="ON").runs_events
        assert not state(MARIADB, event_scheduler="DISABLED").runs_events
        assert state(MARIADB, rpl_semi_sync_master_enabled="ON").semi_synchronous
        assert state(MYSQL_9, rpl_semi_sync_source_enabled="ON").semi_synchronous
        assert not state(MYSQL_9).semi_synchronous

    @pytest.mark.parametrize("rows", [[], [("version", None)], [("version", "many")]])
    def test_a_version_that_cannot_be_read(self, rows: list[tuple[str, str | None]]) -> None:
        with pytest.raises(ValueError, match="version"):
            state_of(rows)


class TestWords:
    def test_mysql_has_two_sets_of_them(self) -> None:
        assert state(MYSQL_9).stop_replication == "STOP REPLICA"
        assert state(MYSQL_57).stop_replication == state("8.0.22").stop_replication == "STOP SLAVE"
        assert state("8.0.23").forget_replication([]) == ["RESET REPLICA ALL"]
        assert state(MYSQL_57).list_replication == "SHOW SLAVE STATUS"

    def test_mariadb_has_connections_with_names(self) -> None:
        assert state("5.5.5-" + MARIADB).stop_replication == "STOP ALL SLAVES"
        assert state(MARIADB).forget_replication(["", "o'clock"]) == [
            "RESET SLAVE '' ALL",
            "RESET SLAVE 'o''clock' ALL",
        ]

    def test_one_statement_fences(self) -> None:
        """Two could be cut apart."""
        assert state(MARIADB).fence == "SET GLOBAL read_only = 1"
        assert state(MYSQL_9).fence == "SET GLOBAL super_read_only = 1"

    def test_a_rehearsal_changes_nothing(self) -> None:
        assert state(MYSQL_9, read_only="ON", super_read_only="OFF").rehearse_promotion == (
            "SET GLOBAL read_only = 1"
        )
        assert state(MYSQL_9, read_only="ON", super_read_only="ON").rehearse_promotion == (
            "SET GLOBAL super_read_only = 1"
        )


class TestFollowing:
    SOURCE = Source("db'2", 3307, "repl", b"it's \\secret")

    def test_a_former_writer_takes_its_position_over(self) -> None:
        statements = statements_to_follow(state(MARIADB), self.SOURCE, was_writer=True)
        assert statements == [
            "STOP ALL SLAVES",
            "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos",
            "CHANGE MASTER TO MASTER_HOST='db''2', MASTER_PORT=3307, MASTER_USER='repl',"
            " MASTER_PASSWORD='it''s \\secret', MASTER_USE_GTID=slave_pos",
            "START SLAVE",
        ]

    def test_a_replica_keeps_it(self) -> None:
        statements = statements_to_follow(state(MARIADB), self.SOURCE, was_writer=False)
        assert not any("gtid_slave_pos" in statement for statement in statements)

    @pytest.mark.parametrize(
        ("version", "has", "has_not"),
        [
            (
                MYSQL_9,
                ("CHANGE REPLICATION SOURCE TO", "SOURCE_AUTO_POSITION=1", "GET_SOURCE_PUBLIC"),
                "MASTER",
            ),
            ("8.0.20", ("CHANGE MASTER TO", "MASTER_AUTO_POSITION=1", "GET_MASTER_PUBLIC"), "SOURCE"),
            (MYSQL_57, ("CHANGE MASTER TO", "MASTER_AUTO_POSITION=1"), "PUBLIC_KEY"),
        ],
    )
    def test_mysqls_of_all_ages(self, version: str, has: tuple[str, ...], has_not: str) -> None:
        statement = statements_to_follow(state(version), self.SOURCE, was_writer=True)[1]
        assert all(words in statement for words in has)
        assert has_not not in statement

    def test_tls_needs_no_public_key(self) -> None:
        source = Source("db2", 3306, "repl", b"x", tls=True)
        statement = statements_to_follow(state(MYSQL_9), source, was_writer=True)[1]
        assert "SOURCE_SSL=1" in statement
        assert "PUBLIC_KEY" not in statement

    def test_the_password_is_not_shown(self) -> None:
        assert "secret" not in repr(self.SOURCE)


def test_a_literal_ends_where_it_should() -> None:
    assert literal("a'b\\") == "'a''b\\'"
