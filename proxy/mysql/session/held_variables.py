"""A session's user variables: those whose values are known, and those its connection has to be asked for.

The values are replaced as a whole, never changed, so that a connection that has the same mapping has the same
values.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from .settings import Settings
from .user_variables import MAX_VARIABLES, VARIABLES_LIMIT, NotHeld, Variable
from .variable_literals import BareNull, TextLiteral, resolved
from .variable_use import VariableUse

__all__ = ["NO_NAMES", "NO_VARIABLES", "HeldVariables"]

#: Each frozenset() would be another one.
NO_NAMES: Final[frozenset[str]] = frozenset()
NO_VARIABLES: Final[Mapping[str, Variable]] = MappingProxyType({})


class HeldVariables:
    """``values`` are known; ``asked`` are names whose values only the session's connection knows."""

    __slots__ = ("asked", "not_held", "values")

    def __init__(self) -> None:
        self.values = NO_VARIABLES
        self.asked = NO_NAMES
        #: Names of values that cannot be given to another connection.
        self.not_held = NO_NAMES

    @property
    def are_too_many(self) -> bool:
        """Whether they take more room than a session has for them."""
        return len(self.values) > MAX_VARIABLES or sum(v.size for v in self.values.values()) > VARIABLES_LIMIT

    def after(self, use: VariableUse, session: Settings, *, failed: bool, certain: bool = True) -> None:
        """Take in that a text was run; ``session``: the settings then, if they are ``certain``."""
        if not use.assigned:
            return
        known: dict[str, Variable] = {}
        if not failed:
            for name, literal in use.literals.items():
                if isinstance(literal, BareNull) and (name in self.asked or name in self.not_held):
                    # It keeps a type that is not known.
                    continue
                if isinstance(literal, TextLiteral) and not certain:
                    continue
                value = resolved(literal, session, self.values.get(name))
                if value is not None:
                    known[name] = value
        self.asked = (self.asked - known.keys()) | (use.assigned - known.keys())
        if known:
            self._keep(known)

    def ask_again(self, others: Iterable[str] = ()) -> None:
        """Code that is not seen may have assigned any of them."""
        self.asked |= {*self.values, *others}

    def answered(self, names: Iterable[str], found: Mapping[str, Variable | NotHeld]) -> None:
        """The connection has told these values; what it did not name was never set."""
        names = frozenset(names)
        held = {name: value for name, value in found.items() if isinstance(value, Variable)}
        kept = {name: value for name, value in self.values.items() if name not in names}
        self.values = MappingProxyType({**kept, **held})
        self.not_held = (self.not_held - names) | (names & found.keys()) - held.keys()
        self.asked -= names

    def forget_asked(self) -> None:
        """The connection that knew is gone; what was known before is the best there is."""
        self.asked = self.not_held = NO_NAMES

    def clear(self) -> None:
        """The session starts over."""
        self.values = NO_VARIABLES
        self.forget_asked()

    def _keep(self, known: Mapping[str, Variable]) -> None:
        self.not_held -= known.keys()
        if any(self.values.get(name) != value for name, value in known.items()):
            self.values = MappingProxyType({**self.values, **known})
