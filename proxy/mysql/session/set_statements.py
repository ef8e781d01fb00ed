"""SET statements, assignment by assignment (MySQL manual, "SET Syntax for Variable Assignment")."""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from .lexer import Kind, Piece
from .parts import Reader, Statement, string_in

__all__ = ["Assignment", "Scope", "SetStatement", "read_set"]

_NAMES = frozenset(b"NAMES CHARACTER CHARSET".split())
_OTHER = frozenset(b"STATEMENT PASSWORD RESOURCE ROLE DEFAULT AUTHORIZATION SESSION_USER".split())
_CHARACTER_SETS = ("character_set_client", "character_set_connection", "character_set_results")
_TRANSACTION = ("transaction_isolation", "transaction_read_only", "tx_isolation", "tx_read_only")
_ONCE = frozenset(_TRANSACTION)
_PREFIX = "session_track_"


class Scope(enum.Enum):
    """Whose variable it is; ONCE: the next transaction's."""

    SESSION = "session"
    GLOBAL = "global"
    USER = "user"
    ONCE = "once"


_SCOPES = {
    b"GLOBAL": Scope.GLOBAL,
    b"PERSIST": Scope.GLOBAL,
    b"PERSIST_ONLY": Scope.GLOBAL,
    b"SESSION": Scope.SESSION,
    b"LOCAL": Scope.SESSION,
}


@attrs.frozen
class Assignment:
    """A variable's name in lower case, and the pieces of the value."""

    scope: Scope
    name: str
    value: Sequence[Piece] = ()

    @property
    def is_session(self) -> bool:
        """Of a system variable of this session."""
        return self.scope in (Scope.SESSION, Scope.ONCE)

    @property
    def value_word(self) -> bytes:
        """The value in capitals where it is one piece."""
        return self.value[0].text.upper() if len(self.value) == 1 else b""

    @property
    def is_constant(self) -> bool:
        """Whether the value is a literal or a word that is not DEFAULT."""
        value = list(self.value)
        if len(value) == 2 and value[0].text in (b"-", b"+") and value[1].kind in (Kind.NUMBER, Kind.WORD):
            return value[1].text[:1].isdigit() or value[1].kind is Kind.NUMBER
        if len(value) == 3 and value[1].text == b"-":
            # READ-COMMITTED; with numbers it would be a constant as well.
            return all(_is_plain_word(each) for each in value[::2])
        return len(value) == 1 and (
            value[0].kind in (Kind.STRING, Kind.DOUBLE_QUOTED, Kind.NUMBER) or _is_plain_word(value[0])
        )


def _is_plain_word(piece: Piece) -> bool:
    return piece.kind is Kind.WORD and piece.word != b"DEFAULT" and not piece.text.startswith(b"_")


@attrs.frozen
class SetStatement:
    """All that a SET assigns, in its order."""

    assignments: Sequence[Assignment]

    @property
    def is_constant(self) -> bool:
        """Whether it sets nothing but the session's system variables, and these to constants."""
        return all(
            each.scope is Scope.SESSION and each.is_constant and "." not in each.name
            for each in self.assignments
        )

    @property
    def sets_global(self) -> bool:
        """Whether it sets a variable for all sessions."""
        return any(each.scope is Scope.GLOBAL for each in self.assignments)

    def session_names(self) -> Iterator[str]:
        """The session's system variables that are assigned."""
        return (each.name for each in self.assignments if each.is_session)

    def tracks(self, backslash_escapes: bool) -> Mapping[str, str]:
        """The variables of the session tracker that are given literals, with these; a word as it stands."""
        found: dict[str, str] = {}
        for each in self.assignments:
            if each.is_session and each.name.startswith(_PREFIX):
                value = _literal(each, backslash_escapes)
                found.pop(each.name, None)
                if value is not None:
                    found[each.name] = value
        return found


def _literal(assignment: Assignment, backslash_escapes: bool) -> str | None:
    if len(assignment.value) != 1 or not assignment.is_constant:
        return None
    [piece] = assignment.value
    value = string_in(piece, backslash_escapes)
    value = piece.text if value is None else value
    return value.decode() if value.isascii() else None


def read_set(statement: Statement) -> SetStatement | None:
    """The assignments of a SET; None for other statements, SET with a grammar of its own among them."""
    pieces = statement.pieces
    if statement.first != b"SET" or len(pieces) < 2 or pieces[0].text == b"(":
        return None
    if pieces[1].kind is Kind.WORD and pieces[1].word in _OTHER:
        return None
    transaction = _transaction(Reader(pieces[1:]))
    if transaction is not None:
        return transaction
    assignments: list[Assignment] = []
    for item in _items(pieces[1:]):
        found = _assignments(item)
        if not found:
            return None
        assignments += found
    return SetStatement(assignments)


def _transaction(reader: Reader) -> SetStatement | None:
    """SET [GLOBAL | SESSION] TRANSACTION, whose characteristics are constants."""
    scope = _SCOPES.get(reader.word(*_SCOPES), Scope.ONCE)
    if not reader.word(b"TRANSACTION") or reader.next is None or reader.next.kind is not Kind.WORD:
        return None
    words = []
    while (piece := reader.take()) is not None:
        words.append(piece)
    # The value is a word that is constant: which one does not matter here.
    return SetStatement([Assignment(scope, name, words[:1]) for name in _TRANSACTION])


def _items(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    item: list[Piece] = []
    depth = 0
    for piece in pieces:
        depth += (piece.text == b"(") - (piece.text == b")")
        if piece.text == b"," and not depth:
            yield item
            item = []
        else:
            item.append(piece)
    yield item


def _assignments(item: Sequence[Piece]) -> list[Assignment]:
    """What one item of the list assigns; nothing where it cannot be read."""
    reader = Reader(item)
    word = reader.word(*_NAMES)
    if word:
        return _character_set(word, reader)
    if reader.mark(b"@"):
        return _assigned(Scope.USER, ("",), item)
    if reader.next is not None and reader.next.kind is Kind.SYSTEM_VARIABLE:
        reader.take()
        names = reader.names()
        scope = _SCOPES.get(names[0].upper().encode()) if len(names) > 1 else None
        if scope is not None:
            names = names[1:]
        elif names[-1:] and names[-1].lower() in _ONCE:
            # SET @@transaction_isolation is for the next transaction only, without @@ it is for the session.
            scope = Scope.ONCE
    else:
        scope = _SCOPES.get(reader.word(*_SCOPES))
        names = reader.names()
    return _assigned(scope or Scope.SESSION, names, item)


def _assigned(scope: Scope, names: Sequence[str], item: Sequence[Piece]) -> list[Assignment]:
    at = next((at for at, piece in enumerate(item) if piece.text == b"="), len(item))
    value = item[at + 1 :]
    if not names or not value:
        return []
    return [Assignment(scope, ".".join(names).lower(), value)]


def _character_set(word: bytes, reader: Reader) -> list[Assignment]:
    """NAMES x [COLLATE y], CHARACTER SET x, CHARSET x."""
    if word == b"CHARACTER" and not reader.word(b"SET"):
        return []
    name = reader.take()
    if name is None:
        return []
    found = [Assignment(Scope.SESSION, each, (name,)) for each in _CHARACTER_SETS]
    collation = reader.take() if word == b"NAMES" and reader.word(b"COLLATE") else name
    if not reader.at_end or collation is None:
        return []
    return [*found, Assignment(Scope.SESSION, "collation_connection", (collation,))]
