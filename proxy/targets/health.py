"""The health of a target, with RDS's names for states and reasons."""

import enum

import attrs

__all__ = ["HealthReason", "HealthState", "TargetHealth"]


class HealthState(enum.Enum):
    """TargetHealth.State."""

    #: Not asked to the end yet.
    REGISTERING = "REGISTERING"
    AVAILABLE = "AVAILABLE"
    UNAVAILABLE = "UNAVAILABLE"
    #: Of the deployment (blue or green) that is not the active one.
    UNUSED = "UNUSED"


class HealthReason(enum.Enum):
    """TargetHealth.Reason."""

    UNREACHABLE = "UNREACHABLE"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    AUTH_FAILURE = "AUTH_FAILURE"
    #: It has no connection left for the proxy.
    PENDING_PROXY_CAPACITY = "PENDING_PROXY_CAPACITY"
    #: It answers, but what it replicates, or that it does not, forbids its use.
    INVALID_REPLICATION_STATE = "INVALID_REPLICATION_STATE"
    #: It was a reader and is the writer now; the one reason of an available target.
    PROMOTED = "PROMOTED"


@attrs.frozen
class TargetHealth:
    """State, and why it is so where that is not plain."""

    state: HealthState
    reason: HealthReason | None = None
    description: str = ""
