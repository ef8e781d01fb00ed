"""Endpoints: what each has besides its address, and the section `[[proxy.endpoints]]`.

`[proxy]` itself describes the default endpoint, which is always READ_WRITE as in RDS; `endpoints` gives it
and the others in one form.
"""

import re
from typing import TYPE_CHECKING, Any

import attrs

from .listener_options import (
    bind_address_option,
    check_name,
    port_option,
    socket_mode_option,
    socket_option,
)
from .options import option

if TYPE_CHECKING:
    from .proxy_section import ProxyConfig

__all__ = [
    "DEFAULT_ENDPOINT",
    "MAX_ENDPOINTS",
    "READ_WRITE_SPLIT",
    "TARGET_ROLES",
    "EndpointConfig",
    "RoutingOptions",
    "endpoints",
]

#: The name of the endpoint that `[proxy]` describes.
DEFAULT_ENDPOINT = "default"

#: RDS's quota of endpoints besides the default one.
MAX_ENDPOINTS = 20

#: RDS's names.
TARGET_ROLES = ("READ_WRITE", "READ_ONLY")

READ_WRITE_SPLIT = "read_write_split"

_FUNCTION = re.compile(r"[\w$]+(?:\.[\w$]+)?")


def _check_function(value: str) -> str | None:
    return None if _FUNCTION.fullmatch(value) else "must hold names of functions, as name or schema.name"


def _splits(options: Any) -> bool:
    splits: bool = options.routing == READ_WRITE_SPLIT
    return splits


@attrs.frozen(kw_only=True, slots=False)
class RoutingOptions:
    """Where an endpoint's statements go. Without slots, so that it can be a second base."""

    routing: str = option(
        "endpoint",
        choices=("endpoint", READ_WRITE_SPLIT),
        description="`endpoint`: all statements go to the endpoint's kind of target. `read_write_split`, for "
        "READ_WRITE: statements that only read, outside transactions, go to readers.",
    )
    read_only_functions: tuple[str, ...] = option(
        (),
        check=_check_function,
        check_text="`name` or `schema.name`",
        description="Stored functions that change nothing; with `read_write_split` a SELECT that calls any "
        "other one goes to the writer. `schema.name` counts where a statement names the schema.",
    )
    causal_reads: bool = option(
        attrs.Factory(_splits, takes_self=True),
        default_text='true with `routing = "read_write_split"`, else false',
        example=False,
        description="A session's reads on a reader see its earlier writes: the reader is waited for, else "
        "the writer reads. Needs GTIDs.",
    )
    causal_reads_timeout: float = option(
        1.0,
        unit="s",
        minimum=0,
        maximum=60,
        description="How long a reader is waited for with `causal_reads` before the writer reads instead.",
    )
    max_replica_lag: float = option(
        30.0,
        unit="s",
        minimum=0,
        maximum=86_400,
        description="A reader that lags further behind the writer than this is not used. 0 sets no limit.",
    )


@attrs.frozen(kw_only=True)
class _EndpointAddress:
    """What an endpoint is called and where clients connect to it."""

    name: str = option(
        max_length=63,
        check=check_name,
        check_text="letters, digits and single hyphens, a letter first",
        example="reader",
        reloadable=False,
        rds_name="DBProxyEndpointName",
        description="The endpoint's name. systemd's sockets go by it (FileDescriptorName).",
    )
    target_role: str = option(
        "READ_WRITE",
        choices=TARGET_ROLES,
        reloadable=False,
        rds_name="TargetRole",
        description="Which targets its clients use: the writer, or the readers.",
    )
    bind_address: str = bind_address_option()
    port: int = port_option(example=3307)
    socket: str = socket_option()
    socket_mode: str = socket_mode_option()


@attrs.frozen(kw_only=True)
class EndpointConfig(RoutingOptions, _EndpointAddress):
    """`[[proxy.endpoints]]`: one endpoint besides the default one."""

    fallback: str = option(
        "wait",
        choices=("error", "wait", "writer"),
        description="What READ_ONLY clients get while no reader is fit: RDS's error, the writer after "
        "`fallback_wait`, or the writer at once.",
    )
    fallback_wait: float = option(
        5.0,
        unit="s",
        minimum=0,
        maximum=300,
        description='How long `fallback = "wait"` waits for a reader before it takes the writer. At most '
        "`connection_borrow_timeout`.",
    )


def endpoints(proxy: "ProxyConfig") -> tuple[EndpointConfig, ...]:
    """All endpoints, the default one first."""
    shared = {field.name for field in attrs.fields(EndpointConfig)}
    same = {
        field.name: getattr(proxy, field.name) for field in attrs.fields(type(proxy)) if field.name in shared
    }
    return (EndpointConfig(**{**same, "name": DEFAULT_ENDPOINT}), *proxy.endpoints)
