"""One tenant: clients counted, limits replaced."""

import attrs

from proxy.tenants.limits import NO_LIMITS, Share, TenantLimits
from proxy.tenants.tenant import Tenant


def test_clients_are_admitted_up_to_the_limit() -> None:
    tenant = Tenant("acme", TenantLimits(max_client_connections=2))
    assert [tenant.admit() for _ in range(3)] == [True, True, False]
    assert (tenant.clients, tenant.refused_clients) == (2, 1)


def test_without_a_limit_all_clients_are_admitted() -> None:
    tenant = Tenant("acme")
    assert all(tenant.admit() for _ in range(1000))


def test_other_limits_count_from_now_on() -> None:
    tenant = Tenant("acme", TenantLimits(max_client_connections=1, statements_per_second=1.0))
    assert tenant.admit()
    assert tenant.statements.allows(0.0)
    assert not tenant.statements.allows(0.0)
    tenant.limit(TenantLimits(share=Share(weight=3.0), max_client_connections=2))
    assert tenant.share.weight == 3.0
    assert tenant.admit()
    assert not tenant.admit()
    assert tenant.statements.allows(0.0)
    assert tenant.refused_statements == 1


def test_a_lower_limit_disconnects_nobody_and_admits_nobody() -> None:
    tenant = Tenant("acme")
    assert all(tenant.admit() for _ in range(3))
    tenant.limit(TenantLimits(max_client_connections=2))
    assert not tenant.admit()
    assert tenant.clients == 3


def test_a_new_tenant_has_the_share_and_the_rate_of_its_limits() -> None:
    limits = TenantLimits(share=Share(max_connections_percent=10.0), statements_per_second=1.0)
    tenant = Tenant("acme", limits)
    assert tenant.share is limits.share
    assert [tenant.statements.allows(0.0) for _ in range(2)] == [True, False]


def test_tenants_are_told_apart_by_identity() -> None:
    assert Tenant("acme") != Tenant("acme")
    assert len({Tenant("acme"), Tenant("acme")}) == 2
    assert "acme" in repr(Tenant("acme", attrs.evolve(NO_LIMITS, read_only=True)))


def test_one_that_rests_has_no_minimum_until_a_client_comes() -> None:
    tenant = Tenant("acme", TenantLimits(share=Share(weight=2.0, min_connections_percent=10.0)))
    tenant.rest()
    assert tenant.share == Share(weight=2.0)
    tenant.limit(TenantLimits(share=Share(weight=3.0, min_connections_percent=20.0)))
    assert tenant.share == Share(weight=3.0)
    assert tenant.admit()
    assert tenant.share is tenant.limits.share
    tenant.limit(TenantLimits(share=Share(min_connections_percent=30.0)))
    assert tenant.share.min_connections_percent == 30.0
