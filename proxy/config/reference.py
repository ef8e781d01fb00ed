"""The configuration reference for readers, made from the model.

`python -m proxy.config.reference --write` writes `docs/configuration.md` and `etc/rds-proxy.toml` into the
tree; `--check` exits with 1 and prints the differences when a file is not what the model makes.
"""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from .model import Section, sections
from .options import Option, TableList
from .rendering import default_words, range_words, reload_words
from .sample import sample_file

__all__ = ["documents", "main", "reference_page"]

_PREAMBLE = """\
# Configuration

<!-- Made from the model by `python -m proxy.config.reference --write`; edit the model, not this page. -->

The proxy reads one TOML file. [`etc/rds-proxy.toml`](../etc/rds-proxy.toml) lists every option with its
default and can be edited as it is; only `target_group.targets` has to be in a file. Times are in seconds and
may have a fraction. Relative paths are relative to the file's directory.

`rds-proxy check-config FILE` names everything that is wrong with a file. In the column *Change*, *reload*
means that a running proxy takes a changed value over on `SIGHUP`, *restart* that it waits for a restart.
The column *RDS name* is the name of the setting in the RDS API, where it has one.
"""

_HEADINGS = ("Option", "Default", "Unit", "Allowed", "Change", "RDS name", "Description")


def reference_page() -> str:
    """The text of `docs/configuration.md`."""
    return "\n".join([_PREAMBLE, *(_section(section) for section in sections())])


def documents(root: Path) -> dict[Path, str]:
    """The generated files of the tree at `root`, with the text the model makes for each."""
    return {
        root / "docs" / "configuration.md": reference_page(),
        root / "etc" / "rds-proxy.toml": sample_file(),
    }


def _section(section: Section) -> str:
    spec = section.spec
    repeated = isinstance(spec, TableList)
    lines = [
        f"## `[[{section.path}]]`" if repeated else f"## `[{section.path}]`",
        "",
        _about_section(section),
    ]
    if section.options:
        lines += ["", _row(_HEADINGS), _row(["---"] * len(_HEADINGS))]
        lines += [_row(_cells(attribute, option)) for attribute, option in section.options]
    return "\n".join(lines) + "\n"


def _about_section(section: Section) -> str:
    spec = section.spec
    words = [spec.description]
    if isinstance(spec, TableList):
        if spec.minimum != spec.maximum:
            words.append(f"The section may stand {spec.minimum} to {spec.maximum} times.")
        words.append(f"Adding or removing one needs a {'reload' if spec.reloadable else 'restart'}.")
    if spec.rds_name:
        words.append(f"RDS name: `{spec.rds_name}`.")
    return " ".join(words)


def _cells(attribute: "attrs.Attribute[Any]", option: Option) -> list[str]:
    return [
        f"`{attribute.name}`",
        default_words(attribute, option, "`"),
        option.unit,
        range_words(attrs.evolve(option, unit=""), "`"),
        reload_words(option),
        f"`{option.rds_name}`" if option.rds_name else "",
        option.description,
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _difference(path: Path, wanted: str) -> str:
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    return "".join(
        difflib.unified_diff(
            present.splitlines(keepends=True),
            wanted.splitlines(keepends=True),
            str(path),
            "made from the model",
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the generated files; 0 when they are what the model makes."""
    parser = argparse.ArgumentParser(prog="python -m proxy.config.reference", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write the files")
    action.add_argument("--check", action="store_true", help="exit with 1 when a file is stale")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2], help="the tree's directory")
    arguments = parser.parse_args(argv)
    wanted = documents(arguments.root)
    if arguments.write:
        for path, text in wanted.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    differences = "".join(_difference(path, text) for path, text in wanted.items())
    sys.stdout.write(differences)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
