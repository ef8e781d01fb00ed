"""Transactions: their beginning and end as the protocol tells them, alone on a pool of one connection."""

from typing import Any

import pymysql
import pytest

from .clients import fetch, in_transaction, one, run
from .daemon import ProxyDaemon
from .databases import Target
from .sharing import is_held, is_shared


@pytest.mark.parametrize("begin", ["BEGIN", "START TRANSACTION", "START TRANSACTION READ ONLY", "BEGIN WORK"])
@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_transaction_has_its_connection_until_its_end(
    client: Any, other: Any, begin: str, end: str
) -> None:
    run(client, begin)
    run(client, "SELECT * FROM item")
    assert in_transaction(client)
    assert is_held(other)
    run(client, end)
    assert not in_transaction(client)
    assert is_shared(other)


def test_without_autocommit_the_first_statement_opens_a_transaction(client: Any, other: Any) -> None:
    client.autocommit(False)
    assert is_shared(other)
    run(client, "INSERT INTO item (note) VALUES ('no autocommit')")
    assert is_held(other)
    client.rollback()
    assert is_shared(other)
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'no autocommit'") == 0
    assert one(other, "SELECT @@autocommit") == 1
    assert one(client, "SELECT @@autocommit") == 0
    client.commit()


def test_turning_autocommit_on_commits(client: Any, other: Any) -> None:
    run(client, "SET autocommit = 0")
    run(client, "INSERT INTO item (note) VALUES ('then autocommit')")
    run(client, "SET autocommit = 1")
    assert is_shared(other)
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'then autocommit'") == 1


def test_a_definition_commits(client: Any, other: Any) -> None:
    run(client, "BEGIN")
    run(client, "INSERT INTO item (note) VALUES ('before a definition')")
    assert is_held(other)
    run(client, "CREATE TABLE defined (id INT)")
    run(client, "DROP TABLE defined")
    assert not in_transaction(client)
    assert is_shared(other)
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'before a definition'") == 1


def test_commit_and_chain_goes_on(client: Any, other: Any) -> None:
    run(client, "BEGIN")
    run(client, "COMMIT AND CHAIN")
    assert is_held(other)
    run(client, "ROLLBACK")
    assert is_shared(other)


def test_commit_and_release_ends_the_session_cleanly(narrow: ProxyDaemon, other: Any) -> None:
    client = narrow.connect()
    run(client, "BEGIN")
    run(client, "INSERT INTO item (note) VALUES ('released')")
    run(client, "COMMIT RELEASE")
    assert is_shared(other)
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'released'") == 1


def test_a_read_only_transaction_refuses_writes(client: Any) -> None:
    run(client, "START TRANSACTION READ ONLY")
    with pytest.raises(pymysql.MySQLError) as caught:
        run(client, "INSERT INTO item (note) VALUES ('read only')")
    assert caught.value.args[0] == 1792
    run(client, "ROLLBACK")
    run(client, "INSERT INTO item (note) VALUES ('read only over')")


def test_savepoints(client: Any, other: Any) -> None:
    run(client, "BEGIN")
    run(client, "INSERT INTO item (note) VALUES ('saved')")
    run(client, "SAVEPOINT half")
    run(client, "INSERT INTO item (note) VALUES ('not saved')")
    run(client, "ROLLBACK TO half")
    run(client, "RELEASE SAVEPOINT half")
    assert is_held(other)
    run(client, "COMMIT")
    assert fetch(other, "SELECT note FROM item WHERE note LIKE '%saved'") == (("saved",),)


def test_an_error_inside_leaves_the_transaction_open(client: Any, other: Any) -> None:
    run(client, "BEGIN")
    run(client, "INSERT INTO item (note) VALUES ('after an error')")
    with pytest.raises(pymysql.MySQLError):
        run(client, "SELECT * FROM missing_table")
    assert is_held(other)
    run(client, "COMMIT")
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'after an error'") == 1


@pytest.mark.parametrize(
    "one_shot",
    ["SET TRANSACTION READ ONLY", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY"],
)
def test_a_one_shot_characteristic_is_for_the_next_transaction_of_its_client(
    client: Any, other: Any, one_shot: str
) -> None:
    run(client, one_shot)
    if not is_held(other):
        run(other, "INSERT INTO item (owner) VALUES (1)")
    run(client, "BEGIN")
    with pytest.raises(pymysql.MySQLError) as caught:
        run(client, "INSERT INTO item (owner) VALUES (1)")
    assert caught.value.args[0] == 1792
    run(client, "COMMIT")
    run(client, "INSERT INTO item (owner) VALUES (1)")
    run(other, "INSERT INTO item (owner) VALUES (1)")


def test_a_one_shot_isolation_level_works_and_is_over_after_its_transaction(
    narrow: ProxyDaemon, target: Target, client: Any, other: Any
) -> None:
    with narrow.connect(port=target.port) as writer:
        run(writer, "BEGIN")
        run(writer, "INSERT INTO item (note) VALUES ('dirty')")
        count = "SELECT COUNT(*) FROM item WHERE note = 'dirty'"
        run(client, "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        run(client, "BEGIN")
        assert one(client, count) == 1
        run(client, "COMMIT")
        assert one(client, count) == 0
        assert one(other, count) == 0
        run(writer, "ROLLBACK")


def test_a_one_shot_level_used_up_by_a_single_statement(
    narrow: ProxyDaemon, target: Target, other: Any
) -> None:
    with narrow.connect(port=target.port) as writer, narrow.connect() as client:
        run(writer, "BEGIN")
        run(writer, "INSERT INTO item (note) VALUES ('dirty too')")
        count = "SELECT COUNT(*) FROM item WHERE note = 'dirty too'"
        run(client, "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        assert one(client, count) == 1
        assert one(client, count) == 0
        assert is_shared(other)
        run(writer, "ROLLBACK")


def test_a_one_shot_level_does_not_outlive_its_client(narrow: ProxyDaemon, target: Target) -> None:
    with narrow.connect(port=target.port) as writer:
        run(writer, "BEGIN")
        run(writer, "INSERT INTO item (note) VALUES ('dirty still')")
        with narrow.connect() as client:
            run(client, "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        with narrow.connect() as another:
            assert one(another, "SELECT COUNT(*) FROM item WHERE note = 'dirty still'") == 0
        run(writer, "ROLLBACK")


def test_a_session_level_stays_with_its_session(client: Any, other: Any) -> None:
    run(client, "SET SESSION TRANSACTION READ ONLY")
    assert is_shared(other)
    run(other, "INSERT INTO item (owner) VALUES (2)")
    with pytest.raises(pymysql.MySQLError, match="1792"):
        run(client, "INSERT INTO item (owner) VALUES (2)")
    assert fetch(client, "SELECT @@tx_read_only") == ((1,),)
    assert fetch(other, "SELECT @@tx_read_only") == ((0,),)


@pytest.mark.parametrize("end", ["XA COMMIT 'x1'", "XA ROLLBACK 'x1'"])
def test_xa(client: Any, other: Any, end: str) -> None:
    run(client, "XA START 'x1'")
    run(client, "INSERT INTO item (owner) VALUES (77)")
    assert is_held(other)
    run(client, "XA END 'x1'")
    assert is_held(other)
    run(client, "XA PREPARE 'x1'")
    assert is_held(other)
    run(client, end)
    assert is_shared(other)
    expected = 1 if "COMMIT" in end else 0
    assert one(other, "SELECT COUNT(*) FROM item WHERE owner = 77") == expected
    run(other, "DELETE FROM item WHERE owner = 77")


def test_xa_in_one_phase(client: Any, other: Any) -> None:
    run(client, "XA START 'x2'")
    run(client, "XA END 'x2'")
    run(client, "XA COMMIT 'x2' ONE PHASE")
    assert is_shared(other)


def test_an_xa_transaction_without_statements_keeps_its_connection(client: Any, other: Any) -> None:
    run(client, "XA START 'x3'")
    assert is_held(other)
    run(client, "XA END 'x3'")
    run(client, "XA ROLLBACK 'x3'")
    assert is_shared(other)
