"""COM_QUERY: OK, errors, result sets, several results."""

from tests.peers import packets as p

from . import bits
from .case import BEGIN, Case, Effect, query
from .responses import Ok, Raw, Rows, Tracked, error, progress

__all__ = ["CASES"]

_ONE = p.row([b"1"])
_AC = bits.AUTOCOMMIT
_MORE = _AC | bits.MORE

#: One entry with shown and hidden variables, as MySQL sends it.
_MIXED = Tracked(((b"time_zone", b"+01:00"), (b"sql_mode", b"ANSI"), (b"time_zone", b"+02:00")))
_HIDDEN = Tracked(((b"sql_mode", b"ANSI"),))
_SCHEMA = Tracked(kind=1, content=p.text(b"shop"))
_CHANGED = Tracked(kind=2, content=b"1")
_GTID = Tracked(kind=3, content=b"\0" + p.text(b"3e11fa47-71ca-11e1-9e33-c80aa9429562:23"))
_STARTED = Tracked(kind=4, content=p.text(b"START TRANSACTION;"))
_STATE = Tracked(kind=5, content=p.text(b"T_______"))
_NOT_STARTED = Tracked(kind=4, content=p.text(b""))
_UNTRACKED = frozenset({"untracked_state"})

_OKS = [
    Case("OK", query(b"DO 1", Ok())),
    Case("OK with rows affected and insert id", query(b"INSERT INTO t VALUES (1)", Ok(3, 70_000))),
    Case("OK with numbers of 8 bytes", query(b"INSERT INTO t VALUES (1)", Ok(1 << 40, (1 << 64) - 1))),
    Case("OK with warnings", query(b"INSERT INTO t VALUES (1)", Ok(1, warnings=2))),
    Case("OK with info", query(b"UPDATE t SET a=1", Ok(2, info=b"Rows matched: 2  Changed: 2  Warnings: 0"))),
    Case("OK with info and session state", query(b"USE shop", Ok(info=b"done", trackers=(_SCHEMA,)))),
    Case("OK that opens a transaction", BEGIN, Effect.KEPT),
    Case("OK that ends a transaction", query(b"COMMIT", Ok()), before=(BEGIN,)),
    Case(
        "OK in a read-only transaction",
        query(b"START TRANSACTION READ ONLY", Ok(status=_AC | bits.IN_TRANS | 0x2000)),
        Effect.KEPT,
    ),
]

_TRACKED = [
    Case(
        "session state: variables, shown and hidden", query(b"SET time_zone='+02:00'", Ok(trackers=(_MIXED,)))
    ),
    Case("session state: hidden variables only", query(b"SET sql_mode=ANSI", Ok(trackers=(_HIDDEN,)))),
    Case("session state: schema", query(b"USE shop", Ok(trackers=(_SCHEMA,)))),
    Case(
        "session state: state change, explained",
        query(b"SET time_zone='+02:00'", Ok(trackers=(_MIXED, _CHANGED))),
    ),
    Case(
        "session state: state change, unexplained",
        query(b"SELECT f()", Rows(1, [_ONE], Ok(trackers=(_CHANGED,), closing=True))),
    ),
    Case("session state: GTID", query(b"INSERT INTO t VALUES (1)", Ok(1, trackers=(_GTID,)))),
    Case(
        "session state: transaction characteristics and state",
        query(b"BEGIN", Ok(status=_AC | bits.IN_TRANS, trackers=(_STARTED, _STATE))),
        Effect.KEPT,
    ),
    Case(
        "session state: end of transaction characteristics",
        query(b"COMMIT", Ok(trackers=(_NOT_STARTED, _STATE))),
        before=(query(b"BEGIN", Ok(status=_AC | bits.IN_TRANS, trackers=(_STARTED,))),),
    ),
    Case(
        "session state: of a type nobody knows",
        query(b"DO 1", Ok(trackers=(Tracked(kind=9, content=b"x"),))),
    ),
    Case(
        "session state: everything at once",
        query(b"SET time_zone='+02:00'", Ok(trackers=(_MIXED, _SCHEMA, _CHANGED, _GTID, _STATE))),
    ),
    Case(
        "session state at the end of a result set",
        query(b"SELECT f()", Rows(1, [_ONE], Ok(trackers=(_MIXED, _SCHEMA), closing=True))),
    ),
]

_ERRORS = [
    Case("ERR", query(b"SELEC 1", error())),
    Case("ERR without SQL state", query(b"SELEC 1", Raw((b"\xff\x28\x04what?",)))),
    Case("ERR in a transaction", query(b"SELEC 1", error()), Effect.KEPT, before=(BEGIN,)),
    Case(
        "ERR that may have ended the transaction",
        query(b"SELECT 1", error(1213)),
        Effect.KEPT,
        before=(BEGIN,),
    ),
    Case(
        "ERR after progress reports",
        query(b"ALTER TABLE t ENGINE=Aria", progress(1), progress(2, b""), error()),
        needs=bits.PROGRESS,
    ),
    Case("OK after progress reports", query(b"ALTER TABLE t FORCE", progress(), Ok()), needs=bits.PROGRESS),
    Case(
        "result set after progress reports",
        query(
            b"CHECK TABLE t", progress(), progress(2), Rows(4, [p.row([b"t", b"check", b"status", b"OK"])])
        ),
        needs=bits.PROGRESS,
    ),
]

_ROWS = [
    Case("result set: no rows", query(b"SELECT 1 WHERE 1=0", Rows(1, []))),
    Case("result set: one row", query(b"SELECT 1", Rows(1, [_ONE]))),
    Case(
        "result set: many rows",
        query(b"SELECT a FROM t", Rows(2, [p.row([b"%d" % at, b"x"]) for at in range(40)])),
    ),
    Case(
        "result set: 300 rows, so that sequence ids start over",
        query(b"SELECT a FROM t", Rows(1, [_ONE] * 300)),
    ),
    Case("result set: 300 columns", query(b"SELECT * FROM w", Rows(300, [p.row([b"1"] * 300)]))),
    Case("result set: NULLs", query(b"SELECT NULL", Rows(3, [p.row([None, b"x", None]), p.row([None] * 3)]))),
    Case("result set: empty strings", query(b"SELECT ''", Rows(1, [p.row([b""]), p.row([b""])]))),
    Case("result set: empty packets as rows", query(b"SELECT 1", Rows(1, [b"", _ONE, b""]))),
    Case("result set: 300-byte values", query(b"SELECT a", Rows(1, [p.row([b"x" * 300]), _ONE]))),
    Case(
        "result set with status flags and warnings",
        query(b"SELECT a", Rows(1, [_ONE], Ok(status=_AC | bits.NO_INDEX, warnings=3, closing=True))),
    ),
    Case(
        "result set with info at its end",
        query(b"SELECT a", Rows(1, [_ONE], Ok(info=b"Records: 1", closing=True))),
    ),
    Case("ERR in mid-result", query(b"SELECT a", Rows(1, [_ONE, _ONE], error(1317)))),
    Case("ERR in place of the first row", query(b"SELECT a", Rows(1, [], error(1317)))),
    Case(
        "result set without definitions",
        query(b"SELECT 1", Rows(2, [p.row([b"1", b"2"])], definitions=False)),
        needs=bits.OPTIONAL_METADATA,
    ),
    Case(
        "result set without definitions or rows",
        query(b"SELECT 1", Rows(2, [], definitions=False)),
        needs=bits.OPTIONAL_METADATA,
    ),
    Case(
        "result set with query attributes",
        query(b"SELECT 1", Rows(1, [_ONE]), attributes=b"\1\1\0\1\xfe\0\1a\3xyz"),
        needs=bits.QUERY_ATTRIBUTES,
    ),
    Case(
        "OK with many query attributes",
        query(
            b"DO 1",
            Ok(),
            attributes=b"\5\1\x02\1\x03\0\1a\6\0\0\x08\0\1c\x0c\0\1d\xfe\0\0"
            + b"\1\0\0\0"
            + b"\2" * 8
            + b"\4\xe6\7\1\1"
            + b"\0",
        ),
        needs=bits.QUERY_ATTRIBUTES,
    ),
    Case(
        "refused text with query attributes",
        query(b"SELEC", error(), attributes=b"\1\1\0\1\xfe\0\1a\0"),
        needs=bits.QUERY_ATTRIBUTES,
    ),
]

_SEVERAL = [
    Case("two OKs", query(b"DO 1; DO 2", Ok(status=_MORE), Ok()), needs=bits.MULTI_STATEMENTS),
    Case(
        "result set, OK, result set",
        query(
            b"SELECT 1; DO 1; SELECT 2",
            Rows(1, [_ONE], Ok(status=_MORE, closing=True)),
            Ok(1, status=_MORE),
            Rows(2, [p.row([b"2", None])]),
        ),
        needs=bits.MULTI_STATEMENTS,
    ),
    Case(
        "result set, then ERR",
        query(b"SELECT 1; SELEC", Rows(1, [_ONE], Ok(status=_MORE, closing=True)), error()),
        needs=bits.MULTI_STATEMENTS,
    ),
    Case(
        "OK with session state, then a result set",
        query(b"SET time_zone='+02:00'; SELECT 1", Ok(status=_MORE, trackers=(_MIXED,)), Rows(1, [_ONE])),
        needs=bits.MULTI_STATEMENTS,
    ),
    Case(
        "BEGIN and SELECT in one text",
        query(
            b"BEGIN; SELECT 1",
            Ok(status=_MORE | bits.IN_TRANS),
            Rows(1, [_ONE], Ok(status=_AC | bits.IN_TRANS, closing=True)),
        ),
        Effect.KEPT,
        needs=bits.MULTI_STATEMENTS,
    ),
    Case(
        "CALL: result sets, then OK",
        query(
            b"CALL p()",
            Rows(1, [_ONE], Ok(status=_MORE, closing=True)),
            Rows(2, [], Ok(status=_MORE, closing=True)),
            Ok(4),
        ),
    ),
    Case(
        "CALL that has rows for a client without MULTI_RESULTS: ERR",
        query(b"CALL p()", error(1312)),
        Effect.KEPT,
        _UNTRACKED,
        lacks=bits.MULTI_RESULTS,
    ),
    Case(
        "CALL: 70 result sets, so that sequence ids start over",
        query(b"CALL p()", *[Rows(1, [_ONE], Ok(status=_MORE, closing=True))] * 70, Ok()),
    ),
    Case("CALL: OK alone", query(b"CALL p()", Ok(2))),
    Case(
        "CALL: result set, then ERR",
        query(b"CALL p()", Rows(1, [_ONE], Ok(status=_MORE, closing=True)), error(1644)),
        Effect.KEPT,
        _UNTRACKED,
    ),
]

CASES = [*_OKS, *_TRACKED, *_ERRORS, *_ROWS, *_SEVERAL]
