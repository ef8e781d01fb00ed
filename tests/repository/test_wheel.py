"""What an installation gets."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
COPIED = [
    "proxy",
    "twisted",
    "tests/conftest.py",
    "tests/repository",
    "pyproject.toml",
    "setup.cfg",
    "README.md",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from a copy, so that nothing is left in the checkout."""
    tree = tmp_path_factory.mktemp("tree")
    for each in (*COPIED, "LICENSE"):
        source, goal = ROOT / each, tree / each
        if source.is_dir():
            shutil.copytree(source, goal, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"))
        elif source.exists():
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, goal)
    out = tree / "dist"
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tree)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    [file] = out.glob("*.whl")
    with ZipFile(file) as archive:
        return set(archive.namelist())


def test_every_module_is_in_it(wheel: set[str]) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "proxy").rglob("*.py")}
    assert modules <= wheel


def test_the_twistd_plugin_is_in_it(wheel: set[str]) -> None:
    assert "twisted/plugins/rds_proxy_plugin.py" in wheel


def test_nothing_of_twisted_is_replaced(wheel: set[str]) -> None:
    ours = {name for name in wheel if name.startswith("twisted/")}
    assert ours == {"twisted/plugins/rds_proxy_plugin.py"}


def test_nothing_else_is_in_it(wheel: set[str]) -> None:
    roots = {name.split("/")[0] for name in wheel}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"proxy", "twisted"}


def test_types_are_announced(wheel: set[str]) -> None:
    assert "proxy/py.typed" in wheel


def test_the_console_script_is_ours(wheel: set[str]) -> None:
    assert any(name.endswith("/entry_points.txt") for name in wheel)
