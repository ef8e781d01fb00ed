"""Which schemas a text selects, and which of them a tenant may have."""

import pytest

from proxy.mysql.session.allowed_schemas import UNCERTAIN, is_allowed, schemas_used
from proxy.mysql.session.screen import Dialect


@pytest.mark.parametrize(
    ("text", "schemas"),
    [
        ("USE a", {"a"}),
        ("use `b``c`;", {"b`c"}),
        ('USE "d"', {"d"}),
        ("/* x */ USE e -- y", {"e"}),
        ("SELECT 1; USE f; USE g", {"f", "g"}),
        ("/*!50000 USE h */", {"h"}),
        ("USE /*!50000 i */ /*!99999 , */", {"i", UNCERTAIN}),
        ("USE 'j'", {UNCERTAIN}),
        ("USE", {UNCERTAIN}),
        ("/*!1*//*!2*//*!3*//*!4*/ USE k", {UNCERTAIN}),
        ("SELECT * FROM t USE INDEX (x)", set()),
        ("UPDATE t SET a = 'USE x'", set()),
        ("SELECT 'USE x'; SELECT 2", set()),
    ],
)
def test_schemas_that_a_text_selects(text: str, schemas: set[str]) -> None:
    found = schemas_used(text.encode(), Dialect.DEFAULT)
    assert found == schemas or (UNCERTAIN in schemas and UNCERTAIN in found)


@pytest.mark.parametrize(
    ("schema", "allowed", "is_one"),
    [
        ("shop", (), True),
        ("", ("shop",), True),
        ("shop", ("shop",), True),
        ("Shop", ("shop",), False),
        ("tenant_7", ("crm", "tenant_*"), True),
        ("tenant", ("tenant_*",), False),
        (UNCERTAIN, ("shop", "a*"), False),
    ],
)
def test_allowed(schema: str, allowed: tuple[str, ...], is_one: bool) -> None:
    assert is_allowed(schema, allowed) is is_one


def test_what_cannot_be_told_is_allowed_where_everything_is_only() -> None:
    assert is_allowed(UNCERTAIN, ("*",))
