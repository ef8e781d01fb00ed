"""The whole configuration as one frozen value, and a walk over its sections for whoever describes them."""

# ruff: noqa: RUF009 - `table` and `tables` return attrs fields, not shared defaults

from collections.abc import Iterator
from typing import Any

import attrs

from .options import Option, Table, TableList, spec_of, table
from .proxy_section import LogConfig, ProxyConfig
from .target_section import TargetGroupConfig

__all__ = ["Config", "Section", "option_paths", "sections"]


@attrs.frozen(kw_only=True)
class Config:
    """A configuration file. Built by hand it is not checked; `load` and `loads` check."""

    log: LogConfig = table(LogConfig, "How the proxy logs.")
    proxy: ProxyConfig = table(ProxyConfig, "The side that faces clients.")
    target_group: TargetGroupConfig = table(TargetGroupConfig, "The side that faces the database.")


@attrs.frozen
class Section:
    """One section of a file: its full path and the options that stand directly in it."""

    path: str
    spec: Table | TableList
    options: tuple[tuple["attrs.Attribute[Any]", Option], ...]


def sections(root: type = Config, path: str = "") -> Iterator[Section]:
    """Every section below `root`, in the order of a file."""
    for attribute in attrs.fields(root):
        spec = spec_of(attribute)
        if isinstance(spec, Option):
            continue
        inner = f"{path}.{attribute.name}" if path else attribute.name
        yield Section(inner, spec, _options(spec.section))
        yield from sections(spec.section, inner)


def _options(section: type) -> tuple[tuple["attrs.Attribute[Any]", Option], ...]:
    pairs = ((attribute, spec_of(attribute)) for attribute in attrs.fields(section))
    return tuple((attribute, spec) for attribute, spec in pairs if isinstance(spec, Option))


def option_paths() -> tuple[str, ...]:
    """The full path of every option, repeated sections without an index."""
    return tuple(
        f"{section.path}.{attribute.name}" for section in sections() for attribute, _ in section.options
    )
