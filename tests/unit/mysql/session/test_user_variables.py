"""User variables as values: what sets them again, and how an answer is read."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.user_variables import (
    COLUMNS_EACH,
    VARIABLES_LIMIT,
    Kind,
    NotHeld,
    Variable,
    answered,
    assignment,
    literal,
    question,
)

BIGINT, DOUBLE, DECIMAL, BLOB, VAR_STRING, GEOMETRY = 8, 5, 246, 251, 253, 255
UNSIGNED = 32


@attrs.frozen
class Facts:
    type: int
    flags: int = 0


def of_one(kind: int, *cells: str | None, flags: int = 0) -> Variable | NotHeld | None:
    columns = [Facts(kind, flags)] + [Facts(VAR_STRING)] * (COLUMNS_EACH - 1)
    return answered(["x"], columns, cells).get("x")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (Variable(Kind.SIGNED, b"-5"), "-5"),
        (Variable(Kind.UNSIGNED, b"5"), "CAST(5 AS UNSIGNED)"),
        (Variable(Kind.UNSIGNED, b"18446744073709551615"), "18446744073709551615"),
        (Variable(Kind.DECIMAL, b"1.50"), "1.50"),
        (Variable(Kind.DECIMAL, b"5"), "5."),
        (Variable(Kind.DOUBLE, b"1.0"), "1.0e0"),
        (Variable(Kind.DOUBLE, b"1e-300"), "1e-300"),
        (Variable(Kind.STRING, b"\x00'\\", "binary"), "x'00275c'"),
        (Variable(Kind.STRING, b"", "latin1_bin"), "_latin1 x'' COLLATE latin1_bin"),
        (Variable(Kind.STRING, b"a", "utf8mb4_0900_ai_ci"), "_utf8mb4 x'61' COLLATE utf8mb4_0900_ai_ci"),
        (Variable(Kind.STRING, b"a", "utf8_general_ci"), "_utf8 x'61' COLLATE utf8_general_ci"),
    ],
)
def test_a_literal_has_the_type_of_its_value(variable: Variable, expected: str) -> None:
    assert literal(variable) == expected


def test_a_deprecated_character_set_that_is_frequent_is_not_named() -> None:
    assert "_utf8mb3" not in literal(Variable(Kind.STRING, b"a", "utf8mb3_general_ci"))


def test_null_has_no_literal() -> None:
    with pytest.raises(ValueError, match="no type"):
        literal(Variable(Kind.SIGNED, None))


def test_null_is_set_behind_a_value_of_its_kind() -> None:
    variables = {"b": Variable(Kind.SIGNED, b"1"), "a": Variable(Kind.DOUBLE, None)}
    assert assignment(variables) == "@`a`=0e0,@`a`=NULL,@`b`=1"


def test_names_are_quoted() -> None:
    assert assignment({"a`b'c d": Variable(Kind.SIGNED, b"1")}) == "@`a``b'c d`=1"


@pytest.mark.parametrize("name", ["", "é", "a\0b", "\u212a"])
def test_names_that_cannot_be_held_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        assignment({name: Variable(Kind.SIGNED, b"1")})
    with pytest.raises(ValueError, match="name"):
        question([name])


@pytest.mark.parametrize("collation", ["", "x y", "latin1_bin--", "Latin1_bin", "a'"])
def test_what_is_no_collation_does_not_get_into_a_text(collation: str) -> None:
    with pytest.raises(ValueError, match="collation"):
        literal(Variable(Kind.STRING, b"a", collation))


def test_the_values_asked_for_share_the_limit() -> None:
    assert f">{VARIABLES_LIMIT}," in question(["a"])
    assert ">500," in question(["a", "b"], limit=1000)
    with pytest.raises(ValueError, match="nothing"):
        question([])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (of_one(BIGINT, "-5", "2D35", "binary", "2"), Variable(Kind.SIGNED, b"-5")),
        (of_one(BIGINT, "5", "35", "binary", "1", flags=UNSIGNED), Variable(Kind.UNSIGNED, b"5")),
        # MariaDB's IF adds places.
        (of_one(DECIMAL, "1.5000", "312E35", "binary", "3"), Variable(Kind.DECIMAL, b"1.5")),
        # MySQL's CAST drops digits.
        (
            of_one(DOUBLE, "1.2345678901234567", "31", "binary", "1"),
            Variable(Kind.DOUBLE, b"1.2345678901234567"),
        ),
        (of_one(DOUBLE, "1", "31", "binary", "1"), Variable(Kind.DOUBLE, b"1.0")),
        (of_one(DOUBLE, "-0", "2D30", "binary", "2"), Variable(Kind.DOUBLE, b"-0.0")),
        (of_one(BLOB, "?", "00FF", "binary", "2"), Variable(Kind.STRING, b"\x00\xff")),
        (of_one(BLOB, None, "C3A9", "utf8mb4_bin", "2"), Variable(Kind.STRING, b"\xc3\xa9", "utf8mb4_bin")),
        (of_one(BLOB, "", "", "latin1_bin", "0"), Variable(Kind.STRING, b"", "latin1_bin")),
        (of_one(BLOB, None, None, "latin1_bin", None), Variable(Kind.STRING, None, "latin1_bin")),
        (of_one(BIGINT, None, None, "binary", None), Variable(Kind.SIGNED, None)),
        (of_one(VAR_STRING, None, None, "binary", None), None),
        (of_one(BLOB, None, None, "latin1_bin", "70000"), NotHeld(70000)),
        (of_one(GEOMETRY, "?", "00", "binary", "1"), NotHeld()),
        (of_one(BLOB, "?", "FF", "utf8mb4_bin", "1"), NotHeld(1)),
        (of_one(BLOB, "?", "D800", "utf16_bin", "2"), NotHeld(2)),
    ],
)
def test_answers(found: Variable | NotHeld | None, expected: Variable | NotHeld | None) -> None:
    assert found == expected


def test_an_answer_in_a_wide_character_set() -> None:
    wide = ["\0".join(["", *cell]) for cell in ("5", "00350035", "binary", "1")]
    assert of_one(DECIMAL, *wide) == Variable(Kind.DECIMAL, b"55")
    wide = ["".join(letter + "\0" for letter in cell) for cell in ("a", "61", "latin1_bin", "1")]
    assert of_one(BLOB, *wide) == Variable(Kind.STRING, b"a", "latin1_bin")


def test_another_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="question"):
        answered(["x"], [Facts(BIGINT)], ["1"])


def test_a_value_is_not_shown() -> None:
    assert "secret" not in repr(Variable(Kind.STRING, b"secret", "latin1_bin"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_keeps_its_digits(number: float) -> None:
    found = of_one(DOUBLE, repr(number), "30", "binary", "1")
    assert isinstance(found, Variable)
    assert float(literal(found)) == number
    assert "e" in literal(found)
