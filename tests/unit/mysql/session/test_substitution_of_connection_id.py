"""CONNECTION_ID() becomes the client's own id, and columns keep their names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.substitution import LONGEST_TEXT, Ask, constant, substituted

NUMBER = 1073741825


def with_connection_id(text: bytes, number: int, *, backslash_escapes: bool) -> bytes:
    constants = {Ask.CONNECTION_ID: constant(Ask.CONNECTION_ID, number)}
    return substituted(text, constants, backslash_escapes=backslash_escapes)


def rewritten(text: str | bytes, *, backslash_escapes: bool = True) -> str:
    """With ``#`` in the place of the constant."""
    raw = text if isinstance(text, bytes) else text.encode()
    new = with_connection_id(raw, NUMBER, backslash_escapes=backslash_escapes)
    return new.decode().replace(f"CAST({NUMBER} AS UNSIGNED)", "#")


ID = "CONNECTION_ID()"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # named after themselves
        (f"SELECT {ID}", f"SELECT # AS `{ID}`"),
        ("select connection_id ( ) ,1", "select # AS `connection_id ( )` ,1"),
        (f"SELECT 1 + {ID} -- end", f"SELECT 1 + # AS `1 + {ID}` -- end"),
        (f"SELECT ({ID}), 2 FROM t", f"SELECT (#) AS `({ID})`, 2 FROM t"),
        (f"SELECT `a``b` = {ID}", f"SELECT `a``b` = # AS ```a````b`` = {ID}`"),
        (f"SELECT {ID} IS NULL", f"SELECT # IS NULL AS `{ID} IS NULL`"),
        (f"SELECT {ID} + INTERVAL 1 DAY", f"SELECT # + INTERVAL 1 DAY AS `{ID} + INTERVAL 1 DAY`"),
        (f"SELECT {ID} = 'a' 'b'", f"SELECT # = 'a' 'b' AS `{ID} = 'a' 'b'`"),
        (f"SELECT {ID} = _utf8'b'", f"SELECT # = _utf8'b' AS `{ID} = _utf8'b'`"),
        (f"SELECT {ID} = x'41'", f"SELECT # = x'41' AS `{ID} = x'41'`"),
        (f"SELECT {ID} > DATE '2020-01-01'", f"SELECT # > DATE '2020-01-01' AS `{ID} > DATE '2020-01-01'`"),
        (f"SELECT SUM({ID}) OVER w FROM t", f"SELECT SUM(#) OVER w AS `SUM({ID}) OVER w` FROM t"),
        (f"SELECT {ID} + @limit", f"SELECT # + @limit AS `{ID} + @limit`"),
        (f"SELECT {ID} + t.order FROM t", f"SELECT # + t.order AS `{ID} + t.order` FROM t"),
        (f"SELECT DISTINCT {ID} FROM t", f"SELECT DISTINCT # AS `{ID}` FROM t"),
        (f"SELECT {ID} + NEXT VALUE FOR s", f"SELECT # + NEXT VALUE FOR s AS `{ID} + NEXT VALUE FOR s`"),
        # that have a name
        (f"SELECT {ID} x, {ID} AS y, {ID} `z`", "SELECT # x, # AS y, # `z`"),
        (f"SELECT {ID} 'x', {ID} \"y\", 1", "SELECT # 'x', # \"y\", 1"),
        (f"SELECT CASE WHEN {ID} > 0 THEN 1 END x", "SELECT CASE WHEN # > 0 THEN 1 END x"),
        (f"SELECT {ID} IS NULL x, {ID} = ? y", "SELECT # IS NULL x, # = ? y"),
        (f"SELECT {ID} + INTERVAL 1 DAY day", "SELECT # + INTERVAL 1 DAY day"),
        (f"SELECT @a := {ID} b, {ID} + @a c", "SELECT @a := # b, # + @a c"),
        # in several lists
        (f"SELECT (SELECT {ID}) + 1", f"SELECT (SELECT # AS `{ID}`) + 1 AS `(SELECT {ID}) + 1`"),
        (f"SELECT * FROM (SELECT {ID}) t", f"SELECT * FROM (SELECT # AS `{ID}`) t"),
        (f"WITH x AS (SELECT {ID}) SELECT * FROM x", f"WITH x AS (SELECT # AS `{ID}`) SELECT * FROM x"),
        (f"SELECT {ID} UNION SELECT {ID} a", f"SELECT # AS `{ID}` UNION SELECT # a"),
        (f"SELECT {ID};SELECT 2 + {ID};", f"SELECT # AS `{ID}`;SELECT 2 + # AS `2 + {ID}`;"),
        (
            f"INSERT INTO t SELECT {ID}, 1 ON DUPLICATE KEY UPDATE a = {ID} + 1",
            f"INSERT INTO t SELECT # AS `{ID}`, 1 ON DUPLICATE KEY UPDATE a = # + 1",
        ),
        (f"DELETE FROM t RETURNING a, {ID}", f"DELETE FROM t RETURNING a, # AS `{ID}`"),
        # in none
        (f"UPDATE t SET a = {ID} WHERE b = {ID}", "UPDATE t SET a = # WHERE b = #"),
        (f"SELECT a FROM t WHERE b = {ID} GROUP BY {ID}", "SELECT a FROM t WHERE b = # GROUP BY #"),
        (f"DO {ID}", "DO #"),
        (f"SET @a = {ID}", "SET @a = #"),
        (f"CALL p({ID}, '(')", "CALL p(#, '(')"),
        # in executable comments, which may hold all of a statement
        (f"/*! SELECT {ID} */", f"/*! SELECT # AS `{ID}` */"),
        (f"/*!40101 SELECT {ID} x */", "/*!40101 SELECT # x */"),
        ("SELECT `connection_id`()", "SELECT # AS ```connection_id``()`"),
    ],
)
def test_rewritten(text: str, expected: str) -> None:
    assert rewritten(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT connection_id FROM t",
        "SELECT app.connection_id()",
        "SELECT CONNECTION_ID(1)",
        "SELECT 'CONNECTION_ID()', \"CONNECTION_ID()\" /* CONNECTION_ID() */ # CONNECTION_ID()",
        "CREATE TABLE t SELECT CONNECTION_ID()",
        "/*!50001 CREATE VIEW v AS SELECT CONNECTION_ID() */",
        "SET STATEMENT sql_mode = '' FOR CREATE VIEW v AS SELECT CONNECTION_ID()",
        "ALTER EVENT e DO SELECT CONNECTION_ID()",
        "CREATE PROCEDURE p() BEGIN SELECT CONNECTION_ID(); SELECT CONNECTION_ID(); END",
        "PREPARE s FROM CONCAT('KILL ', CONNECTION_ID())",
        "SELECT * FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()",
        "SELECT * FROM information_schema.`processlist` WHERE ID = CONNECTION_ID()",
        "SELECT * FROM performance_schema.threads WHERE PROCESSLIST_ID = CONNECTION_ID()",
        "SELECT IS_USED_LOCK('a') = CONNECTION_ID()",
    ],
)
def test_left_alone(text: str) -> None:
    raw = text.encode()
    assert with_connection_id(raw, NUMBER, backslash_escapes=True) is raw


def test_a_new_name_is_no_table() -> None:
    assert rewritten("SELECT CONNECTION_ID() AS threads") == "SELECT # AS threads"


def test_what_stands_beside_a_stored_statement() -> None:
    text = "SELECT CONNECTION_ID() a; CREATE VIEW v AS SELECT CONNECTION_ID() b; SELECT CONNECTION_ID() c"
    assert rewritten(text) == "SELECT # a; CREATE VIEW v AS SELECT CONNECTION_ID() b; SELECT # c"


def test_ends_of_strings_depend_on_the_mode() -> None:
    text = r"SELECT CONCAT(')\', CONNECTION_ID(), '(') FROM t"
    assert rewritten(text, backslash_escapes=False) == (
        r"SELECT CONCAT(')\', #, '(') AS `CONCAT(')\', CONNECTION_ID(), '(')` FROM t"
    )
    # Here the string goes on to the next quote.
    assert rewritten(text + "'") == text + "'"


def test_names_are_as_long_as_servers_make_them() -> None:
    text = "SELECT CONNECTION_ID()" + " + 1" * 100
    [alias] = re.findall("AS `(.*)`$", rewritten(text))
    assert alias == text.removeprefix("SELECT ")[:255]
    cut = "SELECT CONCAT(CONNECTION_ID(), '" + "\u00e9" * 300 + "')"
    [alias] = re.findall("AS `(.*)`$", rewritten(cut))
    assert alias.encode() == cut.removeprefix("SELECT ").encode()[:255].decode(errors="ignore").encode()


@pytest.mark.parametrize("odd", ["\U0001f600".encode(), b"\xff", b"\xe9"])
def test_what_a_name_cannot_hold(odd: bytes) -> None:
    text = b"SELECT CONNECTION_ID() = '" + odd + b"'"
    new = with_connection_id(text, NUMBER, backslash_escapes=True)
    assert new == text.replace(b"CONNECTION_ID()", b"CAST(%d AS UNSIGNED)" % NUMBER) + (
        b" AS `CONNECTION_ID() = '?'`"
    )


WORDS = "SELECT FROM CASE END INTERVAL DAY RETURNING ON UNION AS b 's' `q` ( ) , + ; /*! */ . @ ' ? \\ \u00e9"
PIECES = st.lists(st.sampled_from([ID, ID, "\n", "a", *WORDS.split()]), max_size=12).map(" ".join)


@given(PIECES, st.booleans())
def test_nothing_but_calls_and_names_changes(text: str, escapes: bool) -> None:
    new = rewritten(text, backslash_escapes=escapes)
    assert without_names(new).replace("#", ID) == without_names(text)


def without_names(text: str) -> str:
    return re.sub(r" AS `(?:[^`]|``)*`", "", text)


def test_lists_in_lists_cost_no_more_than_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that grew with the square of the depth would take minutes here."""
    monkeypatch.setattr("proxy.mysql.session.substitution.LONGEST_TEXT", 1 << 20)
    deep = b"SELECT (" * 10_000 + b"SELECT CONNECTION_ID() + 1 DAY" + b") DAY" * 10_000
    new = with_connection_id(deep, NUMBER, backslash_escapes=True)
    assert new.count(b"UNSIGNED") == 1
    wide = b"SELECT " + b"CONNECTION_ID()," * 10_000 + b"1"
    assert with_connection_id(wide, NUMBER, backslash_escapes=True).count(b" AS `") == 10_000


def test_long_texts_are_left_alone() -> None:
    text = b"SELECT CONNECTION_ID(), '%s'" % (b"x" * LONGEST_TEXT)
    assert with_connection_id(text, NUMBER, backslash_escapes=True) is text
