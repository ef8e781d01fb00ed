"""Which commands the proxy may answer for a database that cannot any more."""

from collections.abc import Callable

import pytest

from proxy.mysql.frontend.transaction_ends import (
    is_definition,
    is_distributed,
    only_commits,
    only_rolls_back,
)
from proxy.mysql.session.settings import FRESH, Settings
from tests.peers import packets as p

ENDS: list[tuple[Callable[[bytes, Settings], bool], bytes]] = [
    (only_rolls_back, b"ROLLBACK"),
    (only_commits, b"COMMIT"),
]


def command(text: bytes) -> bytes:
    return p.packet(b"\x03" + text)


@pytest.mark.parametrize(("ends", "word"), ENDS)
class TestEnds:
    @pytest.mark.parametrize("form", [b"%s", b"  %s\n", b"%s;", b"%s WORK ; ", b"\0\1%s"])
    def test_nothing_but_that(
        self, ends: Callable[[bytes, Settings], bool], word: bytes, form: bytes
    ) -> None:
        for text in (form % word, form % word.lower()):
            assert ends(command(text), FRESH)

    @pytest.mark.parametrize(
        "form",
        [
            b"%s AND CHAIN",
            b"%s AND NO CHAIN RELEASE",
            b"%s RELEASE",
            b"%s TO SAVEPOINT a",
            b"%s; SELECT 1",
            b"%sS",
            b"X%s",
            b"\0\2%s",
            b"",
        ],
    )
    def test_anything_else_is_the_databases(
        self, ends: Callable[[bytes, Settings], bool], word: bytes, form: bytes
    ) -> None:
        assert not ends(command(form % word if b"%" in form else form), FRESH)

    @pytest.mark.parametrize(
        ("kind", "is_end"),
        [("NO_CHAIN", True), ("0", True), ("CHAIN", False), ("RELEASE", False), ("1", False)],
    )
    def test_completion_type(
        self, ends: Callable[[bytes, Settings], bool], word: bytes, kind: str, is_end: bool
    ) -> None:
        settings = FRESH.changed(variables=[("completion_type", kind)])
        assert ends(command(word), settings) is is_end


def test_the_one_is_not_the_other() -> None:
    assert not only_rolls_back(command(b"COMMIT"), FRESH)
    assert not only_commits(command(b"ROLLBACK"), FRESH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"CREATE TABLE t (a INT)", True),
        (b" drop table t", True),
        (b"ALTER TABLE t ADD b INT", True),
        (b"TRUNCATE t", True),
        (b"CREATE TABLE t SELECT 1 AS a", False),
        (b"create table t as (select 1)", False),
        (b"CREATED", False),
        (b"INSERT INTO t VALUES (1)", False),
        (b"", False),
    ],
)
def test_definitions(text: bytes, expected: bool) -> None:
    assert is_definition(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"XA PREPARE 'a'", True),
        (b"\n xa commit 'a' one phase", True),
        (b"/* one */ -- two\n # three\nXA END 'a'", True),
        (b"XAVIER", False),
        (b"SELECT 'xa'", False),
        (b"/* xa */ COMMIT", False),
        (b"/*" + b" " * 10_000, False),
    ],
)
def test_distributed_ones(text: bytes, expected: bool) -> None:
    assert is_distributed(text) is expected
