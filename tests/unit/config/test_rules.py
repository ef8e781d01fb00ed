"""Rules between options: each is broken once, and stays quiet when its inputs are wrong themselves."""

import pytest

from proxy.config import ConfigError, loads

TARGET = '[[target_group.targets]]\nhost = "db"\n'
AUTH = '[[proxy.auth]]\nsecret_arn = "a"\n'
NAMED = '[proxy]\nsecrets_file = "s"\n[[proxy.auth]]\nsecret_arn = "a"\nuser_name = "app"\n'


def endpoint(*lines: str, name: str = "reader", port: int = 3307) -> str:
    """One `[[proxy.endpoints]]`."""
    return "\n".join(["[[proxy.endpoints]]", f'name = "{name}"', f"port = {port}", *lines, ""])


def at(host: str, *lines: str) -> str:
    """One `[[target_group.targets]]`."""
    return "\n".join(["[[target_group.targets]]", f'host = "{host}"', *lines, ""])


READER = 'target_role = "READ_ONLY"'
SPLIT = 'routing = "read_write_split"'
BORROW = "[target_group.connection_pool_config]\nconnection_borrow_timeout = 4\n"


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
        (
            AUTH + TARGET,
            "proxy.secrets_file: is needed with proxy.auth[0], whose secret is neither in AWS nor env:NAME",
        ),
        (
            '[[target_group.targets]]\nhost = "127.0.0.1"\n',
            "target_group.targets[0].host: is the proxy's own address and port",
        ),
        (
            '[proxy]\nbind_address = "0.0.0.0"\n[[target_group.targets]]\nhost = "127.0.0.1"\n',
            "target_group.targets[0].host: is the proxy's own address and port",
        ),
        (
            endpoint() + TARGET + at("127.0.0.1", "port = 3307"),
            "target_group.targets[1].host: is the proxy's own address and port",
        ),
        (
            endpoint(name="default") + TARGET,
            'proxy.endpoints[0].name: "default" is the endpoint that [proxy] describes',
        ),
        (
            endpoint() + endpoint(name="Reader", port=1) + TARGET,
            'proxy.endpoints[1].name: "Reader" is the name of another endpoint',
        ),
        (endpoint(port=3306) + TARGET, "proxy.endpoints[0].port: 3306 is the port of another endpoint"),
        (
            endpoint('bind_address = "::"') + endpoint('bind_address = "::1"', name="b") + TARGET,
            "proxy.endpoints[1].port: 3307 is the port of another endpoint",
        ),
        (
            endpoint() + endpoint('bind_address = "0.0.0.0"', name="b") + TARGET,
            "proxy.endpoints[1].port: 3307 is the port of another endpoint",
        ),
        (
            '[proxy]\nsocket = "/s"\n' + endpoint('socket = "/s"') + TARGET,
            "proxy.endpoints[0].socket: is the socket of another endpoint",
        ),
        (
            endpoint(f'socket = "/{"s" * 107}"') + TARGET,
            "proxy.endpoints[0].socket: 108 bytes long, at most 107 are possible",
        ),
        (
            endpoint(READER, SPLIT) + TARGET,
            'proxy.endpoints[0].routing: "read_write_split" needs target_role = "READ_WRITE"',
        ),
        (
            endpoint('fallback = "error"') + TARGET,
            'proxy.endpoints[0].fallback: needs target_role = "READ_ONLY"',
        ),
        (
            endpoint('read_only_functions = ["f"]') + TARGET,
            'proxy.endpoints[0].read_only_functions: needs routing = "read_write_split"',
        ),
        (
            f'[proxy]\nread_only_functions = ["f"]\n{TARGET}',
            'proxy.read_only_functions: needs routing = "read_write_split"',
        ),
        (
            BORROW + endpoint(READER) + TARGET,
            "proxy.endpoints[0].fallback_wait: 5 is above connection_borrow_timeout, 4",
        ),
        (TARGET + at("DB"), "target_group.targets[1].host: DB:3306 is another target already"),
        (
            at("a", 'deployment = "green"'),
            'target_group.targets[0].deployment: "green" needs a "blue" target beside it',
        ),
        (at("a", "fenced = true"), "target_group.targets[0].fenced: leaves no target that is not fenced"),
        (
            NAMED + '[target_group]\nmonitor_user_name = "watch"\n' + TARGET,
            'target_group.monitor_user_name: "watch" is no user of proxy.auth',
        ),
        (
            '[target_group]\nmonitor_user_name = "watch"\n' + TARGET,
            'target_group.monitor_user_name: "watch" is no user of proxy.auth',
        ),
        (
            NAMED + '[target_group.switchover]\nreplication_user_name = "repl"\n' + TARGET,
            'target_group.switchover.replication_user_name: "repl" is no user of proxy.auth',
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
        endpoint(SPLIT, 'read_only_functions = ["f"]') + TARGET,
        endpoint(READER, "causal_reads = true") + '[target_group]\ntopology = "static"\n' + TARGET,
        endpoint(port=0) + endpoint(name="b", port=0) + TARGET,
        endpoint(f'socket = "/{"s" * 106}"') + TARGET,
        endpoint('bind_address = "127.0.0.2"', port=3306) + TARGET,
        endpoint('bind_address = "::1"', port=3306) + TARGET,
        BORROW + endpoint() + endpoint(READER, 'fallback = "writer"', name="b", port=1) + TARGET,
        BORROW + endpoint(READER, "fallback_wait = 4") + TARGET,
        TARGET + at("db", "port = 3307") + at("a", 'deployment = "green"', "fenced = true"),
        NAMED + '[target_group]\nmonitor_user_name = "app"\n' + TARGET,
        f'[proxy]\nsecrets_file = "s"\n{AUTH}[target_group]\nmonitor_user_name = "watch"\n{TARGET}',
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


def test_a_rule_is_not_asked_about_a_section_with_a_wrong_entry() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(endpoint(port=70_000) + endpoint(name="b") + TARGET)
    assert caught.value.problems == ("proxy.endpoints[0].port: 70000 is above 65535",)
