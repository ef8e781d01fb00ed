"""What to do when a session's settings cannot be replayed because a part of them is gone."""

import re

from twisted.python.failure import Failure

from ..backend.errors import TargetError
from ..backend.preparing import StatementRefused
from ..session.settings import never_replay
from ..session.value import SessionValue

__all__ = ["without_what_is_gone"]

_READ_ONLY_VARIABLE = 1238  # ER_INCORRECT_GLOBAL_LOCAL_VAR
_NAMED_VARIABLE = re.compile(r"'(\w+)'")
_NO_SUCH_SCHEMA = frozenset({1044, 1049})  # ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR


def without_what_is_gone(value: SessionValue, failure: Failure) -> bool:
    """Take what the target refuses out of the session's settings; whether there was anything to take out."""
    problem = failure.value
    if not isinstance(problem, TargetError) or isinstance(problem, StatementRefused):
        return False
    if problem.packet.errno in _NO_SUCH_SCHEMA:
        return _without_schema(value)
    if problem.packet.errno == _READ_ONLY_VARIABLE:
        return _without_variable(value, problem.packet.message)
    return False


def _without_schema(value: SessionValue) -> bool:
    """Go on without a schema that somebody has dropped, as on a connection of its own: USE must work."""
    if not value.settings.schema:
        return False
    value.settings = value.settings.changed(schema="")
    return True


def _without_variable(value: SessionValue, message: str) -> bool:
    """A variable that the target reports but refuses to set is no setting."""
    named = _NAMED_VARIABLE.search(message)
    if named is None or named[1] not in value.settings.variables:
        return False
    never_replay(named[1])
    value.settings = value.settings.changed()
    return True
