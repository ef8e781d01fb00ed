"""The session variables that say how long a statement waits for locks, kept within a tenant's limit.

MySQL manual, "innodb_lock_wait_timeout" (rows) and "lock_wait_timeout" (metadata); both in whole seconds.
"""

import re
from typing import Final

from .parts import Statement
from .screen import Dialect
from .set_statements import Assignment, Scope
from .whole_statements import assignments_in, folded, readings

__all__ = ["LOCK_WAITS", "excess_in"]

LOCK_WAITS: Final = ("innodb_lock_wait_timeout", "lock_wait_timeout")

#: In the place of a value that cannot be told.
_EXPRESSION: Final = "(an expression)"
_NAME: Final = b"lock_wait_timeout"
_HINT = re.compile(rb"/\*\+.*?SET_VAR", re.IGNORECASE | re.DOTALL)
_MAY_ASSIGN = re.compile(rb"\b(?:SET|PREPARE|EXECUTE)\b", re.IGNORECASE)
#: Statements that hold others, in which the name stands then.
_HOLDS_OTHERS = frozenset(b"ALTER CALL CREATE EXECUTE PREPARE".split())
_WHOLE = re.compile(rb"[0-9]{1,10}")


def excess_in(text: bytes, limit: int, dialect: Dialect) -> tuple[str, str] | None:
    """A variable with the value that a text may give it, which is not certain to be within ``limit``."""
    text = folded(text)
    if _NAME not in text.lower():
        return None
    if _HINT.search(text):
        return LOCK_WAITS[1], _EXPRESSION
    found = readings(text, dialect)
    if found is None:
        return (LOCK_WAITS[1], _EXPRESSION) if _MAY_ASSIGN.search(text) else None
    excesses = (_of_statement(each, limit) for statements in found for each in statements)
    return next((each for each in excesses if each is not None), None)


def _of_statement(statement: Statement, limit: int) -> tuple[str, str] | None:
    assigned = assignments_in(statement)
    if assigned is None or statement.first in _HOLDS_OTHERS:
        return LOCK_WAITS[1], _EXPRESSION
    for each in assigned:
        if each.name.rpartition(".")[2] in LOCK_WAITS and each.scope is not Scope.USER:
            value = _value(each)
            if value is None or int(value) > limit:
                return each.name, _EXPRESSION if value is None else value
    return None


def _value(assignment: Assignment) -> str | None:
    pieces = assignment.value
    if len(pieces) != 1 or not _WHOLE.fullmatch(pieces[0].text):
        return None
    return pieces[0].text.decode()
