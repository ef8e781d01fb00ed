"""What may differ between the two worlds, and why; all else is a fault of the proxy."""

import enum
import re

import attrs

from .answers import Answer, Error, Ok, Reply, Rows
from .channel import Flags

__all__ = ["NORMALISED", "TOLERATED", "Tolerated", "normal", "tolerated"]

NORMALISED = {
    "query was slow (status 0x0800)": "depends on how long a statement took",
    "session state changed (status 0x4000), for a client without session tracking": "it has nothing to read there",
    "numbers in errors 1243 and 1210": "a statement's number is the proxy's own",
}
"""What `normal` takes out of an answer, with its reason."""

QUERY_WAS_SLOW, SESSION_STATE_CHANGED = 0x0800, 0x4000
_HANDLER = re.compile(r"handler \(\d+\)")


class Tolerated(enum.Enum):
    """Refusals of the proxy that end a case. Empty this when the proxy refuses nothing any more."""

    DIAGNOSTICS = r"1105:.*no longer available"
    LAST_GTID = r"1105:.*last_gtid"


TOLERATED: frozenset[Tolerated] = frozenset(Tolerated)


def tolerated(answer: Answer) -> Tolerated | None:
    """The refusal in an answer that the tests put up with for now."""
    for reply in answer:
        if isinstance(reply, Error):
            text = f"{reply.number}: {reply.text}"
            for each in TOLERATED:
                if re.search(each.value, text):
                    return each
    return None


def normal(answer: Answer, flags: int) -> Answer:
    """The answer without what cannot be the same twice."""
    return tuple(_normal(reply, flags) for reply in answer)


def _normal(reply: Reply, flags: int) -> Reply:
    match reply:
        case Ok():
            mask = QUERY_WAS_SLOW if flags & Flags.SESSION_TRACK else QUERY_WAS_SLOW | SESSION_STATE_CHANGED
            return attrs.evolve(reply, status=reply.status & ~mask)
        case Error():
            return attrs.evolve(reply, text=_HANDLER.sub("handler (?)", reply.text))
        case Rows():
            end = _normal(reply.end, flags)
            assert isinstance(end, (Ok, Error))
            return attrs.evolve(reply, end=end)
    return reply
