"""Imports point one way, as docs/architecture.md draws it."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "proxy").rglob("*.py"))
NAMES = {
    path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES
}


def imported(path: Path) -> set[str]:
    """Absolute names of all modules a file imports, wherever the import stands."""
    package = list(path.relative_to(ROOT).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


IMPORTS = {NAMES[path]: imported(path) for path in SOURCES}

#: What puts the parts together, and knows them all.
COMPOSITION = [
    "endpoints",
    "fate_finding",
    "group_switchover",
    "hardening",
    "listeners",
    "log_ins",
    "secrets_at_hand",
    "service",
    "settings",
    "tap",
    "target_group",
    "target_unit",
    "thread_ending",
    "token_checks",
    "use_of_aws",
    "users",
]


def offenders(inside: str, *forbidden: str) -> list[str]:
    """Modules of a package that import something they must not."""

    def below(name: str, package: str) -> bool:
        return name == package or name.startswith(package + ".")

    return [
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        if below(module, inside)
        for name in sorted(names)
        if any(below(name, package) for package in forbidden)
    ]


@pytest.mark.parametrize("package", ["proxy.mysql.wire", "proxy.mysql.session", "proxy.mysql.topology"])
def test_sans_io_packages_import_no_twisted(package: str) -> None:
    assert offenders(package, "twisted", "OpenSSL", "zope") == []


def test_wire_knows_nothing_above_it() -> None:
    others = ["frontend", "backend", "session", "exchange"]
    above = ["pool", "targets", "credentials", "config", "aws", "iam", "tenants", *COMPOSITION]
    assert offenders("proxy.mysql.wire", *(f"proxy.mysql.{each}" for each in others)) == []
    assert offenders("proxy.mysql.wire", *(f"proxy.{each}" for each in above)) == []


def test_session_knows_only_wire() -> None:
    assert offenders("proxy.mysql.session", "proxy.mysql.frontend", "proxy.mysql.backend", "proxy.pool") == []


def test_backend_does_not_know_frontend() -> None:
    assert offenders("proxy.mysql.backend", "proxy.mysql.frontend") == []


def test_the_pool_knows_neither_the_protocol_nor_aws() -> None:
    others = ["mysql", "aws", "iam", "targets", "credentials", "config", "tenants", *COMPOSITION]
    assert offenders("proxy.pool", *(f"proxy.{each}" for each in others)) == []


def test_targets_and_credentials_know_no_protocol() -> None:
    for package in ("proxy.targets", "proxy.credentials", "proxy.config", "proxy.tenants"):
        assert offenders(package, "proxy.mysql") == []


def test_tenants_know_only_their_configuration() -> None:
    assert offenders("proxy.tenants", "twisted", "proxy.pool", "proxy.targets", "proxy.credentials") == []


def test_a_topology_is_read_without_its_connection() -> None:
    others = ["frontend", "backend", "session", "exchange"]
    assert offenders("proxy.mysql.topology", *(f"proxy.mysql.{each}" for each in others)) == []


@pytest.mark.parametrize(
    "part", ["mysql", "pool", "targets", "credentials", "config", "aws", "iam", "tenants"]
)
def test_no_part_knows_how_the_parts_are_put_together(part: str) -> None:
    assert {f"proxy.{each}" for each in COMPOSITION} <= IMPORTS.keys()
    assert offenders(f"proxy.{part}", *(f"proxy.{each}" for each in COMPOSITION)) == []


def test_only_the_composition_root_imports_the_reactor() -> None:
    found = offenders("proxy", "twisted.internet.reactor")
    assert [each for each in found if not each.startswith("proxy.tap ")] == []


def test_only_the_command_line_imports_the_demo() -> None:
    found = [each for each in offenders("proxy", "proxy.demo") if not each.startswith("proxy.demo")]
    assert {each.split()[0] for each in found} <= {"proxy.cli"}


def test_boto3_is_only_in_aws() -> None:
    found = offenders("proxy", "boto3", "botocore", "mypy_boto3_secretsmanager")
    assert [each for each in found if not each.startswith("proxy.aws.")] == []


def test_aws_knows_no_databases() -> None:
    others = ["mysql", "pool", "targets", "config", "tenants", *COMPOSITION]
    assert offenders("proxy.aws", *(f"proxy.{each}" for each in others)) == []


def test_credentials_know_no_aws() -> None:
    assert offenders("proxy.credentials", "proxy.aws", "proxy.iam", "proxy.tenants") == []


@pytest.mark.parametrize("package", ["proxy.iam", "proxy.tenants"])
def test_who_may_do_what_is_decided_without_asking_anybody(package: str) -> None:
    others = ["mysql", "aws", "pool", "targets", *COMPOSITION]
    assert offenders(package, "twisted", "boto3", "botocore") == []
    assert offenders(package, *(f"proxy.{each}" for each in others)) == []


def test_boto3_is_not_loaded_before_it_is_called() -> None:
    """A proxy that needs nothing of AWS does without its 34 MB."""
    modules = [name for name in NAMES.values() if name not in ("proxy.tap", "proxy.__main__")]
    program = f"import sys\nfor name in {modules!r}: __import__(name)\nprint('botocore' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("path", SOURCES, ids=NAMES.get)
def test_inside_the_package_imports_are_relative(path: Path) -> None:
    """Another distribution ships the import name `proxy`."""
    absolute = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if (
            isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").split(".")[0] == "proxy"
        )
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "proxy" for alias in node.names))
    ]
    assert absolute == []


@pytest.mark.parametrize("path", SOURCES, ids=NAMES.get)
def test_relative_imports_name_modules_that_exist(path: Path) -> None:
    known = set(NAMES.values())
    for name in IMPORTS[NAMES[path]]:
        if name.startswith("proxy."):
            assert name in known or name.rpartition(".")[0] in known, name


@pytest.mark.parametrize("path", SOURCES, ids=NAMES.get)
def test_every_exported_name_exists(path: Path) -> None:
    if path.name == "__main__.py":
        pytest.skip("runs something")
    module = importlib.import_module(NAMES[path])
    exported = getattr(module, "__all__", [])
    assert [name for name in exported if not hasattr(module, name)] == []
    assert len(set(exported)) == len(exported)


def test_sans_io_packages_load_without_twisted() -> None:
    """Not even through something they import."""
    modules = [
        name
        for name in NAMES.values()
        if name.startswith(("proxy.mysql.wire", "proxy.mysql.session", "proxy.mysql.topology"))
    ]
    program = f"import sys\nfor name in {modules!r}: __import__(name)\nprint('twisted' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "False"
