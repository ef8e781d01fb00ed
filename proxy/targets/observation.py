"""What one answered probe says of a target, in words that are the same for every engine and topology."""

import enum
from typing import Protocol

import attrs

__all__ = ["Observation", "Position", "Role"]


class Role(enum.Enum):
    """RDS's TargetHealth roles."""

    READ_WRITE = "READ_WRITE"
    READ_ONLY = "READ_ONLY"
    UNKNOWN = "UNKNOWN"


class Position(Protocol):
    """The transactions that a target has executed."""

    def covers(self, other: "Position") -> bool:
        """Whether it has all that the other one has."""


@attrs.frozen
class Observation:
    """A target's own word about itself. ``lag`` in seconds, None where it cannot be told."""

    role: Role
    #: Which server answers, whatever its address: a changed identity behind the same name is another server.
    identity: str = ""
    #: Seconds the server has been up; it has restarted when that goes down.
    uptime: float | None = None
    #: None where the target has no GTIDs.
    position: Position | None = None
    #: "host:port" that it replicates from, empty if it replicates from nobody.
    source: str = ""
    #: Whether its replication runs; None if it has none or may not be asked.
    replicates: bool | None = None
    lag: float | None = None
    #: Why it must not be used although it answers, such as a cluster node that is not synced.
    problem: str = ""
    #: The name of the kind that has read the answers.
    topology: str = "static"
    #: Who, as this target knows, is the writer: "host:port", empty if it does not know.
    writer: str = ""
    #: Whether the operator of the topology says that it is being switched or promoted right now.
    in_transition: bool = False
    #: What it may not be asked, for an operator.
    remark: str = ""
