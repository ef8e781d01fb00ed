"""A user variable as a value that another connection can be given (MySQL manual, "User-Defined Variables").

Measured with MariaDB 10.11 and MySQL 9.7:

- A variable that is set to a bare NULL keeps the type it had, and a string its collation; later expressions
  have types after it. So a NULL has a kind here as well, and is made by setting a sample of that kind and
  NULL after it.
- A variable that was never set is NULL and binary. MySQL gives its column a type of its own (VAR_STRING), and
  COALESCE(@never, 1) is a number there. On MariaDB it differs from one that was only ever set to NULL in its
  column's display length alone, which is not told apart here.
- Nothing un-sets one variable. MariaDB's FLUSH USER_VARIABLES drops all, and wants the privilege RELOAD.
- Names ignore case. MySQL ignores accents in them as well, MariaDB does not; so only names in ASCII are held.
- MariaDB shows information_schema.USER_VARIABLES to anybody, but without collations. MySQL's
  performance_schema.user_variables_by_thread wants a privilege, and is not there where that schema is off.

Names are in lower case throughout, without `@` and quotes.
"""

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import attrs

__all__ = [
    "COLUMNS_EACH",
    "MAX_VARIABLES",
    "VARIABLES_LIMIT",
    "ColumnFacts",
    "Kind",
    "NotHeld",
    "Variable",
    "answered",
    "assignment",
    "literal",
    "question",
]

#: Bytes that the values of one session's variables may have together.
VARIABLES_LIMIT = 64 * 1024
#: Variables that one session may have; each costs about 150 bytes in a question for all of them.
MAX_VARIABLES = 256
#: Columns of an answer for each variable that was asked for.
COLUMNS_EACH = 4

#: Characters of a number; those of a double are 24 at most. Longer strings are sent once, not twice.
_LONGEST_NUMBER = 40
_UNSIGNED_FLAG = 32
_DECIMAL, _NEW_DECIMAL, _FLOAT, _DOUBLE = 0, 246, 4, 5
_INTEGERS = frozenset((1, 2, 3, 8, 9))
_VAR_STRING = 253
_STRINGS = frozenset((15, 249, 250, 251, 252, _VAR_STRING, 254))
_BIGGEST_SIGNED = (1 << 63) - 1

_NAME = re.compile(r"[\x01-\x7f]+\Z")
_COLLATION = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*\Z")
_INTEGER = re.compile(r"-?[0-9]+\Z")
_FIXED = re.compile(r"-?[0-9]*\.?[0-9]*\Z")
_FLOATING = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?\Z")
#: Character sets with characters that cannot be made: the server refuses them in a literal.
_CHECKED = {
    "utf8": "utf-8",
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
}


class Kind(enum.Enum):
    """The types that a variable can have. A date is a string, TRUE a signed integer."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    DECIMAL = "decimal"
    DOUBLE = "double"
    STRING = "string"


@attrs.frozen
class Variable:
    """A value; None is NULL of that kind. A number's ``value`` has its digits, a decimal's with their scale.

    ``collation`` belongs to strings, in the server's spelling; a binary string has `binary`.
    """

    kind: Kind
    value: bytes | None = attrs.field(repr=False)
    collation: str = "binary"

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")


@attrs.frozen
class NotHeld:
    """A value that was not sent, or cannot be given to another connection; ``length`` in bytes, 0 unknown."""

    length: int = 0


class ColumnFacts(Protocol):
    """What is needed of a column definition of the answer."""

    @property
    def type(self) -> int:
        """The protocol's type number."""

    @property
    def flags(self) -> int:
        """The definition's flags."""


def assignment(variables: Mapping[str, Variable]) -> str:
    """Parts for a SET statement that give a connection these values, separated by commas; ASCII.

    Reads alike in every SQL mode and character set. MySQL 8 warns of values in the character sets dec8, hp8,
    macce, macroman and ucs2. Raises ValueError for a name outside of ASCII.
    """
    parts = []
    for name, variable in sorted(variables.items()):
        quoted = _quoted(name)
        if variable.value is None:
            parts.append(f"{quoted}={literal(attrs.evolve(variable, value=_SAMPLES[variable.kind]))}")
            parts.append(f"{quoted}=NULL")
        else:
            parts.append(f"{quoted}={literal(variable)}")
    return ",".join(parts)


#: Of each kind, what NULL takes its type from.
_SAMPLES = {Kind.SIGNED: b"0", Kind.UNSIGNED: b"0", Kind.DECIMAL: b"0", Kind.DOUBLE: b"0", Kind.STRING: b""}


def literal(variable: Variable) -> str:
    """An expression with the value's exact type. Raises ValueError for NULL, which has no type by itself."""
    if variable.value is None:
        raise ValueError("an expression NULL has no type")
    if variable.kind is Kind.STRING:
        return _string(variable.value, variable.collation)
    digits = variable.value.decode("ascii")
    if variable.kind is Kind.UNSIGNED and int(digits) <= _BIGGEST_SIGNED:
        return f"CAST({digits} AS UNSIGNED)"
    if variable.kind is Kind.DECIMAL and "." not in digits:
        return digits + "."
    if variable.kind is Kind.DOUBLE and "e" not in digits:
        return digits + "e0"
    return digits


def _string(value: bytes, collation: str) -> str:
    if collation == "binary":
        return f"x'{value.hex()}'"
    if not _COLLATION.match(collation):
        raise ValueError("not the name of a collation")
    character_set = collation.partition("_")[0]
    if character_set == "utf8mb3":
        # Naming this character set is deprecated, having its values is not: all names and versions have it.
        return f"CONCAT(LEFT(VERSION(),0),_utf8mb4 x'{value.hex()}') COLLATE {collation}"
    return f"_{character_set} x'{value.hex()}' COLLATE {collation}"


def _quoted(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError("a variable with this name cannot be held")
    return "@`" + name.replace("`", "``") + "`"


def question(names: Iterable[str], limit: int = VARIABLES_LIMIT) -> str:
    """A SELECT for these variables, one row of COLUMNS_EACH columns for each of them in turn.

    ``limit``: bytes of all values together; each variable has an equal share, and one that is longer comes
    as ``NotHeld`` with its length, so that it may be asked for by itself. Settings of the session do not
    matter. Raises ValueError for no names, or one outside of ASCII.
    """
    quoted = [_quoted(name) for name in names]
    if not quoted:
        raise ValueError("nothing to ask for")
    share = max(limit // len(quoted), _LONGEST_NUMBER)
    # The first column has the type and a double's digits, of which CAST loses some on MySQL. The second has
    # bytes as they are, and a decimal's scale, which IF loses on MariaDB. LENGTH() counts characters in
    # MariaDB's Oracle mode.
    columns = (
        f"IF(CHAR_LENGTH({name})>{_LONGEST_NUMBER},NULL,{name}),"
        f"IF(OCTET_LENGTH({name})>{share},NULL,HEX(CAST({name} AS BINARY))),"
        f"COLLATION({name}),OCTET_LENGTH({name})"
        for name in quoted
    )
    return f"SELECT {','.join(columns)} LIMIT 1"


def answered(
    names: Iterable[str], columns: Sequence[ColumnFacts], row: Sequence[str | None]
) -> dict[str, Variable | NotHeld]:
    """The values in the answer to the question for these names; one that was never set is missing.

    ``row`` is of the text protocol, decoded as UTF-8 with replacements. Raises ValueError for an answer to
    another question.
    """
    names = list(names)
    if not len(columns) == len(row) == COLUMNS_EACH * len(names):
        raise ValueError("not the answer to this question")
    found: dict[str, Variable | NotHeld] = {}
    for at, name in enumerate(names):
        start = at * COLUMNS_EACH
        variable = _decoded(columns[start], [_narrow(cell) for cell in row[start : start + COLUMNS_EACH]])
        if variable is not None:
            found[name] = variable
    return found


def _narrow(cell: str | None) -> str | None:
    # Where the results' character set is ucs2, utf16 or utf32, each character comes with bytes of zero.
    return None if cell is None else cell.replace("\0", "")


def _decoded(column: ColumnFacts, cells: Sequence[str | None]) -> Variable | NotHeld | None:
    shown, coded, collation, length = cells
    kind = _kind(column)
    if kind is None or collation is None or not _COLLATION.match(collation):
        return NotHeld()
    if kind is not Kind.STRING:
        collation = "binary"
    if length is None:
        never_set = column.type == _VAR_STRING
        return None if never_set else Variable(kind, None, collation)
    if coded is None:
        return NotHeld(int(length))
    value = _value(kind, shown or "", bytes.fromhex(coded))
    return Variable(kind, value, collation) if _can_be_made(kind, value, collation) else NotHeld(int(length))


def _value(kind: Kind, shown: str, coded: bytes) -> bytes:
    if kind is Kind.STRING:
        return coded
    if kind is Kind.DOUBLE:
        # One spelling for each number, so that equal ones are equal.
        return repr(float(shown)).encode()
    return coded.replace(b"\0", b"")


def _kind(column: ColumnFacts) -> Kind | None:
    if column.type in _INTEGERS:
        return Kind.UNSIGNED if column.flags & _UNSIGNED_FLAG else Kind.SIGNED
    if column.type in (_DECIMAL, _NEW_DECIMAL):
        return Kind.DECIMAL
    if column.type in (_FLOAT, _DOUBLE):
        return Kind.DOUBLE
    # Others are types with rules of their own: MariaDB has variables that are geometries.
    return Kind.STRING if column.type in _STRINGS else None


_DIGITS = {Kind.SIGNED: _INTEGER, Kind.UNSIGNED: _INTEGER, Kind.DECIMAL: _FIXED, Kind.DOUBLE: _FLOATING}


def _can_be_made(kind: Kind, value: bytes, collation: str) -> bool:
    """Whether a literal for it is right; a string with bytes that are no characters is refused as one."""
    if kind is not Kind.STRING:
        return bool(_DIGITS[kind].match(value.decode("ascii", "replace"))) and any(value)
    codec = _CHECKED.get(collation.partition("_")[0])
    if codec is None:
        return True
    try:
        value.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
