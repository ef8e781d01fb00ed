"""Values of the model as TOML and as words, shared by the reference and the sample file."""

import json
from typing import Any

import attrs

from .options import Number, Option

__all__ = ["default_words", "range_words", "reload_words", "toml_value"]


def toml_value(value: Any) -> str:
    """`value` as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    # JSON's escapes below U+0080 are TOML's, too; its surrogate pairs are not, so the rest stays as it is.
    return json.dumps(value, ensure_ascii=False)


def default_words(attribute: "attrs.Attribute[Any]", option: Option, quote: str = "") -> str:
    """The default as a reader sees it; a literal stands between `quote`s."""
    if option.default_text:
        return option.default_text
    if attribute.default is attrs.NOTHING:
        return "none, required"
    return f"{quote}{toml_value(attribute.default)}{quote}"


def range_words(option: Option, quote: str = "") -> str:
    """What may be written: range with unit, choices or form; empty when anything may."""
    words: list[str] = []
    if option.minimum is not None and option.maximum is not None:
        words.append(f"{_number(option.minimum)} to {_number(option.maximum)}{_suffix(option.unit)}")
    if option.choices:
        words.append(", ".join(f"{quote}{toml_value(choice)}{quote}" for choice in option.choices))
    if option.check_text:
        words.append(option.check_text)
    if option.max_length is not None:
        words.append(f"at most {option.max_length} characters")
    if option.is_path:
        words.append("path of a file")
    return "; ".join(words)


def reload_words(option: Option) -> str:
    """How a changed value comes into force."""
    return "reload" if option.reloadable else "restart"


def _suffix(unit: str) -> str:
    return f" {unit}" if unit else ""


def _number(value: Number) -> str:
    whole = isinstance(value, int) or value.is_integer()
    return str(int(value)) if whole else repr(value)
