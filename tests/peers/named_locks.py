"""Named locks of the model server (MySQL manual, "Locking Functions"); nobody waits for one."""

import re
from collections import Counter

__all__ = ["NamedLocks"]

_CALL = re.compile(r"(GET_LOCK|RELEASE_LOCK|IS_FREE_LOCK)\('(\w+)'(?:, *\d+)?\)")
_USED = re.compile(r"IS_USED_LOCK\(_utf8mb4 x'([0-9a-f]+)'\)<=>CONNECTION_ID\(\)")


class NamedLocks:
    """Who has which lock how often, by thread and name."""

    def __init__(self) -> None:
        self.held: Counter[tuple[int, str]] = Counter()

    def _taken_by_another(self, thread: int, name: str) -> bool:
        return any(count and lock == name and owner != thread for (owner, lock), count in self.held.items())

    def answer(self, thread: int, what: str) -> list[str] | None:
        """The row of a SELECT list of one call, or of the proxy's question; None for anything else."""
        used = _USED.findall(what)
        if used:
            names = [bytes.fromhex(name).decode() for name in used]
            return [str(int(self.held[thread, name] > 0)) for name in names]
        call = _CALL.fullmatch(what)
        if call is None:
            return None
        function, name = call.groups()
        if function == "IS_FREE_LOCK":
            return [str(int(not any(count for (_, lock), count in self.held.items() if lock == name)))]
        if function == "GET_LOCK":
            if self._taken_by_another(thread, name):
                return ["0"]
            self.held[thread, name] += 1
            return ["1"]
        if not self.held[thread, name]:
            return ["0"]
        self.held[thread, name] -= 1
        return ["1"]

    def forget(self, thread: int) -> None:
        """The session is over, or starts over."""
        for key in [key for key in self.held if key[0] == thread]:
            del self.held[key]
