"""What differs between two configurations, split by whether a running proxy can take it over."""

from collections.abc import Iterator
from typing import Any

import attrs

from .model import Config
from .options import Option, TableList, spec_of

__all__ = ["Changes", "changed_options"]


@attrs.frozen
class Changes:
    """Full paths of changed options: those a reload applies and those that wait for a restart."""

    reloadable: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


def changed_options(old: Config, new: Config) -> Changes:
    """Compare two configurations option by option, in the order of a file.

    A repeated section that has become longer or shorter counts as one change of the whole.
    """
    found = tuple(_differences(old, new, ""))
    return Changes(
        tuple(path for path, reloadable in found if reloadable),
        tuple(path for path, reloadable in found if not reloadable),
    )


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, bool]]:
    for attribute in attrs.fields(type(old)):
        before, after = getattr(old, attribute.name), getattr(new, attribute.name)
        where = f"{path}.{attribute.name}" if path else attribute.name
        spec = spec_of(attribute)
        if before == after:
            continue
        if isinstance(spec, Option):
            yield where, spec.reloadable
        elif not isinstance(spec, TableList):
            yield from _differences(before, after, where)
        elif len(before) != len(after):
            yield where, spec.reloadable
        else:
            for index, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from _differences(one, other, f"{where}[{index}]")
