"""The health of a target, with RDS's names for states and reasons."""

import enum

import attrs

__all__ = ["HealthReason", "HealthState", "TargetHealth"]


class HealthState(enum.Enum):
    """TargetHealth.State."""

    REGISTERING = "REGISTERING"
    AVAILABLE = "AVAILABLE"
    UNAVAILABLE = "UNAVAILABLE"


class HealthReason(enum.Enum):
    """TargetHealth.Reason."""

    UNREACHABLE = "UNREACHABLE"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    AUTH_FAILURE = "AUTH_FAILURE"


@attrs.frozen
class TargetHealth:
    """State, and for an unavailable target why."""

    state: HealthState
    reason: HealthReason | None = None
    description: str = ""
