"""Prepared statements as values: what a session has open, whichever connection executes it.

A client's statement ids are the proxy's own, counted per session. What is common to all who prepare the same
text under the same conditions is one ``PreparedText``; connections keep server ids by it. MySQL manual,
"COM_STMT_PREPARE", "Caching of Prepared Statements".

A server derives things from the conditions at the time of preparing: the schema, the SQL mode, the collation.
``Settings.meaning`` holds those. MySQL 8.0.22 and later also keep the types of the parameters of the first
execution: after ``SELECT ?`` was executed with 1, 'ab' comes out as 0 there. So executions that may leave
different types must not share a server's statement: ``History`` tells them apart.
"""

from collections.abc import Hashable, Mapping, Sequence
from weakref import WeakValueDictionary

from ..wire.execute_packets import ParameterTypes
from ..wire.prepare_response import PrepareResponse
from .settings import Settings
from .user_variables import Variable
from .verdict import Verdict

__all__ = [
    "LONGEST_HISTORY",
    "MAX_TEXTS_SIZE",
    "METADATA_LIFETIME",
    "NOT_EXECUTED",
    "History",
    "OpenStatement",
    "PreparedText",
    "PreparedTexts",
    "history_after",
]

#: Bytes of the texts that one session's open statements may have together.
MAX_TEXTS_SIZE = 8 << 20

#: Seconds for which what a server said of a text's columns is passed on to others who prepare it.
METADATA_LIFETIME = 60.0

#: Changes of a statement's parameter types that are told apart; beyond, nobody else uses the server's.
LONGEST_HISTORY = 4

#: MYSQL_TYPE_NULL: leaves the type of a parameter as it was.
_NULL = 6

#: What has been executed of a server's statement, as far as it matters: types by parameter, latest last.
History = tuple[Hashable, ...]

NOT_EXECUTED: History = ()


def history_after(history: History, kinds: Sequence[int]) -> History:
    """The history of a statement after an execution with parameters of these types."""
    if not kinds:
        return history
    if not history:
        return (tuple(None if kind == _NULL else kind for kind in kinds),)
    last = history[-1]
    if not isinstance(last, tuple) or len(last) != len(kinds):
        return history
    merged = tuple(
        before if kind in (_NULL, before) else kind if before is None else _CHANGED
        for before, kind in zip(last, kinds, strict=True)
    )
    if merged == last:
        return history
    if _CHANGED not in merged:
        return (*history[:-1], merged)
    if len(history) >= LONGEST_HISTORY:
        return (*history[:-1], object())
    replaced = tuple(before if kind == _NULL else kind for before, kind in zip(last, kinds, strict=True))
    return (*history, replaced)


_CHANGED = object()


class PreparedText:
    """One text under the conditions that give it its meaning; compared by identity."""

    __slots__ = ("__weakref__", "_valid_until", "columns", "meaning", "parameters", "response", "text")

    def __init__(self, meaning: Settings, text: bytes) -> None:
        self.meaning = meaning
        self.text = text
        #: As a server said last.
        self.parameters = self.columns = 0
        #: A server's answer to COM_STMT_PREPARE, or None where that was too long to keep.
        self.response: PrepareResponse | None = None
        self._valid_until = 0.0

    def prepared(self, response: PrepareResponse | None, parameters: int, columns: int, now: float) -> None:
        """A server has prepared it."""
        self.parameters = parameters
        self.columns = columns
        self.response = response
        self._valid_until = now + METADATA_LIFETIME

    def executed(self, now: float) -> None:
        """A server has executed it, so what it said is still true."""
        if self._valid_until:
            self._valid_until = now + METADATA_LIFETIME

    def doubt(self) -> None:
        """An execution has failed, or tables may have changed: who prepares it next must ask a server."""
        self._valid_until = 0.0

    def is_known(self, now: float) -> bool:
        """Whether a client may be told the answer of another one's prepare."""
        return self.response is not None and now < self._valid_until


class PreparedTexts:
    """All texts that somebody has open or some connection has prepared."""

    def __init__(self) -> None:
        self._texts: WeakValueDictionary[tuple[Hashable, ...], PreparedText] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, key: Hashable, meaning: Settings, text: bytes, extra: Hashable = None) -> PreparedText:
        """The one object for a text; ``key`` is the pool's, ``extra`` whatever else it depends on."""
        full = (key, meaning, text, extra)
        found = self._texts.get(full)
        if found is None:
            found = self._texts[full] = PreparedText(meaning, text)
        return found

    def doubt_all(self) -> None:
        """A table may have changed."""
        for text in list(self._texts.values()):
            text.doubt()


class OpenStatement:
    """A statement of one client, open until it closes it."""

    __slots__ = (
        "bound",
        "columns",
        "history",
        "number",
        "parameters",
        "prepared",
        "refusal",
        "server_id",
        "types",
        "variables",
        "verdict",
    )

    def __init__(self, number: int, prepared: PreparedText | None, verdict: Verdict) -> None:
        #: The id that the client knows.
        self.number = number
        #: None for one that only its connection has, since its text was too long to be held.
        self.prepared = prepared
        self.verdict = verdict
        #: User variables it mentions, as they were then: MySQL fixes their types when it prepares.
        self.variables: Mapping[str, Variable] = {}
        #: What the client was told.
        self.parameters = self.columns = 0
        #: The types it has sent last.
        self.types: ParameterTypes | None = None
        self.history = NOT_EXECUTED
        #: The server's id while that has a cursor open, holds long data, or is bound; else None.
        self.server_id: int | None = None
        self.bound = prepared is None
        #: Long data that could not be sent; whoever executes the statement is told.
        self.refusal: Exception | None = None

    @property
    def size(self) -> int:
        """Bytes of its text."""
        return len(self.prepared.text) if self.prepared is not None else 0
