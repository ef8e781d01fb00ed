"""The parts of a verdict that have a shape of their own."""

import enum

import attrs

from .pins import PinReason

__all__ = ["Ask", "End", "TextDeallocate", "TextExecute", "TextPrepare", "TextStatement"]


class Ask(enum.Flag):
    """What a text asks for that a constant can stand for (see the substitution module)."""

    NONE = 0
    CONNECTION_ID = enum.auto()
    ROW_COUNT = enum.auto()
    FOUND_ROWS = enum.auto()
    WARNING_COUNT = enum.auto()
    ERROR_COUNT = enum.auto()


@attrs.frozen
class End:
    """A successful text has ended these of a reason's causes; ``names`` None for all there were before it."""

    reason: PinReason
    names: tuple[str, ...] | None = None


@attrs.frozen
class TextPrepare:
    """PREPARE name FROM source (MySQL manual, "PREPARE Statement").

    name: without quotes, in lower case.
    source: the statement in the client's character set; or None, and ``variable`` is the user variable that
        has it, in lower case.
    double_quoted: the source stands in double quotes, which are no string in ANSI_QUOTES mode.
    name_at: where the name stands in the text, quotes included.
    """

    name: str
    source: bytes | None = attrs.field(repr=False)
    variable: str = ""
    double_quoted: bool = False
    name_at: tuple[int, int] = (0, 0)


@attrs.frozen
class TextExecute:
    """EXECUTE name USING variables, or EXECUTE IMMEDIATE source USING variables (MariaDB).

    name: as with TextPrepare; empty with IMMEDIATE.
    using: names of user variables, in lower case.
    immediate: the text of an EXECUTE IMMEDIATE, whose own verdict is to be taken; None otherwise, or where
        ``variable`` has it.
    """

    name: str
    using: tuple[str, ...] = ()
    immediate: bytes | None = attrs.field(default=None, repr=False)
    variable: str = ""
    double_quoted: bool = False
    name_at: tuple[int, int] = (0, 0)


@attrs.frozen
class TextDeallocate:
    """DEALLOCATE PREPARE name, or DROP PREPARE name."""

    name: str
    name_at: tuple[int, int] = (0, 0)


TextStatement = TextPrepare | TextExecute | TextDeallocate
