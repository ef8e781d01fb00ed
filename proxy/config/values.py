"""Whether one value may stand for one option: type, range, choices, form. Messages complete "path: …"."""

import datetime
from typing import Any

from .options import Option

__all__ = ["problem_with", "toml_type"]

#: Longest piece of a user's value that a message repeats.
SHOWN_LENGTH = 60

_TYPE_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
    datetime.datetime: "a date",
    datetime.date: "a date",
    datetime.time: "a time",
}


def toml_type(value: object) -> str:
    """The TOML name of `value`'s type, with its article."""
    return _TYPE_NAMES.get(type(value), "something else")


def problem_with(option: Option, kind: Any, value: object) -> str | None:
    """What is wrong with `value` for an option whose field is annotated `kind`; None when nothing is."""
    if kind == tuple[str, ...]:
        return _problem_with_list(option, value)
    wrong = _problem_with_type(kind, value)
    if wrong is not None:
        return wrong
    if isinstance(value, str):
        return _problem_with_text(option, value)
    if isinstance(value, int | float):
        return _problem_with_range(option, value)
    return None


def _problem_with_type(kind: Any, value: object) -> str | None:
    # A TOML boolean is a Python int, so the exact type decides.
    accepted = (int, float) if kind is float else (kind,)
    if type(value) in accepted:
        return None
    wanted = "a number" if kind is float else _TYPE_NAMES[kind]
    return f"must be {wanted}, not {toml_type(value)}"


def _problem_with_list(option: Option, value: object) -> str | None:
    if not isinstance(value, list):
        return f"must be an array of strings, not {toml_type(value)}"
    for item in value:
        if not isinstance(item, str):
            return f"must hold only strings, not {toml_type(item)}"
        wrong = _problem_with_text(option, item)
        if wrong is not None:
            return wrong
    return None


def _problem_with_text(option: Option, value: str) -> str | None:
    if value in option.refused:
        return f'"{value}": {option.refused[value]}'
    if option.choices and value not in option.choices:
        return f"{_shown(value)} is not one of {', '.join(_shown(choice) for choice in option.choices)}"
    if not value and option.example is not None:
        return "must not be empty"
    if "\0" in value:
        return "must not hold a NUL character"
    if option.max_length is not None and len(value) > option.max_length:
        return f"is {len(value)} characters long, at most {option.max_length} are allowed"
    return option.check(value) if option.check is not None else None


def _problem_with_range(option: Option, value: int | float) -> str | None:
    if option.minimum is not None and value < option.minimum:
        return f"{_shown_number(value)} is below {option.minimum:.16g}"
    if option.maximum is not None and value > option.maximum:
        return f"{_shown_number(value)} is above {option.maximum:.16g}"
    if value != value:  # noqa: PLR0124 - TOML knows nan, which passes every comparison above
        return "must be a number, not nan"
    return None


def _shown(value: str) -> str:
    short = value if len(value) <= SHOWN_LENGTH else value[:SHOWN_LENGTH] + "…"
    return (
        '"' + short.encode("unicode_escape").decode("ascii") + '"'
        if not short.isprintable()
        else f'"{short}"'
    )


def _shown_number(value: int | float) -> str:
    # Python refuses to print an integer of thousands of digits, which a hexadecimal literal can be.
    return str(value) if isinstance(value, float) or value.bit_length() <= 128 else "the number"
