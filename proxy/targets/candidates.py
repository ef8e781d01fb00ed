"""Who stands for election, and what comes of it."""

from collections.abc import Mapping

import attrs

from .health_machine import Standing, Use
from .observation import Observation, Position, Role

__all__ = ["BLUE", "Candidate", "Outcome", "covers", "has_consensus", "position_of", "strictly_covers"]

#: The deployment that is active at the start, unless only the other one has a writer.
BLUE = "blue"

#: Topologies that see to it themselves that several writable servers do no harm.
_CONSENSUS = frozenset({"aurora", "galera", "group_replication"})


@attrs.frozen
class Candidate:
    """A target, as it is known when an election is held. ``name`` is its "host:port"."""

    name: str
    #: The last one, however old.
    observation: Observation | None = None
    #: Whether it answers its probe.
    available: bool = False
    #: An operator has said that it must get nothing.
    fenced: bool = False
    deployment: str = BLUE
    #: There is no verdict on it yet.
    registering: bool = False
    #: Its last question was not answered in time: what it has said may be old.
    suspect: bool = False

    @property
    def is_writable(self) -> bool:
        """Whether it said that it takes writes."""
        return self.observation is not None and self.observation.role is Role.READ_WRITE

    @property
    def is_read_only(self) -> bool:
        """Whether it said that it takes none."""
        return self.observation is not None and self.observation.role is Role.READ_ONLY

    @property
    def source(self) -> str:
        """Whom it replicates from, or did until its replication stopped."""
        return "" if self.observation is None else self.observation.source.lower()


def has_consensus(candidate: Candidate) -> bool:
    """Whether its cluster agrees on who may write."""
    return candidate.observation is not None and candidate.observation.topology in _CONSENSUS


def position_of(candidate: Candidate) -> Position | None:
    """What it has executed, as far as it was seen."""
    return None if candidate.observation is None else candidate.observation.position


def covers(one: Position | None, other: Position | None) -> bool | None:
    """Whether one has all that the other has; None where that is not known."""
    return None if one is None or other is None else one.covers(other)


def strictly_covers(one: Position | None, other: Position | None) -> bool:
    """Whether one is known to have all that the other has, and more."""
    return covers(one, other) is True and covers(other, one) is False


@attrs.frozen
class Outcome:
    """Who serves. No name has two parts; one has none if it does not answer, or nothing is decided yet."""

    writer: str | None
    readers: tuple[str, ...] = ()
    #: Who must get nothing although it may answer, and why.
    refused: Mapping[str, str] = attrs.field(factory=dict)
    #: Who is not of the active deployment, and why that is so.
    unused: Mapping[str, str] = attrs.field(factory=dict)
    #: Of the refused, those that take writes beside the writer, or beside each other: to be told loudly. Ask
    #: all concerned anew at once: what one of them has said may have been overtaken.
    split: frozenset[str] = frozenset()
    #: There was a writer, and there is none.
    lost: bool = False
    #: The writer was a reader before.
    is_promoted: bool = False
    active: str = BLUE
    #: Why there is no writer.
    why: str = ""

    def standing(self, name: str) -> Standing:
        """What this makes of one target's health."""
        if name in self.unused:
            return Standing(Use.UNUSED, self.unused[name])
        if name in self.refused:
            return Standing(Use.REFUSED, self.refused[name])
        return Standing(is_promoted=self.is_promoted and name == self.writer)
