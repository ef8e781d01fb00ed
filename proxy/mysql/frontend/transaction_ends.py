"""Commands whose whole meaning is that a transaction ends, or that something is defined.

An OK of the proxy's own for one of these tells its client nothing that is not so.
"""

import re
from typing import Final

from ..session.settings import Settings
from ..wire.framing import HEADER

__all__ = ["is_definition", "is_distributed", "only_commits", "only_rolls_back"]

_ROLLBACK: Final = re.compile(rb"\s*rollback(?:\s+work)?\s*;?\s*\Z", re.IGNORECASE)
_COMMIT: Final = re.compile(rb"\s*commit(?:\s+work)?\s*;?\s*\Z", re.IGNORECASE)
_DEFINITION: Final = re.compile(rb"\s*(?:alter|create|drop|grant|rename|revoke|truncate)\b", re.IGNORECASE)
_DISTRIBUTED: Final = re.compile(rb"(?:\s|/\*.*?\*/|#[^\n]*\n|--\s[^\n]*\n)*+xa\b", re.IGNORECASE | re.DOTALL)
#: In front of a text whose client can send query attributes and sends none.
_NO_ATTRIBUTES: Final = b"\0\1"
#: Of completion_type: no other transaction begins at once, and the connection stays.
_ENDS: Final = frozenset({"NO_CHAIN", "0"})


def only_rolls_back(packet: bytes, settings: Settings) -> bool:
    """Whether a whole COM_QUERY is a ROLLBACK after which there is no transaction."""
    return _is(_ROLLBACK, packet, settings)


def only_commits(packet: bytes, settings: Settings) -> bool:
    """Whether a whole COM_QUERY is a COMMIT after which there is no transaction."""
    return _is(_COMMIT, packet, settings)


def _is(ending: re.Pattern[bytes], packet: bytes, settings: Settings) -> bool:
    if settings.variables.get("completion_type", "0") not in _ENDS:
        return False
    return ending.match(packet[HEADER + 1 :].removeprefix(_NO_ATTRIBUTES)) is not None


def is_definition(text: bytes) -> bool:
    """Whether a statement is one transaction, of which nothing is told but that it is done."""
    return _DEFINITION.match(text) is not None and b"SELECT" not in text.upper()


def is_distributed(text: bytes) -> bool:
    """Whether it is an XA statement: what is prepared outlives its connection, and is not committed."""
    return _DISTRIBUTED.match(text) is not None
