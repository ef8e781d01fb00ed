"""The digest: the shape of a statement, and never its values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.digest import digest


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (b"", ""),
        (b"SELECT  1", "SELECT ?"),
        (b"select *\n from t -- why\n where a = 'x' and b=-5", "select * from t where a = ? and b = -?"),
        (
            b"SELECT a FROM t WHERE b IN (1, 'x', 3) AND c IN (1)",
            "SELECT a FROM t WHERE b IN(...) AND c IN(?)",
        ),
        (b"INSERT INTO t (a,b) VALUES (1,'a'),(2,'b')", "INSERT INTO t(a, b) VALUES(...)"),
        (b"SELECT `a`.`b`, @x, @@session.y", "SELECT `a`.`b`, @x, @@session.y"),
        (b"SELECT 0x1F, 0b01, 1.5e3, .5, X'0f', N'a'", "SELECT ?, ?, ?, ?, X ?, N ?"),
        (b"a >= 1 || b := 2 <=> c", "a >= ? || b := ? <=> c"),
        (b"SET PASSWORD FOR 'a'@'b' = \"x\"", "SET PASSWORD FOR ?@? = ?"),
        (b"CREATE USER x IDENTIFIED BY PASSWORD '*AB'", "CREATE USER x IDENTIFIED BY PASSWORD ?"),
        (b"CREATE USER x IDENTIFIED WITH p AS 0xAB", "CREATE USER x IDENTIFIED WITH p AS ?"),
        (b"/*!40101 SET NAMES 'utf8' */", "SET NAMES ?"),
        (b"SELECT 'caf\xe9', b", "SELECT ?, b"),
    ],
)
def test_shape(statement: bytes, expected: str) -> None:
    assert digest(statement) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (b"SELECT 'secret", "SELECT…"),
        (b"SELECT a /* secret", "SELECT a…"),
        (rb"SELECT 'a\', 'secret'", "SELECT ?…"),
        (rb"SELECT 'a\' b' secret", "SELECT ?…"),
        (rb'SELECT "a\" secret"', "SELECT ?…"),
        (b"AS $$ secret $$", "AS ?…"),
        (b"/*! '*/ secret' */", "?…"),
        (b"SELECT `\x81`secret` x", "SELECT ?…"),
    ],
)
def test_it_ends_where_the_end_of_a_literal_is_not_certain(statement: bytes, expected: str) -> None:
    assert digest(statement) == expected


def test_it_is_cut_to_the_limit() -> None:
    assert digest(b"SELECT " + b"a, " * 1000, limit=20) == "SELECT a, a, a, a, …"
    assert len(digest(b"SELECT " + b"a, " * 1000)) == 1024
    assert digest(b"SELECT 1", limit=0) == ""


def test_control_characters_never_reach_the_log() -> None:
    assert digest(b"SELECT `a\nb\x1b`") == "SELECT `a b `"


MARK = "QZSECRETQZ"
LITERALS = st.text(alphabet="a'\\\"`*/-# \n(),;@$0é\x00", max_size=12)


@given(
    st.lists(st.tuples(st.sampled_from("'\""), LITERALS, LITERALS), min_size=1, max_size=4),
    st.sampled_from([" , ", "(", ") = ", " /* ' */ ", " x ", " /*! ", " */ "]),
    st.booleans(),
    st.integers(1, 200),
)
def test_a_literal_never_shows(
    parts: list[tuple[str, str, str]], between: str, escapes: bool, limit: int
) -> None:
    statement = "SELECT "
    for quote, before, after in parts:
        content = (before + MARK + after).replace(quote, quote * 2)
        statement += quote + (content.replace("\\", "\\\\") if escapes else content) + quote + between
    assert MARK not in digest(statement.encode(), limit=limit)
    assert MARK not in digest(statement.encode())


@given(st.binary(), st.integers(0, 100))
def test_arbitrary_bytes_give_text_within_the_limit(statement: bytes, limit: int) -> None:
    text = digest(statement, limit)
    assert len(text) <= limit
    text.encode("utf-8")
