"""Which session changes a client is told of (MySQL manual, "Server Tracking of Client Session State").

The proxy has the target report more than a client asks for; a client gets what it would get from a server
with the trackers as it has set them.
"""

from collections.abc import Mapping
from typing import Final, Self

import attrs

from .datatypes import Reader, lenenc_bytes
from .results import StateType

__all__ = ["SHOWN_BY_DEFAULT", "ShownChanges"]

_TRANSACTION_STATE: Final = int(StateType.TRANSACTION_STATE)
_VARIABLES: Final = "session_track_system_variables"
_SCHEMA: Final = "session_track_schema"
_ON = frozenset(("1", "on", "true"))
_OFF = frozenset(("0", "off", "false"))


@attrs.frozen
class ShownChanges:
    """``variables`` in lower case, None for all; ``schema``: whether changes of it are told."""

    variables: frozenset[str] | None
    schema: bool = True

    def after(self, tracks: Mapping[str, str]) -> Self | None:
        """What is told once these trackers are set; None where that cannot be done here."""
        shown = self
        for name, value in tracks.items():
            word = value.strip().lower()
            if name == _VARIABLES:
                names = None if word == "*" else frozenset(part.strip() for part in word.split(","))
                shown = attrs.evolve(shown, variables=names)
            elif name == _SCHEMA and word in _ON | _OFF:
                shown = attrs.evolve(shown, schema=word in _ON)
            else:
                return None
        return shown

    def select(self, block: bytes) -> bytes:
        """The part of a tracker block that the client gets. Raises MalformedPacket."""
        if len(block) > 2 and block[0] == _TRANSACTION_STATE and block[1] == len(block) - 2:
            # The most frequent one: all of it is about the transaction.
            return b""
        kept = b""
        reader = Reader(block)
        while reader.remaining:
            kind = reader.integer(1)
            body = reader.lenenc_bytes()
            if kind == StateType.SYSTEM_VARIABLES:
                body = self._variables(body)
            elif kind != StateType.SCHEMA or not self.schema:
                continue
            if body:
                kept += bytes((kind,)) + lenenc_bytes(body)
        return kept

    def _variables(self, body: bytes) -> bytes:
        if self.variables is None:
            return body
        entry = Reader(body)
        kept = b""
        while entry.remaining:
            name, value = entry.lenenc_bytes(), entry.lenenc_bytes()
            if name.decode("utf-8", "replace").lower() in self.variables:
                kept += lenenc_bytes(name) + lenenc_bytes(value)
        return kept


#: As with the defaults of MySQL and MariaDB.
SHOWN_BY_DEFAULT: Final = ShownChanges(
    frozenset(
        {
            "autocommit",
            "character_set_client",
            "character_set_connection",
            "character_set_results",
            "time_zone",
        }
    )
)
