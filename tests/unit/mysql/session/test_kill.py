"""Which texts are a KILL of a connection, and of which."""

import pytest

from proxy.mysql.session.screen import Dialect, Screen
from proxy.mysql.session.verdict import Kill

FIRST = 1 << 30


def kill_in(text: str) -> Kill | None:
    return Screen().verdict(text.encode(), Dialect.DEFAULT).kill


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KILL 7", Kill(7, False)),
        ("kill  connection 7 ;", Kill(7, False)),
        ("KILL/* by Ctrl-C */QUERY/**/ 1073741824 -- now", Kill(FIRST, True)),
        ("KILL HARD 7", Kill(7, False)),
        ("KILL SOFT QUERY 7", Kill(7, True)),
        ("KILL HARD CONNECTION 7", Kill(7, False)),
        ("/*! KILL QUERY 7 */", Kill(7, True)),
        ("KILL QUERY 18446744073709551615", Kill((1 << 64) - 1, True)),
        ("KILL CONNECTION_ID()", Kill(None, False)),
        ("KILL QUERY CONNECTION_ID ( )", Kill(None, True)),
        ("KILL CONNECTION CONNECTION_ID(/**/)", Kill(None, False)),
    ],
)
def test_kills(text: str, expected: Kill) -> None:
    assert kill_in(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "KILL",
        "KILL QUERY",
        "KILL QUERY ID 7",
        "KILL USER app",
        "KILL QUERY USER app@localhost",
        "KILL 7, 8",
        "KILL -7",
        "KILL 7.0",
        "KILL 0x07",
        "KILL '7'",
        "KILL @a",
        "KILL CONNECTION_ID() + 1",
        "KILL 7; SELECT 1",
        "SELECT 1; KILL 7",
        "SELECT 'KILL 7'",
        "SELECT kill FROM t",
        "EXPLAIN KILL 7",
        "/*!50000 KILL*/ 7",
        "KILL " + "7" * 21,
        "KILL " + "7" * 5000,
    ],
)
def test_what_is_left_to_the_database(text: str) -> None:
    assert kill_in(text) is None


def test_only_numbers_that_clients_have_are_the_proxys() -> None:
    for number, expected in ((None, True), (0, False), (FIRST - 1, False), (FIRST, True), (1 << 63, True)):
        assert Kill(number, query_only=True).is_for_client(FIRST) is expected
