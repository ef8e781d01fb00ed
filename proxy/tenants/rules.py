"""All tenants: which one a client belongs to, and how long one is remembered.

A section of the configuration is one tenant or, with `each`, one for each value it meets. These come and go
with their clients. One without clients is kept for a while, so that a client that comes back finds the rate
it has used up, and for as long as anybody else holds it: there are never two tenants of one name.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from weakref import WeakValueDictionary

from ..config import OTHER_TENANTS, TenantConfig
from .limits import NO_LIMITS, TenantLimits
from .matching import MAX_VALUE_LENGTH, Client, Section, plain
from .tenant import Tenant

__all__ = ["KEPT_EMPTY", "Tenants"]

#: Seconds for which a tenant without clients is kept.
KEPT_EMPTY = 60.0

#: Tenants looked at when one is to make room for another, and on each visit for those to be forgotten.
MAX_LOOKED_AT = 4


class Tenants:
    """The tenants of all endpoints."""

    def __init__(
        self,
        configs: Sequence[TenantConfig] = (),
        attribute: str = "",
        limit: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`attribute` names the connection attribute; at most `limit` tenants are kept apart."""
        self._clock = clock
        self._known: WeakValueDictionary[str, Tenant] = WeakValueDictionary()
        # Those of a whole section, which are few; and those of one value, by the time they became empty.
        self._lasting: dict[str, Tenant] = {}
        self._empty: OrderedDict[Tenant, float] = OrderedDict()
        self.reconfigure(configs, attribute, limit)

    def __iter__(self) -> Iterator[Tenant]:
        """All that are known, by name."""
        return iter(sorted(self._known.values(), key=lambda tenant: tenant.name))

    def __len__(self) -> int:
        return len(self._known)

    def reconfigure(self, configs: Sequence[TenantConfig], attribute: str, limit: int) -> None:
        """Take over other sections: new clients go by them, and tenants get their section's new limits.

        A client stays in its tenant. One whose section is gone has no limits any more.
        """
        self._attribute = attribute.encode()
        self._limit = limit
        self._sections = tuple(Section.of(config) for config in configs)
        limits = {section.name: section.limits for section in self._sections}
        for tenant in list(self._known.values()):
            tenant.limit(limits.get(tenant.name.partition("/")[0], NO_LIMITS))
        names = {OTHER_TENANTS, *limits}
        self._lasting = {name: tenant for name, tenant in self._lasting.items() if name in names}

    def expected(self) -> tuple[Tenant, ...]:
        """Tenants for which a pool keeps connections even before a client of theirs has come.

        Those of a section with `each` are not known before.
        """
        return tuple(
            self._lasting_tenant(section.name, section.limits)
            for section in self._sections
            if section.limits.share.min_connections_percent and not section.each
        )

    def tenant_for(self, username: str, schema: str, attributes: Mapping[bytes, bytes]) -> Tenant:
        """The tenant of a client that is about to log in; it counts once it is admitted there.

        `schema` is that of the log-in packet, empty for none.
        """
        value = attributes.get(self._attribute, b"") if self._attribute else b""
        client = Client(username, schema, value.decode("utf-8", "surrogateescape"))
        for section in self._sections:
            if section.matches(client):
                return self._tenant(section.name, section.value_of(client), section.limits)
        return self._tenant(OTHER_TENANTS, username, NO_LIMITS)

    def leave(self, tenant: Tenant) -> None:
        """A client that was admitted is gone."""
        tenant.clients -= 1
        if not tenant.clients and tenant.name not in self._lasting:
            tenant.rest()
            self._keep(tenant)

    def _tenant(self, section: str, value: str, limits: TenantLimits) -> Tenant:
        if not value or len(value) > MAX_VALUE_LENGTH:
            return self._lasting_tenant(section, limits)
        name = f"{section}/{plain(value)}"
        tenant = self._known.get(name)
        if tenant is None:
            if not self._has_room():
                return self._lasting_tenant(section, limits)
            tenant = self._known[name] = Tenant(name, limits)
        if not tenant.clients:
            self._keep(tenant)
        return tenant

    def _lasting_tenant(self, section: str, limits: TenantLimits) -> Tenant:
        tenant = self._lasting.get(section)
        if tenant is None:
            # A section that is back may find the one that clients have stayed in.
            tenant = self._known.get(section) or Tenant(section, limits)
            self._known[section] = self._lasting[section] = tenant
        return tenant

    def _keep(self, tenant: Tenant) -> None:
        """Remember a tenant that has no clients, or none yet."""
        now = self._clock()
        self._empty[tenant] = now
        self._empty.move_to_end(tenant)
        self._forget_until(now - KEPT_EMPTY)

    def _forget_until(self, oldest: float) -> None:
        for tenant, since in list(self._first_empty()):
            if since <= oldest or tenant.clients:
                del self._empty[tenant]

    def _first_empty(self) -> Iterator[tuple[Tenant, float]]:
        return (pair for pair, _ in zip(self._empty.items(), range(MAX_LOOKED_AT), strict=False))

    def _has_room(self) -> bool:
        """Whether another tenant may be made, if need be in the place of one that has no clients."""
        for _ in range(MAX_LOOKED_AT):
            if len(self._known) < self._limit or not self._empty:
                break
            self._empty.popitem(last=False)
        return len(self._known) < self._limit
