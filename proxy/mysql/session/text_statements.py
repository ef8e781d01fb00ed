"""The names of a session's text PREPARE statements, and what EXECUTE of one does (MySQL manual, "PREPARE").

Most are ``shared``: a connection knows them by names of the proxy's own, and any connection will do. The
``real`` ones have their own name, on the connection to which they pin the session. No name is both.
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from ..wire.binary_values import UNSIGNED
from .pins import PinReason
from .prepared import MAX_TEXTS_SIZE, Classes, History, OpenStatement, history_after
from .user_variables import Kind, Variable
from .variable_use import NO_USE
from .verdict import Verdict

__all__ = [
    "TextStatements",
    "classes_of_variables",
    "executed",
    "history_after_using",
    "literal_of",
    "with_lock_names",
]

_CLASSES = {
    Kind.SIGNED: 8,
    Kind.UNSIGNED: 8 | UNSIGNED,
    Kind.DECIMAL: 246,
    Kind.DOUBLE: 5,
}


class TextStatements:
    """By name in lower case."""

    __slots__ = ("real", "shared", "size")

    def __init__(self) -> None:
        self.shared: dict[str, OpenStatement] = {}
        #: With what they run.
        self.real: dict[str, Verdict] = {}
        #: Bytes of the shared ones' texts.
        self.size = 0

    def __len__(self) -> int:
        return len(self.shared) + len(self.real)

    def open(self, statement: OpenStatement) -> None:
        """It was prepared."""
        self.close(statement.name)
        if statement.prepared is None:
            self.real[statement.name] = statement.verdict
        else:
            self.shared[statement.name] = statement
            self.size += statement.size

    def close(self, name: str) -> None:
        """It was deallocated, also by another PREPARE of the name, whether or not that has succeeded."""
        self.real.pop(name, None)
        statement = self.shared.pop(name, None)
        if statement is not None:
            self.size -= statement.size

    def make_real(self, statements: Iterable[OpenStatement]) -> None:
        """Their connection has them by the client's own names now."""
        for statement in statements:
            if self.shared.get(statement.name) is statement:
                self.close(statement.name)
                self.real[statement.name] = statement.verdict

    def has_room_for(self, source: bytes) -> bool:
        """Whether the text of one more statement can be held."""
        return self.size + len(source) <= MAX_TEXTS_SIZE

    def forget_connection(self) -> None:
        """The connection is gone."""
        self.real.clear()
        for statement in self.shared.values():
            statement.server_id = None

    def clear(self) -> None:
        """The session starts over."""
        self.real.clear()
        self.shared.clear()
        self.size = 0


def literal_of(source: bytes, *, double_quoted: bool, backslash_escapes: bool) -> bytes:
    """A string literal that stands for this text, in double quotes if that is how the client wrote it."""
    quote = b'"' if double_quoted else b"'"
    if backslash_escapes:
        source = source.replace(b"\\", b"\\\\")
    return b"".join((quote, source.replace(quote, quote * 2), quote))


def executed(source: Verdict, using: Sequence[str]) -> Verdict:
    """The verdict on an execution of a text with these user variables as its parameters."""
    if not using:
        return source
    use = source.variables or NO_USE
    mentioned = use.mentioned.union(using)
    # A procedure may have OUT parameters.
    assigned = use.assigned.union(using) if source.calls else use.assigned
    return attrs.evolve(source, variables=attrs.evolve(use, mentioned=mentioned, assigned=assigned))


def with_lock_names(verdict: Verdict, using: Sequence[str], held: Mapping[str, Variable]) -> Verdict:
    """The verdict on an execution with the names of locks that are its parameters."""
    names = set(verdict.names.get(PinReason.NAMED_LOCK, ()))
    for number in verdict.lock_parameters:
        variable = held.get(using[number]) if number < len(using) else None
        name = variable.value if variable is not None and variable.kind is Kind.STRING else None
        if name is None or not name.isascii():
            return verdict
        names.add(name.decode("ascii"))
    if not verdict.lock_parameters:
        return verdict
    return attrs.evolve(verdict, names={**verdict.names, PinReason.NAMED_LOCK: frozenset(names)})


def classes_of_variables(
    using: Sequence[str], held: Mapping[str, Variable], unknown: frozenset[str]
) -> Classes | None:
    """The types of parameters as far as a server's statement remembers them; None if they are not known.

    A string that is no integer may give a parameter that had a number another type; which one depends on
    the place where it stands.
    """
    if not unknown.isdisjoint(using):
        return None
    return tuple(_class(held.get(name)) for name in using)


def _class(variable: Variable | None) -> int | None:
    if variable is None or variable.value is None:
        return None
    if variable.kind is Kind.STRING:
        return None if variable.value.isdigit() else _STRING
    return _CLASSES[variable.kind]


#: In the place of a class: a string that may count as one.
_STRING = -1


def history_after_using(history: History, classes: Classes | None) -> History:
    """The history of a server's statement after an execution with parameters of these classes."""
    if not classes and classes is not None:
        return history
    last = history[-1] if history else None
    if classes is None:
        return (*history[:-1], object())
    if isinstance(last, tuple):
        pairs = zip(last, classes, strict=False)
        if any(before is not None and now == _STRING for before, now in pairs):
            return (*history[:-1], object())
    return history_after(history, tuple(None if each == _STRING else each for each in classes))
