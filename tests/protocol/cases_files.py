"""LOCAL INFILE, and packets of 16 MiB (here 255 bytes, see ``scaled``)."""

from tests.peers import packets as p

from . import bits
from .case import BEGIN, Case, Effect, Step, query
from .responses import File, Ok, Prepared, Rows, error, progress

__all__ = ["CASES"]

_LOAD = b"LOAD DATA LOCAL INFILE '/tmp/rows.csv' INTO TABLE t"
_MORE = bits.AUTOCOMMIT | bits.MORE
_ONE = p.row([b"1"])
_LINES = File((b"1,a\n2,b\n", b"3,c\n"))
_BOTH = bits.LOCAL_FILES | bits.MULTI_STATEMENTS

_FILES = [
    Case("LOCAL INFILE: a file", query(_LOAD, _LINES, Ok(3)), needs=bits.LOCAL_FILES),
    Case(
        "LOCAL INFILE: an empty file, or refused by the client",
        query(_LOAD, File(()), Ok()),
        needs=bits.LOCAL_FILES,
    ),
    Case("LOCAL INFILE: ERR behind the file", query(_LOAD, _LINES, error(1062)), needs=bits.LOCAL_FILES),
    Case("LOCAL INFILE: ERR in its place", query(_LOAD, error(1148))),
    Case(
        "LOCAL INFILE: with warnings and info",
        query(_LOAD, _LINES, Ok(3, warnings=2, info=b"Records: 3")),
        needs=bits.LOCAL_FILES,
    ),
    Case(
        "LOCAL INFILE: in a transaction",
        query(_LOAD, _LINES, Ok(3, status=bits.AUTOCOMMIT | bits.IN_TRANS)),
        Effect.KEPT,
        before=(BEGIN,),
        needs=bits.LOCAL_FILES,
    ),
    Case("LOCAL INFILE: 300 packets", query(_LOAD, File((b"x\n",) * 300), Ok(300)), needs=bits.LOCAL_FILES),
    Case(
        "LOCAL INFILE: then a result set",
        query(_LOAD + b"; SELECT 1", _LINES, Ok(3, status=_MORE), Rows(1, [_ONE])),
        needs=_BOTH,
    ),
    Case(
        "LOCAL INFILE: behind a result set",
        query(b"SELECT 1; " + _LOAD, Rows(1, [_ONE], Ok(status=_MORE, closing=True)), _LINES, Ok(3)),
        needs=_BOTH,
    ),
    Case(
        "LOCAL INFILE: two files, a result set between them",
        query(
            _LOAD + b"; SELECT 1; " + _LOAD,
            _LINES,
            Ok(3, status=_MORE),
            Rows(1, [_ONE], Ok(status=_MORE, closing=True)),
            File((b"4\n",)),
            Ok(1),
        ),
        needs=_BOTH,
    ),
    Case(
        "LOCAL INFILE: progress reports before and behind",
        query(_LOAD, progress(), _LINES, progress(2), Ok(3)),
        needs=bits.LOCAL_FILES | bits.PROGRESS,
    ),
]

_PREPARE = Step(b"\x16SELECT ?", (Prepared(1, 1),))


def _big(*, size: int) -> bytes:
    """A row of one long value, whose first byte looks like the end of the rows."""
    return b"\xfe" + size.to_bytes(8, "little") + b"v" * size


_LARGE = [
    Case(
        "a row of exactly one full packet and an empty one",
        query(b"SELECT a", Rows(1, [b"\xfb" * 255, _ONE])),
        scaled=True,
    ),
    Case("a row of several packets", query(b"SELECT a", Rows(1, [_ONE, _big(size=700), _ONE])), scaled=True),
    Case(
        "a row of several packets, the last one", query(b"SELECT a", Rows(1, [_big(size=600)])), scaled=True
    ),
    Case(
        "ERR behind a row of several packets",
        query(b"SELECT a", Rows(1, [_big(size=600)], error(1317))),
        scaled=True,
    ),
    Case(
        "a row that begins like an error, in full packets",
        query(b"SELECT a", Rows(1, [b"\xfe" * 600])),
        scaled=True,
    ),
    Case(
        "a statement of several packets, OK",
        query(b"INSERT INTO t VALUES ('" + b"x" * 700 + b"')", Ok(1)),
        scaled=True,
    ),
    Case(
        "a statement of several packets, a result set",
        query(b"SELECT '" + b"x" * 501 + b"'", Rows(1, [_big(size=501)])),
        scaled=True,
    ),
    Case(
        "a statement of one full packet and an empty one",
        query(b"DO 1 " + b"#" * 250, Ok()),
        scaled=True,
        lacks=bits.QUERY_ATTRIBUTES,
    ),
    Case(
        "a statement of several packets, refused", query(b"SELEC '" + b"x" * 700 + b"'", error()), scaled=True
    ),
    Case(
        "long data of several packets",
        Step(b"\x18\1\0\0\0\0\0" + b"d" * 600, ()),
        Effect.KEPT,
        frozenset({"long_data"}),
        before=(_PREPARE,),
        scaled=True,
    ),
    Case(
        "a parameter of several packets",
        Step(
            b"\x17\1\0\0\0\0\1\0\0\0\0\1\xfd\0" + b"\xfc\x00\x03" + b"p" * 768,
            (Rows(1, [b"\0\0" + p.text(b"p" * 768)]),),
        ),
        before=(_PREPARE,),
        scaled=True,
        lacks=bits.QUERY_ATTRIBUTES,
    ),
    Case(
        "a file in full packets",
        query(_LOAD, File((b"x" * 254, b"y")), Ok(1)),
        needs=bits.LOCAL_FILES,
        scaled=True,
    ),
]

CASES = [*_FILES, *_LARGE]
