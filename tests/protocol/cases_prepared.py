"""Prepared statements: COM_STMT_* and MariaDB's bulk execution."""

from tests.peers import packets as p

from . import bits
from .case import BEGIN, Case, Effect, Step
from .responses import Cursor, Ok, Part, Prepared, Raw, Rows, Tracked, error, progress

__all__ = ["CASES"]

_KEPT = Effect.KEPT
_PINS = frozenset({"prepared_statement"})
_AC = bits.AUTOCOMMIT
_MORE = _AC | bits.MORE
#: A row of the binary protocol: header, NULL bitmap, one value.
_ROW = b"\0\0" + p.text(b"one")
_NULL = b"\0\4"


def _prepare(text: bytes, *response: Part) -> Step:
    return Step(b"\x16" + text, response)


def _execute(*response: Part, number: int = 1, cursor: int = 0) -> Step:
    return Step(b"\x17" + number.to_bytes(4, "little") + bytes((cursor,)) + b"\1\0\0\0", response)


def _fetch(*response: Part) -> Step:
    return Step(b"\x1c\1\0\0\0\2\0\0\0", response)


def _bulk(*response: Part, unit: bool = False) -> Step:
    flags = b"\xc0\0" if unit else b"\x80\0"
    return Step(b"\xfa\1\0\0\0" + flags + b"\x03\0" + b"\0\1\0\0\0" + b"\0\2\0\0\0", response)


_SELECT = _prepare(b"SELECT ?", Prepared(1, 1, 1))
_INSERT = _prepare(b"INSERT INTO t VALUES (?)", Prepared(1, 1, 0))
_CALL = _prepare(b"CALL p(?)", Prepared(1, 1, 0))
_OPEN = _execute(Cursor(1), cursor=1)

_PREPARED = [
    Case(
        f"prepare: {parameters} parameters, {columns} columns",
        _prepare(b"SELECT ?", Prepared(7, parameters, columns)),
        _KEPT,
        _PINS,
    )
    for parameters in (0, 1, 3)
    for columns in (0, 1, 2)
] + [
    Case("prepare: with warnings", _prepare(b"SELECT ?", Prepared(7, 1, 1, warnings=1)), _KEPT, _PINS),
    Case("prepare: ERR", _prepare(b"SELEC ?", error())),
    Case("prepare: ERR in a transaction", _prepare(b"SELEC ?", error()), _KEPT, before=(BEGIN,)),
    Case(
        "prepare: without definitions",
        _prepare(b"SELECT ?", Prepared(7, 2, 3, definitions=False)),
        _KEPT,
        _PINS,
        needs=bits.OPTIONAL_METADATA,
    ),
    Case(
        "prepare: without definitions of parameters",
        _prepare(b"SELECT 1", Prepared(7, 0, 1, definitions=False)),
        _KEPT,
        _PINS,
        needs=bits.OPTIONAL_METADATA,
    ),
]

_EXECUTED = [
    Case("execute: OK", _execute(Ok(1, 5)), _KEPT, _PINS, before=(_INSERT,)),
    Case(
        "execute: OK with session state",
        _execute(Ok(trackers=(Tracked(((b"time_zone", b"+02:00"), (b"sql_mode", b"ANSI"))),))),
        _KEPT,
        _PINS,
        before=(_INSERT,),
    ),
    Case("execute: ERR", _execute(error(1243)), _KEPT, _PINS, before=(_INSERT,)),
    Case("execute: result set", _execute(Rows(1, [_ROW, _NULL])), _KEPT, _PINS, before=(_SELECT,)),
    Case("execute: result set without rows", _execute(Rows(1, [])), _KEPT, _PINS, before=(_SELECT,)),
    Case(
        "execute: ERR in mid-result", _execute(Rows(1, [_ROW], error(1317))), _KEPT, _PINS, before=(_SELECT,)
    ),
    Case(
        "execute: result set without definitions",
        _execute(Rows(1, [_ROW], definitions=False)),
        _KEPT,
        _PINS,
        before=(_SELECT,),
        needs=bits.OPTIONAL_METADATA,
    ),
    Case("execute: cursor opened", _OPEN, _KEPT, _PINS, before=(_SELECT,)),
    Case(
        "execute: cursor opened in a transaction",
        _execute(Cursor(2, _AC | bits.CURSOR | bits.IN_TRANS), cursor=1),
        _KEPT,
        _PINS,
        before=(BEGIN, _SELECT),
    ),
    Case(
        "execute: several result sets",
        _execute(
            Rows(1, [_ROW], Ok(status=_MORE, closing=True)),
            Rows(2, [b"\0\0" + p.text(b"a") * 2], Ok(status=_MORE, closing=True)),
            Ok(1),
        ),
        _KEPT,
        _PINS,
        before=(_CALL,),
    ),
    Case(
        "execute: OUT parameters",
        _execute(
            Rows(1, [_ROW], Ok(status=_MORE | bits.OUT_PARAMS, closing=True), out_parameters=True), Ok()
        ),
        _KEPT,
        _PINS,
        before=(_CALL,),
    ),
    Case(
        "execute: result set, then OUT parameters",
        _execute(
            Rows(1, [_ROW, _ROW], Ok(status=_MORE, closing=True)),
            Rows(1, [_ROW], Ok(status=_MORE | bits.OUT_PARAMS, closing=True), out_parameters=True),
            Ok(2),
        ),
        _KEPT,
        _PINS,
        before=(_CALL,),
    ),
    Case(
        "execute: CALL that fails", _execute(error(1644)), _KEPT, _PINS | {"untracked_state"}, before=(_CALL,)
    ),
    Case(
        "execute: progress reports",
        _execute(progress(), Ok(1)),
        _KEPT,
        _PINS,
        before=(_INSERT,),
        needs=bits.PROGRESS,
    ),
]

_FETCHED = [
    Case(
        "fetch: rows",
        _fetch(Raw((_ROW, _ROW)), Ok(status=_AC | bits.CURSOR, closing=True)),
        _KEPT,
        _PINS,
        before=(_SELECT, _OPEN),
    ),
    Case(
        "fetch: last row sent",
        _fetch(Raw((_ROW,)), Ok(status=_AC | bits.LAST_ROW, closing=True)),
        _KEPT,
        _PINS,
        before=(_SELECT, _OPEN),
    ),
    Case(
        "fetch: no rows",
        _fetch(Ok(status=_AC | bits.LAST_ROW, closing=True)),
        _KEPT,
        _PINS,
        before=(_SELECT, _OPEN),
    ),
    Case("fetch: ERR", _fetch(error(1421)), _KEPT, _PINS, before=(_SELECT,)),
    Case(
        "fetch: ERR in mid-result", _fetch(Raw((_ROW,)), error(1317)), _KEPT, _PINS, before=(_SELECT, _OPEN)
    ),
    Case(
        "fetch, then a result set",
        _execute(Rows(1, [_ROW])),
        _KEPT,
        _PINS,
        before=(_SELECT, _OPEN, _fetch(Raw((_ROW,)), Ok(status=_AC | bits.LAST_ROW, closing=True))),
    ),
]

_OTHERS = [
    Case("reset a statement: OK", Step(b"\x1a\1\0\0\0", (Ok(),)), _KEPT, _PINS, before=(_SELECT,)),
    Case("reset a statement: ERR", Step(b"\x1a\2\0\0\0", (error(1243),)), _KEPT, _PINS, before=(_SELECT,)),
    Case("long data", Step(b"\x18\1\0\0\0\0\0chunk", ()), _KEPT, _PINS, before=(_SELECT,)),
    Case(
        "execute behind long data",
        _execute(Rows(1, [_ROW])),
        _KEPT,
        _PINS,
        before=(_SELECT, Step(b"\x18\1\0\0\0\0\0chunk", ())),
    ),
    Case("close the only statement", Step(b"\x19\1\0\0\0", ()), before=(_SELECT,)),
    Case(
        "close one of two",
        Step(b"\x19\1\0\0\0", ()),
        _KEPT,
        _PINS,
        before=(_SELECT, _prepare(b"SELECT 2", Prepared(2, 0, 1))),
    ),
    Case("close in a transaction", Step(b"\x19\1\0\0\0", ()), _KEPT, before=(BEGIN, _SELECT)),
]

_UNITS = Rows(2, [b"\0\0\1\0\0\0\1\0\0\0", b"\0\0\2\0\0\0\1\0\0\0"])
_BULK = [
    Case(
        "bulk execute: OK",
        _bulk(Ok(2, 10, info=b"Records: 2")),
        _KEPT,
        _PINS,
        before=(_INSERT,),
        needs=bits.BULK,
    ),
    Case("bulk execute: ERR", _bulk(error(1062)), _KEPT, _PINS, before=(_INSERT,), needs=bits.BULK),
    Case(
        "bulk execute: result set (RETURNING)",
        _bulk(Rows(1, [_ROW, _ROW])),
        _KEPT,
        _PINS,
        before=(_prepare(b"INSERT INTO t VALUES (?) RETURNING a", Prepared(1, 1, 1)),),
        needs=bits.BULK,
    ),
    Case(
        "bulk execute: unit results",
        _bulk(_UNITS, unit=True),
        _KEPT,
        _PINS,
        before=(_INSERT,),
        needs=bits.BULK | bits.UNIT_RESULTS,
    ),
    Case(
        "bulk execute: of the statement prepared last",
        Step(b"\xfa\xff\xff\xff\xff\x80\0\x03\0" + b"\0\1\0\0\0", (Ok(1),)),
        _KEPT,
        _PINS,
        before=(_INSERT,),
        needs=bits.BULK,
    ),
]

CASES = [*_PREPARED, *_EXECUTED, *_FETCHED, *_OTHERS, *_BULK]
