"""PREPARE, EXECUTE and DEALLOCATE PREPARE as text (MySQL manual, "Prepared Statements").

MariaDB has EXECUTE IMMEDIATE as well, and takes expressions where MySQL takes a user variable; those are not
read here. Nothing is taken for such a statement that is not all of a text.
"""

from collections.abc import Sequence

from .lexer import Kind, Piece
from .parts import Reader, Statement, string_in
from .verdict_parts import TextDeallocate, TextExecute, TextPrepare, TextStatement

__all__ = ["renamed", "text_prepared"]


def text_prepared(statements: Sequence[Statement], backslash_escapes: bool) -> TextStatement | None:
    """What the one statement of a text does with a prepared statement; None for all else."""
    if len(statements) != 1 or statements[0].settings:
        return None
    reader = Reader(statements[0].pieces)
    if reader.words(b"PREPARE"):
        return _prepare(reader, backslash_escapes)
    if reader.words(b"EXECUTE"):
        return _execute(reader, backslash_escapes)
    if reader.words(b"DEALLOCATE", b"PREPARE") or reader.words(b"DROP", b"PREPARE"):
        name, at = _name(reader)
        return TextDeallocate(name, at) if name and reader.at_end else None
    return None


def renamed(text: bytes, statement: TextStatement, name: bytes) -> bytes:
    """The text with another name for the prepared statement, quoted as given; IMMEDIATE has none to replace.

    ``statement``: that of the verdict on this very text.
    """
    start, end = statement.name_at
    return text[:start] + name + text[end:] if end else text


def _prepare(reader: Reader, backslash_escapes: bool) -> TextPrepare | None:
    name, at = _name(reader)
    if not name or not reader.words(b"FROM"):
        return None
    variable, source, is_double = _source(reader, backslash_escapes)
    if not reader.at_end or (source is None and not variable):
        return None
    return TextPrepare(name, source, variable, is_double, at)


def _execute(reader: Reader, backslash_escapes: bool) -> TextExecute | None:
    variable, source, is_double = "", None, False
    name, at = "", (0, 0)
    if reader.words(b"IMMEDIATE"):
        variable, source, is_double = _source(reader, backslash_escapes)
        if source is None and not variable:
            return None
    else:
        name, at = _name(reader)
        if not name:
            return None
    using = _using(reader)
    return None if using is None else TextExecute(name, using, source, variable, is_double, at)


def _using(reader: Reader) -> tuple[str, ...] | None:
    if reader.at_end:
        return ()
    if not reader.words(b"USING"):
        return None
    found = []
    while True:
        variable = _variable(reader)
        if not variable:
            return None
        found.append(variable)
        if reader.at_end:
            return tuple(found)
        if not reader.mark(b","):
            return None


def _name(reader: Reader) -> tuple[str, tuple[int, int]]:
    piece = reader.next
    names = reader.names()
    if piece is None or len(names) != 1:
        return "", (0, 0)
    return names[0].lower(), (piece.start, piece.end)


def _source(reader: Reader, backslash_escapes: bool) -> tuple[str, bytes | None, bool]:
    """A variable's name, or a literal and whether it stands in double quotes."""
    piece = reader.next
    if piece is None:
        return "", None, False
    if piece.kind in (Kind.STRING, Kind.DOUBLE_QUOTED):
        reader.take()
        return "", string_in(piece, backslash_escapes), piece.kind is Kind.DOUBLE_QUOTED
    return _variable(reader), None, False


def _variable(reader: Reader) -> str:
    """The name of a user variable, in lower case; empty where there is none or it is not certain."""
    start = reader.next
    if not reader.mark(b"@"):
        return ""
    pieces: list[Piece] = []
    end = -1 if start is None else start.end
    # @a.b, @a$b and @1 are names, but a blank ends one.
    while (piece := reader.next) is not None and piece.start == end and _may_be_of_name(piece, pieces):
        pieces.append(piece)
        end = piece.end
        reader.take()
    if len(pieces) == 1 and pieces[0].kind in (Kind.BACKQUOTED, Kind.STRING, Kind.DOUBLE_QUOTED):
        return _quoted(pieces[0])
    name = b"".join(piece.text for piece in pieces)
    return name.decode().lower() if name.isascii() else ""


def _may_be_of_name(piece: Piece, so_far: Sequence[Piece]) -> bool:
    if piece.kind in (Kind.BACKQUOTED, Kind.STRING, Kind.DOUBLE_QUOTED):
        return not so_far
    if so_far and so_far[0].kind not in (Kind.WORD, Kind.NUMBER, Kind.MARK):
        return False
    return piece.kind in (Kind.WORD, Kind.NUMBER) or piece.text == b"."


def _quoted(piece: Piece) -> str:
    quote = piece.text[:1]
    name = piece.text[1:-1].replace(quote * 2, quote)
    is_certain = name.isascii() and b"\\" not in name and not name.endswith(b" ")
    return name.decode().lower() if is_certain else ""
