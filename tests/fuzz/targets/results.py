"""OK, ERR and session changes: decoded or refused; a selection from a tracker block is a part of it."""

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.results import (
    ErrorPacket,
    OkPacket,
    SessionChanges,
    decode_session_changes,
    farewell_text,
    select_session_changes,
)
from proxy.mysql.wire.scanner import DEFAULT_SHOWN_VARIABLES


def _changes(block: bytes) -> SessionChanges | None:
    try:
        return decode_session_changes(block)
    except MalformedPacket:
        return None


def _block(block: bytes) -> None:
    changes = _changes(block)
    try:
        shown = select_session_changes(block, DEFAULT_SHOWN_VARIABLES)
    except MalformedPacket:
        assert changes is None, "decoded, but cannot be cut down"
        return
    if changes is None:
        return
    seen = decode_session_changes(shown)
    kept = tuple((name, value) for name, value in changes.variables if name in DEFAULT_SHOWN_VARIABLES)
    assert seen.variables == kept
    assert seen.schema == changes.schema
    assert not seen.state_changed
    assert seen.transaction_characteristics is None


def fuzz(data: bytes) -> None:
    """All of it is the payload, and a tracker block of its own."""
    assert farewell_text(b"\0\0\0\0" + data).isprintable()
    try:
        error = ErrorPacket.decode(data)
    except MalformedPacket:
        pass
    else:
        # A SQL state that is no ASCII is shown as question marks, and that is what stays.
        again = ErrorPacket.decode(error.encode())
        assert (again.errno, again.message) == (error.errno, error.message)
        assert ErrorPacket.decode(again.encode()) == again
        assert len(again.sqlstate) == 5
    _block(data)
    try:
        ok = OkPacket.decode(data)
    except MalformedPacket:
        return
    _block(ok.session)
    assert OkPacket.decode(ok.encode()).session == ok.session
    assert OkPacket.decode(ok.encode()).affected_rows == ok.affected_rows
