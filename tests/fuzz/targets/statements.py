"""Statement texts: lexer, screen and digest take any bytes, in linear time; no disguise softens a verdict."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from proxy.mysql.session import lexer
from proxy.mysql.session.digest import digest
from proxy.mysql.session.lexer import Kind, lex, split_statements
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.screen import Dialect, Screen, may_leave_state
from proxy.mysql.session.verdict import Verdict
from tests.fuzz.choices import Choices

_WORDS = (
    b"SET SELECT @ @@ x := = , ( ) ; . session global ROLE admin CREATE TEMPORARY TABLE t LOCK TABLES READ "
    b"FLUSH WITH GET_LOCK 'a' \"b\" `c` 1 -1 1.5e3 NULL /* */ /*! /*!50110 /*M! -- # '' \\ \\' ' \" ` $$ "
    b"$q$ [ ] SQL_CALC_FOUND_ROWS HANDLER OPEN PREPARE FROM EXECUTE IMMEDIATE insert_id timestamp "
    b"session_track_gtids profiling SHOW WARNINGS ROW_COUNT LAST_INSERT_ID XA START COMMIT CALL p USE shop "
    b"BEGIN END IF THEN INSERT VALUES RETURNING \xa0 \xc3\xa9 \xbf\x27 \x00 \xe2\x84\xaa - + * / ! % | & N "
    b"DEFAULT OFF CONNECTION_ID KILL QUERY"
).split(b" ")
_BLANKS = (b" ", b"\n", b"/**/", b" /* ' */ ", b' -- "\n', b" #`\n", b"\r\v\f", b"\t")
_SECRET = b"s3cr3t"
_SCREEN = Screen(cached_verdicts=0)


def _text(choices: Choices) -> bytes:
    if choices.flag():
        return choices.take(4096)
    words = []
    while choices.left:
        words.append(choices.pick(_WORDS))
        if choices.flag():
            words.append(choices.pick(_BLANKS))
    return b"".join(words)


class _Counted:
    """A pattern's match that counts its calls."""

    def __init__(self, match: Callable[..., Any]) -> None:
        self.calls = 0
        self._match = match

    def __call__(self, text: bytes, at: int) -> Any:
        self.calls += 1
        found = self._match(text, at)
        assert found.end() > at, "stands still"
        return found


def _linear(text: bytes) -> None:
    for name, escapes in (("_WITH_ESCAPES", True), ("_WITHOUT_ESCAPES", False)):
        counted = _Counted(getattr(lexer, name))
        with patch.object(lexer, name, counted):
            lex(text, escapes)
        assert counted.calls <= len(text)


def _certain(text: bytes) -> bool:
    """Whether every server and mode would see the same tokens."""
    return all(
        lexed.readable and not lexed.ambiguous and not lexed.variable
        for lexed in (lex(text, True), lex(text, False))
    )


def _as_strict(before: Verdict, after: Verdict) -> None:
    if PinReason.UNREADABLE in after.pins:
        return
    assert before.pins <= after.pins, before.pins - after.pins
    assert before.reads & ~after.reads == type(before.reads).NONE


def _disguised(text: bytes, choices: Choices) -> bytes:
    """The same tokens with other blanks between them, and words in another case."""
    out = []
    for kind, token in lex(text, True).tokens:
        out.append(choices.pick(_BLANKS))
        out.append(token.swapcase() if kind is Kind.WORD and choices.flag() else token)
    return b"".join(out)


def _digests(text: bytes, rest: bytes) -> None:
    for limit in (0, 1, 10, 1024):
        assert len(digest(text, limit)) <= limit
    if _certain(text) and _SECRET not in (text + rest).lower():
        assert _SECRET.decode() not in digest(text + b" '" + _SECRET + b"' " + rest)


def fuzz(data: bytes) -> None:
    """The first bytes decide the disguise, the rest the text."""
    disguise, choices = Choices(data[:16]), Choices(data[16:])
    text = _text(choices)
    _linear(text)
    pieces = split_statements(text)
    assert all(piece in text for piece in pieces)
    verdicts = {dialect: _SCREEN.verdict(text, dialect) for dialect in Dialect}
    plain = verdicts[Dialect.DEFAULT]
    if plain.pins or plain.reads:
        assert may_leave_state(text)
    assert plain.pins - {PinReason.UNREADABLE} <= verdicts[Dialect.OPAQUE].pins
    cached = Screen(cached_verdicts=1)
    assert cached.verdict(text, Dialect.DEFAULT) == cached.verdict(text, Dialect.DEFAULT) == plain
    _digests(text, disguise.take(16))
    if _certain(text):
        _as_strict(plain, _SCREEN.verdict(_disguised(text, disguise), Dialect.DEFAULT))
        # What it reads may be another statement's now, what it leaves behind may not.
        after = _SCREEN.verdict(b"SELECT 1;" + text, Dialect.DEFAULT)
        assert plain.pins <= after.pins or PinReason.UNREADABLE in after.pins
