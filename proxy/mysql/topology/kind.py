"""A kind of topology: what a target of it is asked with each probe, and how its answers are read.

Nothing here does I/O: whoever probes sends the questions, all at once, and hands over the answers.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from ...targets.observation import Observation
from .facts import Facts

__all__ = ["Answers", "Kind", "Question", "Refusal", "Row", "first", "is_on", "number", "rows_of"]

#: Values of one row by the column's name in lower case; None is NULL.
Row = Mapping[str, str | None]

#: What switches, status and variables say for "no".
_OFF = frozenset({"", "0", "OFF", "NO", "FALSE"})


@attrs.frozen
class Question:
    """A statement of the proxy. Where it is ``optional``, a refusal is no failure of the probe."""

    name: str
    sql: str
    optional: bool = False


@attrs.frozen
class Refusal:
    """The number of the error that an optional question was answered with."""

    errno: int


#: By the question's name.
Answers = Mapping[str, "tuple[Row, ...] | Refusal"]


class Kind(Protocol):
    """One kind of topology."""

    @property
    def name(self) -> str:
        """As in the configuration and in ``Observation.topology``."""

    def questions(self, facts: Facts) -> Sequence[Question]:
        """What to ask with each probe; names differ from each other."""

    def read(self, answers: Answers, facts: Facts) -> Observation:
        """What the answers to ``questions`` say; never fails, whatever they hold."""


def rows_of(answers: Answers, name: str) -> tuple[Row, ...] | None:
    """The rows that a question was answered with; None where it was refused or not asked."""
    answer = answers.get(name)
    return None if answer is None or isinstance(answer, Refusal) else answer


def first(row: Row, *names: str) -> str:
    """The value of the first of these columns that the row has, as servers rename them; NULL is empty."""
    for name in names:
        if name in row:
            return row[name] or ""
    return ""


def is_on(text: str | None) -> bool:
    """Whether a switch is on, in any of the ways that servers write it."""
    return text is not None and text.strip().upper() not in _OFF


def number(text: str | None) -> float | None:
    """A number that is not negative; None where there is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0.0 <= value < float("inf") else None
