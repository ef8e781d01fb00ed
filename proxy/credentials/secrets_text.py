"""The text of a secrets file: TOML, or JSON when its first character is an opening brace.

Parsers may quote what they could not read, so their messages are dropped and only positions are kept.
"""

import re
import tomllib

from .json_object import Pairs, read_json, read_text
from .source import SecretError

__all__ = ["read_secrets_text", "read_tables_text"]

_TOML_POSITION = re.compile(r"\(at (line \d+, column \d+|end of document)\)\Z")


def read_secrets_text(content: bytes) -> dict[str, object]:
    """Secrets by name, each still unchecked; a SecretError in a secret's place says why it cannot be used.

    Raises SecretError when the whole text cannot be read.
    """
    read = _read(content)
    if not isinstance(read, Pairs):
        return read
    secrets: dict[str, object] = {}
    for name, value in read:
        secrets[name] = _json_secret(value) if name not in secrets else SecretError("is in the file twice")
    return secrets


def read_tables_text(content: bytes) -> dict[str, object]:
    """Tables of any depth, in which no name may be twice. Raises SecretError, without any of the text."""
    read = _read(content)
    tables = _plain(read) if isinstance(read, Pairs) else read
    if not isinstance(tables, dict):
        raise SecretError("has a name twice in one object")
    return tables


def _read(content: bytes) -> dict[str, object] | Pairs:
    text, problem = read_text(content)
    parsed: object = None
    if not problem and text.lstrip().startswith("{"):
        parsed, problem = read_json(text)
    elif not problem:
        parsed, problem = _toml(text)
    # Raised here and not where the parser failed: no exception holds another one that holds the text.
    if problem:
        raise SecretError(problem)
    assert isinstance(parsed, (dict, Pairs))
    return parsed


def _toml(text: str) -> tuple[dict[str, object], str]:
    try:
        return tomllib.loads(text), ""
    except (ValueError, RecursionError) as error:
        place = _TOML_POSITION.search(str(error))
        return {}, "is not valid TOML" + (f" (at {place[1]})" if place else "")


def _json_secret(value: object) -> object:
    if not isinstance(value, Pairs):
        return value
    for name in ("username", "password", "read_only"):
        if value.count_of(name) > 1:
            return SecretError(f"has more than one {name}")
    return dict(value)


class _Twice(Exception):
    """A name is there twice."""


def _plain(pairs: Pairs) -> dict[str, object] | None:
    try:
        return _table(pairs)
    except _Twice:
        return None


def _table(pairs: Pairs) -> dict[str, object]:
    table = {name: _value(value) for name, value in pairs}
    if len(table) != len(pairs):
        raise _Twice
    return table


def _value(value: object) -> object:
    if isinstance(value, Pairs):
        return _table(value)
    return [_value(each) for each in value] if isinstance(value, list) else value
