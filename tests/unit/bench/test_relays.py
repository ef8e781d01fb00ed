"""The configurations that the benchmark writes."""

import tomllib

from tests.bench.relays import haproxy_config, proxy_config


def test_haproxy_passes_bytes_on_in_tcp_mode_with_its_timeouts_set() -> None:
    lines = [line.split() for line in haproxy_config(4001, ("127.0.0.1", 4000)).splitlines()]
    assert ["mode", "tcp"] in lines
    assert ["bind", "127.0.0.1:4001"] in lines
    assert ["server", "database", "127.0.0.1:4000"] in lines
    assert {line[1] for line in lines if line[0] == "timeout"} == {"connect", "client", "server"}


def test_the_proxy_logs_warnings_only_and_keeps_all_the_connections_it_may_open() -> None:
    config = tomllib.loads(proxy_config(4001, ("127.0.0.1", 4000), 1))
    pool = config["target_group"]["connection_pool_config"]
    assert config["log"] == {"format": "text", "level": "warn"}
    assert pool["max_connections_percent"] == pool["max_idle_connections_percent"] == 1
    assert config["target_group"]["targets"] == [{"host": "127.0.0.1", "port": 4000, "tls": "off"}]
