"""The statements that show conditions are told from all others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.show_conditions import LONGEST_SHOW, ShowConditions, Shown, parse_show

WARNINGS, ERRORS = Shown.WARNINGS, Shown.ERRORS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SHOW WARNINGS", ShowConditions(WARNINGS)),
        ("show errors;", ShowConditions(ERRORS)),
        (" show/**/warnings -- end", ShowConditions(WARNINGS)),
        ("# why\nSHOW WARNINGS", ShowConditions(WARNINGS)),
        ("SHOW COUNT(*) WARNINGS", ShowConditions(WARNINGS, count=True)),
        ("SHOW COUNT( * ) ERRORS ;", ShowConditions(ERRORS, count=True)),
        ("SHOW COUNT(*)ERRORS", ShowConditions(ERRORS, count=True)),
        ("SHOW WARNINGS LIMIT 1", ShowConditions(WARNINGS, limit=1)),
        ("SHOW WARNINGS LIMIT 1,5", ShowConditions(WARNINGS, offset=1, limit=5)),
        ("SHOW WARNINGS LIMIT 1 , 5", ShowConditions(WARNINGS, offset=1, limit=5)),
        ("SHOW ERRORS\nLIMIT\t1 OFFSET 7", ShowConditions(ERRORS, offset=7, limit=1)),
        ("SHOW WARNINGS LIMIT 18446744073709551615", ShowConditions(WARNINGS, limit=2**64 - 1)),
    ],
)
def test_read(text: str, expected: ShowConditions) -> None:
    assert parse_show(text.encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        "SHOWWARNINGS",
        "SHOW WARNINGS; SELECT 1",
        "SHOW WARNINGS LIMIT 18446744073709551616",
        "SHOW WARNINGS LIMIT ?",
        "SHOW WARNINGS LIMIT -1",
        "SHOW WARNINGS LIMIT 1 ROWS EXAMINED 5",
        "SHOW WARNINGS FETCH FIRST ROW ONLY",
        "SHOW WARNINGS LIKE 'x'",
        "SHOW COUNT (*) WARNINGS",
        "SHOW COUNT(*) WARNINGS LIMIT 1",
        "/*!50000 SHOW*/ WARNINGS",
        "SHOW `WARNINGS`",
        "SHOW WARNINGS\u00a0",
        "SHOW WARNINGS" + " " * LONGEST_SHOW,
    ],
)
def test_left_to_the_server(text: str) -> None:
    assert parse_show(text.encode()) is None


@given(st.binary(max_size=64))
def test_any_bytes_can_be_read(text: bytes) -> None:
    parse_show(b"SHOW WARNINGS " + text)


def test_window() -> None:
    assert ShowConditions(WARNINGS).window(3) == slice(0, 3)
    assert ShowConditions(WARNINGS, offset=1, limit=1).window(3) == slice(1, 2)
    assert ShowConditions(WARNINGS, offset=5, limit=1).window(3) == slice(3, 3)
