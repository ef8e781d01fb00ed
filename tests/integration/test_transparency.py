"""A session through the proxy is the one that a client has with the database itself."""

from .clients import one
from .daemon import ProxyDaemon


def test_select(proxy: ProxyDaemon) -> None:
    with proxy.connect() as client:
        assert one(client, "SELECT 1") == 1
