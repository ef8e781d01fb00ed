"""Which user variables a text mentions, and which it may assign (MySQL manual, "User-Defined Variables").

A text is cut into items: the lexer's pieces without blanks and comments, with each variable as one item. A
mention counts as a read only where nothing else is possible: everything in a kind of statement not known
here is taken for an assignment, and so is everything where a stored function may run. Names are as in
``user_variables``; a text with one whose folding the servers do not agree on has no answer.

What a trigger, a view's function or a called procedure does to variables that the text does not mention is
not to be seen here. ``runs_only_built_ins`` tells whether the text itself names a stored function.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import attrs

from .functions import BUILT_INS, BUILT_INS_WITHOUT_BLANK, WORDS_BEFORE_LISTS
from .lexer import Kind, Lexed, lex, pieces
from .user_variables import Variable
from .variable_literals import BareNull, TextLiteral, literals_in

__all__ = ["NO_USE", "Item", "VariableUse", "runs_only_built_ins", "variable_use"]

#: Characters of a name; MySQL refuses longer ones.
_LONGEST_NAME = 64
_BARE_NAME = re.compile(rb"[0-9A-Za-z._$]+")
_QUOTED = (Kind.STRING, Kind.DOUBLE_QUOTED, Kind.BACKQUOTED)
_SKIPPED = (Kind.BLANK, Kind.COMMENT, Kind.OPENER)
_QUOTED_NAMES = {
    quote: re.compile(b"%b((?:[^%b]++|%b%b)++)%b" % ((quote,) * 5)) for quote in (b"'", b'"', b"`")
}
#: Statements in which a variable is read, but for `:=` and INTO.
_READING = frozenset(
    b"SELECT INSERT UPDATE DELETE REPLACE WITH VALUES TABLE DO SET SHOW EXPLAIN DESCRIBE DESC "
    b"PREPARE KILL USE".split()
)
#: Behind these no variable of an INTO comes any more.
_ENDS_INTO = frozenset(b"FROM WHERE GROUP HAVING ORDER LIMIT FOR LOCK UNION VALUES VALUE SELECT SET".split())
#: SET with a grammar of its own.
_OTHER_SETS = frozenset(b"STATEMENT PASSWORD RESOURCE ROLE DEFAULT AUTHORIZATION SESSION_USER".split())


class Item(NamedTuple):
    """A piece that matters. ``name`` is a variable's; ``glued`` if nothing stands before it."""

    kind: Kind
    text: bytes
    name: str = ""
    glued: bool = False

    @property
    def word(self) -> bytes:
        """A keyword in capitals; empty for anything else."""
        return self.text.upper() if self.kind is Kind.WORD else b""


@attrs.frozen
class VariableUse:
    """The variables of a text. Of the assigned some may not be: it may fail, or stop before them.

    literals: what the assigned are afterwards if every statement of the text succeeds, to be ``resolved``;
    of the others the connection has to be asked.
    """

    mentioned: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()
    literals: Mapping[str, Variable | TextLiteral | BareNull] = attrs.field(
        factory=lambda: MappingProxyType({}), repr=False
    )

    @property
    def asked(self) -> frozenset[str]:
        """The assigned whose values the text does not tell."""
        return self.assigned.difference(self.literals)


NO_USE = VariableUse()


def variable_use(statement: bytes, backslash_escapes: bool, lexed: Lexed | None = None) -> VariableUse | None:
    """The use in a text as the client sent it, or None where that is not certain.

    ``lexed``: what ``lex`` has said of the text, if it was asked already.
    """
    if b"@" not in statement:
        return NO_USE
    lexed = lex(statement, backslash_escapes) if lexed is None else lexed
    if lexed.ambiguous or not lexed.readable:
        return None
    try:
        statements = _statements(statement, backslash_escapes)
    except _Uncertain:
        return None
    mentioned = frozenset(item.name for items in statements for item in items if item.name)
    if not mentioned:
        return NO_USE
    if lexed.variable:
        return VariableUse(mentioned, mentioned)
    assigned = frozenset(name for items in statements for name in _assigned(items))
    return VariableUse(mentioned, assigned, MappingProxyType(_literals(statements, backslash_escapes)))


def runs_only_built_ins(statement: bytes, backslash_escapes: bool, lexed: Lexed | None = None) -> bool:
    """Whether a text certainly calls no stored or loadable function by name, and no procedure."""
    lexed = lex(statement, backslash_escapes) if lexed is None else lexed
    if lexed.ambiguous or lexed.variable or not lexed.readable:
        return False
    try:
        return all(_is_without_calls(items) for items in _statements(statement, backslash_escapes))
    except _Uncertain:
        return False


class _Uncertain(Exception):
    """A variable's name that the servers may read in more than one way."""


def _statements(text: bytes, backslash_escapes: bool) -> list[list[Item]]:
    parts: list[list[Item]] = [[]]
    for item in _items(text, backslash_escapes):
        if item.kind is Kind.MARK and item.text == b";":
            parts.append([])
        else:
            parts[-1].append(item)
    return [part for part in parts if part]


def _items(text: bytes, backslash_escapes: bool) -> Iterator[Item]:
    before: Item | None = None
    name_ends = end = 0
    for piece in pieces(text, backslash_escapes):
        if piece.start < name_ends:
            if piece.end > name_ends:
                raise _Uncertain
            end = piece.end
            continue
        if piece.kind in _SKIPPED:
            continue
        glued, end = piece.start == end, piece.end
        if piece.kind is Kind.MARK and piece.text == b"@" and not _is_account(before):
            found, name_ends = _name(text, piece.end)
            before = Item(Kind.MARK, b"@", found, glued)
        else:
            before = Item(piece.kind, piece.text, "", glued)
        yield before


def _is_account(before: Item | None) -> bool:
    # No grammar lets a variable follow a literal or a quoted name, but 'user'@'host' does.
    return before is not None and before.kind in _QUOTED


def _name(text: bytes, start: int) -> tuple[str, int]:
    """The name of the variable whose `@` is before ``start``, and where it ends."""
    quote = text[start : start + 1]
    if quote in _QUOTED_NAMES:
        found = _QUOTED_NAMES[quote].match(text, start)
        name = b"" if found is None else found[1].replace(quote * 2, quote)
    else:
        found = _BARE_NAME.match(text, start)
        name = b"" if found is None else found[0]
    if found is None or not name.isascii() or len(name) > _LONGEST_NAME:
        raise _Uncertain
    if name.endswith(b" ") or b"\\" in name or b"\0" in name:
        raise _Uncertain
    return name.decode("ascii").lower(), found.end()


def _assigned(items: list[Item]) -> Iterator[str]:
    first = items[0].word
    if items[0].text.startswith(b"("):
        first = b"SELECT"
    is_set = first == b"SET" and len(items) > 1 and items[1].word not in _OTHER_SETS
    if first not in _READING or (first == b"SET" and not is_set) or not _is_without_calls(items):
        yield from (item.name for item in items if item.name)
        return
    into = False
    for at, item in enumerate(items):
        if not item.name:
            into = item.word == b"INTO" or (into and item.word not in _ENDS_INTO)
        elif into or _is_target(items, at, is_set):
            yield item.name


def _is_target(items: list[Item], at: int, is_set: bool) -> bool:
    """Whether the variable at this place stands before `:=`, or before `=` in a SET."""
    following = [item.text for item in items[at + 1 : at + 3]]
    return following == [b":", b"="] or (is_set and following[:1] == [b"="])


def _literals(
    statements: list[list[Item]], backslash_escapes: bool
) -> dict[str, Variable | TextLiteral | BareNull]:
    """What plain SETs set, where nothing else is in the text."""
    if any(items[0].word != b"SET" or len(items) < 2 or items[1].word in _OTHER_SETS for items in statements):
        return {}
    found: dict[str, Variable | TextLiteral | BareNull] = {}
    others: set[str] = set()
    for items in statements:
        known = literals_in([(item.kind, item.text, item.name) for item in items[1:]], backslash_escapes)
        times = Counter(_assigned(items))
        others.update(name for name in times if times[name] > 1 or name not in known)
        for name, value in known.items():
            # The character set of a later statement's strings, and the type of its NULL, may be new.
            if isinstance(value, Variable) or len(statements) == 1:
                found[name] = value
            else:
                others.add(name)
    return {name: value for name, value in found.items() if name not in others}


def _is_without_calls(items: list[Item]) -> bool:
    """Whether each name in front of a parenthesis is a built-in function's, or has a list behind it."""
    if items[0].word in (b"CALL", b"EXECUTE"):
        return False
    return all(
        _is_harmless(items, at - 1)
        for at, item in enumerate(items)
        if at and item.kind in (Kind.RUN, Kind.MARK) and item.text.startswith(b"(")
    )


def _is_harmless(items: list[Item], at: int) -> bool:
    """Whether what stands at this place, in front of a parenthesis, is no stored function."""
    item, following = items[at], items[at + 1]
    if item.name or item.kind not in (Kind.WORD, Kind.BACKQUOTED, Kind.DOUBLE_QUOTED):
        return True
    start = at
    while start >= 2 and items[start - 1].text == b"." and items[start - 1].kind is Kind.MARK:
        start -= 2
    before = items[start - 1].word if start else b""
    # Behind a list stands an alias or a word of the grammar, AGAINST and OVER among them; behind AS an alias.
    if before == b"AS" or (start and items[start - 1].text.rstrip().endswith(b")")):
        return True
    if before in (b"INTO", b"INSERT", b"REPLACE", b"IGNORE"):
        return items[0].word in (b"INSERT", b"REPLACE")
    if start != at or item.kind is not Kind.WORD:
        return False
    if item.word in BUILT_INS_WITHOUT_BLANK:
        return following.glued
    return item.word in BUILT_INS or item.word in WORDS_BEFORE_LISTS
