"""Prepared statements: COM_STMT_* and MariaDB's bulk execution.

The client's ids are the proxy's, the database has others; see stage.py for how they are compared. A statement
is no reason to keep a connection, but an open cursor and long data are.
"""

import attrs

from tests.peers import packets as p

from . import bits
from .case import BEGIN, Answerer, Case, Effect, Step
from .responses import Cursor, Ok, Part, Prepared, Raw, Rows, Tracked, error, progress

__all__ = ["CASES"]

_KEPT = Effect.KEPT
_CURSOR = frozenset({"cursor"})
_LONG_DATA = frozenset({"long_data"})
_AC = bits.AUTOCOMMIT
_MORE = _AC | bits.MORE
#: A row of the binary protocol: header, NULL bitmap, one value.
_ROW = b"\0\0" + p.text(b"one")
_NULL = b"\0\4"


def _prepare(text: bytes, *response: Part, by: Answerer = Answerer.DATABASE) -> Step:
    return Step(b"\x16" + text, response, by=by)


def _execute(*response: Part, number: int = 1, cursor: int = 0, values: bytes = b"") -> Step:
    return Step(b"\x17" + number.to_bytes(4, "little") + bytes((cursor,)) + b"\1\0\0\0" + values, response)


def _fetch(*response: Part, number: int = 1) -> Step:
    return Step(b"\x1c" + number.to_bytes(4, "little") + b"\2\0\0\0", response)


def _bulk(*response: Part, unit: bool = False) -> Step:
    flags = b"\xc0\0" if unit else b"\x80\0"
    return Step(b"\xfa\1\0\0\0" + flags + b"\x03\0" + b"\0\1\0\0\0" + b"\0\2\0\0\0", response)


def _by_proxy(step: Step) -> Step:
    return attrs.evolve(step, by=Answerer.PROXY)


def _unknown(number: int) -> Raw:
    return error(
        1243, b"Unknown prepared statement handler (%d) given to mysql_stmt_precheck" % number, b"HY000"
    )


_NO_CURSOR = error(1421, b"The statement (1) has no open cursor.", b"HY000")

_SELECT = _prepare(b"SELECT a FROM t", Prepared(0, 1))
_INSERT = _prepare(b"INSERT INTO t VALUES (1)", Prepared(0, 0))
_PARAMETER = _prepare(b"INSERT INTO t VALUES (?)", Prepared(1, 0))
_CALL = _prepare(b"CALL p()", Prepared(0, 0))
_OPEN = _execute(Cursor(1), cursor=1)
_CHUNK = Step(b"\x18\1\0\0\0\0\0chunk", ())
_RESET = b"\x1a\1\0\0\0"
_CLOSE = b"\x19\1\0\0\0"
_TEXT = b"SELECT ?"

_PREPARED = [
    Case(
        f"prepare: {parameters} parameters, {columns} columns", _prepare(_TEXT, Prepared(parameters, columns))
    )
    for parameters in (0, 1, 3)
    for columns in (0, 1, 2)
] + [
    Case("prepare: with warnings", _prepare(_TEXT, Prepared(1, 1, warnings=1))),
    Case("prepare: in a transaction", _prepare(_TEXT, Prepared(1, 1)), _KEPT, before=(BEGIN,)),
    Case("prepare: ERR", _prepare(b"SELEC ?", error())),
    Case("prepare: ERR in a transaction", _prepare(b"SELEC ?", error()), _KEPT, before=(BEGIN,)),
    Case(
        "prepare: without definitions",
        _prepare(_TEXT, Prepared(2, 3, definitions=False)),
        needs=bits.OPTIONAL_METADATA,
    ),
    Case(
        "prepare: without definitions of parameters",
        _prepare(b"SELECT 1", Prepared(0, 1, definitions=False)),
        needs=bits.OPTIONAL_METADATA,
    ),
    Case(
        "prepare: a text that was prepared before",
        _prepare(_TEXT, Prepared(2, 2), by=Answerer.PROXY),
        before=(_prepare(_TEXT, Prepared(2, 2)),),
    ),
    Case(
        "prepare: a text that was prepared before, with warnings",
        _prepare(_TEXT, Prepared(1, 1, warnings=1)),
        before=(_prepare(_TEXT, Prepared(1, 1, warnings=1)),),
    ),
]

_EXECUTED = [
    Case("execute: OK", _execute(Ok(1, 5)), before=(_INSERT,)),
    Case(
        "execute: OK with session state",
        _execute(Ok(trackers=(Tracked(((b"time_zone", b"+02:00"), (b"sql_mode", b"ANSI"))),))),
        before=(_INSERT,),
    ),
    Case("execute: ERR", _execute(error(1062)), before=(_INSERT,)),
    Case("execute: unknown to the client", _by_proxy(_execute(_unknown(2), number=2)), before=(_INSERT,)),
    Case("execute: result set", _execute(Rows(1, [_ROW, _NULL])), before=(_SELECT,)),
    Case("execute: result set without rows", _execute(Rows(1, [])), before=(_SELECT,)),
    Case("execute: ERR in mid-result", _execute(Rows(1, [_ROW], error(1317))), before=(_SELECT,)),
    Case(
        "execute: result set without definitions",
        _execute(Rows(1, [_ROW], definitions=False)),
        before=(_SELECT,),
        needs=bits.OPTIONAL_METADATA,
    ),
    Case("execute: the second of two", _execute(Ok(1), number=2), before=(_SELECT, _INSERT)),
    Case("execute: a second time", _execute(Ok(1)), before=(_INSERT, _execute(Ok(2)))),
    Case("execute: on another connection", _execute(Ok(1)), before=(_INSERT,), elsewhere=True),
    Case(
        "execute: result set on another connection",
        _execute(Rows(1, [_ROW])),
        before=(_SELECT, _execute(Rows(1, []))),
        elsewhere=True,
    ),
    Case(
        "execute: in a transaction",
        _execute(Ok(1, status=_AC | bits.IN_TRANS)),
        _KEPT,
        before=(BEGIN, _INSERT),
    ),
    Case("execute: cursor opened", _OPEN, _KEPT, _CURSOR, before=(_SELECT,)),
    Case(
        "execute: cursor opened on another connection",
        _OPEN,
        _KEPT,
        _CURSOR,
        before=(_SELECT,),
        elsewhere=True,
    ),
    Case(
        "execute: cursor opened in a transaction",
        _execute(Cursor(1, _AC | bits.CURSOR | bits.IN_TRANS), cursor=1),
        _KEPT,
        _CURSOR,
        before=(BEGIN, _SELECT),
    ),
    Case(
        "execute: several result sets",
        _execute(
            Rows(1, [_ROW], Ok(status=_MORE, closing=True)),
            Rows(2, [b"\0\0" + p.text(b"a") * 2], Ok(status=_MORE, closing=True)),
            Ok(1),
        ),
        before=(_CALL,),
    ),
    Case(
        "execute: OUT parameters",
        _execute(
            Rows(1, [_ROW], Ok(status=_MORE | bits.OUT_PARAMS, closing=True), out_parameters=True), Ok()
        ),
        before=(_CALL,),
    ),
    Case(
        "execute: result set, then OUT parameters",
        _execute(
            Rows(1, [_ROW, _ROW], Ok(status=_MORE, closing=True)),
            Rows(1, [_ROW], Ok(status=_MORE | bits.OUT_PARAMS, closing=True), out_parameters=True),
            Ok(2),
        ),
        before=(_CALL,),
    ),
    Case(
        "execute: CALL that fails",
        _execute(error(1644)),
        _KEPT,
        frozenset({"untracked_state"}),
        before=(_CALL,),
    ),
    Case("execute: progress reports", _execute(progress(), Ok(1)), before=(_INSERT,), needs=bits.PROGRESS),
]


def _values(*, typed: bool, named: bool) -> bytes:
    """One string: with CLIENT_QUERY_ATTRIBUTES their number is in front, and each type has a name."""
    kind = b"\1\xfd\0" + b"\0" * named if typed else b"\0"
    return b"\1" * named + b"\0" + kind + p.text(b"value")


def _typed(named: bool, name: str) -> list[Case]:
    """Types are sent once; the database gets them with each execution."""
    needs, lacks = (bits.QUERY_ATTRIBUTES, 0) if named else (0, bits.QUERY_ATTRIBUTES)
    typed = _execute(Ok(1), values=_values(typed=True, named=named))
    untyped = attrs.evolve(
        _execute(Ok(1), values=_values(typed=False, named=named)), at_database=typed.payload
    )
    refused = _by_proxy(
        _execute(
            error(1210, b"Incorrect arguments to mysqld_stmt_execute", b"HY000"),
            values=_values(typed=False, named=named),
        )
    )
    return [
        Case(f"execute: types{name}", typed, before=(_PARAMETER,), needs=needs, lacks=lacks),
        Case(
            f"execute: types sent before{name}", untyped, before=(_PARAMETER, typed), needs=needs, lacks=lacks
        ),
        Case(
            f"execute: types sent before, on another connection{name}",
            untyped,
            before=(_PARAMETER, typed),
            needs=needs,
            lacks=lacks,
            elsewhere=True,
        ),
        Case(f"execute: types never sent{name}", refused, before=(_PARAMETER,), needs=needs, lacks=lacks),
    ]


_TYPED = [*_typed(False, ""), *_typed(True, ", with names")]

_MORE_ROWS = Ok(status=_AC | bits.CURSOR, closing=True)
_LAST_ROW = Ok(status=_AC | bits.LAST_ROW, closing=True)
_FETCHED = [
    Case("fetch: rows", _fetch(Raw((_ROW, _ROW)), _MORE_ROWS), _KEPT, _CURSOR, before=(_SELECT, _OPEN)),
    Case("fetch: last row sent", _fetch(Raw((_ROW,)), _LAST_ROW), before=(_SELECT, _OPEN)),
    Case("fetch: no rows", _fetch(_LAST_ROW), before=(_SELECT, _OPEN)),
    Case("fetch: ERR", _fetch(error(1317)), before=(_SELECT, _OPEN)),
    Case("fetch: ERR in mid-result", _fetch(Raw((_ROW,)), error(1317)), before=(_SELECT, _OPEN)),
    Case("fetch: no cursor", _by_proxy(_fetch(_NO_CURSOR)), before=(_SELECT,)),
    Case("fetch: unknown to the client", _by_proxy(_fetch(_unknown(2), number=2)), before=(_SELECT,)),
    Case(
        "fetch, then a result set",
        _execute(Rows(1, [_ROW])),
        before=(_SELECT, _OPEN, _fetch(Raw((_ROW,)), _LAST_ROW)),
    ),
    Case("a result set with a cursor open", _execute(Rows(1, [_ROW])), before=(_SELECT, _OPEN)),
]

_OTHERS = [
    Case("reset a statement: cursor", Step(_RESET, (Ok(),)), before=(_SELECT, _OPEN)),
    Case("reset a statement: long data", Step(_RESET, (Ok(),)), before=(_PARAMETER, _CHUNK)),
    Case("reset a statement: ERR", Step(_RESET, (error(1105),)), before=(_SELECT, _OPEN)),
    Case("reset a statement: nothing to do", _by_proxy(Step(_RESET, (Ok(),))), before=(_SELECT,)),
    Case(
        "reset a statement: unknown to the client",
        _by_proxy(Step(b"\x1a\2\0\0\0", (_unknown(2),))),
        before=(_SELECT,),
    ),
    Case("long data", _CHUNK, _KEPT, _LONG_DATA, before=(_PARAMETER,)),
    Case("long data on another connection", _CHUNK, _KEPT, _LONG_DATA, before=(_PARAMETER,), elsewhere=True),
    Case("long data for no statement", _by_proxy(_CHUNK)),
    Case(
        "execute behind long data",
        _execute(Ok(1), values=b"\0\1\xfd\0"),
        before=(_PARAMETER, _CHUNK),
        lacks=bits.QUERY_ATTRIBUTES,
    ),
    Case("close the only statement", _by_proxy(Step(_CLOSE, ())), before=(_SELECT,)),
    Case("close one of two", _by_proxy(Step(_CLOSE, ())), before=(_SELECT, _INSERT)),
    Case("close in a transaction", _by_proxy(Step(_CLOSE, ())), _KEPT, before=(BEGIN, _SELECT)),
    Case("close with a cursor", Step(_CLOSE, ()), before=(_SELECT, _OPEN)),
    Case("close with long data", Step(_CLOSE, ()), before=(_PARAMETER, _CHUNK)),
    Case(
        "execute: closed",
        _by_proxy(_execute(_unknown(1))),
        before=(_INSERT, _by_proxy(Step(_CLOSE, ()))),
    ),
    Case(
        "prepare: a text whose statement was closed",
        _prepare(b"INSERT INTO t VALUES (1)", Prepared(0, 0), by=Answerer.PROXY),
        before=(_INSERT, _by_proxy(Step(_CLOSE, ()))),
    ),
]

_UNITS = Rows(2, [b"\0\0\1\0\0\0\1\0\0\0", b"\0\0\2\0\0\0\1\0\0\0"])
_RETURNING = _prepare(b"INSERT INTO t VALUES (?) RETURNING a", Prepared(1, 1))
_BULK = [
    Case("bulk execute: OK", _bulk(Ok(2, 10, info=b"Records: 2")), before=(_PARAMETER,), needs=bits.BULK),
    Case("bulk execute: ERR", _bulk(error(1062)), before=(_PARAMETER,), needs=bits.BULK),
    Case(
        "bulk execute: result set (RETURNING)",
        _bulk(Rows(1, [_ROW, _ROW])),
        before=(_RETURNING,),
        needs=bits.BULK,
    ),
    Case(
        "bulk execute: unit results",
        _bulk(_UNITS, unit=True),
        before=(_PARAMETER,),
        needs=bits.BULK | bits.UNIT_RESULTS,
    ),
    Case(
        "bulk execute: of the statement prepared last",
        Step(b"\xfa\xff\xff\xff\xff\x80\0\x03\0" + b"\0\1\0\0\0", (Ok(1),)),
        before=(_SELECT, _PARAMETER),
        needs=bits.BULK,
    ),
    Case(
        "bulk execute: on another connection",
        _bulk(Ok(2)),
        before=(_PARAMETER,),
        needs=bits.BULK,
        elsewhere=True,
    ),
]

CASES = [*_PREPARED, *_EXECUTED, *_TYPED, *_FETCHED, *_OTHERS, *_BULK]
