"""Rules about tenants: each is broken once, and kept once."""

import pytest

from proxy.config import ConfigError, loads

TARGET = '[[target_group.targets]]\nhost = "db"\n'
ATTRIBUTE = '[proxy]\ntenant_attribute = "tenant"\n'


def tenant(*lines: str, name: str = "acme") -> str:
    """One `[[proxy.tenants]]`."""
    return "\n".join(["[[proxy.tenants]]", f'name = "{name}"', *lines, ""])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            tenant("min_connections_percent = 20", "max_connections_percent = 10"),
            "proxy.tenants[0].min_connections_percent: 20 is above max_connections_percent, 10",
        ),
        (tenant("statement_burst = 5"), "proxy.tenants[0].statement_burst: needs statements_per_second"),
        (tenant(name="default"), 'proxy.tenants[0].name: "default" is the tenant of all others'),
        (
            tenant() + tenant(name="b") + tenant(),
            'proxy.tenants[2].name: "acme" is the name of another tenant',
        ),
        (
            tenant("min_connections_percent = 60") + tenant("min_connections_percent = 40.5", name="b"),
            "proxy.tenants[1].min_connections_percent: brings the sum of all to 100.5, above 100",
        ),
        (
            tenant('attribute_values = ["a"]'),
            "proxy.tenants[0].attribute_values: needs proxy.tenant_attribute",
        ),
        (tenant('each = "attribute"'), "proxy.tenants[0].each: needs proxy.tenant_attribute"),
    ],
)
def test_a_broken_rule_is_the_only_problem(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text + TARGET)
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    "text",
    [
        tenant("min_connections_percent = 10", "max_connections_percent = 10"),
        tenant("statement_burst = 5", "statements_per_second = 0.5"),
        tenant("min_connections_percent = 60") + tenant("min_connections_percent = 40", name="b"),
        ATTRIBUTE + tenant('attribute_values = ["a", "b*"]', 'each = "attribute"'),
        tenant('each = "user"') + tenant('each = "schema"', 'schemas = ["s*"]', name="b"),
        tenant("connection_borrow_timeout = -1"),
        tenant('allowed_networks = ["localhost", "192.0.2.0/24", "2001:db8::/32", "::1"]'),
    ],
)
def test_a_kept_rule_is_no_problem(text: str) -> None:
    loads(text + TARGET)


@pytest.mark.parametrize(
    "line",
    [
        'allowed_networks = ["192.0.2.1/24"]',
        'allowed_networks = ["nowhere"]',
        'user_names = [""]',
        'each = "host"',
        "weight = 0",
        "max_connections_percent = 0",
        "lock_wait_timeout = 1.5",
    ],
)
def test_values_that_no_tenant_may_have(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(tenant(line) + TARGET)
    (problem,) = caught.value.problems
    assert problem.startswith(f"proxy.tenants[0].{line.partition(' ')[0]}: ")


@pytest.mark.parametrize("name", ["a/b", "", "-a", "a b", "ä", "a" * 64])
def test_names_that_no_tenant_may_have(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(tenant(name=name) + TARGET)
    (problem,) = caught.value.problems
    assert problem.startswith("proxy.tenants[0].name: ")
