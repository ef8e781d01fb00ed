"""Responses as a server sends them to the proxy, and as it would have sent them to the client."""

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.mysql.wire.commands import ResponseKind
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.eof_scanner import response_scanner
from proxy.mysql.wire.results import SessionChanges
from proxy.mysql.wire.scanner import MAX_CLOSING_PACKET, ResponseScanner
from tests.peers import packets as p
from tests.peers.cutting import manners, pieces

Result = ResponseKind.RESULT


@attrs.frozen
class Response:
    """Parts of a response, which can be written as a server writes them for different capabilities."""

    kind: ResponseKind
    parts: tuple[tuple[Any, ...], ...]
    expected: dict[str, Any] = attrs.field(factory=dict)

    def payloads(self, *, eof: bool, track: str) -> list[bytes]:
        """``track`` is "all", "shown" (a client with default trackers) or "none"."""
        out: list[bytes] = []
        status = p.AUTOCOMMIT
        for kind, *rest in self.parts:
            if kind == "raw":
                out.append(rest[0])
            elif kind == "ok":
                out.append(p.ok(**_tracked(rest[0], track)))
                status = rest[0].get("status", p.AUTOCOMMIT)
            elif kind == "group_end":
                if eof:
                    out.append(p.eof(status & ~p.MORE))
            elif kind == "end":
                fields = _tracked(rest[0], track)
                status = fields.get("status", p.AUTOCOMMIT)
                ended = p.eof(status, fields.get("warnings", 0))
                out.append(ended if eof else p.ok(**fields, header=0xFE))
        return out

    def wire(self, *, eof: bool, track: str) -> bytes:
        return p.packets(self.payloads(eof=eof, track=track))


def _tracked(fields: dict[str, Any], track: str) -> dict[str, Any]:
    fields = dict(fields)
    everything, shown = fields.pop("session", (b"", b""))
    fields["session"] = {"all": everything, "shown": shown, "none": b""}[track]
    return fields


def rows(*values: bytes, columns: int = 1) -> tuple[tuple[Any, ...], ...]:
    definitions = tuple(("raw", p.column()) for _ in range(columns))
    return (("raw", p.number(columns)), *definitions, ("group_end",), *(("raw", value) for value in values))


ALL_TRACKED = (
    p.variable(b"autocommit", b"OFF")
    + p.variable(b"sql_mode", b"ANSI")
    + p.schema(b"shop")
    + p.STATE_CHANGE
    + p.characteristics(b"START TRANSACTION;")
)
SHOWN = p.variable(b"autocommit", b"OFF") + p.schema(b"shop")
CHANGES = SessionChanges((("autocommit", "OFF"), ("sql_mode", "ANSI")), "shop", True, "START TRANSACTION;")
ROW = p.row([b"hello"])
NULL_ROW = p.row([None])

RESPONSES = {
    "ok": Response(
        Result, (("ok", {"affected": 3, "insert_id": 9}),), {"affected_rows": 3, "last_insert_id": 9}
    ),
    "ok with large numbers": Response(
        Result,
        (("ok", {"affected": 70_000, "insert_id": 1 << 40, "info": b"Rows matched: 1", "warnings": 2}),),
        {"affected_rows": 70_000, "last_insert_id": 1 << 40, "warnings": 2},
    ),
    "ok in a transaction": Response(
        Result, (("ok", {"status": p.IN_TRANS | p.AUTOCOMMIT}),), {"status": p.IN_TRANS | p.AUTOCOMMIT}
    ),
    "ok with changes": Response(
        Result, (("ok", {"session": (ALL_TRACKED, SHOWN), "info": b"hi"}),), {"changes": [CHANGES]}
    ),
    "ok with hidden changes": Response(
        Result,
        (("ok", {"session": (p.variable(b"sql_mode", b""), b"")}),),
        {"changes": [SessionChanges((("sql_mode", ""),))]},
    ),
    "error": Response(Result, (("raw", p.err(1062)),), {"errno": 1062, "changes": []}),
    "no rows": Response(Result, (*rows(), ("end", {})), {"result_set": True}),
    "one row": Response(Result, (*rows(ROW), ("end", {"warnings": 1})), {"warnings": 1}),
    "many rows": Response(Result, (*rows(ROW, NULL_ROW, *[ROW] * 5, columns=3), ("end", {})), {"errno": 0}),
    "row that begins with zero": Response(Result, (*rows(p.row([b""]), b"\x00\x00\x05abcde"), ("end", {}))),
    "result set with changes": Response(
        Result, (*rows(ROW), ("end", {"session": (ALL_TRACKED, SHOWN)})), {"changes": [CHANGES]}
    ),
    "error among rows": Response(Result, (*rows(ROW, ROW), ("raw", p.err(1317))), {"errno": 1317}),
    "error before the first row": Response(Result, (*rows(), ("raw", p.err(1317))), {"errno": 1317}),
    "several results": Response(
        Result,
        (
            ("ok", {"status": p.AUTOCOMMIT | p.MORE, "insert_id": 4, "session": (ALL_TRACKED, SHOWN)}),
            *rows(ROW),
            ("end", {"status": p.AUTOCOMMIT | p.MORE}),
            *rows(columns=2),
            ("end", {"status": p.AUTOCOMMIT | p.MORE}),
            ("ok", {"affected": 1}),
        ),
        {"affected_rows": 1, "last_insert_id": 4, "changes": [CHANGES], "status": p.AUTOCOMMIT},
    ),
    "error after a result": Response(
        Result,
        (*rows(ROW), ("end", {"status": p.AUTOCOMMIT | p.MORE | p.IN_TRANS}), ("raw", p.err())),
        {"errno": 1064, "status": p.AUTOCOMMIT | p.IN_TRANS},
    ),
    "prepared, nothing to describe": Response(
        ResponseKind.PREPARE, (("raw", p.prepared(5, 0, 0, 1)),), {"statement_id": 5, "warnings": 1}
    ),
    "prepared with parameters": Response(
        ResponseKind.PREPARE,
        (("raw", p.prepared(70_001, 0, 2)), ("raw", p.column()), ("raw", p.column()), ("group_end",)),
        {"statement_id": 70_001},
    ),
    "prepared with columns": Response(
        ResponseKind.PREPARE, (("raw", p.prepared(1, 1, 0)), ("raw", p.column()), ("group_end",))
    ),
    "prepared with both": Response(
        ResponseKind.PREPARE,
        (
            ("raw", p.prepared(2, 2, 1)),
            ("raw", p.column(b"?")),
            ("group_end",),
            ("raw", p.column()),
            ("raw", p.column()),
            ("group_end",),
        ),
        {"statement_id": 2},
    ),
    "prepare fails": Response(ResponseKind.PREPARE, (("raw", p.err(1146)),), {"errno": 1146}),
    "fetched rows": Response(
        ResponseKind.ROWS, (("raw", ROW), ("raw", ROW), ("end", {"status": p.CURSOR | 2}))
    ),
    "no more rows": Response(
        ResponseKind.ROWS, (("end", {"status": p.LAST_ROW | 2}),), {"status": p.LAST_ROW | 2}
    ),
    "field list": Response(
        ResponseKind.FIELDS, (("raw", p.column() + b"\xfb"), ("raw", p.column()), ("end", {}))
    ),
    "field list fails": Response(ResponseKind.FIELDS, (("raw", p.err(1146)),), {"errno": 1146}),
    "statistics": Response(ResponseKind.STRING, (("raw", b"Uptime: 3  Threads: 1"),)),
    "open cursor": Response(
        Result, (("raw", p.number(1)), ("raw", p.column()), ("end", {"status": p.CURSOR | p.AUTOCOMMIT}))
    ),
}

CLIENTS = [
    pytest.param(eof, track, id=f"{'EOF' if eof else 'no EOF'}, {'tracks' if track == 'shown' else 'blind'}")
    for eof in (False, True)
    for track in ("shown", "none")
]


def scanner_for(eof: bool, track: str) -> ResponseScanner:
    scanner = response_scanner(deprecate_eof=not eof, session_track=track == "shown")
    # Every session begins with the OK of its log-in, here of a server with autocommit.
    scanner.begin(Result)
    scanner.feed(p.packet(p.ok(), 1))
    return scanner


def scan(scanner: ResponseScanner, kind: ResponseKind, chunks: list[bytes]) -> bytes:
    scanner.begin(kind)
    return b"".join(scanner.feed(chunk) for chunk in chunks)


@pytest.mark.parametrize(("eof", "track"), CLIENTS)
@pytest.mark.parametrize("name", RESPONSES)
def test_the_client_gets_what_a_server_would_have_sent_it(name: str, eof: bool, track: str) -> None:
    response = RESPONSES[name]
    incoming = response.wire(eof=False, track="all")
    expected = response.wire(eof=eof, track=track)
    for chunks in manners(incoming):
        scanner = scanner_for(eof, track)
        assert scan(scanner, response.kind, chunks) == expected
        assert scanner.done
        for field, value in response.expected.items():
            assert getattr(scanner, field) == value, field


@pytest.mark.parametrize(("eof", "track"), CLIENTS)
@pytest.mark.parametrize("name", RESPONSES)
def test_the_end_is_not_seen_too_early(name: str, eof: bool, track: str) -> None:
    response = RESPONSES[name]
    incoming = response.wire(eof=False, track="all")
    scanner = scanner_for(eof, track)
    scan(scanner, response.kind, [incoming[:-1]])
    # All but the last byte: only a packet nobody looks into may already count.
    assert not scanner.done or response.kind is ResponseKind.STRING


@pytest.mark.parametrize("eof", [False, True])
@pytest.mark.parametrize("name", RESPONSES)
def test_trailing_data_is_malformed(name: str, eof: bool) -> None:
    response = RESPONSES[name]
    incoming = response.wire(eof=False, track="all")
    scanner = scanner_for(eof, "none")
    scanner.begin(response.kind)
    with pytest.raises(MalformedPacket):
        scanner.feed(incoming + b"\x00")
    scan(scanner, response.kind, [incoming])
    with pytest.raises(MalformedPacket):
        scanner.feed(b"\x01")


@pytest.mark.parametrize(("eof", "track"), CLIENTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_cuts(eof: bool, track: str, data: st.DataObject) -> None:
    response = RESPONSES[data.draw(st.sampled_from(sorted(RESPONSES)))]
    incoming = response.wire(eof=False, track="all")
    cuts = data.draw(st.lists(st.integers(1, len(incoming)), max_size=6))
    scanner = scanner_for(eof, track)
    assert scan(scanner, response.kind, pieces(incoming, cuts)) == response.wire(eof=eof, track=track)
    assert scanner.done


@pytest.mark.parametrize("eof", [False, True])
@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from([kind for kind in ResponseKind if kind is not ResponseKind.NONE]),
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=8),
)
def test_garbage_raises_nothing_but_malformed(eof: bool, kind: ResponseKind, chunks: list[bytes]) -> None:
    scanner = scanner_for(eof, "shown")
    scanner.begin(kind)
    try:
        for chunk in chunks:
            scanner.feed(chunk)
    except MalformedPacket:
        pass


@pytest.mark.parametrize("eof", [False, True])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_garbage_in_well_framed_packets(eof: bool, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([kind for kind in ResponseKind if kind is not ResponseKind.NONE]))
    first = st.sampled_from([b"\x00", b"\x01", b"\xfb", b"\xfe", b"\xff", b""])
    payloads = data.draw(st.lists(st.builds(bytes.__add__, first, st.binary(max_size=20)), max_size=6))
    scanner = scanner_for(eof, "shown")
    scanner.begin(kind)
    try:
        for chunk in payloads:
            scanner.feed(p.packet(chunk, 1))
    except MalformedPacket:
        pass


@pytest.mark.parametrize("eof", [False, True])
@pytest.mark.parametrize("size", [p.LIMIT - 5, p.LIMIT - 4, p.LIMIT, p.LIMIT + 300])
def test_rows_over_several_packets(eof: bool, size: int) -> None:
    big = p.row([bytes(size)])
    response = Response(Result, (*rows(ROW, big, ROW), ("end", {"session": (ALL_TRACKED, SHOWN)})))
    incoming = response.wire(eof=False, track="all")
    expected = response.wire(eof=eof, track="shown")
    scanner = scanner_for(eof, "shown")
    assert scan(scanner, Result, [incoming]) == expected
    at = incoming.index(big[:4])
    for cut in (at - 3, at + 1, at + p.LIMIT - 1, at + p.LIMIT, at + p.LIMIT + 2, len(incoming) - 7):
        assert scan(scanner, Result, pieces(incoming, [cut])) == expected
    chunks = [incoming[start : start + 65_536] for start in range(0, len(incoming), 65_536)]
    assert scan(scanner, Result, chunks) == expected
    assert scanner.changes == [CHANGES]


def test_a_row_that_begins_like_an_end_but_is_too_long_for_one() -> None:
    # The first value's length takes eight bytes, so the row's first byte is 0xFE.
    big = p.row([bytes(1 << 24)])
    assert big[0] == 0xFE
    response = Response(Result, (*rows(big), ("end", {})))
    scanner = scanner_for(False, "none")
    assert scan(scanner, Result, [response.wire(eof=False, track="all")]) == response.wire(
        eof=False, track="none"
    )
    assert scanner.done


@pytest.mark.parametrize("eof", [False, True])
def test_sequence_ids_wrap(eof: bool) -> None:
    response = Response(Result, (*rows(*[ROW] * 600), ("end", {})))
    scanner = scanner_for(eof, "none")
    incoming = response.wire(eof=False, track="all")
    expected = response.wire(eof=eof, track="none")
    for size in (1, 7, 100, len(incoming)):
        chunks = [incoming[start : start + size] for start in range(0, len(incoming), size)]
        assert scan(scanner, Result, chunks) == expected


@pytest.mark.parametrize("eof", [False, True])
def test_rows_pass_through_without_a_copy_of_what_did_not_arrive(eof: bool) -> None:
    """Nothing of a row is held back: the client gets what is there."""
    response = Response(Result, (*rows(p.row([bytes(1000)])), ("end", {})))
    incoming = response.wire(eof=False, track="all")
    scanner = scanner_for(eof, "none")
    scanner.begin(Result)
    cut = len(incoming) - 500
    assert len(scanner.feed(incoming[:cut])) >= cut


def test_without_a_change_the_chunk_itself_is_passed_on() -> None:
    incoming = RESPONSES["many rows"].wire(eof=False, track="all")
    scanner = scanner_for(False, "shown")
    scanner.begin(Result)
    assert scanner.feed(incoming) is incoming


@pytest.mark.parametrize("eof", [False, True])
def test_local_infile(eof: bool) -> None:
    scanner = scanner_for(eof, "none")
    assert scan(scanner, Result, [p.packet(b"\xfb/data.csv", 1)]) == p.packet(b"\xfb/data.csv", 1)
    assert scanner.infile
    assert not scanner.done
    assert scanner.sequence_offset == 0
    scanner.after_infile()
    assert scanner.feed(p.packet(p.ok(12), 5)) == p.packet(p.ok(12), 5)
    assert scanner.done
    assert scanner.affected_rows == 12


def test_local_infile_after_a_result_set_counts_from_the_clients_number() -> None:
    parts = (*rows(ROW), ("end", {"status": p.AUTOCOMMIT | p.MORE}), ("raw", b"\xfbfile"))
    response = Response(Result, parts)
    scanner = scanner_for(True, "none")
    assert scan(scanner, Result, [response.wire(eof=False, track="all")]) == response.wire(
        eof=True, track="none"
    )
    assert scanner.infile
    assert scanner.sequence_offset == 1
    scanner.after_infile()
    assert scanner.feed(p.packet(p.ok(1), 20)) == p.packet(p.ok(1), 21)


@pytest.mark.parametrize("eof", [False, True])
def test_an_endless_closing_packet_is_refused(eof: bool) -> None:
    scanner = scanner_for(eof, "none")
    scanner.begin(Result)
    header = (MAX_CLOSING_PACKET + 1).to_bytes(3, "little") + b"\x01"
    with pytest.raises(MalformedPacket):
        scanner.feed(header + b"\x00" + bytes(100))


def test_nothing_is_expected_after_a_command_without_response() -> None:
    scanner = scanner_for(False, "none")
    scanner.begin(ResponseKind.NONE)
    assert scanner.done
    with pytest.raises(MalformedPacket):
        scanner.feed(p.packet(p.ok(), 1))


@pytest.mark.parametrize("payload", [b"", b"\xff\x01", b"\x00\x01"])
def test_short_first_packets_are_malformed(payload: bytes) -> None:
    scanner = scanner_for(False, "none")
    scanner.begin(Result)
    with pytest.raises(MalformedPacket):
        scanner.feed(p.packet(payload, 1))


def test_one_response_leaves_nothing_for_the_next() -> None:
    scanner = scanner_for(True, "shown")
    for name in ("error among rows", "several results", "ok", "one row", "prepared with both", "ok"):
        response = RESPONSES[name]
        expected = response.wire(eof=True, track="shown")
        scanner.begin(response.kind)
        assert scanner.feed(response.wire(eof=False, track="all")) == expected
    assert scanner.errno == 0
    assert scanner.changes == []
    assert scanner.statement_id == 0
    assert not scanner.result_set
