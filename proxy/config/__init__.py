"""The configuration model, its loader and its reference."""

from .changes import Changes, changed_options
from .endpoint_options import DEFAULT_ENDPOINT, EndpointConfig, endpoints
from .errors import ConfigError
from .loader import load, loads
from .model import Config
from .proxy_section import LogConfig, ProxyConfig, UserAuthConfig
from .target_section import ConnectionPoolConfig, SwitchoverConfig, TargetConfig, TargetGroupConfig

__all__ = [
    "DEFAULT_ENDPOINT",
    "Changes",
    "Config",
    "ConfigError",
    "ConnectionPoolConfig",
    "EndpointConfig",
    "LogConfig",
    "ProxyConfig",
    "SwitchoverConfig",
    "TargetConfig",
    "TargetGroupConfig",
    "UserAuthConfig",
    "changed_options",
    "endpoints",
    "load",
    "loads",
]
