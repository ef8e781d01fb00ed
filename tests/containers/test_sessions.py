"""Many clients on one database connection, each as if it had its own."""

import threading
from contextlib import ExitStack
from typing import Any

import pymysql
import pytest
from pymysql.constants import COMMAND

from tests.integration.clients import fetch, in_transaction, one, run, vanish
from tests.integration.daemon import ProxyDaemon
from tests.integration.polling import eventually
from tests.integration.sharing import is_held, is_shared

from .servers import Server

SLOW = "SELECT SLEEP(300), {}"
SETTINGS = [
    ("sort_buffer_size = 300000", "sort_buffer_size"),
    ("sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "sql_mode"),
    ("time_zone = '+03:00'", "time_zone"),
    ("group_concat_max_len = 4711", "group_concat_max_len"),
    ("NAMES latin1", "character_set_client"),
    ("character_set_results = NULL", "character_set_results"),
    ("autocommit = 0", "autocommit"),
    ("TRANSACTION ISOLATION LEVEL READ COMMITTED", "t%isolation"),
]


def variable(client: Any, pattern: str) -> tuple[Any, ...]:
    return fetch(client, f"SHOW SESSION VARIABLES LIKE '{pattern}'")[0]


@pytest.mark.parametrize(("assignment", "name"), SETTINGS, ids=[name for _, name in SETTINGS])
def test_setting_is_each_clients_own(pair: tuple[Any, Any], assignment: str, name: str) -> None:
    first, second = pair
    default = variable(second, name)
    run(first, f"SET {assignment}" if assignment.startswith("NAMES") else f"SET SESSION {assignment}")
    changed = variable(first, name)
    assert changed != default
    first.rollback()
    assert [variable(each, name) for each in (second, first, second)] == [default, changed, default]


def test_schema_is_each_clients_own(pair: tuple[Any, Any]) -> None:
    first, second = pair
    first.select_db("other")
    assert [one(each, "SELECT DATABASE()") for each in (second, first, second)] == ["app", "other", "app"]


def test_they_share_one_connection(server: Server, narrow: ProxyDaemon) -> None:
    count = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app'"
    with ExitStack() as stack, server.connect() as admin:
        clients = [stack.enter_context(narrow.connect())]
        run(clients[0], "SELECT 1")
        # Another test's proxy may have some, too.
        before = one(admin, count)
        clients += [stack.enter_context(narrow.connect()) for _ in range(4)]
        for client in clients * 3:
            run(client, "SELECT 1")
        assert one(admin, count) <= before


def test_transaction(pair: tuple[Any, Any]) -> None:
    first, second = pair
    first.begin()
    run(first, "INSERT INTO item (id, note) VALUES (1, 'kept')")
    assert in_transaction(first)
    assert is_held(second)
    first.commit()
    assert not in_transaction(first)
    assert fetch(second, "SELECT * FROM item") == ((1, "kept"),)
    second.begin()
    run(second, "DELETE FROM item")
    second.rollback()
    assert one(first, "SELECT COUNT(*) FROM item") == 1
    run(first, "DELETE FROM item")


def test_transaction_of_a_client_that_vanishes(pair: tuple[Any, Any]) -> None:
    first, second = pair
    first.begin()
    run(first, "INSERT INTO item (note) VALUES ('lost')")
    vanish(first)
    assert is_shared(second)
    assert one(second, "SELECT COUNT(*) FROM item") == 0


def test_what_pins_lasts_until_the_client_leaves(pair: tuple[Any, Any]) -> None:
    first, second = pair
    run(first, "SET @mine = 1")
    run(first, "CREATE TEMPORARY TABLE fleeting (id INT)")
    assert is_held(second)
    assert one(first, "SELECT @mine") == 1
    vanish(first)
    assert is_shared(second)
    assert one(second, "SELECT @mine") is None


def outcome_of_kill(server: Server, killer: Any, victim: Any, kill: str) -> Any:
    """What the victim of a KILL sees of its running statement."""
    slow = SLOW.format(victim.thread_id())
    victim._execute_command(COMMAND.COM_QUERY, slow)
    running = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO = '{slow}'"
    with server.connect() as admin:
        eventually(lambda: one(admin, running) == 1, "the statement runs")
        run(killer, kill.format(victim.thread_id()))
        try:
            victim._read_query_result()
        except pymysql.MySQLError as error:
            return error.args
        finally:
            eventually(lambda: one(admin, running) == 0, "the statement is over")
    return [row[0] for row in victim._result.rows]


def test_kill_query_by_the_id_of_the_handshake(server: Server, proxy: ProxyDaemon) -> None:
    outcomes = []
    for place in ({}, {"host": server.host, "port": server.port}):
        with proxy.connect(**place) as killer, proxy.connect(**place) as victim:
            assert one(victim, "SELECT CONNECTION_ID()") == victim.thread_id()
            outcomes.append(outcome_of_kill(server, killer, victim, "KILL QUERY {}"))
            assert one(victim, "SELECT 1") == 1
    assert outcomes[0] == outcomes[1]


def test_kill_of_a_connection(server: Server, proxy: ProxyDaemon) -> None:
    with proxy.connect() as killer:
        victim: Any = proxy.connect()
        outcome = outcome_of_kill(server, killer, victim, "KILL {}")
        assert outcome == [1] or outcome[0] in (1053, 1317, 1927, 2013)
        with pytest.raises(pymysql.MySQLError):
            eventually(lambda: run(victim, "SELECT 1") and False, "the connection is gone")
        assert one(killer, "SELECT 1") == 1


def test_kill_of_somebody_who_is_not_there(client: Any) -> None:
    with pytest.raises(pymysql.MySQLError) as caught:
        run(client, "KILL 4000000000")
    assert caught.value.args[0] == 1094


def test_many_clients_at_once(server: Server, proxy: ProxyDaemon) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            with proxy.connect() as client:
                run(client, f"SET SESSION group_concat_max_len = {1000 + number}")
                for _ in range(20):
                    assert one(client, "SELECT @@group_concat_max_len") == 1000 + number
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
