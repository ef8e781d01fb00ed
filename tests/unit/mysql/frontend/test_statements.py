"""What is known of a statement beyond its verdict."""

import attrs
import pytest

from proxy.mysql.frontend.context import Recent
from proxy.mysql.frontend.statements import (
    LARGE,
    named,
    remember_collation,
    verdict_of_piece,
    with_known_collation,
)
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.settings import FRESH, Settings
from proxy.mysql.session.verdict import Diagnostics
from proxy.mysql.wire.results import SessionChanges

COLLATION = ("collation_connection", "utf8mb4_uca1400_ai_ci")
AFTER = FRESH.changed(variables=[COLLATION])
REPORTED = [SessionChanges(variables=(("character_set_client", "utf8mb4"),), state_changed=True)]


class TestPieces:
    def test_a_harmless_one_changes_nothing(self) -> None:
        assert verdict_of_piece(b"aaaa 'bbbb'", LARGE) is LARGE

    def test_a_trigger_pins_and_keeps_the_rest(self) -> None:
        verdict = verdict_of_piece(b"a, get_lock(", LARGE)
        assert verdict == attrs.evolve(LARGE, pins=frozenset({PinReason.UNREADABLE}))
        assert verdict_of_piece(b"harmless", verdict) is verdict


class TestCollationOfSetNames:
    """Servers do not report the collation that SET NAMES chose."""

    @pytest.mark.parametrize(
        "sql",
        [
            "SET NAMES utf8mb4",
            "set names 'utf8mb4'",
            "  SET  NAMES utf8mb4 ; ",
            "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
            "SET\nNAMES utf8mb4 collate 'utf8mb4_bin'",
        ],
    )
    def test_once_found_it_is_known(self, sql: str) -> None:
        known = Recent()
        assert with_known_collation(sql.encode(), REPORTED, FRESH, known) is REPORTED
        remember_collation(sql.encode(), AFTER, known)
        [change] = with_known_collation(sql.encode(), REPORTED, FRESH, known)
        assert change == attrs.evolve(REPORTED[0], variables=(*REPORTED[0].variables, COLLATION))

    @pytest.mark.parametrize(
        "sql",
        [
            "SET NAMES utf8mb4, @a = 1",
            "SET NAMES utf8mb4; SET NAMES latin1",
            "SET NAMES utf8mb4; SELECT 1",
            "SET NAMES utf8mb4 -- x",
            "SET NAMES @charset",
            "/* SET NAMES utf8mb4 */ SELECT 1",
            "SELECT 'SET NAMES utf8mb4'",
            "SET character_set_client = utf8mb4",
        ],
    )
    def test_other_statements_are_not_remembered(self, sql: str) -> None:
        known = Recent()
        remember_collation(sql.encode(), AFTER, known)
        assert with_known_collation(sql.encode(), REPORTED, FRESH, known) is REPORTED

    def test_each_text_has_its_own(self) -> None:
        known = Recent()
        remember_collation(b"SET NAMES utf8mb4", AFTER, known)
        assert with_known_collation(b"SET NAMES latin1", REPORTED, FRESH, known) is REPORTED

    @pytest.mark.parametrize("name", ["default_collation_for_utf8mb4", "character_set_collations"])
    def test_not_while_the_session_has_a_rule_of_its_own(self, name: str) -> None:
        sql, known = b"SET NAMES utf8mb4", Recent()
        ruled: Settings = AFTER.changed(variables=[(name, "utf8mb4_bin")])
        remember_collation(sql, ruled, known)
        assert with_known_collation(sql, REPORTED, FRESH, known) is REPORTED
        remember_collation(sql, AFTER, known)
        assert with_known_collation(sql, REPORTED, ruled, known) is REPORTED

    def test_nothing_is_remembered_of_a_session_that_does_not_know(self) -> None:
        known = Recent()
        remember_collation(b"SET NAMES utf8mb4", FRESH, known)
        assert with_known_collation(b"SET NAMES utf8mb4", REPORTED, FRESH, known) is REPORTED

    @pytest.mark.parametrize("changes", [[], [SessionChanges(), SessionChanges()]])
    def test_only_the_report_of_one_statement_is_completed(self, changes: list[SessionChanges]) -> None:
        known = Recent()
        remember_collation(b"SET NAMES utf8mb4", AFTER, known)
        assert with_known_collation(b"SET NAMES utf8mb4", changes, FRESH, known) is changes


class TestNames:
    def test_each_has_one(self) -> None:
        # LAST_INSERT_ID() is never refused: it is read ahead.
        for each in Diagnostics:
            assert bool(named(each)) is (each is not Diagnostics.LAST_INSERT_ID)

    def test_several(self) -> None:
        assert named(Diagnostics.ROW_COUNT | Diagnostics.FOUND_ROWS) == "ROW_COUNT(), FOUND_ROWS()"
        assert named(Diagnostics.NONE) == ""
