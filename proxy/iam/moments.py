"""Times in policies and key files: ISO 8601 as AWS writes it, or Unix seconds."""

import datetime
import re

__all__ = ["parse_moment"]

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)
_SECONDS = re.compile(r"[0-9]{1,12}")


def parse_moment(text: str) -> float:
    """Unix seconds of a date (its first second in UTC), a date and time with an offset, or a number.

    Raises ValueError.
    """
    if _SECONDS.fullmatch(text):
        return float(text)
    if not _ISO.fullmatch(text):
        raise ValueError("is not a time with an offset")
    found = datetime.datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=datetime.UTC)
    return found.timestamp()
