"""What STS says of a caller: the XML or JSON of a GetCallerIdentity answer, read strictly.

API: GetCallerIdentity, version 2011-06-15. The answer names an ARN, an account and a user id, and nothing of
it is trusted to be well formed.
"""

import json
import re
from typing import Any
from xml.parsers import expat

import attrs

__all__ = ["CallerArn", "read_code", "read_identity"]

_RESPONSE, _RESULT = "GetCallerIdentityResponse", "GetCallerIdentityResult"
_FIELDS = ("Arn", "Account", "UserId")
_ARN = re.compile(r"arn:aws[a-z0-9-]*:(?:iam|sts)::(\d{12}):[\x21-\x7e]{1,1500}")
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")

#: Elements of an answer; it has about ten.
_MAX_ELEMENTS = 100


@attrs.frozen
class CallerArn:
    """Who signed a request: `arn` is the principal's, for an assumed role that of the session."""

    arn: str
    account: str
    user_id: str


class _Refused(Exception):
    """Not an answer of STS."""


def read_identity(content: bytes) -> CallerArn | None:
    """The caller that a good answer names; None where it is none."""
    read = _read(content)
    fields = [_at(read, _RESPONSE, _RESULT, name) for name in _FIELDS]
    arn, account, user_id = (each if isinstance(each, str) else "" for each in fields)
    matched = _ARN.fullmatch(arn)
    if matched is None or matched[1] != account:
        return None
    return CallerArn(arn, account, user_id)


def read_code(content: bytes) -> str:
    """The code of an error; empty where there is none."""
    read = _read(content)
    code = _at(read, "ErrorResponse", "Error", "Code") or _at(read, "Error", "Code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _read(content: bytes) -> Any:
    if content.lstrip().startswith(b"{"):
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            return None
    return _xml(content)


def _xml(content: bytes) -> Any:
    """Elements as dictionaries, and the text of those that have no others; None where it is not XML.

    A document type is refused: it may define entities that grow without limit.
    """
    parser = expat.ParserCreate("utf-8")
    # The elements that are open, and what is in each.
    root: dict[str, Any] = {}
    above: list[dict[str, Any]] = [root]
    texts: list[str] = [""]
    count = 0

    def refuse(*_: object) -> None:
        raise _Refused

    def start(_name: str, _attributes: object) -> None:
        nonlocal count
        count += 1
        if count > _MAX_ELEMENTS:
            raise _Refused
        above.append({})
        texts.append("")

    def text(data: str) -> None:
        texts[-1] += data

    def end(name: str) -> None:
        inside, written = above.pop(), texts.pop()
        if name in above[-1]:
            raise _Refused
        above[-1][name] = inside or written.strip()

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, _Refused):
        return None
    return root


def _at(read: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(read, dict):
            return None
        read = read.get(name)
    return read
