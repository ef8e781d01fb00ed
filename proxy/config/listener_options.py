"""Options of `[proxy]` that say where clients connect, and which addresses are balancers.

The options of an address are also those of each `[[proxy.endpoints]]`, so they are made here for both.
"""

import ipaddress
import re
from typing import Any

import attrs

from ..networks import UNIX_SOCKET, Networks
from .options import option

__all__ = [
    "ListenerOptions",
    "bind_address_option",
    "check_name",
    "port_option",
    "socket_mode_option",
    "socket_option",
]

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*+(?:-[a-zA-Z0-9]++)*+")
_MODE = re.compile(r"0?[0-7]{3}")


def check_name(value: str) -> str | None:
    """What is wrong with RDS's form of a name, or None."""
    if _NAME.fullmatch(value):
        return None
    return "must start with a letter and hold only letters, digits and single hyphens between them"


def _check_address(value: str) -> str | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "must be an IPv4 or IPv6 address"
    return None


def _check_network(value: str) -> str | None:
    try:
        Networks.parse((value,))
    except ValueError as problem:
        # Python says of 10.0.0.1/8 that it "has host bits set", which tells what to correct.
        return f"must hold networks in CIDR notation, addresses or {UNIX_SOCKET}: {problem}"
    return None


def _check_mode(value: str) -> str | None:
    return None if _MODE.fullmatch(value) else 'must be three octal digits, as in "0770"'


def bind_address_option() -> Any:
    """The address of an endpoint."""
    return option(
        "127.0.0.1",
        check=_check_address,
        check_text="IPv4 or IPv6 address",
        reloadable=False,
        description="Address clients connect to. `0.0.0.0` or `::` listens on every interface.",
    )


def port_option(default: Any = attrs.NOTHING, example: int | None = None) -> Any:
    """The TCP port of an endpoint; required without a default."""
    return option(
        default,
        example=example,
        minimum=0,
        maximum=65_535,
        reloadable=False,
        description="TCP port clients connect to. 0 takes any free port.",
    )


def socket_option() -> Any:
    """The Unix socket of an endpoint."""
    return option(
        "",
        is_path=True,
        reloadable=False,
        description="Path of a Unix socket to listen on as well, at most 107 bytes long. Empty makes none. "
        "A client there counts as secure, as with TLS.",
    )


def socket_mode_option() -> Any:
    """The permissions of an endpoint's Unix socket."""
    return option(
        "0777",
        check=_check_mode,
        check_text="octal, as a string",
        reloadable=False,
        description="Permissions of `socket`: who may write to it may connect. The default lets everybody on "
        "the machine try a password, as MySQL does.",
    )


@attrs.frozen(kw_only=True)
class ListenerOptions:
    """Where clients connect."""

    name: str = option(
        "rds-proxy",
        max_length=63,
        check=check_name,
        check_text="letters, digits and single hyphens, a letter first",
        reloadable=False,
        rds_name="DBProxyName",
        description="The proxy's name in logs and metrics.",
    )
    bind_address: str = bind_address_option()
    port: int = port_option(3306)
    socket: str = socket_option()
    socket_mode: str = socket_mode_option()
    proxy_protocol_networks: tuple[str, ...] = option(
        (),
        check=_check_network,
        check_text="networks in CIDR notation, addresses, `localhost`",
        description="Balancers that may tell the client's address with the PROXY protocol, version 1 or 2. "
        "`localhost` means the Unix socket. A header from any other address ends the connection.",
    )
