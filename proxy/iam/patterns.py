"""IAM's wildcards: `*` stands for any characters, `?` for one.

A pattern with many `*` costs no more than its length times the text's: each part between two of them is taken
where it first fits, and not looked for again.
"""

import re
from collections.abc import Callable

__all__ = ["ArnPattern", "glob", "has_wildcard"]

_ARN_PARTS = 6

Test = Callable[[str], bool]


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern stands for more than itself."""
    return "*" in pattern or "?" in pattern


def glob(pattern: str) -> Test:
    """A test whether a text is one that `pattern` stands for; case matters."""
    if not has_wildcard(pattern):
        return pattern.__eq__
    if pattern.strip("*") == "":
        return _anything
    first, *rest = (_literal(part) for part in re.sub(r"\*+", "*", pattern).split("*"))
    if not rest:
        form = first
    else:
        *middle, last = rest
        form = first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
    compiled = re.compile(form + r"\Z", re.DOTALL)
    return lambda text: compiled.match(text) is not None


def _anything(_: str) -> bool:
    return True


def _literal(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)


class ArnPattern:
    """An ARN with wildcards, each of its six parts on its own; the last may hold colons.

    Raises ValueError for what has not six parts. `partition` is not looked at: a proxy is in one.
    """

    __slots__ = ("_parts",)

    def __init__(self, text: str) -> None:
        parts = text.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS or parts[0] != "arn" or not re.fullmatch(r"aws[a-z-]*|\*", parts[1]):
            raise ValueError("is not an ARN")
        self._parts = tuple(glob(part) for part in parts[2:])

    def fits(self, service: str, region: str, account: str, resource: str) -> bool:
        """Whether the pattern stands for this ARN, in whatever partition."""
        return all(
            part(text) for part, text in zip(self._parts, (service, region, account, resource), strict=True)
        )
