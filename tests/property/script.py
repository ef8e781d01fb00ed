"""A case from the lines that a failure prints: `c1> SELECT 1;`, `c2> COM_RESET_CONNECTION`."""

import ast
import re
from collections.abc import Callable

from .parameters import parsed
from .steps import (
    ChangeUser,
    Close,
    Execute,
    Fetch,
    InitDb,
    LongData,
    Ping,
    Prepare,
    Query,
    ResetConnection,
    ResetStatement,
    SetOption,
    Step,
)
from .worlds import Case

__all__ = ["case_from"]

_VALUE = re.compile(r"""\s*((?:X|DATE)?'(?:[^'\\]|\\.)*'|"[^"]*"|[^,']+)""")


def case_from(script: str, flags: int = 0) -> Case:
    """The case of a script; lines that are no turns do not count. Raises ValueError for a wrong parameter."""
    found = (re.fullmatch(r"\s*c(\d+)> (.*)", line) for line in script.splitlines())
    return Case(tuple((int(each[1]), _step(each[2].rstrip())) for each in found if each), flags)


def _step(text: str) -> Step:
    for pattern, make in _FORMS:
        found = re.fullmatch(pattern, text)
        if found:
            return make(*found.groups(""))
    return Query(text.removesuffix(";"))


def _execute(slot: str, values: str, again: str, cursor: str) -> Step:
    given = tuple(parsed(each) for each in _VALUE.findall(values))
    return Execute(slot, given, bool(again), bool(cursor))


_FORMS: tuple[tuple[str, Callable[..., Step]], ...] = (
    (r"COM_STMT_PREPARE (\w+): (.*)", Prepare),
    (r"COM_STMT_EXECUTE (\w+) \((.*)\)( types again)?( with a cursor)?", _execute),
    (r"COM_STMT_SEND_LONG_DATA (\w+): (.*)", lambda slot, data: LongData(slot, ast.literal_eval(data))),
    (r"COM_STMT_FETCH (\w+): (\d+) rows", lambda slot, rows: Fetch(slot, int(rows))),
    (r"COM_STMT_RESET (\w+)", ResetStatement),
    (r"COM_STMT_CLOSE (\w+)", Close),
    (r"COM_CHANGE_USER (\w+), schema ?(.*)", ChangeUser),
    (r"COM_INIT_DB ?(.*)", InitDb),
    (r"COM_SET_OPTION multi-statements (on|off)", lambda which: SetOption(which == "on")),
    (r"COM_RESET_CONNECTION", ResetConnection),
    (r"COM_PING", Ping),
)
