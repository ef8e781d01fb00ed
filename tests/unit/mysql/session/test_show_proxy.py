"""SHOW PROXY and PROXY statements: their forms, and what is said about those that are none."""

import pytest

from proxy.mysql.session.show_proxy import (
    FORMS,
    SWITCHOVER_FORM,
    ProxyView,
    SwitchoverRequest,
    WrongProxyStatement,
    request_in,
    view_in,
)


@pytest.mark.parametrize("view", ProxyView)
def test_each_view_has_a_statement(view: ProxyView) -> None:
    assert view_in(view.statement.encode()) is view
    assert request_in(view.statement.encode()) is view


@pytest.mark.parametrize(
    ("text", "view"),
    [
        (b"show proxy pins", ProxyView.PINS),
        (b"  Show\tPROXY\r\n Pin  Totals ;; ", ProxyView.PIN_TOTALS),
        (b"/* who */ SHOW /* what */ PROXY CLIENTS -- the clients", ProxyView.CLIENTS),
        (b"SHOW PROXY POOL # now", ProxyView.POOL),
    ],
)
def test_they_are_read_like_sql(text: bytes, view: ProxyView) -> None:
    assert view_in(text) is view


@pytest.mark.parametrize(
    "text",
    [
        b"SHOW PROXY",
        b"SHOW PROXY PIN",
        b"SHOW PROXY TOTALS PIN",
        b"SHOW PROXY PINS PINS",
        b"SHOW PROXY `PINS`",
        b"SHOW PROXY 'PINS'",
        b"SHOW PROXY PINS 'never closed",
        b"SHOW FULL PROXY PINS",
        b"SELECT 1",
        b"",
    ],
)
def test_others_are_told_the_forms(text: bytes) -> None:
    with pytest.raises(WrongProxyStatement) as caught:
        view_in(text)
    assert FORMS in str(caught.value)
    assert not caught.value.unsupported


def test_a_second_statement_is_refused() -> None:
    with pytest.raises(WrongProxyStatement, match="alone"):
        view_in(b"SHOW PROXY PINS; SELECT 1")


@pytest.mark.parametrize("clause", ["LIKE 'a'", "WHERE reason = 'role'", "LIMIT 1"])
def test_a_clause_of_other_show_statements_is_unsupported(clause: str) -> None:
    with pytest.raises(WrongProxyStatement) as caught:
        view_in(f"SHOW PROXY PINS {clause}".encode())
    assert caught.value.unsupported
    assert clause.split(maxsplit=1)[0] in str(caught.value)


def test_the_error_names_each_view() -> None:
    assert all(view.value in FORMS for view in ProxyView)


@pytest.mark.parametrize(
    ("text", "target", "timeout"),
    [
        (b"PROXY SWITCHOVER TO 'db2:3306'", "db2:3306", None),
        (b' proxy /* now */ Switchover\nTO "db2:3306" ; ;', "db2:3306", None),
        (b"PROXY SWITCHOVER TO 'db2:3306' TIMEOUT 30", "db2:3306", 30.0),
        (b"PROXY SWITCHOVER TO 'db2:3306' timeout 2.5;", "db2:3306", 2.5),
        (b"PROXY SWITCHOVER TO 'db2:3306' TIMEOUT 0", "db2:3306", 0.0),
        (b"PROXY SWITCHOVER TO '[::1]:3306'", "[::1]:3306", None),
        (b"PROXY SWITCHOVER TO 'it''s'", "it's", None),
    ],
)
def test_switchovers(text: bytes, target: str, timeout: float | None) -> None:
    assert request_in(text) == SwitchoverRequest(target, timeout)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "SWITCHOVER",
        "SWITCHOVER TO",
        "SWITCHOVER TO db2",
        "SWITCHOVER TO `db2`",
        "SWITCHOVER TO 'db2' TIMEOUT",
        "SWITCHOVER TO 'db2' TIMEOUT '3'",
        "SWITCHOVER TO 'db2' TIMEOUT -3",
        "SWITCHOVER TO 'db2' TIMEOUT 3 4",
        "SWITCHOVER TO 'db2' AFTER 3",
        "SWITCHOVER TO 'db2\\n'",
        "SWITCHOVER TO 'db2",
        "PINS",
    ],
)
def test_others_are_told_the_form(rest: str) -> None:
    with pytest.raises(WrongProxyStatement) as caught:
        request_in(f"PROXY {rest}".encode())
    assert SWITCHOVER_FORM in str(caught.value)


def test_a_switchover_comes_alone_and_in_reasonable_time() -> None:
    with pytest.raises(WrongProxyStatement, match="alone"):
        request_in(b"PROXY SWITCHOVER TO 'db2'; SELECT 1")
    with pytest.raises(WrongProxyStatement, match="300"):
        request_in(b"PROXY SWITCHOVER TO 'db2' TIMEOUT 301")
