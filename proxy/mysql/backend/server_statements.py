"""The statements that one connection has prepared at its server: a bounded memory, least recently used first.

A server's statement is found by its text and by what it has of its executions (session/prepared.py). While a
session has a cursor open on it or sends long data to it, it is taken out, so that nobody else executes it.
"""

from collections import OrderedDict

from ..session.prepared import PreparedText, ServerState

__all__ = ["DEFAULT_STATEMENTS", "ServerStatements"]

#: Statements that a connection keeps prepared.
DEFAULT_STATEMENTS = 100

_Key = tuple[PreparedText, ServerState]


class ServerStatements:
    """Server ids by text and state."""

    __slots__ = ("_ids", "_last_name", "_spare_names", "limit")

    def __init__(self) -> None:
        self._ids: OrderedDict[_Key, int] = OrderedDict()
        #: Of text statements: numbers of names that were used before, and the last one there is.
        self._spare_names: list[int] = []
        self._last_name = 0
        self.limit = DEFAULT_STATEMENTS

    def __len__(self) -> int:
        return len(self._ids)

    def has(self, text: PreparedText, *states: ServerState) -> bool:
        """Whether there is one in any of these states."""
        for state in states:  # noqa: SIM110 - a generator costs more than all the rest
            if (text, state) in self._ids:
                return True
        return False

    def take(self, text: PreparedText, *states: ServerState) -> tuple[int, ServerState]:
        """Take out the first there is in one of these states, with its state. Raises KeyError."""
        for state in states:
            server_id = self._ids.pop((text, state), None)
            if server_id is not None:
                return server_id, state
        raise KeyError(text)

    def put(self, text: PreparedText, state: ServerState, server_id: int) -> int | None:
        """Put one in as the most recently used; returns the id of another that is to be closed for it."""
        key = (text, state)
        former = self._ids.pop(key, None)
        self._ids[key] = server_id
        return former if former != server_id else None

    def surplus(self, room: int = 0) -> list[int]:
        """Take out those that are too many, if there is to be room for more; they are to be closed."""
        ids = []
        while self._ids and len(self._ids) + room > self.limit:
            ids.append(self._ids.popitem(last=False)[1])
        return ids

    def halve(self) -> list[int]:
        """The server has too many of them: keep half from now on, of one none; the rest is to be closed."""
        left = len(self._ids) // 2
        self.limit = max(1, left)
        return self.surplus(room=self.limit - left)

    def all(self) -> list[int]:
        """The ids of all."""
        return list(self._ids.values())

    def free_name(self) -> int:
        """The number of a name for a text statement; one that replaces another if possible."""
        if self._spare_names:
            return self._spare_names.pop()
        self._last_name -= 1
        return self._last_name

    def spare_name(self, number: int) -> None:
        """Nobody needs the text statement with this number."""
        self._spare_names.append(number)

    def clear(self) -> None:
        """The server has forgotten them."""
        self._ids.clear()
        self._spare_names.clear()
        self.limit = DEFAULT_STATEMENTS
