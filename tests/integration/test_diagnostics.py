"""LAST_INSERT_ID(), warnings and row counts belong to the client whose statement made them."""

import random
import threading
from typing import Any

import pymysql
import pytest

from .clients import fetch, one, run
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target

CONTENDERS = 12
ROUNDS = 40
CONTENTION_LIMIT = 60.0
"""Seconds the contending clients may take."""
GONE = 1105
"""Error number of a clear refusal: another client has used the connection since."""


def inserted_id(client: Any, sql: str) -> int:
    """Run an INSERT; return what its OK packet says."""
    with client.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.lastrowid)


def test_last_insert_id_survives_other_clients(client: Any, other: Any) -> None:
    mine = inserted_id(client, "INSERT INTO item (owner) VALUES (1)")
    theirs = inserted_id(other, "INSERT INTO item (owner) VALUES (2)")
    assert mine != theirs
    assert one(client, "SELECT LAST_INSERT_ID()") == mine
    assert one(other, "SELECT LAST_INSERT_ID()") == theirs
    assert one(client, "SELECT @@last_insert_id") == mine
    assert one(other, "SELECT @@identity") == theirs


def test_last_insert_id_in_a_later_statement(client: Any, other: Any) -> None:
    mine = inserted_id(client, "INSERT INTO item (owner) VALUES (1)")
    inserted_id(other, "INSERT INTO item (owner) VALUES (2)")
    run(client, f"INSERT INTO item (owner, note) VALUES (LAST_INSERT_ID(), 'child of {mine}')")
    assert one(client, f"SELECT owner FROM item WHERE note = 'child of {mine}'") == mine


def test_an_explicit_id_leaves_last_insert_id_alone(client: Any, other: Any) -> None:
    mine = inserted_id(client, "INSERT INTO item (owner) VALUES (1)")
    run(client, f"INSERT INTO item (id, owner) VALUES ({mine + 100_000}, 1)")
    run(other, "INSERT INTO item (owner) VALUES (2)")
    assert one(client, "SELECT LAST_INSERT_ID()") == mine


def test_a_client_that_inserted_nothing_sees_nothing(client: Any, other: Any) -> None:
    run(client, "INSERT INTO item (owner) VALUES (1)")
    assert one(other, "SELECT LAST_INSERT_ID()") == 0
    run(other, "REPLACE INTO work (client, step) VALUES (-1, 0)")
    assert one(other, "SELECT LAST_INSERT_ID()") == 0


def test_last_insert_id_with_an_argument_is_kept(client: Any, other: Any) -> None:
    run(client, "SELECT LAST_INSERT_ID(4711)")
    run(other, "INSERT INTO item (owner) VALUES (2)")
    assert one(client, "SELECT LAST_INSERT_ID()") == 4711
    run(client, "UPDATE place SET name = 'app' WHERE LAST_INSERT_ID(4712)")
    run(other, "INSERT INTO item (owner) VALUES (2)")
    assert one(client, "SELECT LAST_INSERT_ID()") == 4712


def test_several_rows_give_the_first_id(client: Any, other: Any) -> None:
    first = inserted_id(client, "INSERT INTO item (owner) VALUES (1), (1), (1)")
    run(other, "INSERT INTO item (owner) VALUES (2)")
    assert one(client, "SELECT LAST_INSERT_ID()") == first


def test_insert_returning(client: Any, other: Any) -> None:
    returned = one(client, "INSERT INTO item (owner) VALUES (1) RETURNING id")
    run(other, "INSERT INTO item (owner) VALUES (2)")
    assert one(client, "SELECT LAST_INSERT_ID()") == returned


def test_last_insert_id_of_a_transaction(client: Any, other: Any) -> None:
    run(client, "BEGIN")
    mine = inserted_id(client, "INSERT INTO item (owner) VALUES (1)")
    run(client, "COMMIT")
    run(other, "INSERT INTO item (owner) VALUES (2)")
    assert one(client, "SELECT LAST_INSERT_ID()") == mine


def test_last_insert_id_under_contention(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={"max_connections_percent": 6})
    problems: list[str] = []

    def contend(number: int) -> None:
        chance = random.Random(number)
        try:
            with daemon.connect() as client:
                expected = 0
                for step in range(ROUNDS):
                    if chance.random() < 0.5:
                        expected = inserted_id(client, f"INSERT INTO item (owner) VALUES ({number})")
                    if chance.random() < 0.3:
                        run(client, "SELECT 1")
                    found = one(client, "SELECT LAST_INSERT_ID()")
                    if found != expected:
                        problems.append(f"client {number}, step {step}: {found}, not {expected}")
        except Exception as problem:
            problems.append(f"client {number}: {problem}")

    threads = [threading.Thread(target=contend, args=(number,), daemon=True) for number in range(CONTENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CONTENTION_LIMIT)
        assert not thread.is_alive()
    assert problems == []


def test_warnings_right_after_their_statement(client: Any) -> None:
    run(client, "DROP TABLE IF EXISTS missing_table")
    assert fetch(client, "SHOW WARNINGS") == (("Note", 1051, "Unknown table 'app.missing_table'"),)
    run(client, "SELECT 1")
    run(client, "SELECT CAST('12x' AS INT)")
    assert one(client, "SHOW COUNT(*) WARNINGS") == 1
    assert one(client, "SELECT @@warning_count") == 1


def test_errors_right_after_their_statement(client: Any) -> None:
    with pytest.raises(pymysql.MySQLError):
        run(client, "SELECT * FROM missing_table")
    assert fetch(client, "SHOW ERRORS") == (("Error", 1146, "Table 'app.missing_table' doesn't exist"),)


def allowed(client: Any, sql: str, right: Any) -> None:
    """The right value, or a refusal that says why; never anything else."""
    try:
        assert fetch(client, sql) == right
    except pymysql.MySQLError as error:
        if error.args[0] != GONE or "no longer available" not in error.args[1]:
            raise


def test_warnings_of_somebody_else_are_never_seen(client: Any, other: Any) -> None:
    run(client, "SELECT 1")
    run(other, "DROP TABLE IF EXISTS missing_table")
    allowed(client, "SHOW WARNINGS", ())


def test_warnings_are_still_there_or_said_to_be_gone(client: Any, other: Any) -> None:
    run(client, "DROP TABLE IF EXISTS my_missing_table")
    run(other, "SELECT 1")
    allowed(client, "SHOW WARNINGS", (("Note", 1051, "Unknown table 'app.my_missing_table'"),))


@pytest.mark.parametrize("between", ["SELECT 1", "SET time_zone = '+01:00'", "COMMIT", "DO 1"])
def test_warnings_of_somebody_else_are_not_seen_after_a_statement_without_tables(
    client: Any, other: Any, between: str
) -> None:
    """On MariaDB such a statement leaves the conditions of the one before in place."""
    run(other, "DROP TABLE IF EXISTS secret_table")
    run(client, between)
    allowed(client, "SHOW WARNINGS", ())


def test_warnings_of_somebody_else_are_not_seen_in_a_transaction(client: Any, other: Any) -> None:
    run(other, "DROP TABLE IF EXISTS secret_table")
    run(client, "BEGIN")
    allowed(client, "SHOW WARNINGS", ())
    run(client, "COMMIT")


def test_row_counts_of_somebody_else_are_never_seen(client: Any, other: Any) -> None:
    run(client, "INSERT INTO item (owner) VALUES (5), (5), (5)")
    run(other, "INSERT INTO item (owner) VALUES (7)")
    allowed(client, "SELECT ROW_COUNT()", ((3,),))


def test_row_counts_right_after_their_statement(client: Any) -> None:
    run(client, "INSERT INTO item (owner) VALUES (5), (5), (5)")
    assert one(client, "SELECT ROW_COUNT()") == 3
    run(client, "INSERT INTO item (owner) VALUES (5)")
    assert one(client, "SELECT ROW_COUNT()") == 1


def test_found_rows_of_somebody_else_are_never_seen(client: Any, other: Any) -> None:
    fetch(client, "SELECT seq FROM seq_1_to_20")
    fetch(other, "SELECT seq FROM seq_1_to_30")
    allowed(client, "SELECT FOUND_ROWS()", ((20,),))


def test_found_rows_right_after_their_statement(client: Any) -> None:
    fetch(client, "SELECT seq FROM seq_1_to_10")
    assert one(client, "SELECT FOUND_ROWS()") == 10
    fetch(client, "SELECT seq FROM seq_1_to_12")
    assert one(client, "SELECT FOUND_ROWS()") == 12


def test_a_fresh_client_has_no_diagnostics(narrow: ProxyDaemon, other: Any) -> None:
    fetch(other, "SELECT seq FROM seq_1_to_30")
    run(other, "INSERT INTO item (owner) VALUES (5), (5), (5)")
    run(other, "DROP TABLE IF EXISTS missing_table")
    with narrow.connect() as fresh:
        allowed(fresh, "SHOW WARNINGS", ())
    with narrow.connect() as fresh:
        assert one(fresh, "SELECT LAST_INSERT_ID()") == 0


def test_a_transaction_does_not_show_anothers_found_rows(client: Any, other: Any) -> None:
    fetch(other, "SELECT seq FROM seq_1_to_30")
    run(client, "BEGIN")
    assert one(client, "SELECT FOUND_ROWS()") == 0
    fetch(client, "SELECT seq FROM seq_1_to_7")
    assert one(client, "SELECT FOUND_ROWS()") == 7
    run(client, "ROLLBACK")


def test_a_sequence_does_not_show_anothers_last_value(client: Any, other: Any) -> None:
    run(other, "CREATE OR REPLACE SEQUENCE numbers START WITH 1000")
    assert one(other, "SELECT NEXTVAL(numbers)") == 1000
    run(client, "BEGIN")
    allowed(client, "SELECT LASTVAL(numbers)", ((None,),))
    assert one(client, "SELECT NEXTVAL(numbers)") == 1001
    assert one(client, "SELECT LASTVAL(numbers)") == 1001
    run(client, "ROLLBACK")


def test_row_counts_are_the_clients_own(client: Any, other: Any) -> None:
    run(client, "INSERT INTO item (owner) VALUES (1), (1)")
    run(other, "INSERT INTO item (owner) VALUES (2)")
    assert one(client, "SELECT ROW_COUNT()") == 2
    run(client, "INSERT INTO item (owner) VALUES (1), (1), (1)")
    assert one(client, "SELECT ROW_COUNT()") == 3


def test_profiles_are_nobody_elses(narrow: ProxyDaemon, other: Any) -> None:
    with narrow.connect() as first:
        run(first, "SET profiling = 1")
        fetch(first, "SELECT 'a secret'")
    assert fetch(other, "SHOW PROFILES") == ()
