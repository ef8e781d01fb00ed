"""Writes the corpus: `python -m tests.fuzz.seeds`. Made of the tests' own packets and of recorded drivers."""

import random
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from backports import zstd

from proxy.mysql.wire.commands import ResponseKind
from tests.fuzz import targets
from tests.fuzz.actors import COMMANDS
from tests.fuzz.recording import Conversation, record
from tests.peers import packets as p

#: Name of the target, name of the seed, content.
Seed = tuple[str, str, bytes]

_HANDSHAKE, _LOGIN = 0, 1
_KINDS = list(ResponseKind)
_SESSIONS = 24
#: Seeds of one recorded conversation for one target.
_MOST_RECORDED = 24
#: Decisions that stand before a stream: see the targets.
_NO_CUTS = b"\0\0"
_STATEMENTS = (
    b"SET @x = 1, sql_mode = 'ANSI'", b"SELECT a INTO @'x' FROM t", b"/*!50110 SET @x = 1 */",
    b"CREATE TEMPORARY TABLE t (a INT)", b"FLUSH LOCAL TABLES a, `b` WITH READ LOCK",
    b"SELECT GET_LOCK ('a', 1), \"b\\\"c\", 'it''s' -- LOCK TABLES", b"EXECUTE IMMEDIATE 'SELECT 1'",
    b"BEGIN NOT ATOMIC SELECT 1 ; SET timestamp = 5 ; END",
    b"INSERT INTO t VALUES (1, 'a'), (-2, NULL) RETURNING a",
    b"SELECT $q$ text $q$, `a``b`, 1.5e3, N'x' # end", b"XA START 'x'; SELECT ROW_COUNT(); SHOW WARNINGS",
    b"SET STATEMENT max_statement_time = 1 FOR SELECT /*M!100100 @@last_insert_id */",
)  # fmt: skip


def _scanner(kind: ResponseKind, response: bytes, name: str) -> Iterator[Seed]:
    for flags in (0, 1):
        # Kind, two capabilities of the client, shows_all, what else there is, cuts.
        head = bytes((_KINDS.index(kind), flags, flags, flags)) + bytes(6) + b"\x07\0"
        yield "scanner", f"{name}-{flags}", head + response


def _responses() -> Iterator[Seed]:
    block = p.variable(b"time_zone", b"+01:00") + p.schema(b"shop") + p.STATE_CHANGE
    block += p.characteristics(b"START TRANSACTION;")
    end, more = p.ok(header=0xFE), p.ok(header=0xFE, status=p.AUTOCOMMIT | p.MORE)
    rows = [p.row([b"1", None, b"x" * 260]), p.row([b""])]
    result = [p.number(2), p.column(), p.column(b"y"), *rows]
    made = {
        "ok": (ResponseKind.RESULT, [p.ok(3, 7, session=block, info=b"Rows: 1")]),
        "error": (ResponseKind.RESULT, [p.err()]),
        "result": (ResponseKind.RESULT, [*result, p.ok(header=0xFE, session=block)]),
        "results": (ResponseKind.RESULT, [*result, more, *result, end]),
        "infile": (ResponseKind.RESULT, [b"\xfbfile", p.ok()]),
        "cursor": (ResponseKind.RESULT, [p.number(1), p.column(), p.ok(header=0xFE, status=p.CURSOR)]),
        "fetched": (ResponseKind.ROWS, [*rows, p.ok(header=0xFE, status=p.LAST_ROW)]),
        "prepared": (ResponseKind.PREPARE, [p.prepared(1, 1, 2), p.column(), p.column(), p.column()]),
        "fields": (ResponseKind.FIELDS, [p.column(), p.column(b"y"), p.eof()]),
        "text": (ResponseKind.STRING, [b"Uptime: 1"]),
    }
    for name, (kind, payloads) in made.items():
        yield from _scanner(kind, p.packets(payloads), name)
        if kind is ResponseKind.RESULT:
            yield "results", name, payloads[-1]
    yield "results", "block", block


def _log_ins() -> Iterator[Seed]:
    yield "handshake", "mysql", p.greeting()
    yield "handshake", "mariadb", p.greeting(p.SERVER_CAPABILITIES & ~1, version=b"5.5.5-10.11.6-MariaDB")
    attributes = p.text(b"_pid") + p.text(b"1") + p.text(b"program_name") + p.text(b"x")
    described = p.CLIENT_CAPABILITIES | 1 << 20
    log_in = p.login(b"app", b"s" * 20, described, b"shop") + p.text(attributes)
    # Everything was offered.
    head = b"\x01\0\0\0\0"
    yield "login", "attributes", head + log_in
    yield "login", "tls", head + p.login(b"", b"", p.CLIENT_CAPABILITIES | p.TLS)[:32]
    yield "login", "plain", b"\0" * 5 + p.login(b"app", b"")
    yield "login_fields", "attributes", p.text(attributes)
    yield "login_fields", "name", b"app\0shop\0"
    change = b"\x11app\0\x14" + b"s" * 20 + b"shop\0\x2d\0mysql_native_password\0"
    yield "auth_packets", "change", b"\0" * 5 + change + p.text(attributes)
    yield "auth_packets", "short", b"\0" * 5 + b"\x11app\0\0\0"
    yield "auth_packets", "switch", b"\0" * 5 + b"\xfemysql_native_password\0" + p.NONCE + b"\0"
    yield "auth_packets", "more", b"\0" * 5 + b"\x01\x04"
    yield "auth", "native", b"\0\0\0\1\1\x14" + p.native(b"correct horse battery staple", p.NONCE)
    yield "auth", "sha2", b"\0\1\0\1\1\x20" + b"s" * 32 + b"\x1dcorrect horse battery staple\0"
    yield "auth", "client", b"\1\1\0\1\0\0\1\4\1"


def _streams() -> Iterator[Seed]:
    commands = b"".join(p.packet(command) for command in COMMANDS[:12])
    yield "framing", "commands", b"\0" + _NO_CUTS + commands
    yield "framing", "cut", b"\0\7\0" + p.packets([b"one", b"", b"three"])
    yield "intake", "commands", b"\0\0\7\0" + commands
    file = p.packet(b"\xf0file") + p.packets([b"line\n" * 4, b""], 2) + p.packet(b"\x0e")
    yield "intake", "file", b"\0\0\7\0" + file
    long = b"\x40\0\0\0" + b"x" * 64 + b"\x05\0\0\1" + b"12345" + p.packet(b"\x0e")
    yield "intake", "continued", b"\0\1\7\0" + long
    yield "datatypes", "reads", b"\0\3\1\2\2\3\4\5" + p.text(b"abc")[:4] + b"\0end\0"
    for index, text in enumerate(_STATEMENTS):
        yield "statements", f"text-{index:02}", bytes(range(1, 17)) + b"\1" + text
    values = b"\1\0\3\0" + p.text(b"n") + p.text(b"\x0f") + b"\0\0\0\0"
    yield "query_attributes", "none", b"\0\1SELECT 1"
    yield "query_attributes", "one", b"\1\1\0\1\xfe\0" + p.text(b"name") + p.text(b"value") + b"SELECT 1"
    yield "query_attributes", "odd", b"\2\1\1" + values
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    addresses = b"\x7f\0\0\1\x7f\0\0\2\x1f\x90\x0c\xea"
    yield "proxy_protocol", "v1", _NO_CUTS + b"PROXY TCP4 127.0.0.1 127.0.0.2 8080 3306\r\nrest"
    yield "proxy_protocol", "v1-6", _NO_CUTS + b"PROXY TCP6 ::1 ::2 1 65535\r\n"
    yield "proxy_protocol", "unknown", _NO_CUTS + b"PROXY UNKNOWN\r\n"
    yield "proxy_protocol", "v2", _NO_CUTS + signature + b"\x21\x11\0\x0c" + addresses + b"rest"
    tlv = b"\x04\0\2ab"
    yield "proxy_protocol", "v2-tlv", _NO_CUTS + signature + b"\x21\x11\0\x11" + addresses + tlv
    yield "proxy_protocol", "local", _NO_CUTS + signature + b"\x20\0\0\0rest"


def _prepared() -> Iterator[Seed]:
    """Flag, parameters, type, long data: see the target."""
    head = b"\x17\3\0\0\0\1\1\0\0\0"
    types, values = b"\x03\0\xfd\0\x0c\x80", b"\1\0\0\0" + p.text(b"name") + b"\4\xe8\7\1\2"
    named = b"\x03\0\0\xfd\0" + p.text(b"n") + b"\x08\0\0"
    yield "execute_packets", "types", b"\0\3\xfd\0\0\0" + head + b"\0\1" + types + values
    yield "execute_packets", "null", b"\0\3\xfd\0\0\0" + head + b"\7\0"
    yield "execute_packets", "without", b"\0\2\xfd\0\0\0" + head + b"\0\0" + p.text(b"a") + p.text(b"b")
    yield "execute_packets", "long-data", b"\0\2\xfd\0\1\0" + head + b"\0\1\xfc\0\xfd\0" + p.text(b"b")
    yield "execute_packets", "named", b"\1\2\xfd\0\0\0" + head + b"\3\0\1" + named + values + bytes(4)
    yield "execute_packets", "unnamed", b"\1\2\xfd\0\0\0" + head + b"\2\0\0" + p.text(b"a") + p.text(b"b")
    rows = b"\0\1\0\0\0\0" + p.text(b"a") + b"\1\0" + p.text(b"b")
    yield "execute_packets", "bulk", b"\0\2\xfd\0\0\0\xfa\3\0\0\0\x80\0\x03\0\xfd\0" + rows
    yield "execute_packets", "bulk-without", b"\0\2\xfd\0\0\0\xfa\3\0\0\0\0\0" + rows
    yield "execute_packets", "close", b"\0\0\0\0\0\0\x19\3\0\0\0"
    yield "shifting", "one", b"\7\0\3\2" + b"x" * 9
    yield "shifting", "full", b"\7\0\3\5" + b"x" * 40
    yield "shifting", "early", b"\7\0\5\2" + b"xx"
    columns = [p.column(b"a"), p.column(b"b")]
    yield "prepare_response", "whole", b"\7\0" + p.packets([p.prepared(3, 2, 1), p.column(b"?"), *columns])
    yield "prepare_response", "without", b"\7\0" + p.packets([p.prepared(3, 2, 1) + b"\0"])
    yield "prepare_response", "error", b"\7\0" + p.packets([p.err()])


def _compressed() -> Iterator[Seed]:
    for index in (0, 1):
        head = bytes((index,))
        yield "compression", f"made-{index}", head + b"\1\7\0" + bytes(range(1, 120))
        text = b"SELECT 1; " * 10
        packed = zlib.compress(text) if index == 0 else zstd.compress(text)
        stream = len(packed).to_bytes(3, "little") + b"\0" + len(text).to_bytes(3, "little") + packed
        yield "compression", f"stream-{index}", head + b"\0\7\0" + stream + b"\3\0\0\1\0\0\0abc"


def _renumbered() -> Iterator[Seed]:
    answer = p.packets([p.number(1), p.column(), p.row([b"1"]), p.ok(header=0xFE)])
    yield "renumbering", "queries", b"\7\0\x0e\x60" + p.packet(b"\x03SELECT 1") + answer * 2


def _texts() -> Iterator[Seed]:
    yield "configuration", "text", b'\0[proxy]\nport = 3307\n[[proxy.auth]]\nsecret_arn = "a"\n'
    yield "configuration", "composed", b"\1" + bytes(range(1, 40))
    yield "configuration", "changed", b"\2" + bytes(range(7, 120, 5))
    yield "secrets_text", "toml", b'\0[app]\nusername = "app"\npassword = "hunter2hunter2"\n'
    yield "secrets_text", "json", b'\0{"app": {"username": "app", "password": "hunter2hunter2"}}'
    yield "secrets_text", "parts", b"\x80" + bytes(range(64))


def _sessions() -> Iterator[Seed]:
    chance = random.Random(1)
    for name in targets.SESSIONS:
        for index in range(_SESSIONS):
            yield name, f"random-{index:02}", chance.randbytes(chance.randrange(40, 200))
        for last in (0xEE, 0xEF, 0xFE, 0xFF):
            # The last byte says who compresses.
            yield name, f"compressed-{last:x}", random.Random(last).randbytes(100) + bytes((last,))


_RESPONSE_KINDS = {0x03: ResponseKind.RESULT, 0x16: ResponseKind.PREPARE, 0x04: ResponseKind.FIELDS}


def _recorded(driver: str, talk: Conversation) -> Iterator[Seed]:
    packets = talk.packets()
    yield "handshake", driver, packets[_HANDSHAKE][1][4:]
    yield "login", driver, b"\x01\0\0\0\0" + packets[_LOGIN][1][4:]
    first = next(index for index, (by_client, _) in enumerate(packets) if by_client and index > _LOGIN)
    # A password's answer, if one was asked for by a switch, has no place here.
    commands = [packet for by_client, packet in packets[first:] if by_client and not packet[3]]
    yield "framing", driver, b"\0\7\0" + b"".join(commands)
    yield "intake", driver, b"\0\0\7\0" + b"".join(commands)
    for index, command in enumerate(commands[:_MOST_RECORDED]):
        if command[4] == 0x03:
            yield "statements", f"{driver}-{index:02}", bytes(range(1, 17)) + b"\1" + command[5:]
    if driver != "pymysql":
        yield from _recorded_responses(driver, packets[first:])


def _recorded_responses(driver: str, packets: list[tuple[bool, bytes]]) -> Iterator[Seed]:
    """Only of a driver with CLIENT_DEPRECATE_EOF, as between the proxy and a database."""
    command, response, count = b"", b"", 0
    for by_client, packet in [*packets, (True, b"\0\0\0\0\1")]:
        if not by_client:
            response += packet
            continue
        if response and len(response) < 4096 and count < _MOST_RECORDED:
            kind = _RESPONSE_KINDS.get(command[4], ResponseKind.RESULT)
            yield from _scanner(kind, response, f"{driver}-{count:02}")
            count += 1
        command, response = packet, b""


def made() -> Iterator[Seed]:
    """Seeds that need nothing but this repository."""
    for source in (_responses, _log_ins, _streams, _prepared, _compressed, _renumbered, _texts, _sessions):
        yield from source()


def write(found: Iterator[Seed], folder: Path) -> int:
    """Write seeds below ``folder``; answers how many bytes they have."""
    total = 0
    for target, name, content in found:
        place = folder / target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        total += len(content)
    return total


def main() -> int:
    """The command."""
    total = write(made(), targets.CORPUS)
    for driver, talk in record().items():
        total += write(_recorded(driver, talk), targets.CORPUS)
    print(f"{total} bytes below {targets.CORPUS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
