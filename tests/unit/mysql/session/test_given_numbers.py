"""Numbers that a prepared statement finds in variables of the proxy."""

from proxy.mysql.session.given_numbers import RESERVED, assigned, given, places
from proxy.mysql.session.substitution import substituted
from proxy.mysql.session.verdict_parts import Ask

ROWS = Ask.ROW_COUNT | Ask.FOUND_ROWS


def test_only_what_is_asked_is_given() -> None:
    numbers = {Ask.ROW_COUNT: -1, Ask.FOUND_ROWS: 7, Ask.WARNING_COUNT: 2}
    assert given(Ask.ROW_COUNT | Ask.WARNING_COUNT, numbers) == {
        "rds_proxy_row_count": -1,
        "rds_proxy_warning_count": 2,
    }
    assert not given(Ask.CONNECTION_ID, {Ask.CONNECTION_ID: 5})


def test_what_is_not_known_the_server_answers() -> None:
    numbers = given(ROWS, {Ask.ROW_COUNT: 3})
    assert assigned(numbers) == ["@rds_proxy_row_count=3", "@rds_proxy_found_rows=NULL"]


def test_a_text_that_is_prepared() -> None:
    text = b"SELECT ROW_COUNT(), @@error_count AS errors"
    found = places(Ask.ROW_COUNT | Ask.ERROR_COUNT)
    assert substituted(text, found, backslash_escapes=True) == (
        b"SELECT IFNULL(CAST(LEFT(@rds_proxy_row_count,20) AS SIGNED),ROW_COUNT()) AS `ROW_COUNT()`,"
        b" IFNULL(CAST(LEFT(@rds_proxy_error_count,20) AS UNSIGNED),@@error_count) AS errors"
    )


def test_each_place_has_its_variable() -> None:
    every = ROWS | Ask.WARNING_COUNT | Ask.ERROR_COUNT
    found = places(every | Ask.CONNECTION_ID)
    assert set(found) == set(every)
    for name, place in zip(given(every, {}), found.values(), strict=True):
        assert name.startswith(RESERVED)
        assert b"@" + name.encode() + b"," in place
