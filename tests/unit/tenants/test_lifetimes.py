"""Whatever clients do: one tenant of a name, all clients counted, no more tenants than there may be."""

import gc
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.config import TenantConfig
from proxy.tenants.rules import KEPT_EMPTY, Tenants
from proxy.tenants.tenant import Tenant

LIMIT = 4
USERS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
CONFIGS: list[tuple[TenantConfig, ...]] = [
    (),
    (TenantConfig(name="s", each="user", max_client_connections=2),),
    (TenantConfig(name="t", user_names=("a", "b")), TenantConfig(name="s", each="user")),
]


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.tenants = Tenants((), "", LIMIT, lambda: self.now)
        self.inside: list[Tenant] = []
        self.logging_in: list[Tenant] = []

    @rule(user=USERS)
    def log_in(self, user: str) -> None:
        tenant = self.tenants.tenant_for(user, "", {})
        assert self.tenants.tenant_for(user, "", {}) is tenant
        self.logging_in.append(tenant)

    @rule(data=st.data())
    def enter(self, data: Any) -> None:
        if self.logging_in:
            tenant = self.logging_in.pop(data.draw(st.integers(0, len(self.logging_in) - 1)))
            most = tenant.limits.max_client_connections
            admitted = tenant.admit()
            assert admitted == (not most or self.inside.count(tenant) < most)
            if admitted:
                self.inside.append(tenant)

    @rule()
    def give_up(self) -> None:
        self.logging_in.clear()

    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        if self.inside:
            self.tenants.leave(self.inside.pop(data.draw(st.integers(0, len(self.inside) - 1))))

    @rule(pause=st.sampled_from([0.1, KEPT_EMPTY / 2, KEPT_EMPTY * 2]))
    def wait(self, pause: float) -> None:
        self.now += pause

    @rule(configs=st.sampled_from(CONFIGS))
    def reload(self, configs: tuple[TenantConfig, ...]) -> None:
        self.tenants.reconfigure(configs, "", LIMIT)

    @invariant()
    def one_tenant_of_a_name(self) -> None:
        known = list(self.tenants)
        assert len({tenant.name for tenant in known}) == len(known)
        assert {*self.inside, *self.logging_in} <= set(known)

    @invariant()
    def all_clients_are_counted(self) -> None:
        assert Counter({tenant: tenant.clients for tenant in self.tenants if tenant.clients}) == Counter(
            self.inside
        )

    @invariant()
    def no_more_than_there_may_be(self) -> None:
        # Those of whole sections come on top: s, t and default.
        assert len(self.tenants) <= LIMIT + 3

    def teardown(self) -> None:
        while self.inside:
            self.tenants.leave(self.inside.pop())
        self.logging_in.clear()
        self.tenants.reconfigure((), "", LIMIT)
        for _ in range(LIMIT + 4):
            self.now += KEPT_EMPTY + 1
            self.tenants.tenant_for("last", "", {})
        gc.collect()
        assert {tenant.name for tenant in self.tenants} <= {"default/last", "default"}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
