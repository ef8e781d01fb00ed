"""OK, ERR and session changes: decoded or refused; a selection from a tracker block is a part of it."""

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.results import (
    ErrorPacket,
    OkPacket,
    SessionChanges,
    decode_session_changes,
    farewell_text,
)
from proxy.mysql.wire.shown_changes import SHOWN_BY_DEFAULT, ShownChanges

_SHOWN = (SHOWN_BY_DEFAULT, ShownChanges(None), ShownChanges(frozenset({"sql_mode"}), schema=False))


def _changes(block: bytes) -> SessionChanges | None:
    try:
        return decode_session_changes(block)
    except MalformedPacket:
        return None


def _block(block: bytes, shown: ShownChanges) -> None:
    changes = _changes(block)
    try:
        selected = shown.select(block)
    except MalformedPacket:
        assert changes is None, "decoded, but cannot be cut down"
        return
    if changes is None:
        return
    seen = decode_session_changes(selected)
    names = shown.variables
    kept = tuple((name, value) for name, value in changes.variables if names is None or name in names)
    assert seen.variables == kept
    assert seen.schema == (changes.schema if shown.schema else None)
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
    for shown in _SHOWN:
        _block(data, shown)
    try:
        ok = OkPacket.decode(data)
    except MalformedPacket:
        return
    for shown in _SHOWN:
        _block(ok.session, shown)
    assert OkPacket.decode(ok.encode()).session == ok.session
    assert OkPacket.decode(ok.encode()).affected_rows == ok.affected_rows
