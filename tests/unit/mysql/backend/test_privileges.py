"""What SHOW GRANTS tells of the rights that a switchover takes, as several servers write it."""

import pytest

from proxy.mysql.backend.privileges import global_privileges, grant_statement, missing_for_switchover
from proxy.mysql.backend.replication_sql import ServerState, state_of

OLD_MARIADB, MARIADB_10_6, MARIADB = "10.4.30-MariaDB", "10.6.18-MariaDB", "10.11.6-MariaDB-log"
OLD_MYSQL, MYSQL = "5.7.44", "9.7.0"
TO = "ON *.* TO `monitor`@`%`"


def server(version: str) -> ServerState:
    return state_of([("version", version)])


def missing(version: str, *lines: str) -> tuple[str, ...]:
    return missing_for_switchover(server(version), [(line,) for line in lines])


@pytest.mark.parametrize(
    ("version", "names"),
    [
        (MARIADB, "PROCESS, CONNECTION ADMIN, REPLICATION SLAVE ADMIN, READ_ONLY ADMIN"),
        (MARIADB, "PROCESS, CONNECTION ADMIN, REPLICATION SLAVE ADMIN, READ ONLY ADMIN"),
        (MARIADB, "PROCESS, SUPER, READ_ONLY ADMIN"),
        (MARIADB_10_6, "PROCESS, SUPER"),
        (OLD_MARIADB, "PROCESS, SUPER"),
        (MYSQL, "CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN,SYSTEM_VARIABLES_ADMIN"),
        (MYSQL, "SUPER"),
        (OLD_MYSQL, "SUPER"),
    ],
)
def test_what_is_enough(version: str, names: str) -> None:
    assert missing(version, f"GRANT {names} {TO}") == ()
    comma = "," if ", " not in names else ", "
    each = names.split(comma)
    for name in each:
        rest = comma.join(other for other in each if other != name) or "USAGE"
        lacking = missing(version, f"GRANT {rest} {TO}")
        assert lacking, f"without {name}"
        if name != "SUPER":
            assert [other.replace("_", " ") for other in lacking] == [name.replace("_", " ")]


def test_privileges_are_gathered_from_all_lines() -> None:
    assert not missing(
        MYSQL,
        f"GRANT PROCESS, RELOAD {TO}",
        f"GRANT CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN {TO} WITH GRANT OPTION",
        f"GRANT SYSTEM_VARIABLES_ADMIN {TO}",
        "GRANT `operators`@`%` TO `monitor`@`%`",
        "REVOKE SELECT ON `mysql`.* FROM `monitor`@`%`",
    )


def test_an_active_role_counts_and_another_does_not() -> None:
    user = [f"GRANT USAGE {TO} IDENTIFIED BY PASSWORD '*0'", "GRANT `operators` TO `monitor`@`%`"]
    role = "GRANT SUPER, PROCESS, READ_ONLY ADMIN ON *.* TO `operators`"
    assert missing(MARIADB, *user, role, "SET DEFAULT ROLE `operators` FOR `monitor`@`%`") == ()
    assert missing(MARIADB, *user)


def test_all_of_them() -> None:
    for version in (MARIADB, MYSQL, OLD_MYSQL):
        assert missing(version, f"GRANT ALL PRIVILEGES {TO} WITH GRANT OPTION") == ()


def test_those_on_a_schema_or_in_a_name_do_not_count() -> None:
    lines = [
        f"GRANT USAGE {TO}",
        "GRANT ALL PRIVILEGES ON `app`.* TO `monitor`@`%`",
        "GRANT SELECT ON `a, SUPER ON *.* TO `.* TO `monitor`@`%`",
    ]
    assert global_privileges([(line,) for line in lines]) == {"USAGE"}
    assert missing(MYSQL, *lines[:2]) == (
        "SYSTEM_VARIABLES_ADMIN",
        "REPLICATION_SLAVE_ADMIN",
        "CONNECTION_ADMIN",
    )


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("",),
        ("grant usage on *.* to monitor",),
        (f"GRANT USAGE {TO}", "DENY SELECT ON *.* TO `monitor`@`%`"),
        (f"GRANT USAGE {TO}", f"GRANT power(all) {TO}"),
    ],
)
def test_in_doubt_nothing_is_missing(lines: tuple[str, ...]) -> None:
    assert missing(MARIADB, *lines) == ()
    assert missing(MYSQL, *lines) == ()


def test_the_statement_names_the_account() -> None:
    names = ("READ_ONLY ADMIN", "PROCESS")
    assert grant_statement(names, "o'b@c@10.%") == "GRANT READ_ONLY ADMIN, PROCESS ON *.* TO 'o''b@c'@'10.%'"
