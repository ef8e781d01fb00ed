"""How a pool's connections are divided among tenants: what each may have, has, and is kept for it.

The cap is what the percentages are of. A tenant may have its maximum, rounded down, but one at least. Its
minimum is rounded up if that leaves room for all minimums, else the minimums are scaled down in proportion;
one connection stays for those without a minimum, if there are any. A connection that is idle, and a slot that
nothing is in, is available; others may take what is available beyond the sum of what is missing to minimums.

Of two tenants with equally many connections for their weight, the one that has used fewer of late comes
first: connection-seconds for its weight, which fade within `RECENT_USE_WINDOW`. Between equals the difference
of these keeps its sign while time passes, so a place in the ranking stays good until either changes.
"""

from collections.abc import Callable, Hashable, Iterable
from math import ceil, exp, expm1, floor
from weakref import ref

from .accounts import Account, NoShare
from .interface import Tenant
from .limits import RECENT_USE_WINDOW
from .ranking import Ranking

__all__ = ["Shares"]

_NO_SHARE = NoShare()
_ROUNDING = 1e-9
_LEAST_WEIGHT = 1e-6
_PROMPT_ACCOUNTS = 256
"""With more accounts than this the minimums are divided anew at the next tick only."""
_LONGEST_EXPONENT = 500.0
_SHORT = 0.01
"""Seconds."""


class Shares:
    """The accounts of all tenants of one pool. ``now`` is to be set before anything is changed."""

    def __init__(self, tenant_of: Callable[[Hashable], Tenant | None], cap: int) -> None:
        self.accounts: dict[str, Account] = {}
        self.ranking = Ranking()
        self.now = 0.0
        self.missing = 0
        """Connections that are missing to minimums."""
        self._tenant_of = tenant_of
        self._cap = cap
        self._is_due = False
        self._landmark = 0.0

    def account_of(self, key: Hashable) -> Account:
        """Return the account of the tenant a key names, a new one if need be."""
        tenant = self._tenant_of(key)
        if tenant is None:
            return self.accounts.get("") or self._add("", None)
        account = self.accounts.get(tenant.name)
        if account is None:
            return self._add(tenant.name, tenant)
        if account.reference() is not tenant:
            account.reference = ref(tenant)
        if account.share is not tenant.share:
            account.share = tenant.share
            self._put_in_force(account)
        return account

    def expect(self, tenants: Iterable[Tenant]) -> None:
        """Keep the minimums of these tenants from now on, whether or not anyone of them comes.

        Those that were expected until now and have never come are forgotten.
        """
        expected = {tenant.name: tenant for tenant in tenants}
        for account in list(self.accounts.values()):
            account.is_expected = account.name in expected
            if not (account.is_expected or account.used or account.waiting or account.granted):
                del self.accounts[account.name]
        for name, tenant in expected.items():
            account = self.accounts.get(name) or self._add(name, tenant)
            account.is_expected = True
            account.reference = ref(tenant)
        self.renew(self._cap)

    def charge(self, account: Account) -> None:
        """Note that the account has one connection more."""
        if self.now > account.since:
            self._pass_time(account)
        if account.used < account.least:
            self.missing -= 1
        account.used += 1
        account.level = account.used / account.weight
        if account.waiting:
            self.rank(account)

    def release(self, account: Account) -> None:
        """Note that the account has one connection less."""
        if self.now > account.since:
            self._pass_time(account)
        account.used -= 1
        if account.used < account.least:
            self.missing += 1
        account.level = account.used / account.weight
        if account.waiting:
            self.rank(account)

    def may_have_more(self, account: Account, available: int) -> bool:
        """Say whether one of so many available connections may be the account's."""
        if account.used >= account.most or available <= 0:
            return False
        return account.used < account.least or available > self.missing

    def may_serve(self, account: Account, available: int) -> bool:
        """Say whether a waiter of the account may get one, be it in place of one being opened for it."""
        if available <= 0 or (account.used >= account.most and not account.opening):
            return False
        return account.used < account.least or available > self.missing

    def first(self, available: int) -> Account | None:
        """Return the account to be served first, if anyone may be."""
        return self.ranking.first(available > self.missing) if available > 0 else None

    def rank(self, account: Account) -> None:
        """Enter the account anew, or take it out if nobody of it may be served."""
        if not account.waiting or (account.used >= account.most and not account.opening):
            self.ranking.leave(account)
            return
        if account.since - self._landmark > _LONGEST_EXPONENT * RECENT_USE_WINDOW:
            self._landmark = self.now
            self._rank_all()
            return
        standing = account.recent - account.level * RECENT_USE_WINDOW
        if standing:
            standing *= exp(max(-_LONGEST_EXPONENT, (account.since - self._landmark) / RECENT_USE_WINDOW))
        line = next(iter(account.lines.values()))
        self.ranking.enter(account, standing, next(iter(line.waiters)).number)

    def recent(self, account: Account) -> float:
        """Return the connection-seconds of late that the account has used for its weight."""
        self._pass_time(account)
        return account.recent

    def lag(self, account: Account, other: Account) -> float:
        """Return by how many connection-seconds for its weight the account has used less than the other."""
        return self.recent(other) - self.recent(account)

    def renew(self, cap: int) -> None:
        """Read all shares again, and divide a cap by them."""
        for account in self.accounts.values():
            tenant = account.tenant
            if tenant is not None:
                account.share = tenant.share
        self.apportion(cap)

    def renew_if_changed(self, cap: int) -> None:
        """Read all shares again if any was replaced, or if the minimums were not divided at once."""
        if self._is_due or any(map(_has_changed, self.accounts.values())):
            self.renew(cap)

    def apportion(self, cap: int) -> None:
        """Divide a cap."""
        self._cap = cap
        self._is_due = False
        for account in self.accounts.values():
            self._pass_time(account)
            self._weigh(account)
        for account, least in _minimums(list(self.accounts.values()), cap):
            account.least = min(least, account.most)
        self.missing = sum(max(0, each.least - each.used) for each in self.accounts.values())
        self._rank_all()

    def forget_unused(self, timeout: float) -> None:
        """Drop the accounts that nobody has used for so long, and those of tenants that are no more."""
        unused = [
            account
            for account in self.accounts.values()
            if not (account.used or account.waiting or account.is_expected)
            and (self.now - account.since >= timeout or (account.tenant is None and account.name))
        ]
        for account in unused:
            del self.accounts[account.name]
        if any(account.least for account in unused):
            self.apportion(self._cap)

    def _add(self, name: str, tenant: Tenant | None) -> Account:
        share = _NO_SHARE if tenant is None else tenant.share
        reference = _nobody if tenant is None else ref(tenant)
        account = self.accounts[name] = Account(name, reference, share, since=self.now)
        self._put_in_force(account)
        return account

    def _put_in_force(self, account: Account) -> None:
        """Divide the cap anew for an account's new share; with many accounts its minimum has to wait."""
        if len(self.accounts) <= _PROMPT_ACCOUNTS:
            self.apportion(self._cap)
            return
        self._is_due = True
        self._pass_time(account)
        self._weigh(account)
        if account.waiting:
            self.rank(account)

    def _weigh(self, account: Account) -> None:
        account.weight = max(_LEAST_WEIGHT, account.share.weight)
        account.most = self._most(account)
        account.level = account.used / account.weight

    def _most(self, account: Account) -> int:
        return max(1, floor(self._cap * account.share.max_connections_percent / 100 + _ROUNDING))

    def _pass_time(self, account: Account) -> None:
        elapsed = self.now - account.since
        if elapsed > 0:
            # Of short times the straight line is as good, and quicker.
            faded = elapsed / RECENT_USE_WINDOW if elapsed < _SHORT else -expm1(-elapsed / RECENT_USE_WINDOW)
            account.recent += (account.level * RECENT_USE_WINDOW - account.recent) * faded
            account.since = self.now

    def _rank_all(self) -> None:
        self.ranking.clear(self.accounts.values())
        for account in self.accounts.values():
            if account.waiting:
                self.rank(account)


def _nobody() -> Tenant | None:
    return None


def _has_changed(account: Account) -> bool:
    tenant = account.tenant
    return tenant is not None and tenant.share is not account.share


def _minimums(accounts: list[Account], cap: int) -> list[tuple[Account, int]]:
    exact = [cap * min(100.0, account.share.min_connections_percent) / 100 for account in accounts]
    room = cap if all(exact) else cap - 1
    raised = [ceil(each - _ROUNDING) for each in exact]
    if sum(raised) > room:
        scale = min(1.0, room / sum(exact))
        raised = [floor(each * scale + _ROUNDING) for each in exact]
    return list(zip(accounts, raised, strict=True))
