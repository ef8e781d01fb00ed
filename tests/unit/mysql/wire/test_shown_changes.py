import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.shown_changes import SHOWN_BY_DEFAULT, ShownChanges
from tests.peers import packets as p

AUTOCOMMIT = p.variable(b"autocommit", b"ON")
MODE = p.variable(b"sql_mode", b"A")
BLOCK = p.STATE_CHANGE + MODE + AUTOCOMMIT + p.schema(b"s") + p.characteristics(b"START TRANSACTION;")

VARIABLES = "session_track_system_variables"
SCHEMA = "session_track_schema"


def test_by_default_as_with_the_trackers_defaults() -> None:
    assert SHOWN_BY_DEFAULT.select(BLOCK) == AUTOCOMMIT + p.schema(b"s")
    assert SHOWN_BY_DEFAULT.select(p.STATE_CHANGE) == b""


@pytest.mark.parametrize(
    ("shown", "selected"),
    [
        (ShownChanges(None), MODE + AUTOCOMMIT + p.schema(b"s")),
        (ShownChanges(None, schema=False), MODE + AUTOCOMMIT),
        (ShownChanges(frozenset({"sql_mode"})), MODE + p.schema(b"s")),
        (ShownChanges(frozenset(), schema=False), b""),
    ],
)
def test_what_the_client_wants_to_hear_of(shown: ShownChanges, selected: bytes) -> None:
    assert shown.select(BLOCK) == selected


def test_of_two_variables_in_one_entry_the_client_sees_one() -> None:
    pairs = p.text(b"a") + p.text(b"1") + p.text(b"B") + p.text(b"2")
    shown = ShownChanges(frozenset({"b"}))
    assert shown.select(b"\x00" + p.text(pairs)) == p.variable(b"B", b"2")


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_garbage_raises_nothing_but_malformed(block: bytes) -> None:
    with contextlib.suppress(MalformedPacket):
        ShownChanges(frozenset({"x"})).select(block)


class TestTrackers:
    @pytest.mark.parametrize(
        ("tracks", "shown"),
        [
            ({}, SHOWN_BY_DEFAULT),
            ({VARIABLES: "*"}, ShownChanges(None)),
            ({VARIABLES: ""}, ShownChanges(frozenset({""}))),
            ({VARIABLES: " SQL_Mode, autocommit "}, ShownChanges(frozenset({"sql_mode", "autocommit"}))),
            ({SCHEMA: "OFF"}, ShownChanges(SHOWN_BY_DEFAULT.variables, schema=False)),
            ({SCHEMA: "0", VARIABLES: "*"}, ShownChanges(None, schema=False)),
        ],
    )
    def test_are_taken_over(self, tracks: dict[str, str], shown: ShownChanges) -> None:
        assert SHOWN_BY_DEFAULT.after(tracks) == shown

    def test_can_be_put_back(self) -> None:
        off = SHOWN_BY_DEFAULT.after({SCHEMA: "off"})
        assert off is not None
        assert off.after({SCHEMA: "on"}) == SHOWN_BY_DEFAULT

    @pytest.mark.parametrize(
        "tracks",
        [
            {"session_track_gtids": "OWN_GTID"},
            {"session_track_state_change": "1"},
            {"session_track_transaction_info": "STATE"},
            {SCHEMA: "DEFAULT"},
            {VARIABLES: "*", "session_track_gtids": "OFF"},
        ],
    )
    def test_that_cannot_be_cut_out(self, tracks: dict[str, str]) -> None:
        assert SHOWN_BY_DEFAULT.after(tracks) is None
