"""Properties every option of the model has."""

from typing import Any

import attrs
import pytest

from proxy.config.model import option_paths, sections
from proxy.config.options import Option
from proxy.config.values import problem_with

BY_PATH = {
    f"{section.path}.{attribute.name}": (attribute, option)
    for section in sections()
    for attribute, option in section.options
}
OPTIONS = [pytest.param(*pair, id=path) for path, pair in BY_PATH.items()]

#: The names of the RDS API that are settings of the proxy, an auth entry, an endpoint, the target group or
#: its pool.
RDS_NAMES = {
    "DBProxyName", "RequireTLS", "IdleClientTimeout", "DebugLogging", "TargetGroupName",
    "Description", "UserName", "AuthScheme", "SecretArn", "IAMAuth", "ClientPasswordAuthType",
    "MaxConnectionsPercent", "MaxIdleConnectionsPercent", "ConnectionBorrowTimeout",
    "SessionPinningFilters", "InitQuery",
    "DBProxyEndpointName", "TargetRole", "DefaultAuthScheme",
}  # fmt: skip


@pytest.mark.parametrize(("attribute", "option"), OPTIONS)
def test_the_default_or_the_example_is_allowed(attribute: "attrs.Attribute[Any]", option: Option) -> None:
    stands_in = option.example if option.example is not None else attribute.default
    value = list(stands_in) if isinstance(stands_in, tuple) else stands_in
    assert problem_with(option, attribute.type, value) is None


@pytest.mark.parametrize(("attribute", "option"), OPTIONS)
def test_an_option_without_a_fixed_default_has_an_example(
    attribute: "attrs.Attribute[Any]", option: Option
) -> None:
    open_default = attribute.default is attrs.NOTHING or isinstance(attribute.default, attrs.Factory)  # type: ignore[arg-type]
    assert open_default == (option.example is not None)


@pytest.mark.parametrize(("attribute", "option"), OPTIONS)
def test_numbers_have_a_range(attribute: "attrs.Attribute[Any]", option: Option) -> None:
    has_range = option.minimum is not None and option.maximum is not None
    assert has_range == (attribute.type in (int, float))


@pytest.mark.parametrize(("attribute", "option"), OPTIONS)
def test_a_description_is_one_to_three_short_sentences(
    attribute: "attrs.Attribute[Any]", option: Option
) -> None:
    assert option.description.endswith(".")
    assert len(option.description) <= 200


def test_rds_settings_are_all_there() -> None:
    assert {option.rds_name for _, option in BY_PATH.values()} - {""} == RDS_NAMES


def test_what_needs_a_restart() -> None:
    restart = [path for path, (_, option) in BY_PATH.items() if not option.reloadable]
    assert restart == [
        "log.format",
        "proxy.name",
        "proxy.bind_address",
        "proxy.port",
        "proxy.socket",
        "proxy.socket_mode",
        "proxy.allow_core_dumps",
        "proxy.endpoints.name",
        "proxy.endpoints.target_role",
        "proxy.endpoints.bind_address",
        "proxy.endpoints.port",
        "proxy.endpoints.socket",
        "proxy.endpoints.socket_mode",
        "target_group.name",
    ]


def test_paths_are_unique() -> None:
    assert len(set(option_paths())) == len(option_paths()) == len(BY_PATH)
