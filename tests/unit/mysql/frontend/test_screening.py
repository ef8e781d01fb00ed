"""Verdicts on a session's commands; long statements come in pieces."""

import pytest

from proxy.mysql.frontend.screening import Screening
from proxy.mysql.frontend.statements import NAMES_ONLY
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.screen import Screen
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.value import SessionValue
from proxy.mysql.session.verdict import PLAIN, Diagnostics, Verdict
from proxy.mysql.wire.commands import Command
from tests.peers import packets as p
from tests.peers.cutting import manners

AUTOCOMMIT = 0x0002
NO_BACKSLASH_ESCAPES = 0x0200
UNREADABLE = frozenset({PinReason.UNREADABLE})


def screening(status: int = AUTOCOMMIT, **variables: str) -> Screening:
    settings = FRESH.changed(variables=[("character_set_client", "utf8mb4"), *variables.items()])
    return Screening(Screen(), SessionValue(settings, status))


def query(text: bytes | str) -> bytes:
    return p.packet(b"\x03" + (text if isinstance(text, bytes) else text.encode()))


def execute(number: int) -> bytes:
    return p.packet(b"\x17" + number.to_bytes(4, "little") + b"\0\1\0\0\0")


def long_verdict(pieces: list[bytes], screen: Screening | None = None) -> Verdict:
    """Of a long statement, whose beginning is the first piece."""
    screen = screen or screening()
    verdict = screen.statement(query(pieces[0]), True)
    for piece in pieces[1:]:
        verdict = screen.piece(piece, verdict)
    return verdict


class TestWholeStatements:
    def test_a_plain_one(self) -> None:
        assert screening().statement(query("SELECT 1"), False) is PLAIN

    def test_one_that_leaves_something(self) -> None:
        assert PinReason.NAMED_LOCK in screening().statement(query("SELECT GET_LOCK('a', 1)"), False).pins

    def test_a_prepared_text_is_judged_like_any_other(self) -> None:
        packet = p.packet(b"\x16SELECT GET_LOCK(?, 1)")
        verdict = screening().command(Command.STMT_PREPARE, packet, False)
        assert PinReason.NAMED_LOCK in verdict.pins


class TestLongStatements:
    def test_without_a_trigger(self) -> None:
        verdict = long_verdict([b"INSERT INTO t VALUES ('a", b"b", b"c')"])
        assert verdict.pins == frozenset()

    def test_it_may_read_the_last_insert_id(self) -> None:
        assert long_verdict([b"INSERT INTO t VALUES ('a"]).reads == Diagnostics.LAST_INSERT_ID
        assert long_verdict([b"INSERT INTO t VALUES ('a", b"b')"]).reads == Diagnostics.LAST_INSERT_ID

    @pytest.mark.parametrize("at", range(3))
    def test_a_trigger_in_any_piece(self, at: int) -> None:
        pieces = [b"SELECT 'aaaaaaaaaaaa', ", b"'bbbbbbbbbbbbbbbbbbbbb', ", b"'ccccccccccccccccc' "]
        pieces[at] += b"GET_LOCK('a', 1)"
        assert long_verdict(pieces).pins == UNREADABLE

    @pytest.mark.parametrize(
        "trigger",
        [
            b"get_lock ", b" OPTIMIZER_TRACE ", b" @a ", b" /*!50000get_lock*/ ", b" ; SELECT 1",
            b" version_tokens_lock_exclusive(", b" temporary ",
        ],
    )  # fmt: skip
    def test_one_cut_in_two(self, trigger: bytes) -> None:
        before, after = b"SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' ", b" 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbb'"
        for at in range(len(trigger) + 1):
            pieces = [b"SELECT 'x', ", before + trigger[:at], trigger[at:] + after]
            assert long_verdict(pieces).pins == UNREADABLE, at
            assert long_verdict(pieces[1:]).pins == UNREADABLE, at

    def test_one_cut_anywhere_however_small_the_pieces(self) -> None:
        """A client may send as few bytes at a time as it likes."""
        for pieces in manners(b"'a', GET_LOCK('a', 1)"):
            assert long_verdict([b"SELECT ", *pieces]).pins == UNREADABLE, pieces

    def test_an_empty_piece_in_the_middle_of_one(self) -> None:
        assert long_verdict([b"SELECT 'a', GET_LO", b"", b"CK('a', 1)"]).pins == UNREADABLE

    def test_words_are_not_made_up_from_two_statements(self) -> None:
        screen = screening()
        long_verdict([b"SELECT get_", b"'a' "], screen)
        assert long_verdict([b"lock_count FROM t WHERE x = 'a", b"a'"], screen).pins == frozenset()

    def test_once_pinned_it_stays_so(self) -> None:
        assert long_verdict([b"SELECT GET_LOCK('a', 1)", b", 1", b", 2"]).pins == UNREADABLE

    @pytest.mark.parametrize("letter", ["\u212a", "k"])
    def test_letters_whose_lower_case_is_an_ascii_one(self, letter: str) -> None:
        """As in short statements: a server reads the Kelvin sign as a K."""
        text = f"SELECT GET_LOC{letter}('a', 1)"
        assert screening().statement(query(text), False).pins
        assert long_verdict([text.encode(), b", 1"]).pins == UNREADABLE
        assert long_verdict([b"SELECT 'a', ", text.encode()]).pins == UNREADABLE

    def test_a_long_prepared_text(self) -> None:
        screen = screening()
        verdict = screen.command(Command.STMT_PREPARE, p.packet(b"\x16SELECT 'a', GET_LO"), True)
        assert verdict.pins == frozenset()
        assert screen.piece(b"CK(?, 1)", verdict).pins == UNREADABLE


class TestOtherCommands:
    def test_a_change_of_the_schema(self) -> None:
        assert screening().command(Command.INIT_DB, p.packet(b"\x02shop"), False) is NAMES_ONLY

    @pytest.mark.parametrize("code", [Command.STMT_FETCH, Command.STMT_RESET, Command.STMT_CLOSE])
    def test_those_that_leave_nothing(self, code: Command) -> None:
        packet = p.packet(bytes((code,)) + (1).to_bytes(4, "little"))
        assert screening().command(code, packet, False) is PLAIN


class TestPreparedStatements:
    def test_the_text_is_judged_when_it_is_prepared(self) -> None:
        screen = screening()
        packet = p.packet(b"\x16SELECT GET_LOCK('a', 1)")
        assert PinReason.NAMED_LOCK in screen.command(Command.STMT_PREPARE, packet, False).pins
        assert screen.command(Command.STMT_EXECUTE, execute(1), False) is PLAIN

    def test_long_parameters_are_no_sql(self) -> None:
        screen = screening()
        verdict = screen.command(Command.STMT_EXECUTE, execute(1)[:-1] + b"a@b; lock", True)
        assert screen.piece(b"c@d; get_lock('a', 1)", verdict).pins == frozenset()


class TestDialect:
    #: A call only where a backslash does not escape the quote behind it.
    HIDDEN = r"SELECT 'a\', GET_LOCK(1, 1), '"

    @pytest.mark.parametrize(
        ("status", "sql_mode", "without_escapes"),
        [
            (0, None, False),
            (NO_BACKSLASH_ESCAPES, None, True),
            (0, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", True),
            (NO_BACKSLASH_ESCAPES, "STRICT_TRANS_TABLES", False),
            (NO_BACKSLASH_ESCAPES, "", False),
            (NO_BACKSLASH_ESCAPES, "NO_BACKSLASH_ESCAPES", True),
        ],
    )
    def test_sql_mode_counts_and_the_flag_where_it_is_not_known(
        self, status: int, sql_mode: str | None, without_escapes: bool
    ) -> None:
        variables = {} if sql_mode is None else {"sql_mode": sql_mode}
        screen = screening(AUTOCOMMIT | status, **variables)
        verdict = screen.statement(query(self.HIDDEN), False)
        assert (PinReason.NAMED_LOCK in verdict.pins) is without_escapes

    def test_it_follows_the_session(self) -> None:
        screen = screening()
        assert not screen.statement(query(self.HIDDEN), False).pins
        value = screen._value
        value.settings = value.settings.changed(variables=[("sql_mode", "NO_BACKSLASH_ESCAPES")])
        assert screen.statement(query(self.HIDDEN), False).pins
        value.settings = value.settings.changed(variables=[("sql_mode", "")])
        assert not screen.statement(query(self.HIDDEN), False).pins

    @pytest.mark.parametrize("charset", ["gbk", "sjis", "big5", ""])
    def test_where_a_character_may_hold_a_quote_all_words_count(self, charset: str) -> None:
        screen = screening(character_set_client=charset)
        assert screen.statement(query(self.HIDDEN), False).pins

    def test_a_character_set_nobody_has_told_of(self) -> None:
        screen = Screening(Screen(), SessionValue(FRESH, AUTOCOMMIT))
        assert screen.statement(query(self.HIDDEN), False).pins
