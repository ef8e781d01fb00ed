"""What is learned of a server when a probe's connection is new."""

import pytest

from proxy.mysql.topology.facts import Facts

from .answers import MARIADB, MYSQL, UUID, facts


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("8.0.36-28", (8, 0, 36)),
        ("10.11.6-MariaDB-log", (10, 11, 6)),
        ("5.5.5-10.4.31-MariaDB", (10, 4, 31)),
        ("8.0.mysql_aurora.3.04.0", (8, 0, 0)),
        ("5.5.5-m3", (5, 5, 5)),
        ("something", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_version(text: str, version: tuple[int, int, int]) -> None:
    assert facts({}, version=text).version == version


def test_make() -> None:
    assert not facts(MYSQL).is_mariadb
    assert facts(MARIADB).is_mariadb


def test_only_what_tells_of_the_topology_is_kept() -> None:
    known = Facts.learn([("SERVER_ID", "7"), ("sql_mode", "ANSI"), ("port", None), (None, "x"), ("odd",)])
    assert known.variables == {"server_id": "7", "port": ""}
    assert known.knows("port")
    assert not known.knows("sql_mode")
    assert known.value("sql_mode") == ""


class TestIdentity:
    def test_of_mysql_is_the_uuid_and_the_machine(self) -> None:
        assert facts(MYSQL).identity == f"{UUID}@db1:3306"

    def test_of_mariadb(self) -> None:
        assert facts(MARIADB).identity == "1@db1:3306"
        assert facts(MARIADB, server_uid="abc").identity == "1@db1:3306", "GTIDs name it by its server_id"

    def test_does_not_depend_on_the_name_it_is_reached_by(self) -> None:
        assert facts(MYSQL, "alias").identity == facts(MYSQL, "127.0.0.1").identity

    def test_of_a_standby_with_a_copy_of_the_data(self) -> None:
        assert facts(MYSQL).identity != facts(MYSQL, hostname="db2").identity

    def test_is_empty_where_nothing_is_known(self) -> None:
        assert facts({}).identity == ""
