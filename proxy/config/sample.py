"""The sample configuration file: every option with its default, ready to be edited.

A line that starts with `#` and a space is prose; a `#` right before a name marks an option or a section that
is left out, so that removing that one character puts it in.
"""

import textwrap
from typing import Any

import attrs

from .model import Section, sections
from .options import Option, TableList
from .rendering import default_words, range_words, reload_words, toml_value

__all__ = ["sample_file"]

_WIDTH = 100

_PREAMBLE = """\
# Configuration of rds-proxy. Every option stands here with its default; what has none is commented out.
# Made from the model by `python -m proxy.config.reference --write`; the explanations are also in
# docs/configuration.md. Times are in seconds. Relative paths are relative to this file's directory.
# "reload": a change is taken over on SIGHUP; "restart": it waits for a restart.
# `rds-proxy check-config FILE` tells what is wrong with an edited file.
"""


def sample_file() -> str:
    """The text of `etc/rds-proxy.toml`; it loads as it is."""
    return "\n".join([_PREAMBLE, *(_section(section) for section in sections())])


def _section(section: Section) -> str:
    spec = section.spec
    repeated = isinstance(spec, TableList)
    left_out = isinstance(spec, TableList) and spec.minimum == 0
    header = f"[[{section.path}]]" if repeated else f"[{section.path}]"
    lines = [*_prose(_about_section(section)), ("#" if left_out else "") + header]
    for attribute, option in section.options:
        lines.extend(_option(attribute, option, left_out))
    return "\n".join(lines) + "\n"


def _about_section(section: Section) -> str:
    spec = section.spec
    if isinstance(spec, TableList) and spec.minimum == 0:
        return f"{spec.description} At most {spec.maximum} of these; repeat the section for each."
    return spec.description


def _option(attribute: "attrs.Attribute[Any]", option: Option, left_out: bool) -> list[str]:
    lines = ["", *_prose(option.description.replace("`", "")), *_prose(_facts(attribute, option))]
    required = attribute.default is attrs.NOTHING
    open_default = bool(option.default_text)
    value = option.example if required or open_default else attribute.default
    mark = "#" if left_out or open_default else ""
    return [*lines, f"{mark}{attribute.name} = {toml_value(value)}"]


def _facts(attribute: "attrs.Attribute[Any]", option: Option) -> str:
    allowed = range_words(option)
    return (
        f"Default: {default_words(attribute, option)}. ".replace("`", "")
        + (f"Allowed: {allowed}. " if allowed else "")
        + f"Change: {reload_words(option)}."
    )


def _prose(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_on_hyphens=False,
        break_long_words=False,
    )
