"""Rules between options: each is broken once, and stays quiet when its inputs are wrong themselves."""

import pytest

from proxy.config import ConfigError, loads

TARGET = '[[target_group.targets]]\nhost = "db"\n'
AUTH = '[[proxy.auth]]\nsecret_arn = "a"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[target_group.connection_pool_config]\n"
            f"max_connections_percent = 40\nmax_idle_connections_percent = 41\n{TARGET}",
            "target_group.connection_pool_config.max_idle_connections_percent: "
            "41 is above max_connections_percent, 40",
        ),
        (
            f'[proxy]\ntls_certificate = "c"\n{TARGET}',
            "proxy.tls_private_key: is needed with tls_certificate",
        ),
        (
            f'[proxy]\ntls_private_key = "k"\n{TARGET}',
            "proxy.tls_certificate: is needed with tls_private_key",
        ),
        (
            f"[proxy]\nrequire_tls = true\n{TARGET}",
            "proxy.require_tls: needs tls_certificate and tls_private_key",
        ),
        (AUTH + TARGET, "proxy.secrets_file: is needed with proxy.auth, whose secrets it holds"),
        (
            '[[target_group.targets]]\nhost = "127.0.0.1"\n',
            "target_group.targets[0].host: is the proxy's own address and port",
        ),
        (
            '[proxy]\nbind_address = "0.0.0.0"\n[[target_group.targets]]\nhost = "127.0.0.1"\n',
            "target_group.targets[0].host: is the proxy's own address and port",
        ),
    ],
)
def test_a_broken_rule_is_the_only_problem(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    "text",
    [
        "[target_group.connection_pool_config]\n"
        f"max_connections_percent = 40\nmax_idle_connections_percent = 40\n{TARGET}",
        f'[proxy]\nrequire_tls = true\ntls_certificate = "c"\ntls_private_key = "k"\n{TARGET}',
        f'[proxy]\nsecrets_file = "s"\n{AUTH}{TARGET}',
        '[proxy]\nport = 3307\n[[target_group.targets]]\nhost = "127.0.0.1"\n',
    ],
)
def test_a_kept_rule_is_no_problem(text: str) -> None:
    loads(text)


def test_a_rule_is_not_asked_about_wrong_options() -> None:
    pool = "[target_group.connection_pool_config]\nmax_connections_percent = 0\n"
    with pytest.raises(ConfigError) as caught:
        loads(f"{pool}max_idle_connections_percent = 100\n{TARGET}")
    assert caught.value.problems == (
        "target_group.connection_pool_config.max_connections_percent: 0 is below 1",
    )
