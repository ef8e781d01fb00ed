"""What is shown of a target: one row of SHOW PROXY TARGETS."""

import attrs

__all__ = ["TargetRow"]


@attrs.frozen
class TargetRow:
    """A target as its group sees it at the moment; ``lag`` in seconds, None where it is not known."""

    #: "host:port"
    name: str
    #: READ_WRITE, READ_ONLY or UNKNOWN.
    role: str
    deployment: str
    #: TargetHealth.State and Reason; the reason is empty for a target that is available.
    state: str
    reason: str = ""
    description: str = ""
    lag: float | None = None
    #: What it has executed, in the words of its server; empty where it has no GTIDs.
    position: str = ""
    connections: int = 0
    borrowed: int = 0
    waiting: int = 0
