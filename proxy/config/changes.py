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

    A repeated section whose entries have come, gone or changed places counts as one change of the whole,
    beside the changes of the entries that are in both; an index is that in ``new``.
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
        elif isinstance(spec, TableList):
            yield from _entries(spec, before, after, where)
        else:
            yield from _differences(before, after, where)


def _entries(
    spec: TableList, old: tuple[Any, ...], new: tuple[Any, ...], path: str
) -> Iterator[tuple[str, bool]]:
    before = {_identity(spec, index, entry): entry for index, entry in enumerate(old)}
    after = [_identity(spec, index, entry) for index, entry in enumerate(new)]
    if list(before) != after:
        yield path, spec.reloadable
        if not spec.key:
            return
    for index, identity in enumerate(after):
        if identity in before:
            yield from _differences(before[identity], new[index], f"{path}[{index}]")


def _identity(spec: TableList, index: int, entry: Any) -> Any:
    return tuple(getattr(entry, name) for name in spec.key) if spec.key else index
