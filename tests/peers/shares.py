"""Tenants as the pool sees them: a name, and a share that a test replaces when it likes."""

import attrs

from proxy.tenants.limits import Share

__all__ = ["Share", "Tenant", "TenantKey"]


@attrs.define(eq=False)
class Tenant:
    """One without clients, rates or sections."""

    name: str
    share: Share = attrs.field(factory=Share)


@attrs.frozen
class TenantKey:
    """Keys of one user are equal, whatever the tenant."""

    user: str
    tenant: Tenant | None = attrs.field(default=None, eq=False)
