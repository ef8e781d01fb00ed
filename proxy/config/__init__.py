"""The configuration model, its loader and its reference."""

from .changes import Changes, changed_options
from .credential_options import UserAuthConfig
from .endpoint_options import DEFAULT_ENDPOINT, EndpointConfig, endpoints
from .errors import ConfigError
from .iam_section import AwsConfig, IamConfig, iam_region, iam_resource_id
from .loader import load, loads
from .model import Config
from .proxy_section import LogConfig, ProxyConfig
from .target_section import ConnectionPoolConfig, SwitchoverConfig, TargetConfig, TargetGroupConfig
from .tenant_section import OTHER_TENANTS, TenantConfig

__all__ = [
    "DEFAULT_ENDPOINT",
    "OTHER_TENANTS",
    "AwsConfig",
    "Changes",
    "Config",
    "ConfigError",
    "ConnectionPoolConfig",
    "EndpointConfig",
    "IamConfig",
    "LogConfig",
    "ProxyConfig",
    "SwitchoverConfig",
    "TargetConfig",
    "TargetGroupConfig",
    "TenantConfig",
    "UserAuthConfig",
    "changed_options",
    "endpoints",
    "iam_region",
    "iam_resource_id",
    "load",
    "loads",
]
