"""From the options of a section to a tenant's limits."""

from proxy.config import TenantConfig
from proxy.tenants.limits import NO_LIMITS, Share, TenantLimits, limits_of


def test_the_defaults_limit_nothing() -> None:
    assert limits_of(TenantConfig(name="acme")) == NO_LIMITS
    assert NO_LIMITS.share == Share(1.0, 0.0, 100.0, 0, None)


def test_every_option_is_taken_over() -> None:
    limits = limits_of(
        TenantConfig(
            name="acme",
            weight=2.0,
            min_connections_percent=5.0,
            max_connections_percent=50.0,
            connection_borrow_queue_length=20,
            connection_borrow_timeout=3.0,
            max_client_connections=100,
            statements_per_second=7.5,
            statement_burst=30,
            max_execution_time=1.5,
            idle_in_transaction_timeout=60.0,
            lock_wait_timeout=10,
            allowed_schemas=("a", "b*"),
            allowed_networks=("192.0.2.0/24", "localhost"),
            read_only=True,
        )
    )
    networks = limits.allowed_networks
    assert networks is not None
    assert limits == TenantLimits(
        share=Share(2.0, 5.0, 50.0, 20, 3.0),
        max_client_connections=100,
        statements_per_second=7.5,
        statement_burst=30.0,
        max_execution_time=1.5,
        idle_in_transaction_timeout=60.0,
        lock_wait_timeout=10,
        allowed_schemas=("a", "b*"),
        allowed_networks=networks,
        read_only=True,
    )
    assert "192.0.2.7" in networks
    assert "" in networks
    assert "198.51.100.1" not in networks


def test_a_timeout_of_zero_is_one() -> None:
    assert limits_of(TenantConfig(name="acme", connection_borrow_timeout=0.0)).share.borrow_timeout == 0.0


def test_a_burst_is_the_rate_by_default_and_at_least_one() -> None:
    assert limits_of(TenantConfig(name="a", statements_per_second=20.0)).statement_burst == 20
    assert limits_of(TenantConfig(name="a", statements_per_second=0.1)).statement_burst == 1
