"""All endpoints in one form, and what their options take from each other."""

import pytest

from proxy.config import EndpointConfig, ProxyConfig, endpoints, loads

TARGET = '[[target_group.targets]]\nhost = "db"\n'


def proxy(text: str) -> ProxyConfig:
    return loads(f"[proxy]\n{text}\n{TARGET}").proxy


def test_the_default_endpoint_alone() -> None:
    assert endpoints(ProxyConfig()) == (EndpointConfig(name="default", port=3306),)


def test_the_default_endpoint_has_what_the_proxy_section_says() -> None:
    text = 'name = "shop"\nbind_address = "::1"\nport = 5\nsocket = "/s"\nsocket_mode = "0700"\n'
    text += 'routing = "read_write_split"\nmax_replica_lag = 7\nread_only_functions = ["f"]\n'
    [only] = endpoints(proxy(text + "causal_reads_timeout = 2"))
    assert only == EndpointConfig(
        name="default",
        bind_address="::1",
        port=5,
        socket="/s",
        socket_mode="0700",
        routing="read_write_split",
        max_replica_lag=7.0,
        read_only_functions=("f",),
        causal_reads=True,
        causal_reads_timeout=2.0,
    )


def test_further_ones_follow_in_their_order() -> None:
    text = '[[proxy.endpoints]]\nname = "b"\nport = 1\ntarget_role = "READ_ONLY"\n'
    found = endpoints(proxy(text + '[[proxy.endpoints]]\nname = "a"\nport = 2'))
    assert [(each.name, each.target_role, each.port) for each in found] == [
        ("default", "READ_WRITE", 3306),
        ("b", "READ_ONLY", 1),
        ("a", "READ_WRITE", 2),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ('routing = "read_write_split"', True),
        ('routing = "read_write_split"\ncausal_reads = false', False),
        ("causal_reads = true", True),
    ],
)
def test_a_split_reads_its_own_writes_unless_told_otherwise(text: str, expected: bool) -> None:
    assert proxy(text).causal_reads is expected
    [_, other] = endpoints(proxy(f'[[proxy.endpoints]]\nname = "a"\nport = 1\n{text}'))
    assert other.causal_reads is expected
