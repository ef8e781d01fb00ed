"""What a closer look at a text tells, beyond its words: the exact part of a verdict.

Exact means: as every server reads it. So a text whose tokens are not certain and one longer than LONGEST_TEXT
have none of it; one that is all in an executable comment, which a server may skip, has what is true either
way.
"""

from collections.abc import Sequence
from typing import Any

import attrs

from .effects import DEFINES
from .explanation import Explanation, definitions_in, explanation_of, names_tables
from .lexer import Kind, Lexed
from .openings import NO_OPENINGS, Openings, openings_in
from .parts import LONGEST_TEXT, Statement, flat, statements_in
from .pins import PinReason
from .set_statements import SetStatement, read_set
from .substitution import ASKED, asks_in, sets_found_rows
from .text_prepared import text_prepared
from .variable_use import NO_USE, VariableUse, runs_only_built_ins, variable_use
from .verdict import Ask, Diagnostics, Verdict

__all__ = ["with_details"]

#: What it does once is done once more by each time it is set, or it is not told again by the tracker.
_NOT_CONSTANT = ("session_track_", "debug")


#: Without any of these a statement has none of what is looked for here, but for the first words.
_WORDS = frozenset(
    b"TEMPORARY HANDLER LOCK UNLOCK BACKUP FLUSH RENAME PREPARE EXECUTE ROW_COUNT FOUND_ROWS CONNECTION_ID "
    b"WARNING_COUNT ERROR_COUNT RELEASE_LOCK RELEASE_ALL_LOCKS".split()
)
_QUOTED_WORDS = frozenset(quote + word for word in _WORDS for quote in (b"`", b'"'))
_FIRST_WORDS = frozenset(b"SET USE BEGIN START DROP RENAME SAVEPOINT".split())


def with_details(
    verdict: Verdict,
    text: bytes,
    lexed: Lexed,
    first: bytes,
    words: frozenset[bytes],
    *,
    backslash_escapes: bool,
) -> Verdict:
    """The verdict with the exact part; ``text`` as the client sent it, its tokens being certain.

    ``first``, ``words``: of its evidence.
    """
    use: VariableUse | None = NO_USE
    if b"@" in words:
        use = variable_use(text, backslash_escapes, lexed)
        if use is not None and _has_opener(text):
            use = attrs.evolve(use, literals={})
        pins = verdict.pins if use is None else verdict.pins - {PinReason.USER_VARIABLE}
        verdict = attrs.evolve(
            verdict, pins=pins, variables=use if use is not None and use.mentioned else None
        )
    elif not _is_worth_a_look(verdict, first, words):
        if lexed.variable or not verdict.runs_code:
            return verdict
        runs_code = verdict.calls or not runs_only_built_ins(text, backslash_escapes, lexed)
        return attrs.evolve(verdict, is_ddl=first in DEFINES, runs_code=runs_code)
    if len(text) > LONGEST_TEXT or lexed.variable:
        return verdict
    return _Look(verdict, text, use, backslash_escapes).verdict()


def _has_opener(text: bytes) -> bool:
    """Whether it has executable comments, which a server may skip."""
    return b"/*!" in text or b"/*M!" in text


def _is_worth_a_look(verdict: Verdict, first: bytes, words: frozenset[bytes]) -> bool:
    return bool(
        verdict.pins
        or verdict.multiple
        or first in _FIRST_WORDS
        or not words.isdisjoint(_WORDS)
        or not words.isdisjoint(_QUOTED_WORDS)
    )


@attrs.frozen
class _Look:
    """At one text."""

    _before: Verdict
    _text: bytes
    _use: VariableUse | None
    _backslash_escapes: bool

    def verdict(self) -> Verdict:
        """The verdict with all there is to tell."""
        before, escapes = self._before, self._backslash_escapes
        pieces = list(flat(self._text, escapes))
        words = frozenset(piece.word for piece in pieces if piece.kind in (Kind.WORD, Kind.BACKQUOTED))
        told: dict[str, Any] = {
            "asks": asks_in(pieces) if not words.isdisjoint(ASKED) else Ask.NONE,
            "names_tables": names_tables(words),
        }
        statements = statements_in(pieces)
        only_built_ins = self._runs_only_built_ins(statements or ())
        told["runs_code"] = before.calls or not only_built_ins
        if statements:
            found = openings_in(statements, before.pins, escapes)
            told |= _of_openings(found) | _of_sets(statements, before, escapes)
            told |= self._of_signals(statements, found, only_built_ins)
            told["is_ddl"] = any(statement.first in DEFINES for statement in statements)
            told["savepoint"] = any(statement.first == b"SAVEPOINT" for statement in statements)
            told["reads"] = _reads(statements, before)
        if _has_opener(self._text):
            told |= {"ends": (), "names": {}, "prepared": None, "constant_set": False, "tracks": {}}
        return attrs.evolve(before, **told)

    def _runs_only_built_ins(self, statements: Sequence[Statement]) -> bool:
        text = self._text
        for start, end in filter(None, map(definitions_in, statements)):
            text = text[:start] + b" " * (end - start) + text[end:]
        return runs_only_built_ins(text, self._backslash_escapes)

    def _of_signals(
        self, statements: Sequence[Statement], openings: Openings, only_built_ins: bool
    ) -> dict[str, Any]:
        prepared = text_prepared(statements, self._backslash_escapes)
        explanation = explanation_of(
            statements,
            openings,
            knows_variables=self._use is not None,
            knows_prepared=prepared is not None,
            runs_only_built_ins=only_built_ins,
        )
        return {
            "prepared": prepared,
            "explains_change": explanation is Explanation.FULL,
            "explains_visible_change": explanation is not Explanation.NONE,
        }


def _of_openings(found: Openings) -> dict[str, Any]:
    if found == NO_OPENINGS:
        return {"releases_lock": False, "renames_tables": False}
    return {
        "names": found.names,
        "ends": found.ends,
        "lock_parameters": found.lock_parameters,
        "releases_lock": found.releases_lock,
        "renames_tables": found.renames_tables,
    }


def _of_sets(statements: Sequence[Statement], verdict: Verdict, backslash_escapes: bool) -> dict[str, Any]:
    sets = [found for statement in statements if (found := read_set(statement)) is not None]
    names = frozenset(name for each in sets for name in each.session_names())
    tracks: dict[str, str] = {}
    for each in sets:
        for name in each.session_names():
            tracks.pop(name, None)
        tracks.update(each.tracks(backslash_escapes))
    return {
        "constant_set": len(sets) == len(statements)
        and not any(statement.settings for statement in statements)
        and _are_constant(sets, names, verdict),
        "sets_global": any(each.sets_global for each in sets),
        "tracks": tracks,
        "assigned_variables": names,
    }


def _are_constant(sets: Sequence[SetStatement], names: frozenset[str], verdict: Verdict) -> bool:
    if verdict.pins or any(name.startswith(_NOT_CONSTANT) for name in names):
        return False
    return all(each.is_constant for each in sets)


def _reads(statements: Sequence[Statement], verdict: Verdict) -> Diagnostics:
    """Without FOUND_ROWS() of a later statement, which the first one has set."""
    reads = verdict.reads
    first = statements[0]
    asks = any(b"FOUND_ROWS" in piece.text.upper() for piece in (*first.pieces, *first.settings))
    if reads & Diagnostics.FOUND_ROWS and sets_found_rows(first) and not asks:
        return reads & ~Diagnostics.FOUND_ROWS
    return reads
