"""Rules between the addresses that the proxy listens on and those it connects to."""

from collections.abc import Iterator

from .endpoint_options import endpoints
from .model import Config
from .proxy_section import ProxyConfig

__all__ = ["own_address", "shared_port", "shared_socket"]

#: What an address for all interfaces covers of those a target may be given by.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def _overlapping(address: str) -> set[str]:
    """What no other endpoint may use with the same port."""
    return {address, "::" if ":" in address else "0.0.0.0"}


def shared_port(proxy: ProxyConfig) -> tuple[str, str] | None:
    """Two endpoints with one address and port. Port 0 is another one each time."""
    taken = [(proxy.bind_address, proxy.port)]
    for index, endpoint in enumerate(proxy.endpoints):
        for address, port in taken:
            same = endpoint.bind_address in _overlapping(address) or address in _overlapping(
                endpoint.bind_address
            )
            if port and port == endpoint.port and same:
                return f"endpoints[{index}].port", f"{port} is the port of another endpoint"
        taken.append((endpoint.bind_address, endpoint.port))
    return None


def shared_socket(proxy: ProxyConfig) -> tuple[str, str] | None:
    """Two endpoints with one Unix socket."""
    taken = {proxy.socket} - {""}
    for index, endpoint in enumerate(proxy.endpoints):
        if endpoint.socket in taken:
            return f"endpoints[{index}].socket", "is the socket of another endpoint"
        taken |= {endpoint.socket} - {""}
    return None


def _own(config: Config) -> Iterator[tuple[str, int]]:
    for endpoint in endpoints(config.proxy):
        address = endpoint.bind_address
        yield address, endpoint.port
        yield _LOOPBACK.get(address, address), endpoint.port


def own_address(config: Config) -> tuple[str, str] | None:
    """A target that is the proxy: it would connect to itself and wait for its own greeting."""
    own = set(_own(config))
    for index, target in enumerate(config.target_group.targets):
        if (target.host, target.port) in own:
            return f"target_group.targets[{index}].host", "is the proxy's own address and port"
    return None
