"""One tenant: its limits, which a reload may replace at any time, and what it has taken of them."""

import attrs

from .limits import NO_LIMITS, Share, TenantLimits
from .rates import StatementRate

__all__ = ["Tenant"]


@attrs.define(eq=False)
class Tenant:
    """Clients that belong together. Compared by identity: there is never a second one of a name."""

    name: str
    limits: TenantLimits = NO_LIMITS
    """Replaced by `limit`, never changed in place; whoever keeps it longer than a statement looks again."""
    share: Share = attrs.field(init=False, repr=False)
    """For the pool; that of the limits, but for a minimum that is not kept now."""
    statements: StatementRate = attrs.field(init=False, repr=False)
    clients: int = attrs.field(default=0, init=False)
    """Client connections that have been admitted and have not left."""
    refused_clients: int = attrs.field(default=0, init=False, repr=False)
    """Clients beyond max_client_connections."""
    refused_networks: int = attrs.field(default=0, init=False, repr=False)
    """Clients from elsewhere than allowed_networks."""
    refused_schemas: int = attrs.field(default=0, init=False, repr=False)
    """Log-ins and statements that chose a schema which is not in allowed_schemas."""
    refused_writes: int = attrs.field(default=0, init=False, repr=False)
    """Statements that read_only kept from the database."""
    refused_settings: int = attrs.field(default=0, init=False, repr=False)
    """Settings above lock_wait_timeout."""
    stopped_statements: int = attrs.field(default=0, init=False, repr=False)
    """Statements that took longer than max_execution_time."""
    idle_disconnects: int = attrs.field(default=0, init=False, repr=False)
    """Clients that idle_in_transaction_timeout disconnected."""

    def __attrs_post_init__(self) -> None:
        self.share = self.limits.share
        self.statements = StatementRate(self.limits.statements_per_second, self.limits.statement_burst)

    @property
    def refused_statements(self) -> int:
        """Statements beyond statements_per_second."""
        return self.statements.refused

    def limit(self, limits: TenantLimits) -> None:
        """Give it other limits. They count for what is begun from now on; nobody is disconnected."""
        rests = self.share is not self.limits.share
        self.limits = limits
        self.share = limits.share
        self.statements.change(limits.statements_per_second, limits.statement_burst)
        if rests:
            self.rest()

    def admit(self) -> bool:
        """Count one client more, who leaves by `Tenants.leave`; false if max_client_connections forbids."""
        most = self.limits.max_client_connections
        if most and self.clients >= most:
            self.refused_clients += 1
            return False
        self.clients += 1
        self.share = self.limits.share
        return True

    def rest(self) -> None:
        """Have no connections kept for it until a client is admitted."""
        if self.share.min_connections_percent:
            self.share = attrs.evolve(self.share, min_connections_percent=0.0)
