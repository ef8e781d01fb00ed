"""The other commands: those about the session, those the proxy answers, those it refuses."""

from tests.peers import packets as p

from . import bits
from .case import BEGIN, Answerer, Case, Effect, Step, query
from .responses import Fields, Ok, Prepared, Raw, Rows, Tracked, error

__all__ = ["CASES", "REFUSALS"]

_IN_TRANS = bits.AUTOCOMMIT | bits.IN_TRANS
_PROXY, _REFUSED = Answerer.PROXY, Answerer.REFUSED
_NONE, _KEPT = Effect.NONE, Effect.KEPT
_PREPARE = Step(b"\x16SELECT 1", (Prepared(0, 1),))
_PINS = frozenset({"prepared_statement"})
_SCHEMA = Tracked(kind=1, content=p.text(b"shop"))
_PROCESSES = Rows(3, [p.row([b"12", b"app", b"SELECT 1"]), p.row([b"13", b"app", None])])
_CHANGE = b"\x11app\0\x14" + b"?" * 20 + b"\0" + b"\x2d\0" + b"mysql_native_password\0"
_NATIVE_DENIED = error(1045, b"Access denied for user 'app'@'%' (using password: YES)", b"28000")


def _denied(code: int, text: bytes) -> Step:
    return Step(bytes((code,)), (error(1235, text),), by=_REFUSED)


def _unknown(code: int) -> Step:
    return Step(bytes((code,)), (error(1047, b"Unknown command", b"08S01"),), by=_REFUSED)


def _local(payload: bytes, *response: object) -> Step:
    return Step(payload, response, by=_PROXY)  # type: ignore[arg-type]


_DATABASE = [
    Case("init db: OK", Step(b"\x02shop", (Ok(trackers=(_SCHEMA,)),))),
    Case("init db: ERR", Step(b"\x02nowhere", (error(1049),))),
    Case("field list: definitions", Step(b"\x04t\0%", (Fields(3),))),
    Case("field list: of an empty pattern", Step(b"\x04t\0none", (Fields(0),))),
    Case("field list: ERR", Step(b"\x04t\0", (error(1146),))),
    Case("field list: ERR behind definitions", Step(b"\x04t\0", (Fields(1, error(1317)),))),
    Case("statistics: a text", Step(b"\x09", (Raw((b"Uptime: 1  Threads: 2",)),))),
    Case("statistics: ERR", Step(b"\x09", (error(1227),))),
    Case("process info: result set", Step(b"\x0a", (_PROCESSES,))),
    Case("process info: ERR", Step(b"\x0a", (error(1227),))),
    Case("process kill of the database's own id: OK", Step(b"\x0c\x07\0\0\0", (Ok(),))),
    Case("process kill of the database's own id: ERR", Step(b"\x0c\x07\0\0\0", (error(1094),))),
    Case("refresh: OK", Step(b"\x07\1", (Ok(),))),
    Case("refresh: ERR", Step(b"\x07\1", (error(1227),))),
    Case("debug: EOF", Step(b"\x0d", (Ok(closing=True),))),
    Case("debug: ERR", Step(b"\x0d", (error(1227),))),
    Case("ping in a transaction", Step(b"\x0e", (Ok(status=_IN_TRANS),)), _KEPT, before=(BEGIN,)),
    Case("ping that fails", Step(b"\x0e", (error(1317),)), _KEPT, before=(BEGIN,)),
    Case(
        "set option in a transaction: EOF",
        Step(b"\x1b\0\0", (Ok(status=_IN_TRANS, closing=True),)),
        _KEPT,
        before=(BEGIN,),
    ),
    Case(
        "set option in a transaction: OK", Step(b"\x1b\1\0", (Ok(status=_IN_TRANS),)), _KEPT, before=(BEGIN,)
    ),
    Case("set option in a transaction: ERR", Step(b"\x1b\1\0", (error(1047),)), _KEPT, before=(BEGIN,)),
]

_LOCAL = [
    Case("ping", _local(b"\x0e", Ok()), _NONE),
    Case(
        "ping after a statement with flags of its own",
        _local(b"\x0e", Ok()),
        _NONE,
        before=(query(b"SELECT a", Rows(1, [p.row([b"1"])], Ok(status=0x0832, closing=True))),),
    ),
    Case("set option: multi-statements on", _local(b"\x1b\0\0", Ok(closing=True)), _NONE),
    Case("set option: multi-statements off", _local(b"\x1b\1\0", Ok(closing=True)), _NONE),
    Case("reset the connection", _local(b"\x1f", Ok()), _NONE),
    Case("reset the connection in a transaction", _local(b"\x1f", Ok()), _NONE, before=(BEGIN,)),
    Case("reset the connection with statements open", _local(b"\x1f", Ok()), _NONE, before=(_PREPARE,)),
    Case("change user", _local(_CHANGE, Ok()), _NONE, password=b"secret"),
    Case("change user in a transaction", _local(_CHANGE, Ok()), _NONE, before=(BEGIN,), password=b"secret"),
    Case(
        "change user: wrong password", _local(_CHANGE, _NATIVE_DENIED), _NONE, password=b"wrong", closes=True
    ),
    Case("long data without a statement", _local(b"\x18\1\0\0\0\0\0chunk"), _NONE),
    Case("close without a statement", _local(b"\x19\1\0\0\0"), _NONE),
    Case("quit", _local(b"\x01"), _NONE, closes=True),
    Case("quit in a transaction", _local(b"\x01"), _NONE, before=(BEGIN,), closes=True),
    Case(
        "process kill of a client that is gone",
        Step(b"\x0c\xff\xff\xff\x7f", (error(1094, b"Unknown thread id: 2147483647", b"HY000"),), by=_PROXY),
        _NONE,
    ),
    Case(
        "KILL of a client that is gone",
        Step(b"\x03KILL 2147483647", (error(1094, b"Unknown thread id: 2147483647", b"HY000"),), by=_PROXY),
        _NONE,
    ),
    Case(
        "KILL QUERY of itself",
        Step(
            b"\x03KILL QUERY CONNECTION_ID()",
            (error(1317, b"Query execution was interrupted", b"70100"),),
            by=_PROXY,
        ),
        _NONE,
    ),
]

_REPLICATION = b"Replication is not supported through RDS Proxy"
REFUSALS = [
    Case("shutdown", _denied(0x08, b"COM_SHUTDOWN is not allowed through RDS Proxy"), _NONE),
    Case("binlog dump", _denied(0x12, _REPLICATION), _NONE),
    Case("register a replica", _denied(0x15, _REPLICATION), _NONE),
    Case("binlog dump by GTID", _denied(0x1E, _REPLICATION), _NONE),
    Case("clone", _denied(0x20, b"COM_CLONE is not supported through RDS Proxy"), _NONE),
    Case("unknown in a transaction", _unknown(0x77), _KEPT, before=(BEGIN,)),
    *(
        Case(f"unknown or internal to servers: 0x{code:02x}", _unknown(code), _NONE)
        for code in (0x00, 0x05, 0x06, 0x0B, 0x0F, 0x10, 0x13, 0x14, 0x1D, 0x21, 0x77, 0xFB, 0xFE, 0xFF)
    ),
    Case(
        "set option with an option nobody knows",
        Step(
            b"\x1b\7\0",
            (error(1835, b"Malformed communication packet (rds-proxy: unknown option)", b"HY000"),),
            by=_REFUSED,
        ),
        _NONE,
    ),
    Case(
        "process kill without an id",
        Step(
            b"\x0c\7",
            (
                error(
                    1835,
                    b"Malformed communication packet (rds-proxy: COM_PROCESS_KILL holds one id"
                    b" of four bytes)",
                    b"HY000",
                ),
            ),
            by=_REFUSED,
        ),
        _NONE,
    ),
]

_AFTER = [
    Case(
        "a statement after an error of the proxy",
        query(b"SELECT 1", Rows(1, [p.row([b"1"])])),
        before=(_unknown(0x77), _local(b"\x0e", Ok())),
    ),
]

CASES = [*_DATABASE, *_LOCAL, *REFUSALS, *_AFTER]
