import pytest
from twisted.python.failure import Failure

from proxy.mysql.backend.errors import ConnectFailed, TargetError
from proxy.mysql.backend.preparing import StatementRefused
from proxy.mysql.frontend.replaying import without_what_is_gone
from proxy.mysql.session import settings as settings_module
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.value import SessionValue
from proxy.mysql.wire.results import ErrorPacket


@pytest.fixture
def value(monkeypatch: pytest.MonkeyPatch) -> SessionValue:
    monkeypatch.setattr(settings_module, "_read_only", set())
    return SessionValue(FRESH.changed(schema="shop", variables=[("wsrep_x", "1"), ("sql_mode", "A")]), 2)


def refused(errno: int, message: str = "") -> Failure:
    return Failure(TargetError(ErrorPacket(errno, "42000", message)))


@pytest.mark.parametrize("errno", [1044, 1049])
def test_a_schema_that_somebody_has_dropped(value: SessionValue, errno: int) -> None:
    assert without_what_is_gone(value, refused(errno))
    assert value.settings.schema == ""
    assert value.settings.variables == {"wsrep_x": "1", "sql_mode": "A"}
    assert not without_what_is_gone(value, refused(errno)), "or it would be tried for ever"


def test_a_variable_that_is_no_setting(value: SessionValue) -> None:
    failure = refused(1238, "Variable 'wsrep_x' is a read only variable")
    assert without_what_is_gone(value, failure)
    assert value.settings.variables == {"sql_mode": "A"}
    assert FRESH.changed(variables=[("wsrep_x", "2")]) is FRESH, "for other sessions, too"
    assert not without_what_is_gone(value, failure)


@pytest.mark.parametrize("message", ["Variable 'other' is a read only variable", "no name"])
def test_a_variable_that_the_session_has_not(value: SessionValue, message: str) -> None:
    before = value.settings
    assert not without_what_is_gone(value, refused(1238, message))
    assert value.settings is before


@pytest.mark.parametrize(
    "failure",
    [
        refused(1064),
        Failure(ConnectFailed("lost")),
        Failure(StatementRefused(ErrorPacket(1049, "42000", "Unknown database"))),
    ],
)
def test_others_are_for_the_client(value: SessionValue, failure: Failure) -> None:
    """Also that a prepared statement's schema is gone: the session's own may be another one."""
    before = value.settings
    assert not without_what_is_gone(value, failure)
    assert value.settings is before
