"""Properties every source file has."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "proxy").rglob("*.py"), *(ROOT / "twisted").rglob("*.py")])
#: Lines; files grow quietly, and two small ones read better than a long one.
LONGEST_FILE = 450
LONGEST_FUNCTION = 60
VAGUE = re.compile(r"handler|manager|processor|engine|helper|util", re.IGNORECASE)
# AWS's own name for it.
SERVICE = "secrets_manager"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_it_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_it_is_not_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_its_functions_are_not_too_long(path: Path) -> None:
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_its_name_says_something(path: Path) -> None:
    assert not VAGUE.search(path.stem.replace(SERVICE, ""))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_it_logs_no_formatted_text(path: Path) -> None:
    """Fields stay fields: a log call takes a format string, never an f-string."""
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("debug", "info", "warn", "error", "failure", "critical")
        and node.args
        and isinstance(node.args[0], ast.JoinedStr)
    ]
    assert calls == []


def test_the_plugin_directory_stays_a_namespace() -> None:
    """An __init__.py there would take the place of Twisted's own."""
    assert not (ROOT / "twisted" / "__init__.py").exists()
    assert not (ROOT / "twisted" / "plugins" / "__init__.py").exists()
    assert (ROOT / "twisted" / "plugins" / "rds_proxy_plugin.py").exists()


def test_packages_have_an_init() -> None:
    folders = {path.parent for path in (ROOT / "proxy").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
