"""Reading general query logs: both servers' forms, statements over several lines, garbage, limits."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analyze import log_entries
from proxy.analyze.log_entries import KEPT_TEXT, RESTART, Entry, LogReader

MYSQL_HEAD = (
    b"/usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:\n"
    b"Tcp port: 3306  Unix socket: /run/mysqld/mysqld.sock\n"
    b"Time                 Id Command    Argument\n"
)
MARIADB_HEAD = (
    b"/usr/sbin/mariadbd, Version: 10.11.6-MariaDB-log (Debian 12). started with:\n"
    b"Tcp port: 3306  Unix socket: /run/mysqld/mysqld.sock\n"
    b"Time\t\t    Id Command\tArgument\n"
)
AT = b"2026-11-22T04:32:57.036835Z\t"


def read(log: bytes) -> tuple[list[Entry], LogReader]:
    reader = LogReader()
    return list(reader.entries(io.BytesIO(log))), reader


def brief(log: bytes) -> list[tuple[int, int, str, bytes]]:
    entries, reader = read(log)
    assert reader.ignored == 0
    return [(each.line, each.connection, each.command, each.text) for each in entries]


def test_the_form_of_mysql() -> None:
    log = MYSQL_HEAD + (
        AT + b"   10 Connect\tapp@127.0.0.1 on app using SSL/TLS\n"
        + AT + b"   10 Query\tSELECT 1\n"
        + b"2026-11-22T04:32:58.000000+02:00\t1234567 Close stmt\t\n"
        + AT + b"   10 Quit\t\n"
    )  # fmt: skip
    assert brief(log) == [
        (1, 0, RESTART, b""),
        (4, 10, "Connect", b"app@127.0.0.1 on app using SSL/TLS"),
        (5, 10, "Query", b"SELECT 1"),
        (6, 1234567, "Close stmt", b""),
        (7, 10, "Quit", b""),
    ]


def test_the_form_of_mariadb_with_times_left_out() -> None:
    log = MARIADB_HEAD + (
        b"261122  4:32:50\t     4 Connect\troot@localhost on  using Socket\n"
        b"\t\t     4 Init DB\tapp\n"
        b"\t\t    15 Query\tSELECT 1\n"
        b"261122 14:32:51\t     4 Quit\t\n"
    )
    entries, reader = read(log)
    assert [(each.connection, each.command, each.text) for each in entries[1:]] == [
        (4, "Connect", b"root@localhost on  using Socket"),
        (4, "Init DB", b"app"),
        (15, "Query", b"SELECT 1"),
        (4, "Quit", b""),
    ]
    assert (reader.first_time, reader.last_time) == ("261122  4:32:50", "261122 14:32:51")


def test_a_statement_keeps_its_lines() -> None:
    log = AT + b"   10 Query\tSELECT 1,\n\n  'two\tlines',\r\n 3\n" + AT + b"   10 Query\tSELECT 2\r\n"
    assert brief(log) == [
        (1, 10, "Query", b"SELECT 1,\n\n  'two\tlines',\r\n 3"),
        (5, 10, "Query", b"SELECT 2"),
    ]


def test_where_each_entry_has_a_time_a_line_without_one_is_text() -> None:
    text = b"SELECT '\n\t\t   12 Query\tSELECT 2'"
    assert brief(AT + b"   10 Query\t" + text + b"\n") == [(1, 10, "Query", text)]
    assert len(brief(b"261122  4:32:50\t     4 Query\t" + text + b"\n")) == 2


def test_lines_that_are_nothing_are_counted() -> None:
    log = b"noise\n\n\x00\xff\n" + AT + b"   10 Quit\t\nmore noise\n" + AT + b"   11 Query\tSELECT 1\n"
    entries, reader = read(log)
    assert [each.command for each in entries] == ["Quit", "Query"]
    assert (reader.lines, reader.ignored) == (6, 3)


def test_an_unknown_command_is_no_entry() -> None:
    assert brief(AT + b"   10 Query\tSELECT '\n" + AT + b"   10 Dance\t'\n")[0][3].endswith(b"Dance\t'")


def test_a_start_in_the_middle_ends_a_statement() -> None:
    log = AT + b"   10 Query\tSELECT 1\n" + MYSQL_HEAD + AT + b"    8 Query\tSELECT 2\n"
    assert [each.command for each in read(log)[0]] == ["Query", RESTART, "Query"]
    assert read(log)[1].ignored == 0


@pytest.mark.parametrize("piece", [64, 1024, 4 * 1024 * 1024])
def test_of_a_long_statement_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(log_entries, "LONGEST_PIECE", piece)
    long = b"SELECT '" + b"x" * (2 * KEPT_TEXT) + b"'"
    log = AT + b"   10 Query\t" + long + b"\n" + AT + b"   10 Query\tSELECT 2\n"
    first, second = read(log)[0]
    assert first.text == long[:KEPT_TEXT]
    assert first.length == len(long) + 1
    assert (second.line, second.text, second.length) == (2, b"SELECT 2", 8)


PARTS = [AT, b"   10 Query\t", b"\t\t", b"\n", b"SELECT 1", b"Quit", MYSQL_HEAD, b"\xff"]


@given(st.lists(st.sampled_from(PARTS)))
def test_nothing_makes_it_fail(parts: list[bytes]) -> None:
    log = b"".join(parts)
    entries, reader = read(log)
    assert reader.lines == log.count(b"\n") + (not log.endswith((b"\n",)) and log != b"")
    assert all(each.length >= len(each.text) for each in entries)
