"""The text of a secrets file: TOML, or JSON when its first character is an opening brace.

Parsers may quote what they could not read, so their messages are dropped and only positions are kept.
"""

import json
import re
import tomllib

from .source import SecretError

__all__ = ["read_secrets_text"]

_TOML_POSITION = re.compile(r"\(at (line \d+, column \d+|end of document)\)\Z")


def read_secrets_text(content: bytes) -> dict[str, object]:
    """Secrets by name, each still unchecked; a SecretError in a secret's place says why it cannot be used.

    Raises SecretError when the whole text cannot be read.
    """
    text = _decoded(content)
    if text.lstrip().startswith("{"):
        parsed, problem = _json(text)
    else:
        parsed, problem = _toml(text)
    # Raised here and not where the parser failed: no exception holds another one that holds the text.
    if problem:
        raise SecretError(problem)
    return parsed


def _decoded(content: bytes) -> str:
    position = -1
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        position = error.start
    raise SecretError(f"is not UTF-8 text (byte {position})")


def _toml(text: str) -> tuple[dict[str, object], str]:
    try:
        return tomllib.loads(text), ""
    except (ValueError, RecursionError) as error:
        place = _TOML_POSITION.search(str(error))
        return {}, "is not valid TOML" + (f" (at {place[1]})" if place else "")


class _Pairs(list[tuple[str, object]]):
    """A JSON object as read, with duplicate names still there."""


def _json(text: str) -> tuple[dict[str, object], str]:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        return {}, f"is not valid JSON (at line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError):
        return {}, "is not valid JSON"
    secrets: dict[str, object] = {}
    for name, value in pairs:
        secrets[name] = _json_secret(value) if name not in secrets else SecretError("is in the file twice")
    return secrets, ""


def _json_secret(value: object) -> object:
    if not isinstance(value, _Pairs):
        return value
    names = [name for name, _ in value]
    for name in ("username", "password"):
        if names.count(name) > 1:
            return SecretError(f"has more than one {name}")
    return dict(value)
