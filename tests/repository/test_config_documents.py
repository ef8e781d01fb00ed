"""The generated files in the tree are what the model makes, and the sample works and is complete."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from proxy.config import Config, load, loads
from proxy.config.model import option_paths
from proxy.config.reference import documents

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "etc" / "rds-proxy.toml"


def option_names(tables: dict[str, Any], path: str = "") -> set[str]:
    names: set[str] = set()
    for name, value in tables.items():
        inner = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        if isinstance(inner, dict):
            names |= option_names(inner, f"{path}{name}.")
        else:
            names.add(path + name)
    return names


def with_everything_put_in() -> str:
    return re.sub(r"^#(?! )", "", SAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("path", list(documents(ROOT)), ids=lambda path: path.name)
def test_a_generated_file_is_what_the_model_makes(path: Path) -> None:
    remedy = "run `python -m proxy.config.reference --write`"
    assert path.read_text(encoding="utf-8") == documents(ROOT)[path], remedy


def test_the_sample_loads_as_it_is_and_gives_the_defaults() -> None:
    config = load(SAMPLE)
    assert config.log == Config().log
    assert config.proxy == Config().proxy
    assert config.target_group.connection_pool_config == Config().target_group.connection_pool_config


def test_the_sample_lists_every_option() -> None:
    assert option_names(tomllib.loads(with_everything_put_in())) == set(option_paths())


def test_only_options_without_a_default_are_commented_out() -> None:
    live = option_names(tomllib.loads(SAMPLE.read_text(encoding="utf-8")))
    optional = ("proxy.auth.", "proxy.tenants.", "proxy.endpoints.")
    assert {name for name in set(option_paths()) - live if not name.startswith(optional)} == {
        "proxy.causal_reads",
        "target_group.connection_pool_config.max_idle_connections_percent",
    }


def test_the_sample_with_everything_put_in_loads() -> None:
    text = with_everything_put_in().replace('secrets_file = ""', 'secrets_file = "secrets.toml"')
    assert loads(text).proxy.auth[0].secret_arn == "app"


def test_the_page_describes_every_option() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for path in option_paths():
        section, _, name = path.rpartition(".")
        after = re.split(rf"^## `\[+{re.escape(section)}\]+`$", page, flags=re.MULTILINE)[1]
        assert f"| `{name}` |" in after.split("\n## ")[0]
