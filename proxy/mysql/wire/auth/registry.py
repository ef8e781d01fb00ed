"""The plugins by the names that stand in packets.

Plugins with options are here with their defaults; a caller that wants others puts its own value in a copy.
"""

from collections.abc import Mapping

from .caching_sha2 import CachingSha2Client, CachingSha2Server
from .clear import ClearClient, ClearServer
from .ed25519 import Ed25519Client
from .native import NativeClient, NativeServer
from .plugin import ClientPlugin, PasswordAsking, ServerPlugin

__all__ = ["ASKING_PLUGINS", "CLIENT_PLUGINS", "SERVER_PLUGINS"]

_SERVERS: tuple[ServerPlugin, ...] = (NativeServer(), CachingSha2Server(), ClearServer())
_ASKING: tuple[PasswordAsking, ...] = (CachingSha2Server(), ClearServer())
_CLIENTS: tuple[ClientPlugin, ...] = (NativeClient(), CachingSha2Client(), Ed25519Client(), ClearClient())

#: With which the proxy authenticates clients.
SERVER_PLUGINS: Mapping[bytes, ServerPlugin] = {plugin.name: plugin for plugin in _SERVERS}

#: With which the proxy learns the password of a client whose user it does not know.
ASKING_PLUGINS: Mapping[bytes, PasswordAsking] = {plugin.name: plugin for plugin in _ASKING}

#: With which the proxy logs in to targets.
CLIENT_PLUGINS: Mapping[bytes, ClientPlugin] = {plugin.name: plugin for plugin in _CLIENTS}
