"""A small memory that forgets."""

from collections import OrderedDict
from typing import Any

__all__ = ["MEMORY_SIZE", "Recent"]

#: Entries of one of the proxy's memories (schemas known to exist, collations of SET NAMES).
MEMORY_SIZE = 10_000


class Recent:
    """A bounded mapping that forgets what was not used for longest."""

    def __init__(self, size: int = MEMORY_SIZE) -> None:
        self._size = size
        self._entries: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any) -> Any:
        """The value, or None."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Any, value: Any) -> None:
        """Remember."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def forget(self, key: Any) -> None:
        """Remove, if there."""
        self._entries.pop(key, None)
