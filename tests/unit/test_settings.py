import pytest

from proxy.config import Config, endpoints, loads
from proxy.mysql.backend.errors import ConnectFailed, NothingToShow, TargetError, UnfitTarget
from proxy.mysql.backend.probe import ProbeResult
from proxy.mysql.frontend.context import ClientOptions
from proxy.mysql.wire.results import ErrorPacket
from proxy.pool.limits import PoolLimits
from proxy.settings import (
    UNKNOWN_VERSION,
    check_files,
    client_options,
    connection_cap,
    health_reason,
    pool_limits,
    probe_timing,
    reader_options,
    server_facts,
    statement_cap,
    switchover_options,
    target,
)
from proxy.targets.health import HealthReason

TARGET = '[[target_group.targets]]\nhost = "db"\n'
CONFIG = loads(TARGET)


def answer(**fields: object) -> ProbeResult:
    values = {
        "max_connections": 1000, "version": "5.5.5-10.11.6-MariaDB", "is_mariadb": True, "fresh_status": 2,
        "collations": {8: ("latin1_swedish_ci", "latin1")}, "tracked_variables": "*", **fields,
    }  # fmt: skip
    return ProbeResult(**values)  # type: ignore[arg-type]


def limits_of(config: Config, answer: ProbeResult | None) -> PoolLimits:
    """Those of the first target."""
    return pool_limits(config, config.target_group.targets[0], answer)


def options_of(config: Config) -> ClientOptions:
    """Those of the default endpoint's clients."""
    return client_options(config, endpoints(config.proxy)[0])


@pytest.mark.parametrize(
    ("percent", "maximum", "cap"),
    [(100, 151, 148), (50, 151, 75), (1, 151, 1), (100, 2, 1), (1, 10, 1), (99, 100, 97), (75, 1000, 750)],
)
def test_the_cap_leaves_room_and_is_never_zero(percent: int, maximum: int, cap: int) -> None:
    assert connection_cap(percent, maximum) == cap


def test_before_the_target_has_answered_there_is_one_connection() -> None:
    assert limits_of(CONFIG, None).max_connections == 1


def test_pool_limits_are_the_options() -> None:
    options = (
        "[target_group.connection_pool_config]\nmax_connections_percent = 60\nconnection_borrow_timeout = 7\n"
    )
    limits = limits_of(loads(options + TARGET), answer())
    assert (limits.max_connections, limits.max_idle, limits.borrow_timeout) == (600, 300, 7)


@pytest.mark.parametrize(
    ("maximum", "wanted", "cap"),
    [(16_382, 10, 10), (16_382, 100, 12), (1_000_000, 100, 100), (100, 100, 1), (0, 100, 1)],
)
def test_all_connections_together_leave_room_for_others_statements(
    maximum: int, wanted: int, cap: int
) -> None:
    config = loads(f"[proxy]\nmax_prepared_statements_per_connection = {wanted}\n" + TARGET)
    found = statement_cap(config, answer(max_prepared_statements=maximum))
    assert found == cap
    connections = limits_of(config, answer()).max_connections
    assert found == 1 or found * connections <= maximum * 3 // 4


def test_client_options_are_the_options() -> None:
    text = "[proxy]\nidle_client_timeout = 77\nmax_client_connections = 5\n"
    filters = '[target_group.connection_pool_config]\nsession_pinning_filters = ["EXCLUDE_VARIABLE_SETS"]\n'
    options = options_of(loads(text + filters + TARGET))
    assert (options.idle_client_timeout, options.max_client_connections) == (77, 5)
    assert options.exclude_variable_sets
    assert not options_of(CONFIG).exclude_variable_sets


def test_limits_reach_the_clients() -> None:
    text = (
        "[proxy]\nmax_client_connections_per_address = 3\nmax_client_connections_per_user = 4\n"
        "client_connection_rate_limit = 5\nmax_login_packet_size = 8192\n"
        'max_prepared_statements_per_client = 6\nproxy_protocol_networks = ["10.0.0.0/8", "localhost"]\n'
    )
    options = options_of(loads(text + TARGET))
    assert (options.max_client_connections_per_address, options.max_client_connections_per_user) == (3, 4)
    assert (options.client_connection_rate_limit, options.max_login_packet_size) == (5, 8192)
    assert options.max_prepared_statements_per_client == 6
    assert "10.1.2.3" in options.balancers
    assert "" in options.balancers
    assert "127.0.0.1" not in options_of(CONFIG).balancers


def test_the_parts_of_a_sessions_memory() -> None:
    options = options_of(loads("[proxy]\nsession_memory_limit = 524288\n" + TARGET))
    parts = (options.client_buffer_size, options.whole_command_size, options.closing_packet_size)
    assert parts == (32_768, 65_536, 131_072)
    default = options_of(CONFIG)
    assert (default.client_buffer_size, default.whole_command_size) == (65_536, 131_072)


def test_the_queue_for_connections() -> None:
    text = "[target_group.connection_pool_config]\nconnection_borrow_queue_length = 7\n"
    assert limits_of(loads(text + TARGET), None).max_queue_length == 7
    assert limits_of(CONFIG, None).max_queue_length == 10_000


def test_facts_of_a_target_that_never_answered() -> None:
    facts = server_facts(CONFIG, None, None)
    assert (facts.version, facts.is_mariadb, facts.fresh_status, facts.collations) == (
        UNKNOWN_VERSION,
        False,
        2,
        {},
    )


def test_facts_of_one_that_has() -> None:
    assert server_facts(CONFIG, answer(), None).fresh_status == 2
    facts = server_facts(CONFIG, answer(), 0)
    assert facts.fresh_status == 0
    assert facts.collations == {8: ("latin1_swedish_ci", "latin1")}


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (TargetError(ErrorPacket(1045, "28000", "denied")), HealthReason.AUTH_FAILURE),
        (TargetError(ErrorPacket(1040, "08004", "too many")), HealthReason.PENDING_PROXY_CAPACITY),
        (UnfitTarget("old"), HealthReason.AUTH_FAILURE),
        (NothingToShow("no AWS credentials"), HealthReason.AUTH_FAILURE),
        (ConnectFailed("no route"), HealthReason.UNREACHABLE),
        (OSError(), HealthReason.UNREACHABLE),
    ],
)
def test_reasons(problem: BaseException, reason: HealthReason) -> None:
    assert health_reason(problem) is reason


def test_each_target_has_its_own_options() -> None:
    text = '[[target_group.targets]]\nhost = "other"\nport = 3399\nconnect_timeout = 3\nprobe_timeout = 0.5\n'
    config = loads(TARGET + text)
    first, second = config.target_group.targets
    assert target(first).name == "db:3306"
    found = target(second)
    assert (found.name, found.connect_timeout) == ("other:3399", 3)
    assert pool_limits(config, second, None).connect_timeout == 3
    assert pool_limits(config, first, None).connect_timeout == 5
    timeouts = [probe_timing(each, config.target_group).timeout for each in (first, second)]
    assert timeouts == [1, 0.5]


ENDPOINTS = """
[proxy]
routing = "read_write_split"
max_replica_lag = 3

[[proxy.endpoints]]
name = "reader"
port = 3307
target_role = "READ_ONLY"
fallback_wait = 2
causal_reads = true
"""


def test_each_endpoint_has_its_own_options() -> None:
    config = loads(ENDPOINTS + TARGET)
    first, reader = endpoints(config.proxy)
    assert client_options(config, first).routing == "read_write_split"
    assert client_options(config, reader).routing == "endpoint"
    assert client_options(config, reader).causal_reads
    found = reader_options(config, reader)
    assert (found.fallback, found.fallback_wait, found.max_replica_lag) == ("wait", 2, 30)


def test_a_read_of_a_split_does_not_wait_for_a_reader() -> None:
    config = loads(ENDPOINTS + TARGET)
    found = reader_options(config, endpoints(config.proxy)[0])
    assert (found.fallback, found.max_replica_lag) == ("writer", 3)


@pytest.mark.parametrize(("user", "follows"), [("", False), ("repl", True)])
def test_the_options_of_a_switchover(user: str, follows: bool) -> None:
    section = f'[target_group.switchover]\ntimeout = 4\npromote = false\nreplication_user_name = "{user}"\n'
    auth = '[proxy]\nsecrets_file = "s"\n[[proxy.auth]]\nsecret_arn = "a"\n'
    found = switchover_options(loads(auth + section + TARGET))
    assert (found.timeout, found.promote, found.follow, found.max_lag) == (4, False, follows, 10)


@pytest.mark.parametrize(("length", "fits"), [(107, True), (108, False)])
def test_the_path_of_a_unix_socket_may_not_be_too_long(length: int, fits: bool) -> None:
    config = loads(f'[proxy]\nsocket = "/{"é" * ((length - 1) // 2)}{"x" * ((length - 1) % 2)}"\n' + TARGET)
    if fits:
        check_files(config)
    else:
        with pytest.raises(ValueError, match=r"proxy\.socket: 108 bytes long, at most 107"):
            check_files(config)
