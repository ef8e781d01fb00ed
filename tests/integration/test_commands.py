"""Commands of the protocol other than COM_QUERY."""

import re
from typing import Any

import pymysql
import pytest

from .clients import CommandClient, fetch, one, run
from .daemon import ProxyDaemon
from .databases import Target

SESSION_TRACK, DEPRECATE_EOF = 1 << 23, 1 << 24


def test_ping(command_client: CommandClient) -> None:
    command_client.ping(reconnect=False)
    run(command_client, "BEGIN")
    command_client.ping(reconnect=False)
    run(command_client, "COMMIT")


def test_statistics(command_client: CommandClient) -> None:
    assert re.match(r"Uptime: \d+  Threads: \d+", command_client.statistics())
    assert one(command_client, "SELECT 1") == 1


def test_field_list(command_client: CommandClient) -> None:
    assert command_client.field_list("item") == ["id", "owner", "note"]
    with pytest.raises(pymysql.ProgrammingError, match="1146"):
        command_client.field_list("missing")
    assert one(command_client, "SELECT 1") == 1


def test_init_db(command_client: CommandClient) -> None:
    command_client.select_db("other")
    assert one(command_client, "SELECT name FROM place") == "other"
    with pytest.raises(pymysql.OperationalError) as caught:
        command_client.select_db("missing_schema")
    assert caught.value.args[0] in (1044, 1049)
    assert one(command_client, "SELECT DATABASE()") == "other"


def test_reset_connection_brings_back_the_settings_of_the_log_in(command_client: CommandClient) -> None:
    before = one(command_client, "SELECT @@sql_mode")
    run(command_client, "SET sql_mode = 'ANSI_QUOTES', time_zone = '+07:00'")
    run(command_client, "SET @mine = 1")
    run(command_client, "CREATE TEMPORARY TABLE fleeting (id INT)")
    run(command_client, "BEGIN")
    run(command_client, "INSERT INTO item (note) VALUES ('reset, never committed')")
    command_client.reset_connection()
    assert fetch(command_client, "SELECT @@sql_mode, @@time_zone, @mine, DATABASE()") == (
        (before, "SYSTEM", None, "app"),
    )
    assert one(command_client, "SELECT COUNT(*) FROM item WHERE note LIKE 'reset, never%'") == 0
    with pytest.raises(pymysql.ProgrammingError, match="1146"):
        run(command_client, "SELECT * FROM fleeting")


def test_change_user(command_client: CommandClient, proxy: ProxyDaemon) -> None:
    run(command_client, "SET sql_mode = 'ANSI_QUOTES', @mine = 1")
    command_client.change_user("eve", proxy.users["eve"], "other")
    assert fetch(command_client, "SELECT CURRENT_USER(), DATABASE(), @mine") == (("eve@%", "other", None),)
    assert "ANSI_QUOTES" not in one(command_client, "SELECT @@sql_mode")
    command_client.change_user("app", proxy.users["app"])
    assert fetch(command_client, "SELECT CURRENT_USER(), DATABASE()") == (("app@%", None),)


def test_change_user_with_a_wrong_password_ends_the_connection(command_client: CommandClient) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        command_client.change_user("eve", "wrong", "app")
    assert caught.value.args == (1045, "Access denied for user 'eve'@'%' (using password: YES)")
    with pytest.raises(pymysql.MySQLError):
        command_client.ping(reconnect=False)


def test_set_option(command_client: CommandClient) -> None:
    with pytest.raises(pymysql.ProgrammingError):
        run(command_client, "SELECT 1; SELECT 2")
    command_client.set_option(0)
    with command_client.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT 2")
        assert cursor.nextset()
        assert cursor.fetchall() == ((2,),)
    command_client.set_option(1)
    with pytest.raises(pymysql.ProgrammingError):
        run(command_client, "SELECT 1; SELECT 2")


def test_binary_prepared_statements(command_client: CommandClient) -> None:
    first, columns, parameters = command_client.prepare("SELECT ?, CONCAT(?, '😀'), NULL")
    assert (columns, parameters) == (3, 2)
    second, _, _ = command_client.prepare("INSERT INTO item (note) VALUES (?)")
    assert command_client.execute_prepared(first, "a", "b") == [("a", "b😀", None)]
    assert command_client.execute_prepared(first, None, "c") == [(None, "c😀", None)]
    assert command_client.execute_prepared(second, "prepared") == []
    assert command_client.last_insert_id() > 0
    command_client.close_prepared(first)
    with pytest.raises(pymysql.MySQLError) as caught:
        command_client.execute_prepared(first, "a", "b")
    assert caught.value.args[0] == 1243
    command_client.close_prepared(second)
    assert one(command_client, "SELECT COUNT(*) FROM item WHERE note = 'prepared'") == 1


def test_long_data(command_client: CommandClient) -> None:
    statement, _, _ = command_client.prepare("SELECT CAST(LENGTH(?) AS CHAR)")
    for _ in range(20):
        command_client.send_long_data(statement, 0, b"x" * 1_000_000)
    assert command_client.execute_prepared(statement, "", sent=True) == [("20000000",)]
    command_client.send_long_data(statement, 0, b"abc")
    command_client.reset_prepared(statement)
    assert command_client.execute_prepared(statement, "12") == [("2",)]
    command_client.close_prepared(statement)
    assert one(command_client, "SELECT 1") == 1


def test_an_error_in_a_prepare(command_client: CommandClient) -> None:
    with pytest.raises(pymysql.ProgrammingError, match="1064"):
        command_client.prepare("SELEC ?")
    assert one(command_client, "SELECT 1") == 1


def test_text_prepared_statements(command_client: CommandClient) -> None:
    run(command_client, "PREPARE plan FROM 'SELECT ? + 1'")
    run(command_client, "SET @value = 41")
    assert one(command_client, "EXECUTE plan USING @value") == 42
    run(command_client, "DEALLOCATE PREPARE plan")
    with pytest.raises(pymysql.MySQLError, match="1243"):
        run(command_client, "EXECUTE plan USING @value")


@pytest.mark.parametrize(("code", "errno"), [(0x08, 1235), (0x12, 1235), (0x7F, 1047)])
def test_commands_with_no_place_here(command_client: CommandClient, code: int, errno: int) -> None:
    with pytest.raises(pymysql.MySQLError) as caught:
        command_client.command(code)
    assert caught.value.args[0] == errno
    assert one(command_client, "SELECT 1") == 1


def packet(sql: str) -> bytes:
    """COM_QUERY as a packet of its own."""
    payload = b"\x03" + sql.encode()
    return len(payload).to_bytes(3, "little") + b"\0" + payload


def test_commands_sent_ahead_are_answered_in_order(command_client: CommandClient) -> None:
    raw: Any = command_client
    raw._sock.sendall(b"".join(packet(f"SELECT {number}") for number in range(100)))
    for number in range(100):
        raw._next_seq_id = 1
        assert result_packets(raw, 5)[3] == b"%c%s" % (len(str(number)), str(number).encode())


def test_a_command_that_arrives_byte_by_byte(command_client: CommandClient) -> None:
    raw: Any = command_client
    for byte in packet("SELECT 'slowly'"):
        raw._sock.sendall(bytes((byte,)))
    raw._next_seq_id = 1
    assert result_packets(raw, 5)[3] == b"\x06slowly"


def result_packets(raw: Any, count: int) -> list[bytes]:
    """The payloads of the next packets."""
    return [bytes(raw._read_packet().get_all_data()) for _ in range(count)]


@pytest.mark.parametrize(("flags", "count"), [(0, 5), (DEPRECATE_EOF, 4)], ids=["eof", "no-eof"])
def test_results_have_the_form_their_client_asked_for(
    proxy: ProxyDaemon, target: Target, flags: int, count: int
) -> None:
    answers = []
    for port in (target.port, proxy.port):
        raw: Any = connected(proxy, port, flags)
        raw._execute_command(0x03, "SELECT 'same'")
        answers.append(result_packets(raw, count))
        raw._force_close()
    assert answers[0] == answers[1]


@pytest.mark.parametrize("flags", [0, SESSION_TRACK, SESSION_TRACK | DEPRECATE_EOF])
def test_state_changes_are_told_only_to_those_who_asked(proxy: ProxyDaemon, flags: int) -> None:
    raw: Any = connected(proxy, proxy.port, flags)
    raw._execute_command(0x03, "USE other")
    answer = bytes(raw._read_packet().get_all_data())
    assert answer[0] == 0
    assert (b"other" in answer) == bool(flags)
    raw._execute_command(0x03, "SET time_zone = '+11:00'")
    answer = bytes(raw._read_packet().get_all_data())
    assert answer[0] == 0
    assert (b"+11:00" in answer) == bool(flags)
    raw._force_close()


def connected(proxy: ProxyDaemon, port: int, flags: int) -> CommandClient:
    """A client with additional capability flags."""
    return CommandClient(
        host="127.0.0.1",
        port=port,
        user="app",
        password=proxy.users["app"],
        database="app",
        client_flag=flags,
        ssl_disabled=True,
    )
