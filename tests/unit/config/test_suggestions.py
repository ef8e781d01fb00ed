"""Unknown names lead to the name that was meant."""

import pytest

from proxy.config import ConfigError, loads

TARGET = '[[target_group.targets]]\nhost = "db"\n'


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("nmae", "name"),
        ("idle_clent_timeout", "idle_client_timeout"),
        ("IdleClientTimeout", "idle_client_timeout"),
        ("require-tls", "require_tls"),
        ("MaxConnectionsPercent", "target_group.connection_pool_config.max_connections_percent"),
        ("init_query", "target_group.connection_pool_config.init_query"),
    ],
)
def test_a_near_name_is_suggested(name: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(f"[proxy]\n{name} = 1\n{TARGET}")
    (problem,) = caught.value.problems
    assert problem == f"proxy.{name}: unknown option, did you mean {meant}?"


def test_nothing_is_suggested_for_a_name_without_a_likeness() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(f"[proxy]\nzzz = 1\n{TARGET}")
    assert caught.value.problems == ("proxy.zzz: unknown option",)


def test_an_unknown_section() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(f"[logs]\n[other]\n{TARGET}")
    assert caught.value.problems == (
        "logs: unknown section, did you mean log?",
        "other: unknown section",
    )


def test_a_name_with_a_line_break_stays_on_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(f'[proxy]\n"a\\nb" = 1\n{TARGET}')
    (problem,) = caught.value.problems
    assert "\n" not in problem
