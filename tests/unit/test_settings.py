import attrs
import pytest

from proxy.config import loads
from proxy.mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from proxy.mysql.wire.results import ErrorPacket
from proxy.settings import (
    UNKNOWN_VERSION,
    client_options,
    connection_cap,
    health_reason,
    pool_limits,
    server_facts,
    target,
)
from proxy.targets.health import HealthReason
