"""Rules about tenants. One section of TenantConfig is looked at alone; what concerns all blames the entry."""

from .proxy_section import ProxyConfig
from .tenant_section import OTHER_TENANTS, TenantConfig

__all__ = [
    "burst_without_rate",
    "least_above_most",
    "repeated_tenant",
    "reserved_tenant",
    "tenants_without_attribute",
    "too_much_kept",
]


def least_above_most(tenant: TenantConfig) -> str | None:
    """More connections kept for a tenant than it may have."""
    least, most = tenant.min_connections_percent, tenant.max_connections_percent
    return f"{least:g} is above max_connections_percent, {most:g}" if least > most else None


def burst_without_rate(tenant: TenantConfig) -> str | None:
    """A burst of no rate."""
    return (
        "needs statements_per_second" if tenant.statement_burst and not tenant.statements_per_second else None
    )


def reserved_tenant(tenant: TenantConfig) -> str | None:
    """The name of those whom no section matches."""
    return f'"{OTHER_TENANTS}" is the tenant of all others' if tenant.name == OTHER_TENANTS else None


def repeated_tenant(proxy: ProxyConfig) -> tuple[str, str] | None:
    """Two sections with one name."""
    seen: set[str] = set()
    for index, tenant in enumerate(proxy.tenants):
        if tenant.name in seen:
            return f"tenants[{index}].name", f'"{tenant.name}" is the name of another tenant'
        seen.add(tenant.name)
    return None


def too_much_kept(proxy: ProxyConfig) -> tuple[str, str] | None:
    """More connections kept than there are; a section with `each` counts as one tenant."""
    kept = 0.0
    for index, tenant in enumerate(proxy.tenants):
        kept += tenant.min_connections_percent
        if kept > 100:
            return (
                f"tenants[{index}].min_connections_percent",
                f"brings the sum of all to {kept:g}, above 100",
            )
    return None


def tenants_without_attribute(proxy: ProxyConfig) -> tuple[str, str] | None:
    """A section that goes by an attribute when none is named."""
    for index, tenant in enumerate(proxy.tenants):
        uses = bool(tenant.attribute_values) or tenant.each == "attribute"
        if uses and not proxy.tenant_attribute:
            option = "attribute_values" if tenant.attribute_values else "each"
            return f"tenants[{index}].{option}", "needs proxy.tenant_attribute"
    return None
