"""The conditions of a session's last statement as a value: what SHOW WARNINGS would show.

MySQL manual, "SHOW WARNINGS Statement", "The MySQL Diagnostics Area". They are asked for with QUESTIONS, in
this order and under the session's own settings, before its connection serves another one. On MySQL 9 the
second question clears what the first one shows, and neither can be asked together with FOUND_ROWS(), whose
deprecation is a condition itself; on MariaDB 10.11 any statement with a table clears them before it runs.
The counts are those of all conditions, the rows may be fewer (max_error_count).

They are held as the server sent them, since names, lengths and character sets of the columns differ between
servers, versions, `character_set_results` and a connection's capabilities.
"""

from collections.abc import Iterable, Sequence

import attrs

from ..wire.datatypes import MalformedPacket, Reader

__all__ = [
    "LOST_CONDITIONS",
    "MAX_CONDITIONS",
    "MAX_CONDITION_BYTES",
    "NO_CONDITIONS",
    "QUESTIONS",
    "Condition",
    "Conditions",
    "Details",
    "counts_in",
]

#: Rows that are asked for and held for a session; MySQL's default for max_error_count.
MAX_CONDITIONS = 1024
#: Bytes of rows that are held for a session.
MAX_CONDITION_BYTES = 64 * 1024

#: One row more than is held tells whether there are more.
QUESTIONS = (f"SHOW WARNINGS LIMIT {MAX_CONDITIONS + 1}", "SELECT @@warning_count, @@error_count LIMIT 1")

#: Collation ids of the utf8 family, by ranges.
_UTF8_IDS = frozenset((33, 45, 46, 76, 83, *range(192, 216), 223, *range(224, 248), *range(255, 324)))
_LATIN1_IDS = frozenset((5, 8, 15, 31, 47, 48, 49, 94))
_WIDE_CODECS = ("utf-16-be", "utf-16-le", "utf-32-be")


@attrs.frozen
class Details:
    """What GET DIAGNOSTICS tells of one condition, by the item's name in capitals."""

    items: tuple[tuple[str, bytes], ...] = attrs.field(default=(), repr=False)

    def get(self, name: str) -> bytes | None:
        """The value of an item in UTF-8, None if it is not known."""
        return dict(self.items).get(name)


@attrs.frozen
class Condition:
    """One decoded row of SHOW WARNINGS; ``message`` is None if its character set cannot be read here."""

    is_error: bool
    errno: int
    message: str | None = attrs.field(repr=False)


@attrs.frozen
class Conditions:
    """Immutable; false if there are none.

    head, columns: payloads of the column count and the column definitions; no columns where the server has
        left them out.
    rows: payloads of the text rows.
    total, errors: `@@warning_count` and `@@error_count`.
    charset: `character_set_results` under which they were asked for.
    errno, sqlstate: of the ERR packet with which the statement ended, 0 and empty without.
    is_cut: there are more rows than are held.
    """

    head: bytes = b"\x03"
    columns: tuple[bytes, ...] = ()
    rows: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    total: int = 0
    errors: int = 0
    charset: str = ""
    errno: int = 0
    sqlstate: str = ""
    is_cut: bool = False
    details: tuple[Details, ...] = attrs.field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.rows or self.total)

    @classmethod
    def captured(
        cls,
        head: bytes,
        columns: Sequence[bytes],
        rows: Iterable[bytes],
        counts: tuple[int, int],
        *,
        charset: str,
        error: tuple[int, str] = (0, ""),
    ) -> "Conditions":
        """From the payloads of the answer to the first question, and the numbers that answer the second."""
        kept: list[bytes] = []
        left = MAX_CONDITION_BYTES
        is_cut = False
        for row in rows:
            left -= len(row)
            if left < 0 or len(kept) == MAX_CONDITIONS:
                is_cut = True
                break
            kept.append(row)
        total, errors = counts
        return cls(head, tuple(columns), tuple(kept), total, errors, charset, *error, is_cut)

    def joined(self, newer: "Conditions") -> "Conditions":
        """With those that a later statement has added to these, on a connection that had none before."""
        if not (self and newer):
            return newer if newer else self
        if newer.charset != self.charset:
            # No answer can be made of rows in two character sets.
            return attrs.evolve(
                self, total=self.total + newer.total, errors=self.errors + newer.errors, is_cut=True
            )
        rows = Conditions.captured(self.head, self.columns, (*self.rows, *newer.rows), (0, 0), charset="")
        return attrs.evolve(
            self,
            rows=rows.rows,
            total=self.total + newer.total,
            errors=self.errors + newer.errors,
            errno=newer.errno,
            sqlstate=newer.sqlstate,
            is_cut=self.is_cut or newer.is_cut or rows.is_cut,
            details=(*self.details, *newer.details) if len(self.details) == len(self.rows) else self.details,
        )

    @property
    def codec(self) -> str:
        """How digits and the names of levels are encoded; columns' names are as well."""
        if not self.columns:
            return "ascii"
        name = column_name(self.columns[0])
        return next((codec for codec in _WIDE_CODECS if name == "Level".encode(codec)), "ascii")

    def decoded(self) -> tuple[Condition, ...]:
        """The rows. Raises MalformedPacket where they are none of SHOW WARNINGS."""
        return tuple(self._decoded(row) for row in self.rows)

    def is_error(self, row: bytes) -> bool:
        """Whether SHOW ERRORS shows a row, too."""
        return row_fields(row)[0].replace(b"\0", b"") == b"Error"

    def _decoded(self, row: bytes) -> Condition:
        _, code, message = row_fields(row)
        # MySQL sends digits as ASCII whatever the character set, MariaDB does not.
        digits = code.replace(b"\0", b"")
        if not digits.isdigit():
            raise MalformedPacket("a condition without a number")
        return Condition(self.is_error(row), int(digits), self._text(message))

    def _text(self, message: bytes) -> str | None:
        codec = self.codec if self.codec != "ascii" else self._narrow_codec()
        # A character that the character set of the results does not have comes as a question mark.
        if b"?" in message and codec in ("ascii", "cp1252"):
            return None
        try:
            return message.decode(codec)
        except UnicodeDecodeError:
            return None

    def _narrow_codec(self) -> str:
        if len(self.columns) < 3:
            return "ascii"
        collation = int.from_bytes(self.columns[2][-12:-10], "little")
        return "utf-8" if collation in _UTF8_IDS else "cp1252" if collation in _LATIN1_IDS else "ascii"


NO_CONDITIONS = Conditions()
#: There may be some, which were lost with their connection or never read.
LOST_CONDITIONS = Conditions(charset="unknown", is_cut=True, total=1)


def counts_in(row: Sequence[str | None]) -> tuple[int, int]:
    """The counts in the answer to the second question. Raises MalformedPacket."""
    # In some character sets of a session's results each digit comes with bytes of zero.
    digits = [(value or "").replace("\0", "") for value in row[:2]]
    if len(digits) != 2 or not all(map(str.isdecimal, digits)):
        raise MalformedPacket("no counts of conditions")
    return int(digits[0]), int(digits[1])


def row_fields(row: bytes) -> tuple[bytes, bytes, bytes]:
    """Level, code and message. Raises MalformedPacket."""
    reader = Reader(row)
    level, code, message = reader.lenenc_bytes(), reader.lenenc_bytes(), reader.lenenc_bytes()
    if reader.remaining:
        raise MalformedPacket("not a row of SHOW WARNINGS")
    return level, code, message


def column_name(definition: bytes) -> bytes:
    """The name in a column definition, in the character set of the results."""
    reader = Reader(definition)
    for _ in range(4):
        reader.lenenc_bytes()
    return reader.lenenc_bytes()
