"""The configuration model, its loader and its reference."""

from .changes import Changes, changed_options
from .errors import ConfigError
from .loader import load, loads
from .model import Config
from .proxy_section import LogConfig, ProxyConfig, UserAuthConfig
from .target_section import ConnectionPoolConfig, TargetConfig, TargetGroupConfig

__all__ = [
    "Changes",
    "Config",
    "ConfigError",
    "ConnectionPoolConfig",
    "LogConfig",
    "ProxyConfig",
    "TargetConfig",
    "TargetGroupConfig",
    "UserAuthConfig",
    "changed_options",
    "load",
    "loads",
]
