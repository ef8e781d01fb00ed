"""init_query, EXCLUDE_VARIABLE_SETS, idle connections and the cap, on real connections."""

import re
from typing import Any

import pymysql
import pytest

from .clients import CommandClient, fetch, one, run, thread_of
from .conftest import StartProxy
from .databases import Target
from .polling import eventually
from .sharing import ONE_CONNECTION, is_held, is_shared

INIT_QUERY = "SET group_concat_max_len = 5000, time_zone = '+08:00'; SET SESSION sql_mode = 'ANSI_QUOTES'"
INITIAL = (5000, "+08:00", "ANSI_QUOTES")
VALUES = "SELECT @@group_concat_max_len, @@time_zone, @@sql_mode"


def test_init_query_is_where_every_client_starts(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={**ONE_CONNECTION, "init_query": INIT_QUERY})
    with daemon.connect() as first, daemon.connect() as second:
        assert fetch(first, VALUES) == (INITIAL,)
        run(first, "SET group_concat_max_len = 6000, time_zone = '+01:00', sql_mode = ''")
        assert fetch(second, VALUES) == (INITIAL,)
        assert fetch(first, VALUES) == ((6000, "+01:00", ""),)
        run(first, "CREATE TEMPORARY TABLE pin (id INT)")
    with daemon.connect() as third:
        assert fetch(third, VALUES) == (INITIAL,)
        with pytest.raises(pymysql.OperationalError, match="1054"):
            run(third, 'SELECT "no string under ANSI_QUOTES"')


def test_init_query_after_reset_connection(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={**ONE_CONNECTION, "init_query": INIT_QUERY})
    options: dict[str, Any] = {"host": "127.0.0.1", "port": daemon.port, "user": "app", "ssl_disabled": True}
    with CommandClient(password=daemon.users["app"], **options) as client:
        run(client, "SET time_zone = '+02:00'")
        client.reset_connection()
        assert fetch(client, VALUES) == (INITIAL,)
        run(client, "SET time_zone = DEFAULT")
        assert one(client, "SELECT @@time_zone") == "SYSTEM"


def test_a_wrong_init_query_is_said(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={**ONE_CONNECTION, "init_query": "SET nonsense = 'secret-4711'"})
    with pytest.raises(pymysql.OperationalError) as caught, daemon.connect() as client:
        run(client, "SELECT 1")
    assert caught.value.args[0] in (1193, 9501)
    assert re.search(r"(?i)nonsense|init", daemon.log_text())


def test_excluded_variable_sets_do_not_pin_and_do_not_leak(start_proxy: StartProxy, target: Target) -> None:
    options = {**ONE_CONNECTION, "session_pinning_filters": ["EXCLUDE_VARIABLE_SETS"]}
    daemon = start_proxy(target, pool=options)
    with daemon.connect() as first, daemon.connect() as second:
        run(first, "SET @mine = 'first'")
        assert is_shared(second)
        run(second, "SET @mine = 'second', time_zone = '+06:00'")
        assert fetch(first, "SELECT @mine, @@time_zone") == (("first", "SYSTEM"),)
        with daemon.connect() as third:
            assert fetch(third, "SELECT @mine, @@time_zone") == ((None, "SYSTEM"),)
        assert fetch(second, "SELECT @mine, @@time_zone") == (("second", "+06:00"),)
    assert "pinned" not in daemon.log_text()
    with daemon.connect() as first, daemon.connect() as second:
        run(first, "CREATE TEMPORARY TABLE fleeting (id INT)")
        assert is_held(second)


def test_without_the_filter_user_variables_stay_with_their_client(
    start_proxy: StartProxy, target: Target
) -> None:
    daemon = start_proxy(target, pool={"max_connections_percent": 4})
    with daemon.connect() as first, daemon.connect() as second:
        for round_ in range(3):
            run(first, f"SET @mine = 'first {round_}'")
            run(second, f"SELECT @mine := 'second {round_}'")
            assert one(first, "SELECT @mine") == f"first {round_}"
            assert one(second, "SELECT @mine") == f"second {round_}"


def test_temporary_tables_do_not_cross(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={"max_connections_percent": 4})
    with daemon.connect() as first, daemon.connect() as second:
        for number, client in enumerate((first, second)):
            run(client, "CREATE TEMPORARY TABLE fleeting (id INT)")
            run(client, f"INSERT INTO fleeting VALUES ({number})")
        assert fetch(first, "SELECT id FROM fleeting") == ((0,),)
        assert fetch(second, "SELECT id FROM fleeting") == ((1,),)


def test_idle_connections_beyond_the_idle_cap_are_closed(
    start_proxy: StartProxy, plain_target: Target
) -> None:
    daemon = start_proxy(
        plain_target,
        pool={"max_connections_percent": 20, "max_idle_connections_percent": 2, "idle_connection_timeout": 1},
    )
    clients = [daemon.connect() for _ in range(5)]
    for client in clients:
        run(client, "BEGIN")
    assert len(plain_target.threads("USER = 'app'")) >= 5
    for client in clients:
        run(client, "COMMIT")
    # One idle connection may stay, and the probe's, which is of whichever user comes first.
    eventually(lambda: len(plain_target.threads("USER = 'app'")) <= 2, "the surplus to be closed")
    for client in clients:
        assert one(client, "SELECT 1") == 1
        client.close()


def test_a_warm_minimum(start_proxy: StartProxy, plain_target: Target) -> None:
    daemon = start_proxy(plain_target, pool={"min_idle_connections": 3})
    with daemon.connect("eve") as client:
        run(client, "SELECT 1")
        eventually(lambda: len(plain_target.threads("USER = 'eve'")) >= 3, "idle connections kept ready")


def test_old_connections_are_replaced(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(
        target, pool={**ONE_CONNECTION, "max_connection_life": 1, "connection_borrow_timeout": 5}
    )
    with daemon.connect() as client:
        first = thread_of(client)
        eventually(lambda: thread_of(client) != first, "another connection")
        eventually(lambda: not target.has_thread(first), "the end of the old connection")
