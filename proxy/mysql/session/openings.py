"""What a text opens on its connection and what it closes again, by name.

MySQL manual: "CREATE TEMPORARY TABLE Statement", "DROP TABLE Statement", "LOCK TABLES and UNLOCK TABLES
Statements", "HANDLER Statement", "Locking Functions"; MariaDB knowledge base: "BACKUP STAGE", "BACKUP LOCK".
A name is a name only in ASCII and without a dot of its own; what cannot be named is left out, and then
nobody takes it for closed.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import attrs

from .effects import NAMED_LOCK_FUNCTIONS, ONE_SHOT_VARIABLES
from .lexer import Kind, Piece
from .parts import Reader, Statement, string_in
from .pins import PinReason
from .set_statements import read_set
from .verdict_parts import End

__all__ = ["NO_OPENINGS", "Openings", "openings_in"]

_Names = dict[PinReason, frozenset[str]]

_LOCKS = b"GET_LOCK"
_OTHER_LOCKS = NAMED_LOCK_FUNCTIONS - {_LOCKS}
_RELEASE, _RELEASE_ALL = b"RELEASE_LOCK", b"RELEASE_ALL_LOCKS"
_NO_TABLES = (b"COLUMN", b"INDEX", b"KEY")
_NO_CLOCK = (b"DEFAULT", b"0")
_ONE_SHOT_NAMES = frozenset(name.decode().lower() for name in ONE_SHOT_VARIABLES)
_ONE_SHOTS = PinReason.ONE_SHOT_VARIABLE


@attrs.frozen
class Openings:
    """Of one statement, or of a text; the fields are those of a verdict.

    unknown: reasons of which something may have been opened whose name is not known.
    """

    names: _Names = attrs.field(factory=dict)
    ends: tuple[End, ...] = ()
    unknown: frozenset[PinReason] = frozenset()
    lock_parameters: tuple[int, ...] = ()
    releases_lock: bool = False
    renames_tables: bool = False


NO_OPENINGS = Openings()


def openings_in(
    statements: Sequence[Statement], pins: frozenset[PinReason], backslash_escapes: bool
) -> Openings:
    """The sum over the statements of a text; ``pins``: what the text may leave behind at all.

    Of a reason in ``pins`` that no statement tells a name of, something that is not known stays open.
    """
    found = [_of_statement(statement, backslash_escapes) for statement in statements]
    has_use = any(statement.first == b"USE" for statement in statements)
    told = _Sum()
    for each in found:
        told.add(_unqualified_removed(each) if has_use else each)
    parameters = tuple(number for each in found for number in each.lock_parameters)
    if len(statements) > 1 or told.names.get(PinReason.NAMED_LOCK):
        parameters = ()
    return Openings(
        names={reason: names for reason, names in told.names.items() if reason in pins - told.unknown},
        ends=told.ends(),
        unknown=frozenset(told.unknown),
        lock_parameters=parameters,
        releases_lock=any(each.releases_lock for each in found),
        renames_tables=any(each.renames_tables for each in found),
    )


class _Sum:
    """What is open and ended after statements in their order."""

    def __init__(self) -> None:
        self.names: _Names = {}
        self.unknown: set[PinReason] = set()
        self._ended: dict[PinReason, dict[str, None] | None] = {}

    def add(self, each: Openings) -> None:
        for end in each.ends:
            self._end(end.reason, end.names)
        for reason, names in each.names.items():
            self.names[reason] = self.names.get(reason, frozenset()) | names
        self.unknown |= each.unknown

    def _end(self, reason: PinReason, names: tuple[str, ...] | None) -> None:
        before = self._ended.setdefault(reason, {})
        if names is None:
            self._ended[reason] = None
            self.unknown.discard(reason)
            self.names[reason] = frozenset()
            return
        if before is not None:
            before.update(dict.fromkeys(names))
        if reason in self.names:
            self.names[reason] = self.names[reason].difference(names)

    def ends(self) -> tuple[End, ...]:
        return tuple(
            End(reason, None if names is None else tuple(names))
            for reason, names in self._ended.items()
            if names != {}
        )


def _unqualified_removed(each: Openings) -> Openings:
    """Names of tables mean something else behind a USE, so only qualified ones are certain."""
    tables = each.names.get(PinReason.TEMPORARY_TABLE, frozenset())
    ends = tuple(
        attrs.evolve(end, names=tuple(name for name in end.names if "." in name))
        if end.names is not None and end.reason is PinReason.TEMPORARY_TABLE
        else end
        for end in each.ends
    )
    if all("." in name for name in tables):
        return attrs.evolve(each, ends=ends)
    names = {reason: found for reason, found in each.names.items() if found is not tables}
    return attrs.evolve(each, names=names, ends=ends, unknown=each.unknown | {PinReason.TEMPORARY_TABLE})


def _of_statement(statement: Statement, backslash_escapes: bool) -> Openings:
    locks = _locks(statement, backslash_escapes)
    rule = _RULES.get(statement.first)
    found = NO_OPENINGS if rule is None else rule(statement)
    if locks is NO_OPENINGS:
        return found
    return attrs.evolve(
        found,
        names={**found.names, **locks.names},
        ends=(*found.ends, *locks.ends),
        unknown=found.unknown | locks.unknown,
        lock_parameters=locks.lock_parameters,
        releases_lock=locks.releases_lock,
    )


def _opened(reason: PinReason, name: str) -> Openings:
    return Openings(names={reason: frozenset((name,))}) if name else Openings(unknown=frozenset((reason,)))


def _ended(*ends: End) -> Openings:
    return Openings(ends=ends)


def _behind(statement: Statement) -> Reader:
    """What follows the first word."""
    return Reader(statement.pieces[1:])


def _create(statement: Statement) -> Openings:
    reader = _behind(statement)
    reader.words(b"OR", b"REPLACE")
    if not reader.word(b"TEMPORARY"):
        # The word may be a column's name, or stand in what is stored.
        return Openings(names={PinReason.TEMPORARY_TABLE: frozenset()})
    if not reader.word(b"TABLE"):
        return _opened(PinReason.TEMPORARY_TABLE, "")
    reader.words(b"IF", b"NOT", b"EXISTS")
    return _opened(PinReason.TEMPORARY_TABLE, _table(reader))


def _table(reader: Reader) -> str:
    names = reader.names()
    return ".".join(names) if len(names) <= 2 else ""


def _drop(statement: Statement) -> Openings:
    reader = _behind(statement)
    reader.word(b"TEMPORARY")
    if not reader.word(b"TABLE", b"TABLES"):
        return NO_OPENINGS
    reader.words(b"IF", b"EXISTS")
    dropped = [_table(reader)]
    while reader.mark(b","):
        dropped.append(_table(reader))
    reader.word(b"RESTRICT", b"CASCADE")
    if not reader.word(b"NOWAIT") and reader.word(b"WAIT"):
        reader.take()
    if not reader.at_end:
        # Something that is no name stopped the list.
        return NO_OPENINGS
    return _ended(End(PinReason.TEMPORARY_TABLE, tuple(name for name in dropped if name)))


def _handler(statement: Statement) -> Openings:
    reader = _behind(statement)
    table = reader.names()
    if reader.word(b"OPEN"):
        reader.word(b"AS")
        alias = table if reader.at_end else reader.names()
        return _opened(PinReason.HANDLER, alias[-1].lower() if alias and reader.at_end else "")
    if table and reader.words(b"CLOSE") and reader.at_end:
        return _ended(End(PinReason.HANDLER, (table[-1].lower(),)))
    return NO_OPENINGS


_TABLES_UNLOCKED = End(PinReason.LOCK_TABLES)


def _unlock(statement: Statement) -> Openings:
    reader = _behind(statement)
    what = reader.word(b"TABLE", b"TABLES", b"INSTANCE", b"BINLOG")
    if not what or not reader.at_end:
        return NO_OPENINGS
    if what in (b"TABLE", b"TABLES"):
        return _ended(_TABLES_UNLOCKED, End(PinReason.FLUSH_TABLES_WITH_READ_LOCK))
    return _ended(End(PinReason.BACKUP_LOCK, (what.decode().lower(),)))


def _lock(statement: Statement) -> Openings:
    reader = _behind(statement)
    what = reader.word(b"INSTANCE", b"BINLOG")
    if what:
        return _opened(PinReason.BACKUP_LOCK, what.decode().lower())
    return Openings(unknown=frozenset((PinReason.LOCK_TABLES,)))


def _backup(statement: Statement) -> Openings:
    reader = _behind(statement)
    if reader.words(b"STAGE"):
        is_end = reader.words(b"END") and reader.at_end
        return (
            Openings(
                names={PinReason.BACKUP_LOCK: frozenset()}, ends=(End(PinReason.BACKUP_LOCK, ("stage",)),)
            )
            if is_end
            else _opened(PinReason.BACKUP_LOCK, "stage")
        )
    if reader.words(b"UNLOCK") and reader.at_end:
        return _ended(End(PinReason.BACKUP_LOCK, ("lock",)))
    return _opened(PinReason.BACKUP_LOCK, "lock")


def _flush(_: Statement) -> Openings:
    return Openings(unknown=frozenset((PinReason.FLUSH_TABLES_WITH_READ_LOCK,)))


def _transaction(statement: Statement) -> Openings:
    if statement.first == b"START" and not _behind(statement).word(b"TRANSACTION"):
        return NO_OPENINGS
    return _ended(_TABLES_UNLOCKED)


def _rename(statement: Statement) -> Openings:
    return Openings(renames_tables=_behind(statement).word(b"TABLE", b"TABLES") != b"")


def _alter(statement: Statement) -> Openings:
    return Openings(
        renames_tables=any(
            piece.word == b"RENAME" and following.word not in _NO_TABLES
            for piece, following in pairwise(statement.pieces)
            if piece.kind is Kind.WORD
        )
    )


def _set(statement: Statement) -> Openings:
    found = read_set(statement)
    if found is None:
        return Openings(unknown=frozenset((_ONE_SHOTS,)))
    names = {each.name for each in found.assignments if each.is_session}
    ended = [
        each.name
        for each in found.assignments
        if each.name == "timestamp" and each.is_session and each.value_word in _NO_CLOCK
    ]
    ends = (End(_ONE_SHOTS, tuple(ended)),) if ended else ()
    return Openings(names={_ONE_SHOTS: frozenset(names & _ONE_SHOT_NAMES).difference(ended)}, ends=ends)


_RULES: dict[bytes, Callable[[Statement], Openings]] = {
    b"CREATE": _create,
    b"DROP": _drop,
    b"HANDLER": _handler,
    b"LOCK": _lock,
    b"UNLOCK": _unlock,
    b"BACKUP": _backup,
    b"FLUSH": _flush,
    b"BEGIN": _transaction,
    b"START": _transaction,
    b"RENAME": _rename,
    b"ALTER": _alter,
    b"SET": _set,
}


def _locks(statement: Statement, backslash_escapes: bool) -> Openings:
    """What the statement's calls do to named locks."""
    pieces = statement.pieces
    gets = [at for at, piece in enumerate(pieces) if _names_function(piece, (_LOCKS,))]
    others = any(_names_function(piece, _OTHER_LOCKS) for piece in pieces)
    releases = any(_names_function(piece, (_RELEASE,)) for piece in pieces)
    releases_all = any(_names_function(piece, (_RELEASE_ALL,)) for piece in pieces)
    if not (gets or others or releases or releases_all):
        return NO_OPENINGS
    if releases_all and _is_all_of(statement):
        return _ended(End(PinReason.NAMED_LOCK))
    names = [_lock_name(pieces, at, backslash_escapes) for at in gets]
    known = not others and all(names)
    parameters = () if others else _parameters(pieces, gets)
    return Openings(
        names={PinReason.NAMED_LOCK: frozenset(filter(None, names))} if known and gets else {},
        unknown=frozenset() if known else frozenset((PinReason.NAMED_LOCK,)),
        lock_parameters=parameters if len(parameters) == len(gets) else (),
        releases_lock=releases or releases_all,
    )


def _names_function(piece: Piece, names: Iterable[bytes]) -> bool:
    if piece.kind is Kind.DOUBLE_QUOTED:
        return piece.text[1:-1].upper() in names
    return piece.kind in (Kind.WORD, Kind.BACKQUOTED) and piece.word in names


def _is_all_of(statement: Statement) -> bool:
    """Whether the statement is SELECT or DO of RELEASE_ALL_LOCKS() alone, which then runs once."""
    words = [piece.text.upper() for piece in statement.pieces]
    has_alias = len(words) == 6 and words[4] == b"AS"
    called = words[1:4] == [_RELEASE_ALL, b"(", b")"]
    return words[:1] in ([b"SELECT"], [b"DO"]) and called and (len(words) == 4 or has_alias)


def _lock_name(pieces: Sequence[Piece], at: int, backslash_escapes: bool) -> str:
    """The name in a call of GET_LOCK(), whose case only MySQL ignores; empty where it is not certain."""
    piece = _first_argument(pieces, at)
    # Double quotes may be for names, and the lock's name in a column.
    if piece is None or piece.kind is not Kind.STRING:
        return ""
    value = string_in(piece, backslash_escapes)
    return value.decode() if value is not None and value.isascii() else ""


def _first_argument(pieces: Sequence[Piece], at: int) -> Piece | None:
    """The first argument of the call whose name is there, if it is one piece."""
    if [piece.text for piece in (*pieces[at + 1 : at + 2], *pieces[at + 3 : at + 4])] != [b"(", b","]:
        return None
    return pieces[at + 2]


def _parameters(pieces: Sequence[Piece], gets: Sequence[int]) -> tuple[int, ...]:
    """Which parameters are the names in these calls, as far as they are."""
    marks = [piece.start for piece in pieces if piece.kind is Kind.MARK and piece.text == b"?"]
    arguments = (_first_argument(pieces, at) for at in gets)
    return tuple(marks.index(each.start) for each in arguments if each is not None and each.start in marks)
