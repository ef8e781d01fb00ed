"""Values that a plain SET of user variables tells by its text (MySQL manual, "Literal Values").

Only literals on which MariaDB and MySQL agree are read: integers, decimals and doubles with one sign at most,
quoted strings, hexadecimal and bit values (both are binary strings), TRUE, FALSE and NULL. All else, strings
with an introducer or of NCHAR too, is left to be asked for.

A quoted string is in the client's character set, and becomes one of the connection's; a bare NULL keeps the
type the variable had. So these two are only values together with the session: ``resolved``.
"""

import math
import re
from collections.abc import Iterator, Sequence

import attrs

from .lexer import Kind as Piece
from .settings import Settings
from .user_variables import Kind, Variable

__all__ = ["LONGEST_LITERALS", "BareNull", "TextLiteral", "literals_in", "resolved"]

#: Items of a SET that are looked at; of a longer one all values are asked for.
LONGEST_LITERALS = 1000
#: Bytes of a list in parentheses that is looked at.
_LONGEST_RUN = 4096

_MOST_DIGITS = 65
_MOST_PLACES = 30
_BIGGEST_SIGNED = (1 << 63) - 1
_BIGGEST_UNSIGNED = (1 << 64) - 1
_DIGITS = re.compile(rb"[0-9]{1,65}\Z")
_HEX = re.compile(rb"0x([0-9a-fA-F]+)\Z")
_BITS = re.compile(rb"0b([01]+)\Z")
_WORDS = {b"TRUE": Variable(Kind.SIGNED, b"1"), b"FALSE": Variable(Kind.SIGNED, b"0")}
_ESCAPES = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
#: Left as they are, for LIKE.
_PATTERNS = (b"%", b"_")
#: Whose first 128 characters are those of ASCII.
_LIKE_ASCII = frozenset(
    {
        *("ascii", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "greek", "hebrew"),
        *("koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "utf8", "utf8mb3", "utf8mb4"),
    }
)
_UTF8 = frozenset(("utf8", "utf8mb3", "utf8mb4"))
#: One byte a character, and none that is refused.
_SINGLE_BYTES = frozenset(("binary", "cp1250", "cp1251", "koi8r", "koi8u", "latin1", "latin2", "latin5"))

_Item = tuple[Piece, bytes, str]


@attrs.frozen
class TextLiteral:
    """A quoted string, without quotes and escapes, as the client wrote it."""

    value: bytes = attrs.field(repr=False)


@attrs.frozen
class BareNull:
    """NULL, of the type that the variable had."""


def literals_in(
    items: Sequence[_Item], backslash_escapes: bool
) -> dict[str, Variable | TextLiteral | BareNull]:
    """The variables that a SET sets to a plain literal, and to nothing else.

    ``items``: kind, text and the variable's name of each token behind SET.
    """
    is_long = any(kind is Piece.RUN and len(text) > _LONGEST_RUN for kind, text, _ in items)
    if is_long or len(items) > LONGEST_LITERALS:
        return {}
    found: dict[str, Variable | TextLiteral | BareNull] = {}
    twice: set[str] = set()
    for part in _parts(items, backslash_escapes):
        name = part[0][2] if part else ""
        if not name:
            continue
        value = _value(_behind_sign(part[1:]), backslash_escapes)
        twice.update({name} & found.keys())
        if value is None:
            twice.add(name)
        else:
            found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


def _behind_sign(part: Sequence[_Item]) -> Sequence[_Item]:
    texts = [text for _, text, _ in part[:2]]
    if texts[:1] == [b"="]:
        return part[1:]
    return part[2:] if texts == [b":", b"="] else ()


def _parts(items: Sequence[_Item], backslash_escapes: bool) -> Iterator[list[_Item]]:
    """The assignments: what stands between commas outside of parentheses."""
    part: list[_Item] = []
    depth = 0
    for item in items:
        for kind, text, name in _exploded(item, backslash_escapes):
            if text == b"," and kind is Piece.MARK and depth == 0:
                yield part
                part = []
                continue
            if kind is Piece.MARK:
                depth += (text == b"(") - (text == b")")
            part.append((kind, text, name))
    yield part


def _exploded(item: _Item, backslash_escapes: bool) -> Iterator[_Item]:
    """The marks and literals of a RUN, one by one."""
    kind, text, _ = item
    if kind is not Piece.RUN:
        yield item
        return
    for mark in _run_pieces(backslash_escapes).finditer(text):
        found = mark.group()
        yield (Piece.STRING if found.startswith(b"'") else Piece.MARK), found, ""


_ESCAPED_RUN = re.compile(rb"'(?:[^'\\]++|\\.|'')*+'|[(),]|[^\s(),']++", re.DOTALL)
_PLAIN_RUN = re.compile(rb"'(?:[^']++|'')*+'|[(),]|[^\s(),']++", re.DOTALL)


def _run_pieces(backslash_escapes: bool) -> re.Pattern[bytes]:
    return _ESCAPED_RUN if backslash_escapes else _PLAIN_RUN


def _value(part: Sequence[_Item], backslash_escapes: bool) -> Variable | TextLiteral | BareNull | None:
    negative = False
    if len(part) == 2 and part[0][0] is Piece.MARK and part[0][1] in (b"-", b"+"):
        negative = part[0][1] == b"-"
        part = part[1:]
        if part[0][0] not in (Piece.NUMBER, Piece.WORD) or not part[0][1][:1].isdigit():
            return None if part[0][0] is not Piece.NUMBER else _number(part[0][1], negative)
        return _integer(part[0][1], negative) or _number(part[0][1], negative)
    if len(part) == 2 and part[0][0] is Piece.WORD and part[1][0] is Piece.STRING:
        return _coded(part[0][1].upper(), part[1][1][1:-1])
    if len(part) != 1:
        return None
    kind, text, _ = part[0]
    if kind in (Piece.STRING, Piece.DOUBLE_QUOTED):
        return TextLiteral(_unquoted(text, backslash_escapes))
    if kind is Piece.NUMBER:
        return _number(text, negative)
    if kind is not Piece.WORD:
        return None
    if text.upper() == b"NULL":
        return BareNull()
    return _WORDS.get(text.upper()) or _integer(text, negative) or _binary(text)


def _integer(text: bytes, negative: bool) -> Variable | None:
    if not _DIGITS.match(text):
        return None
    number = -int(text) if negative else int(text)
    digits = b"%d" % number
    if -_BIGGEST_SIGNED - 1 <= number <= _BIGGEST_SIGNED:
        return Variable(Kind.SIGNED, digits)
    return Variable(Kind.UNSIGNED if 0 < number <= _BIGGEST_UNSIGNED else Kind.DECIMAL, digits)


def _number(text: bytes, negative: bool) -> Variable | None:
    """A decimal or double; None for those that the servers read in different ways."""
    if b"e" in text.lower():
        number = float(text)
        if not math.isfinite(number) or number == 0:
            return None
        return Variable(Kind.DOUBLE, repr(-number if negative else number).encode())
    whole, point, places = text.partition(b".")
    whole = whole.lstrip(b"0") or b"0"
    if not point or len(whole) + len(places) > _MOST_DIGITS or len(places) > _MOST_PLACES:
        return None
    digits = whole + b"." + places if places else whole
    sign = b"-" if negative and digits.strip(b"0.") else b""
    return Variable(Kind.DECIMAL, sign + digits)


def _binary(text: bytes) -> Variable | None:
    found = _HEX.match(text)
    if found is not None:
        return _coded(b"X", b"0" * (len(found[1]) % 2) + found[1])
    found = _BITS.match(text)
    return None if found is None else _coded(b"B", found[1])


def _coded(word: bytes, digits: bytes) -> Variable | None:
    """``X'41'`` and ``B'1000001'``."""
    try:
        if word == b"X":
            return Variable(Kind.STRING, bytes.fromhex(digits.decode("ascii")))
        if word == b"B":
            number = int(digits, 2) if digits else 0
            return Variable(Kind.STRING, number.to_bytes((len(digits) + 7) // 8, "big"))
    except ValueError:
        return None
    return None


def _unquoted(text: bytes, backslash_escapes: bool) -> bytes:
    quote, inner = text[:1], text[1:-1]
    if not backslash_escapes:
        return inner.replace(quote * 2, quote)
    # A doubled quote is one, but not where the first of them is escaped.
    both = re.compile(rb"\\(.)|%b%b" % (quote, quote), re.DOTALL)
    return both.sub(lambda found: quote if found[1] is None else _unescaped(found[1]), inner)


def _unescaped(letter: bytes) -> bytes:
    return b"\\" + letter if letter in _PATTERNS else _ESCAPES.get(letter, letter)


def resolved(
    literal: Variable | TextLiteral | BareNull, session: Settings, before: Variable | None
) -> Variable | None:
    """The value of a literal, or None where it has to be asked for.

    ``session``: the settings when the statement was sent. ``before``: the variable's value then, None if it
    was never set.
    """
    if isinstance(literal, Variable):
        return literal
    if isinstance(literal, BareNull):
        return Variable(Kind.STRING, None) if before is None else attrs.evolve(before, value=None)
    return _text(literal.value, session)


def _text(value: bytes, session: Settings) -> Variable | None:
    collation = session.variables.get("collation_connection", "")
    client = session.variables.get("character_set_client", "")
    mode = session.variables.get("sql_mode")
    if not value and (mode is None or "EMPTY_STRING_IS_NULL" in mode.upper()):
        return None
    if not collation or not _stays(value, client, collation.partition("_")[0]):
        return None
    return Variable(Kind.STRING, value, collation)


def _stays(value: bytes, client: str, connection: str) -> bool:
    """Whether a string has the same bytes in both character sets, and is one in them."""
    if value.isascii():
        return client == connection or {client, connection} <= _LIKE_ASCII
    if client in _SINGLE_BYTES:
        return client == connection
    if not {client, connection} <= _UTF8:
        return False
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return {client, connection} == {"utf8mb4"} or max(text) <= "\uffff"
