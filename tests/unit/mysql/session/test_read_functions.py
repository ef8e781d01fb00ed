"""Which functions are known to only read, on which servers."""

import pytest

from proxy.mysql.session.functions import BUILT_INS_WITHOUT_BLANK
from proxy.mysql.session.read_functions import BUILT_INS_ONLY, read_functions

MARIADB, MYSQL_8, MYSQL_9 = ("10.11.6-MariaDB-log", True), ("8.0.36", False), ("9.7.1", False)


@pytest.mark.parametrize(
    ("servers", "name", "expected"),
    [
        ((), b"ABS", True),
        ((), b"MD5", False),
        ((MARIADB,), b"MD5", True),
        ((MYSQL_8,), b"MD5", True),
        ((MYSQL_9,), b"MD5", False),
        ((MARIADB, MYSQL_9), b"MD5", False),
        ((MARIADB, MYSQL_9), b"RANK", True),
        ((("5.7.44-log", False),), b"RANK", False),
        ((("5.5.5-10.4.2-MariaDB", True),), b"JSON_TABLE", False),
        ((MYSQL_8,), b"JSON_VALUE", True),
        ((("8.0.20", False),), b"JSON_VALUE", False),
        ((("who knows", False),), b"RANK", False),
        ((MARIADB,), b"TO_CHAR", True),
        ((MYSQL_9,), b"TO_CHAR", False),
    ],
)
def test_built_in(servers: tuple[tuple[str, bool], ...], name: bytes, expected: bool) -> None:
    assert read_functions((), servers).has(name, is_glued=False) is expected


@pytest.mark.parametrize(
    "name", [b"GET_LOCK", b"RELEASE_LOCK", b"LAST_INSERT_ID", b"FOUND_ROWS", b"NEXTVAL", b"MASTER_POS_WAIT"]
)
def test_never(name: bytes) -> None:
    assert not read_functions((), (MARIADB,)).has(name, is_glued=True)
    assert not read_functions((), (MYSQL_8,)).has(name, is_glued=True)


def test_some_have_to_be_glued() -> None:
    assert b"COUNT" in BUILT_INS_WITHOUT_BLANK
    assert BUILT_INS_ONLY.has(b"COUNT", is_glued=True)
    assert not BUILT_INS_ONLY.has(b"COUNT", is_glued=False)


def test_configured() -> None:
    functions = read_functions(["tax", "Shop.rate"])
    assert functions.has(b"TAX", is_glued=False)
    assert functions.has_stored(b"", b"TAX")
    assert functions.has_stored(b"ANY", b"TAX")
    assert functions.has_stored(b"SHOP", b"RATE")
    assert not functions.has(b"RATE", is_glued=True)
    assert not functions.has_stored(b"", b"RATE")
    assert not functions.has_stored(b"OTHER", b"RATE")
    assert not functions.has_stored(b"", b"ABS")
