"""Values of user variables that the text of a SET tells."""

import pytest

from proxy.mysql.session.settings import Settings, settings
from proxy.mysql.session.user_variables import Kind, Variable
from proxy.mysql.session.variable_literals import (
    LONGEST_LITERALS,
    BareNull,
    TextLiteral,
    literals_in,
    resolved,
)
from proxy.mysql.session.variable_use import variable_use


def session(client: str = "utf8mb4", collation: str = "utf8mb4_bin", mode: str | None = "") -> Settings:
    variables = {"character_set_client": client, "collation_connection": collation}
    return settings("", variables if mode is None else {**variables, "sql_mode": mode})


def known(statement: bytes, backslash_escapes: bool = True) -> dict[str, object]:
    use = variable_use(statement, backslash_escapes)
    assert use is not None
    return dict(use.literals)


def one(value: bytes) -> object:
    return known(b"SET @a = " + value).get("a")


@pytest.mark.parametrize(
    ("value", "kind", "digits"),
    [
        (b"1", Kind.SIGNED, b"1"),
        (b"-1", Kind.SIGNED, b"-1"),
        (b"- 1", Kind.SIGNED, b"-1"),
        (b"+1", Kind.SIGNED, b"1"),
        (b"007", Kind.SIGNED, b"7"),
        (b"-0", Kind.SIGNED, b"0"),
        (b"TRUE", Kind.SIGNED, b"1"),
        (b"false", Kind.SIGNED, b"0"),
        (b"9223372036854775807", Kind.SIGNED, b"9223372036854775807"),
        (b"9223372036854775808", Kind.UNSIGNED, b"9223372036854775808"),
        (b"-9223372036854775808", Kind.SIGNED, b"-9223372036854775808"),
        (b"-9223372036854775809", Kind.DECIMAL, b"-9223372036854775809"),
        (b"18446744073709551616", Kind.DECIMAL, b"18446744073709551616"),
        (b"1.50", Kind.DECIMAL, b"1.50"),
        (b"-01.50", Kind.DECIMAL, b"-1.50"),
        (b".5", Kind.DECIMAL, b"0.5"),
        (b"5.", Kind.DECIMAL, b"5"),
        (b"-0.0", Kind.DECIMAL, b"0.0"),
        (b"1e3", Kind.DOUBLE, b"1000.0"),
        (b"-1.5E-300", Kind.DOUBLE, b"-1.5e-300"),
        (b"0x4142", Kind.STRING, b"AB"),
        (b"0x142", Kind.STRING, b"\x01B"),
        (b"x'4142'", Kind.STRING, b"AB"),
        (b"X''", Kind.STRING, b""),
        (b"b'101000001'", Kind.STRING, b"\x01A"),
        (b"0b101", Kind.STRING, b"\x05"),
    ],
)
def test_literals(value: bytes, kind: Kind, digits: bytes) -> None:
    assert one(value) == Variable(kind, digits)


@pytest.mark.parametrize(
    "value",
    [
        *(b"--1", b"1+1", b"@b", b"(1)", b"0e0", b"-0e0", b"1e400", b"N'x'", b"_latin1'x'", b"'x' 'y'"),
        *(b"'x' COLLATE c", b"0.0000000000000000000000000000001", b"DATE'2020-01-01'", b"NOW()", b"-'5'"),
        *(b"x'4'", b"b'2'", b"-NULL", b"-TRUE", b"0X41", b"1abc", b"\\N", b"NOT 1", b"DEFAULT", b"c"),
    ],
)
def test_values_that_are_asked_for(value: bytes) -> None:
    assert one(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"'a'", b"a"),
        (b'"a"', b"a"),
        (b"'it''s'", b"it's"),
        (b"'a\"\"b'", b'a""b'),
        (b'"a""b"', b'a"b'),
        (rb"'\n\t\0\Z\\\'\"\x'", b"\n\t\0\x1a\\'\"x"),
        (rb"'\%\_'", rb"\%\_"),
        ("'é'".encode(), "é".encode()),
        (b"''", b""),
    ],
)
def test_strings(value: bytes, text: bytes) -> None:
    assert one(value) == TextLiteral(text)


def test_strings_without_escapes() -> None:
    assert known(rb"SET @a = 'x\', @b = 'it''s'", backslash_escapes=False) == {
        "a": TextLiteral(b"x\\"),
        "b": TextLiteral(b"it's"),
    }


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (b"SET @a=1,@b='x',sql_mode='y',@c:=2,@d=@a", "a b c"),
        (b"SET @a=CONCAT('a',',b'),@b=2", "b"),
        (b"SET sql_mode='ANSI,X',@b=2,autocommit=1", "b"),
        (b"SET @a=1,@a=2", ""),
        (b"SET @a=1,@b=(@a:=2)", ""),
        (b"SET @a=1; SET @b=2", "a b"),
        (b"SET @a=1; SET @a=2;", "a"),
        (b"SET @a=1; SET @b='x'", "a"),
        (b"SET @a=1; SELECT 1", ""),
        (b"SET STATEMENT x=1 FOR SET @a=1", ""),
        (b"CREATE PROCEDURE p() BEGIN SELECT 1; SET @a=1; END", ""),
        (b"SELECT @a:=1", ""),
        (b"SET @a=1 /*! +1 */", ""),
        (b"UPDATE t SET a=1,@b=1", ""),
    ],
)
def test_which_variables_are_known(statement: bytes, expected: str) -> None:
    assert " ".join(sorted(known(statement))) == expected


def test_the_last_of_two_statements_counts() -> None:
    assert known(b"SET @a=1; SET @a=2") == {"a": Variable(Kind.SIGNED, b"2")}


def test_a_long_list_is_asked_for() -> None:
    use = variable_use(b"SET " + b",".join(b"@a%d=1" % at for at in range(LONGEST_LITERALS)), True)
    assert use is not None
    assert not use.literals
    assert use.asked == use.assigned
    assert literals_in([], backslash_escapes=True) == {}
    assert known(b"SET @a=1,@b=(" + b"1," * 10000 + b"1)") == {}


def test_null_keeps_the_type_there_was() -> None:
    assert one(b"NULL") == BareNull()
    assert resolved(BareNull(), session(), None) == Variable(Kind.STRING, None)
    before = Variable(Kind.STRING, b"x", "latin1_bin")
    assert resolved(BareNull(), session(), before) == Variable(Kind.STRING, None, "latin1_bin")


def test_a_value_is_itself() -> None:
    assert resolved(Variable(Kind.SIGNED, b"1"), session(), None) == Variable(Kind.SIGNED, b"1")


@pytest.mark.parametrize(
    ("value", "settings_then", "expected"),
    [
        (b"a", session(), "utf8mb4_bin"),
        (b"a", session("latin1", "utf8mb4_bin"), "utf8mb4_bin"),
        (b"a", session("gbk", "gbk_bin"), "gbk_bin"),
        (b"a", session("gbk", "utf8mb4_bin"), None),
        (b"a", session("utf8mb4", "ucs2_bin"), None),
        (b"a", session("binary", "binary"), "binary"),
        (b"\xff", session("binary", "binary"), "binary"),
        (b"\xff", session("latin1", "latin1_bin"), "latin1_bin"),
        (b"\xff", session("latin1", "latin2_bin"), None),
        (b"\xff", session(), None),
        ("é".encode(), session(), "utf8mb4_bin"),
        ("é".encode(), session("latin1", "utf8mb4_bin"), None),
        ("é".encode(), session("utf8mb3", "utf8mb4_bin"), "utf8mb4_bin"),
        ("😀".encode(), session(), "utf8mb4_bin"),
        ("😀".encode(), session("utf8mb4", "utf8mb3_bin"), None),
        (b"a", settings("", {}), None),
        (b"", session(), "utf8mb4_bin"),
        (b"", session(mode=None), None),
        (b"", session(mode="ANSI,EMPTY_STRING_IS_NULL"), None),
        (b"a", session(mode=None), "utf8mb4_bin"),
    ],
)
def test_a_string_belongs_to_the_connections_collation(
    value: bytes, settings_then: Settings, expected: str | None
) -> None:
    found = resolved(TextLiteral(value), settings_then, None)
    assert found == (None if expected is None else Variable(Kind.STRING, value, expected))
