"""What a user may have meant by a name the model does not know."""

import difflib

import attrs

from .model import sections

__all__ = ["suggestion"]


def suggestion(section: type, path: str, name: str) -> str:
    """Message for the unknown `name` in the section at `path`, with the nearest known name if there is one.

    RDS's own spelling (MaxConnectionsPercent) leads to ours.
    """
    kind = "option" if path else "section"
    # The same name in another section is a surer guess than a similar one in this section.
    meant = _nearest(section, name, 0.99) or _elsewhere(name) or _nearest(section, name, 0.6)
    return f"unknown {kind}" + (f", did you mean {meant}?" if meant else "")


def _nearest(section: type, name: str, cutoff: float) -> str | None:
    known = {_plain(field.name): field.name for field in attrs.fields(section)}
    found = difflib.get_close_matches(_plain(name), known, n=1, cutoff=cutoff)
    return known[found[0]] if found else None


def _elsewhere(name: str) -> str | None:
    found = [
        (not option.rds_name, index, f"{section.path}.{attribute.name}")
        for index, section in enumerate(sections())
        for attribute, option in section.options
        if _plain(attribute.name) == _plain(name)
    ]
    # Of several options of one name RDS's is meant, else the first in a file.
    return min(found)[2] if found else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
