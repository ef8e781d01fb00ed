"""What a reload applies and what waits for a restart."""

import pytest

from proxy.config import Changes, Config, changed_options, loads

TARGET = '[[target_group.targets]]\nhost = "db"\n'


def config(proxy: str = "", rest: str = "", target: str = TARGET) -> Config:
    return loads(f'[proxy]\nsecrets_file = "s"\n{proxy}\n{rest}\n{target}')


def test_equal_configurations_differ_in_nothing() -> None:
    assert changed_options(config(), config()) == Changes()


def test_changes_are_split_and_carry_full_paths() -> None:
    new = config("port = 3307\nidle_client_timeout = 5", '[log]\nlevel = "debug"\nformat = "json"')
    assert changed_options(config(), new) == Changes(
        reloadable=("log.level", "proxy.idle_client_timeout"), restart=("log.format", "proxy.port")
    )


def test_a_nested_section() -> None:
    new = config(rest="[target_group.connection_pool_config]\nconnection_borrow_timeout = 5")
    assert changed_options(config(), new).reloadable == (
        "target_group.connection_pool_config.connection_borrow_timeout",
    )


def test_a_default_that_follows_another_option_changes_with_it() -> None:
    new = config(rest="[target_group.connection_pool_config]\nmax_connections_percent = 50")
    assert changed_options(config(), new).reloadable == (
        "target_group.connection_pool_config.max_connections_percent",
        "target_group.connection_pool_config.max_idle_connections_percent",
    )


@pytest.mark.parametrize(("entries", "path"), [(1, "proxy.auth[0].secret_arn"), (2, "proxy.auth")])
def test_entries_can_change_and_grow_without_a_restart(entries: int, path: str) -> None:
    old = config('[[proxy.auth]]\nsecret_arn = "a"')
    new = config('[[proxy.auth]]\nsecret_arn = "b"\n' * entries)
    assert changed_options(old, new) == Changes(reloadable=(path,))


def test_another_target_needs_a_restart_its_probing_does_not() -> None:
    new = config(target='[[target_group.targets]]\nhost = "other"\nprobe_interval = 1\n')
    assert changed_options(config(), new) == Changes(
        reloadable=("target_group.targets[0].probe_interval",), restart=("target_group.targets[0].host",)
    )
