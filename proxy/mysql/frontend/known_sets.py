"""What SET statements with constants have led to: a driver's start-up SETs need the database only once.

The outcome of such a statement depends on the user, the settings before it and its text alone. Who sends the
same again gets the same answer at once, and the settings go along with the next statement that needs a
connection.
"""

from typing import Any

import attrs

from ..session.settings import Settings
from .recent import Recent

__all__ = ["KnownSets", "SetOutcome"]

#: Bytes of a text and of an answer that are remembered.
_LONGEST = 1024


@attrs.frozen
class SetOutcome:
    """``response``: as a database sent it. ``status``: the session's flags afterwards."""

    settings: Settings
    status: int
    response: bytes = attrs.field(repr=False)


class KnownSets:
    """Outcomes by what they depend on; those not used for longest are forgotten."""

    def __init__(self) -> None:
        self._outcomes = Recent()

    def find(self, key: Any, settings: Settings, text: bytes) -> SetOutcome | None:
        """What the text leads to, if that is known; ``key`` is the pool's."""
        outcome: SetOutcome | None = self._outcomes.get((key, settings, text))
        return outcome

    def clear(self) -> None:
        """Another server may have other defaults."""
        self._outcomes.clear()

    def learn(self, key: Any, settings: Settings, text: bytes, outcome: SetOutcome) -> None:
        """Remember, unless it is too long."""
        if len(text) <= _LONGEST and 0 < len(outcome.response) <= _LONGEST:
            self._outcomes.put((key, settings, text), outcome)
