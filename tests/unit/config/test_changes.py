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


def targets(*entries: str) -> Config:
    """One target for each host, with options after it."""
    return config(target="".join(f'[[target_group.targets]]\nhost = "{entry}\n' for entry in entries))


TARGETS = "target_group.targets"


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (('a"', 'b"', 'c"'), (TARGETS,)),
        (('b"',), (TARGETS,)),
        (('b"', 'a"'), (TARGETS,)),
        (('a"\nport = 3307', 'b"'), (TARGETS,)),
        (('a"', 'b"\nfenced = true'), (f"{TARGETS}[1].fenced",)),
        (('c"', 'b"\ntls = "off"', 'a"'), (TARGETS, f"{TARGETS}[1].tls")),
        (('b"\ndeployment = "blue"\nprobe_interval = 2',), (TARGETS, f"{TARGETS}[0].probe_interval")),
    ],
)
def test_targets_come_and_go_and_are_known_by_host_and_port(
    after: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    assert changed_options(targets('a"', 'b"'), targets(*after)) == Changes(reloadable=changed)


def endpoints(*entries: str) -> Config:
    """One endpoint for each name, with options after it."""
    return config("".join(f'[[proxy.endpoints]]\nname = "{entry}\n' for entry in entries))


ONE, TWO = 'one"\nport = 1', 'two"\nport = 2'


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ((ONE,), Changes(restart=("proxy.endpoints",))),
        ((ONE, TWO, 'three"\nport = 3'), Changes(restart=("proxy.endpoints",))),
        ((ONE, 'other"\nport = 2'), Changes(restart=("proxy.endpoints",))),
        ((ONE, 'two"\nport = 4'), Changes(restart=("proxy.endpoints[1].port",))),
        (
            (ONE, f'{TWO}\ntarget_role = "READ_ONLY"\nfallback = "error"'),
            Changes(reloadable=("proxy.endpoints[1].fallback",), restart=("proxy.endpoints[1].target_role",)),
        ),
        (
            (f'{ONE}\nrouting = "read_write_split"', TWO),
            Changes(reloadable=("proxy.endpoints[0].routing", "proxy.endpoints[0].causal_reads")),
        ),
    ],
)
def test_endpoints_need_a_restart_their_routing_does_not(after: tuple[str, ...], expected: Changes) -> None:
    assert changed_options(endpoints(ONE, TWO), endpoints(*after)) == expected
