"""Which variables a text reads and assigns, and whether it may run a stored function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.functions import BUILT_INS, BUILT_INS_WITHOUT_BLANK, WORDS_BEFORE_LISTS
from proxy.mysql.session.variable_use import NO_USE, runs_only_built_ins, variable_use


def names(statement: bytes) -> tuple[str, str] | None:
    """Those mentioned, and those assigned, or None."""
    use = variable_use(statement, backslash_escapes=True)
    return None if use is None else (" ".join(sorted(use.mentioned)), " ".join(sorted(use.assigned)))


@pytest.mark.parametrize(
    ("statement", "mentioned"),
    [
        (b"SELECT @a, @A, @`a`, @'a', @\"a\"", "a"),
        (b"SELECT @a.b, @$x_1, @1, @1e5, @0x1F, @.5, @1.5e3", "$x_1 .5 0x1f 1 1.5e3 1e5 a.b"),
        (b"SELECT @`a b`, @'it''s', @`a``b`", "a b a`b it's"),
        (b"SELECT @a+@b-@c*@d/@e=@f", "a b c d e f"),
        (b"SELECT '@a', \"@b\", `@c` -- @d\n, 'x@y' # @e\n /* @f */", ""),
        (b"SELECT @@a, @@session.b, @c", "c"),
        (b"CREATE USER 'bob'@'localhost', `eve`@`%`", ""),
        (b"SELECT CONCAT('a', @x, 'b'), f(1, 2, @y)", "x y"),
        (b"/*!40101 SET @OLD=@@sql_mode */", "old"),
        (b"SELECT@x", "x"),
    ],
)
def test_names(statement: bytes, mentioned: str) -> None:
    found = names(statement)
    assert found is not None
    assert found[0] == mentioned


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT @ a",
        b"SELECT @/**/a",
        b"SELECT @",
        b"SELECT @``",
        "SELECT @é".encode(),
        "SELECT @é1".encode(),
        "SELECT @aé".encode(),
        "SELECT @`é`".encode(),
        "SELECT @`\u212a`".encode(),
        b"SELECT @`a `",
        b"SELECT @'a\\'b'",
        b"SELECT @1e-5",
        b"SELECT @" + 65 * b"a",
        b"SELECT @a, 'open",
        b'SELECT @a, "x\\" y"',
    ],
)
def test_names_that_are_not_certain(statement: bytes) -> None:
    assert names(statement) is None
    assert variable_use(b"SELECT 1", backslash_escapes=True) is NO_USE


@pytest.mark.parametrize(
    ("statement", "assigned"),
    [
        (b"SELECT @a + @b", ""),
        (b"SELECT * FROM t WHERE a = @a LIMIT 1", ""),
        (b"INSERT INTO t (a, b) VALUES (@a, 'x'), (@b, 'y')", ""),
        (b"UPDATE t SET a = @a, b = @b WHERE c = @c", ""),
        (b"DELETE FROM t WHERE a = @a", ""),
        (b"PREPARE s FROM @a", ""),
        (b"SET sql_mode = @a", ""),
        (b"(SELECT @a)", ""),
        (b"SELECT COUNT(*), NOW(), @a", ""),
        (b"SET @a = 1", "a"),
        (b"SET @a := @b", "a"),
        (b"SET sql_mode = @a, @b = @c", "b"),
        (b"SET @a = (SELECT @b := 1)", "a b"),
        (b"SELECT @a := @b + 1", "a"),
        (b"UPDATE t SET a = (@a := @a + 1)", "a"),
        (b"SELECT a, @b INTO @c, @d FROM t WHERE e = @e", "c d"),
        (b"SELECT @b INTO @c/* */,@d", "c d"),
        (b"BEGIN NOT ATOMIC DECLARE x INT; SELECT 1, 2 INTO x, @c; END", "c"),
        (b"INSERT INTO t SET a = @a", ""),
        (b"INSERT INTO t (a) SELECT @a", ""),
        (b"(SELECT 1) UNION (SELECT @b := 2)", "b"),
        (b"CALL p(@a, 1)", "a"),
        (b"EXECUTE s USING @a", "a"),
        (b"GET DIAGNOSTICS @a = ROW_COUNT", "a"),
        (b"FETCH c INTO @a", "a"),
        (b"LOAD DATA INFILE 'x' INTO TABLE t (@a, b) SET c = @b", "a b"),
        (b"SELECT stored(1), @a", "a"),
        (b"SELECT now (), @a", "a"),
        (b"SET STATEMENT max_statement_time = 1 FOR SET @a = 1", "a"),
        (b"SELECT @a /*!80000 := 5 */", "a"),
        (b"CREATE PROCEDURE p() BEGIN SELECT @a; SET @b = @c; END", "a b"),
        (b"BEGIN NOT ATOMIC SELECT 1 INTO @a; END", "a"),
        (b"IF @a THEN SELECT 1; END IF", "a"),
        (b"SELECT @a; SELECT @b := 1", "b"),
    ],
)
def test_what_may_be_assigned(statement: bytes, assigned: str) -> None:
    found = names(statement)
    assert found is not None
    assert found[1] == assigned


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1",
        b"SELECT COUNT(*), MAX(a), CONCAT('a', b) FROM t WHERE a IN (1, 2) AND (b = 1 OR EXISTS (SELECT 1))",
        b"INSERT INTO t (a, b) VALUES (1, NOW())",
        b"INSERT INTO s.t (a) SELECT 1",
        b"INSERT t (a) VALUES (1)",
        b"REPLACE INTO `t` (a) VALUES (1)",
        b"INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)",
        b"SELECT MATCH (a) AGAINST ('x')",
        b"SELECT * FROM (SELECT 1) AS d (a)",
        b"SET sql_mode = CONCAT(@@sql_mode, ',ANSI')",
    ],
)
def test_texts_without_stored_functions(statement: bytes) -> None:
    assert runs_only_built_ins(statement, backslash_escapes=True)


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT stored()",
        b"SELECT s.f(1)",
        b"SELECT s.abs(1)",
        b"SELECT `abs`(1)",
        b"SELECT count (*)",
        b"SELECT MD5('a')",
        b"SELECT to_char(1)",
        b"SELECT 1 INTO f(1)",
        b"INSERT INTO t (a) VALUES (stored(1))",
        b"CALL p()",
        b"EXECUTE s",
        b"SELECT 'open",
        b"SELECT 1 /*! + f(1) */",
    ],
)
def test_texts_that_may_run_stored_code(statement: bytes) -> None:
    assert not runs_only_built_ins(statement, backslash_escapes=True)


def test_no_name_is_two_things() -> None:
    assert not BUILT_INS & BUILT_INS_WITHOUT_BLANK
    assert not WORDS_BEFORE_LISTS & (BUILT_INS | BUILT_INS_WITHOUT_BLANK)
    assert {b"ABS", b"IF", b"VALUES"} <= BUILT_INS


_TEXT = "@ a ' \" ` ; , ( ) = := 1 1.5 'x' SET SELECT INTO . \\ /* */ é #"
PIECES = _TEXT.split(" ")


@given(st.lists(st.sampled_from([*PIECES, "\n"])))
def test_any_text_is_answered(parts: list[str]) -> None:
    text = " ".join(parts).encode()
    for escapes in (True, False):
        use = variable_use(text, escapes)
        if use is not None:
            assert use.literals.keys() <= use.assigned <= use.mentioned
        runs_only_built_ins(text, escapes)
