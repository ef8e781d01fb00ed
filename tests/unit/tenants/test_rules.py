"""Which tenant a client belongs to, and how long it is remembered."""

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from proxy.config import TenantConfig
from proxy.pool.shares import Shares
from proxy.tenants.matching import MAX_VALUE_LENGTH
from proxy.tenants.rules import KEPT_EMPTY, Tenants
from proxy.tenants.tenant import Tenant

NOTHING: Mapping[bytes, bytes] = {}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def named(value: str) -> dict[bytes, bytes]:
    return {b"tenant": value.encode("utf-8", "surrogateescape"), b"program_name": b"mysql"}


def tenants(*configs: TenantConfig, limit: int = 100, clock: Clock | None = None) -> Tenants:
    return Tenants(configs, "tenant", limit, clock or Clock())


def name_of(
    found: Tenants, username: str = "app", schema: str = "", attributes: Mapping[bytes, bytes] = NOTHING
) -> str:
    return found.tenant_for(username, schema, attributes).name


class TestMatching:
    def test_without_sections_each_user_is_a_tenant_without_limits(self) -> None:
        found = tenants()
        app = found.tenant_for("app", "shop", named("x"))
        assert app.name == "default/app"
        assert app.limits.share.weight == 1.0
        assert found.tenant_for("app", "", NOTHING) is app
        assert found.tenant_for("other", "", NOTHING) is not app

    def test_a_section_without_conditions_is_about_everybody(self) -> None:
        found = tenants(TenantConfig(name="all"))
        assert {name_of(found), name_of(found, "b", "s", named("x"))} == {"all"}

    def test_the_first_section_that_matches_wins(self) -> None:
        found = tenants(
            TenantConfig(name="first", user_names=("app",)),
            TenantConfig(name="second", user_names=("app", "b")),
        )
        assert [name_of(found, user) for user in ("app", "b", "c")] == ["first", "second", "default/c"]

    def test_all_conditions_must_fit_together(self) -> None:
        found = tenants(
            TenantConfig(name="acme", user_names=("app",), schemas=("shop",), attribute_values=("acme",))
        )
        assert name_of(found, "app", "shop", named("acme")) == "acme"
        assert name_of(found, "b", "shop", named("acme")) == "default/b"
        assert name_of(found, "app", "", named("acme")) == "default/app"
        assert name_of(found, "app", "shop", NOTHING) == "default/app"

    @pytest.mark.parametrize(
        ("pattern", "fits"),
        [
            ("shop", {"shop"}),
            ("shop_*", {"shop_a", "shop_", "shop_a\nb"}),
            ("shop_?", {"shop_a"}),
            ("[st]hop", {"shop"}),
            ("*", {"shop", "shop_a", "shop_", "shop_a\nb", "Shop", "workshop"}),
        ],
    )
    def test_patterns_fit_whole_names_and_mind_case(self, pattern: str, fits: set[str]) -> None:
        found = tenants(TenantConfig(name="acme", schemas=(pattern,)))
        schemas = ["shop", "shop_a", "shop_", "shop_a\nb", "Shop", "workshop", ""]
        assert {schema for schema in schemas if name_of(found, "app", schema) == "acme"} == fits

    def test_names_and_patterns_of_one_list(self) -> None:
        found = tenants(TenantConfig(name="acme", user_names=("a", "b*", "c*")))
        assert [name_of(found, user) == "acme" for user in ("a", "aa", "bb", "cc", "d")] == [
            True, False, True, True, False
        ]  # fmt: skip

    def test_without_a_named_attribute_none_is_looked_at(self) -> None:
        found = Tenants((TenantConfig(name="acme", attribute_values=("*",)),), "")
        assert name_of(found, attributes={b"": b"acme"}) == "default/app"


class TestEach:
    def test_a_tenant_for_each_value_of_the_attribute(self) -> None:
        found = tenants(TenantConfig(name="shops", each="attribute", weight=2.0))
        one, two = (found.tenant_for("app", "", named(value)) for value in ("one", "two"))
        assert (one.name, two.name) == ("shops/one", "shops/two")
        assert one.share.weight == two.share.weight == 2.0
        assert found.tenant_for("other", "s", named("one")) is one

    def test_by_user_and_by_schema(self) -> None:
        found = tenants(
            TenantConfig(name="staff", user_names=("hr*",), each="user"),
            TenantConfig(name="db", each="schema"),
        )
        assert name_of(found, "hr1", "s") == "staff/hr1"
        assert name_of(found, "app", "s") == "db/s"

    @pytest.mark.parametrize("value", ["", "x" * (MAX_VALUE_LENGTH + 1)])
    def test_a_client_without_a_usable_value_goes_on_to_the_next_section(self, value: str) -> None:
        found = tenants(TenantConfig(name="shops", each="attribute"), TenantConfig(name="rest"))
        assert name_of(found, attributes=named(value)) == "rest"

    def test_different_values_have_different_printable_names(self) -> None:
        found = tenants(TenantConfig(name="shops", each="attribute"))
        values = ["a\nb", "a\\nb", "a\\\\nb", "ä", "\udcff", "\\udcff", "a/b", "*"]
        names = [name_of(found, attributes=named(value)) for value in values]
        assert len(set(names)) == len(values)
        assert all(name.isprintable() for name in names)
        assert names[3] == "shops/ä"

    def test_a_user_and_a_section_of_one_name_are_two_tenants(self) -> None:
        found = tenants(TenantConfig(name="app", user_names=("b",)))
        assert name_of(found, "b") != name_of(found, "app")


class TestMemory:
    def test_a_tenant_is_kept_while_it_has_clients_and_a_while_longer(self) -> None:
        clock = Clock()
        found = tenants(clock=clock)
        tenant = found.tenant_for("app", "", NOTHING)
        assert tenant.admit()
        clock.now += 10 * KEPT_EMPTY
        found.tenant_for("b", "", NOTHING)
        assert found.tenant_for("app", "", NOTHING) is tenant
        found.leave(tenant)
        del tenant
        clock.now += KEPT_EMPTY - 1
        assert {each.name for each in found} == {"default/app", "default/b"}
        clock.now += 2
        found.tenant_for("c", "", NOTHING)
        assert {each.name for each in found} == {"default/c"}

    def test_a_client_that_comes_back_finds_its_rate_used_up(self) -> None:
        clock = Clock()
        found = tenants(TenantConfig(name="s", each="user", statements_per_second=0.1), clock=clock)
        tenant = found.tenant_for("app", "", NOTHING)
        tenant.admit()
        assert tenant.statements.allows(clock.now)
        found.leave(tenant)
        del tenant
        clock.now += 5
        assert not found.tenant_for("app", "", NOTHING).statements.allows(clock.now)

    def test_a_log_in_that_fails_leaves_nothing_for_long(self) -> None:
        clock = Clock()
        found = tenants(clock=clock)
        for number in range(20):
            found.tenant_for(f"u{number}", "", NOTHING)
        clock.now += KEPT_EMPTY + 1
        for _ in range(10):
            found.tenant_for("app", "", NOTHING)
        assert [each.name for each in found] == ["default/app"]

    def test_a_log_in_that_takes_long_is_counted_in_the_one_tenant_of_its_name(self) -> None:
        clock = Clock()
        found = tenants(TenantConfig(name="s", each="user", max_client_connections=1), clock=clock)
        slow = found.tenant_for("app", "", NOTHING)
        clock.now += KEPT_EMPTY + 1
        found.tenant_for("b", "", NOTHING)
        assert found.tenant_for("app", "", NOTHING) is slow

    def test_a_section_without_each_keeps_its_numbers(self) -> None:
        clock = Clock()
        found = tenants(TenantConfig(name="acme", max_client_connections=1), clock=clock)
        tenant = found.tenant_for("app", "", NOTHING)
        assert [tenant.admit(), tenant.admit()] == [True, False]
        found.leave(tenant)
        del tenant
        clock.now += 10 * KEPT_EMPTY
        for _ in range(5):
            (known,) = found
        assert known.refused_clients == 1


class TestManyTenants:
    def admitted(self, found: Tenants, *users: str) -> list[Tenant]:
        entered = [found.tenant_for(user, "", NOTHING) for user in users]
        assert all(tenant.admit() for tenant in entered)
        return entered

    def test_beyond_the_limit_they_share_one(self) -> None:
        found = tenants(TenantConfig(name="s", each="user", max_client_connections=1), limit=2)
        held = self.admitted(found, "a", "b")
        assert found.tenant_for("a", "", NOTHING) is held[0]
        shared = found.tenant_for("c", "", NOTHING)
        assert shared.name == "s"
        assert shared is found.tenant_for("d", "", NOTHING)
        assert shared.limits.max_client_connections == 1

    def test_others_share_one_too(self) -> None:
        found = tenants(limit=1)
        held = self.admitted(found, "a")
        assert name_of(found, "b") == "default"
        assert name_of(found, "a") == held[0].name

    def test_one_without_clients_makes_room(self) -> None:
        found = tenants(limit=2)
        held = self.admitted(found, "a", "b")
        found.leave(held.pop())
        assert name_of(found, "c") == "default/c"
        assert {each.name for each in found} == {"default/a", "default/c"}


def test_connections_are_kept_for_sections_with_a_minimum_before_anyone_comes() -> None:
    found = tenants(
        TenantConfig(name="acme", min_connections_percent=10.0),
        TenantConfig(name="b"),
        TenantConfig(name="c", each="user", min_connections_percent=10.0),
    )
    (acme,) = found.expected()
    assert acme.name == "acme"
    assert found.tenant_for("app", "", NOTHING) is acme
    assert found.expected() == (acme,)
    found.reconfigure((), "tenant", 100)
    assert found.expected() == ()


class TestReconfigure:
    def test_tenants_get_the_new_limits_of_their_section(self) -> None:
        found = tenants(TenantConfig(name="s", each="user"), TenantConfig(name="t"))
        one, default = found.tenant_for("a", "", NOTHING), tenants().tenant_for("b", "", NOTHING)
        found.reconfigure((TenantConfig(name="s", each="user", weight=5.0),), "tenant", 100)
        assert one.share.weight == 5.0
        assert found.tenant_for("a", "", NOTHING) is one
        assert default.share.weight == 1.0

    def test_clients_of_a_section_that_is_gone_stay_without_limits(self) -> None:
        found = tenants(TenantConfig(name="acme", max_client_connections=1))
        tenant = found.tenant_for("a", "", NOTHING)
        assert [tenant.admit(), tenant.admit()] == [True, False]
        found.reconfigure((), "tenant", 100)
        assert tenant.admit()
        assert name_of(found, "a") == "default/a"
        found.leave(tenant)
        found.leave(tenant)
        assert tenant.clients == 0

    def test_a_section_that_is_back_finds_those_who_stayed(self) -> None:
        config = TenantConfig(name="acme", max_client_connections=1)
        found = tenants(config)
        tenant = found.tenant_for("a", "", NOTHING)
        assert tenant.admit()
        found.reconfigure((), "tenant", 100)
        found.reconfigure((config,), "tenant", 100)
        assert found.tenant_for("a", "", NOTHING) is tenant
        assert not tenant.admit()

    def test_another_attribute(self) -> None:
        found = tenants(TenantConfig(name="s", each="attribute"))
        found.reconfigure((TenantConfig(name="s", each="attribute"),), "program_name", 100)
        assert name_of(found, attributes=named("x")) == "s/mysql"


class TestMinimums:
    """A minimum is kept for a whole section always, and for one of its values while that has clients."""

    def test_of_a_value_that_has_no_clients_left(self) -> None:
        found = tenants(TenantConfig(name="each", each="user", min_connections_percent=10))
        app = found.tenant_for("app", "", NOTHING)
        assert app.admit()
        assert app.share.min_connections_percent == 10
        found.leave(app)
        assert app.share.min_connections_percent == 0
        assert found.tenant_for("app", "", NOTHING) is app
        assert app.admit()
        assert app.share.min_connections_percent == 10

    def test_of_a_whole_section(self) -> None:
        found = tenants(TenantConfig(name="all", min_connections_percent=10))
        tenant = found.tenant_for("app", "", NOTHING)
        assert tenant.admit()
        found.leave(tenant)
        assert [each.share.min_connections_percent for each in found.expected()] == [10]


def test_those_that_have_borrowed_make_room_too() -> None:
    """A pool remembers what they have used, and must not keep them for it."""
    clock = Clock()
    found = tenants(TenantConfig(name="each", each="attribute"), limit=3, clock=clock)
    shares = Shares(lambda key: key.tenant, 10)
    for number in range(20):
        tenant = found.tenant_for("app", "", named(str(number)))
        assert tenant.name == f"each/{number}"
        assert tenant.admit()
        account = shares.account_of(SimpleNamespace(tenant=tenant))
        shares.charge(account)
        shares.release(account)
        found.leave(tenant)
        del tenant
    shares.forget_unused(1e9)
    assert set(shares.accounts) <= {tenant.name for tenant in found}
