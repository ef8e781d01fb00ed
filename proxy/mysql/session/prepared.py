"""Prepared statements as values: what a session has open, whichever connection executes it.

A client's statement ids are the proxy's own, counted per session. What is common to all who prepare the same
text under the same conditions is one ``PreparedText``; connections keep server ids by it. MySQL manual,
"COM_STMT_PREPARE", "Caching of Prepared Statements".

A server derives things from the conditions at the time of preparing: the schema, the SQL mode, the collation.
``Settings.meaning`` holds those. MySQL 8.0.22 and later keep more, so that executions that leave different
things must not share a server's statement; ``ServerState`` tells them apart:

- The types of the parameters: after ``SELECT ?`` was executed with 1, 'ab' comes out as 0 there. Integers of
  all sizes are one type, and strings and NULL leave everything as it was.
- When a table has changed it prepares anew, under the SQL mode of the session that executes just then. What
  is executed under another meaning than its own is prepared for one client only, after that has prepared it.
- After an execution with a cursor, MySQL 9 answers one without a cursor with a packet that does not belong
  there, so that its end cannot be found.
"""

import struct
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

import attrs

from ..wire.binary_values import STRING_KINDS, UNSIGNED
from ..wire.execute_packets import ParameterTypes
from ..wire.prepare_response import PrepareResponse
from .settings import Settings
from .user_variables import Variable
from .variable_literals import TextLiteral
from .verdict import Verdict

__all__ = [
    "LONGEST_HISTORY",
    "MAX_TEXTS_SIZE",
    "METADATA_LIFETIME",
    "NEW",
    "NOT_EXECUTED",
    "Classes",
    "History",
    "OpenStatement",
    "PreparedText",
    "PreparedTexts",
    "ServerState",
    "classes_of",
    "history_after",
]

#: Bytes of the texts that one session's open statements may have together.
MAX_TEXTS_SIZE = 8 << 20

#: Seconds for which what a server said of a text's columns is passed on to others who prepare it.
METADATA_LIFETIME = 60.0

#: Changes of a statement's parameter types that are told apart; beyond, nobody else uses the server's.
LONGEST_HISTORY = 4

#: Blocks of types whose classes are kept.
_REMEMBERED: Final = 1024
_NULL: Final = 6
#: TINY, SHORT, LONG, LONGLONG, INT24.
_INTEGERS: Final = frozenset({1, 2, 3, 8, 9})
_INTEGER: Final = 8

#: Types of the parameters, by class; None for what leaves a parameter's type as it was.
Classes = tuple[int | None, ...]

#: What has been executed of a server's statement, as far as it matters: classes by parameter, latest last.
History = tuple[Hashable, ...]

#: A server's statement: whose alone it is, since it was executed under another meaning; its history; whether
#: it has had a cursor.
ServerState = tuple[object, History, bool]

NOT_EXECUTED: History = ()
NEW: ServerState = (None, NOT_EXECUTED, False)


def classes_of(types: ParameterTypes) -> Classes:
    """The types of an execution as far as a server's statement remembers them."""
    return _classes_of(types.block)


@lru_cache(_REMEMBERED)
def _classes_of(block: bytes) -> Classes:
    return tuple(_class(kind) for kind in struct.unpack(f"<{len(block) // 2}H", block))


def _class(kind: int) -> int | None:
    plain = kind & ~UNSIGNED
    if plain in STRING_KINDS or plain == _NULL:
        return None
    return _INTEGER | kind & UNSIGNED if plain in _INTEGERS else plain


def history_after(history: History, classes: Classes) -> History:
    """The history of a statement after an execution with parameters of these classes."""
    if history and history[-1] == classes:
        return history
    last = history[-1] if history else (None,) * len(classes)
    if not isinstance(last, tuple) or len(last) != len(classes):
        # Beyond the longest one already.
        return history
    pairs = tuple(zip(last, classes, strict=True))
    if all(new in (None, before) for before, new in pairs):
        return history
    if all(before in (None, new) or new is None for before, new in pairs):
        return (*history[:-1], tuple(before if new is None else new for before, new in pairs))
    if len(history) >= LONGEST_HISTORY:
        return (*history[:-1], object())
    return (*history, classes)


class PreparedText:
    """One text under the conditions that give it its meaning; compared by identity."""

    __slots__ = (
        "__weakref__",
        "_texts",
        "_valid_until",
        "_version",
        "columns",
        "meaning",
        "parameters",
        "response",
        "text",
    )

    def __init__(self, meaning: Settings, text: bytes, texts: "PreparedTexts") -> None:
        self.meaning = meaning
        self.text = text
        #: As a server said last.
        self.parameters = self.columns = 0
        #: A server's answer to COM_STMT_PREPARE, or None where that cannot be given to others.
        self.response: PrepareResponse | None = None
        self._texts = texts
        self._valid_until = 0.0
        self._version = 0

    @property
    def version(self) -> int:
        """To be read before a server is asked: of all tables, as far as the proxy sees them change."""
        return self._texts.version

    def prepared(self, response: PrepareResponse | None, version: int, now: float) -> None:
        """A server has prepared it; the answer is None where it is too long to be kept."""
        self.response = None
        if response is not None and not response.warnings:
            self.parameters, self.columns = response.parameters, response.columns
            self.response = response
        self._version = version
        self._valid_until = now + METADATA_LIFETIME

    def executed(self, now: float) -> None:
        """A server has executed it, so what it said is still true."""
        if self._valid_until:
            self._valid_until = now + METADATA_LIFETIME

    def doubt(self) -> None:
        """An execution has failed, or a table has changed: who prepares it next must ask a server."""
        self._valid_until = 0.0

    def is_known(self, now: float) -> bool:
        """Whether a client may be told the answer of another one's prepare."""
        return self.response is not None and now < self._valid_until and self._version == self._texts.version


class PreparedTexts:
    """All texts that somebody has open or some connection has prepared."""

    def __init__(self) -> None:
        self._texts: WeakValueDictionary[tuple[Hashable, ...], PreparedText] = WeakValueDictionary()
        #: How often a table may have changed.
        self.version = 0

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, key: Hashable, meaning: Settings, text: bytes, extra: Hashable = None) -> PreparedText:
        """The one object for a text; ``key`` is the pool's, ``extra`` whatever else it depends on."""
        full = (key, meaning, text, extra)
        found = self._texts.get(full)
        if found is None:
            found = self._texts[full] = PreparedText(meaning, text, self)
        return found

    def doubt_all(self) -> None:
        """A table may have changed: what servers have said of columns is not passed on any more."""
        self.version += 1


def _as_prepared(verdict: Verdict) -> Verdict:
    """Strings in a statement are in the character set of the time when it was prepared: ask for them."""
    use = verdict.variables
    if use is None or not use.literals:
        return verdict
    literals = {name: each for name, each in use.literals.items() if not isinstance(each, TextLiteral)}
    return attrs.evolve(verdict, variables=attrs.evolve(use, literals=literals))


class OpenStatement:
    """A statement of one client, open until it closes it."""

    __slots__ = (
        "bound",
        "columns",
        "history",
        "lost_data",
        "name",
        "number",
        "parameters",
        "prepared",
        "refusal",
        "server_id",
        "server_state",
        "source",
        "token",
        "types",
        "unset",
        "variables",
        "verdict",
    )

    def __init__(
        self,
        number: int,
        prepared: PreparedText | None,
        verdict: Verdict,
        *,
        name: str = "",
        source: bytes = b"",
    ) -> None:
        """``name``: of a text statement, in lower case, and ``source``, what it runs, of which ``prepared``
        has the literal.
        """
        #: The id that the client knows.
        self.number = number
        self.name = name
        self.source = source
        #: None for one that only its connection has, since its text was too long to be held.
        self.prepared = prepared
        self.verdict = _as_prepared(verdict)
        #: User variables it mentions, as they were then, and those that were not set: MySQL fixes their types
        #: when it prepares.
        self.variables: Mapping[str, Variable] = {}
        self.unset: frozenset[str] = frozenset()
        #: What the client was told.
        self.parameters = self.columns = 0
        #: The types it has sent last.
        self.types: ParameterTypes | None = None
        #: What a server would have of its executions, had the session always had the same connection.
        self.history = NOT_EXECUTED
        #: The server's id while that has a cursor open, holds long data, or is bound; else None.
        self.server_id: int | None = None
        #: Stands for it in the state of servers' statements that are its alone.
        self.token = object()
        #: What that server's statement has of its executions, by whomever.
        self.server_state = NEW
        self.bound = prepared is None
        #: Long data that could not be sent; whoever executes the statement is told.
        self.refusal: Exception | None = None
        #: So is that long data was lost with its connection.
        self.lost_data = False

    def variables_to_prepare(self, now: Mapping[str, Variable]) -> Mapping[str, Variable]:
        """The session's user variables, of which it has these ``now``, to prepare the statement again."""
        if not self.variables and self.unset.isdisjoint(now):
            return now
        others = {name: variable for name, variable in now.items() if name not in self.unset}
        return {**others, **self.variables}

    @property
    def size(self) -> int:
        """Bytes of its text."""
        return len(self.prepared.text) if self.prepared is not None else 0
