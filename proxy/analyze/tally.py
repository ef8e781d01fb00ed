"""Counts what pins, by reason and by the shape of the statement, with bounded memory."""

import attrs

__all__ = ["KEPT_SHAPES", "ReasonTally", "ShapeTally", "WorldTally"]

#: Shapes of statements that are told apart in one tally; later ones are counted together.
KEPT_SHAPES = 2000


@attrs.define
class ShapeTally:
    """One shape of a statement: runs, sessions that ran it, the line where it stands first."""

    digest: str
    line: int
    runs: int = 0
    sessions: int = 0


@attrs.define
class ReasonTally:
    """One reason: sessions that had it, and the statements that caused it."""

    sessions: int = 0
    shapes: dict[str, ShapeTally] = attrs.field(factory=dict)
    #: Runs of statements whose shapes are not kept.
    other_runs: int = 0

    @property
    def runs(self) -> int:
        """Statements that pinned for this reason."""
        return self.other_runs + sum(shape.runs for shape in self.shapes.values())

    def ranked(self) -> list[ShapeTally]:
        """The heaviest first."""
        return sorted(self.shapes.values(), key=lambda each: (-each.sessions, -each.runs, each.line))


@attrs.define
class WorldTally:
    """What one proxy would have done with the sessions of the log."""

    pinned_sessions: int = 0
    #: Statements that ran in a session while it was pinned, the one that pinned it included.
    pinned_statements: int = 0
    reasons: dict[str, ReasonTally] = attrs.field(factory=dict)
    _shapes: int = 0

    def count(self, reason: str, digest: str, line: int) -> ShapeTally | None:
        """A statement has run that pins for this reason; None where its shape is not kept."""
        tally = self.reasons.setdefault(reason, ReasonTally())
        shape = tally.shapes.get(digest)
        if shape is None:
            if self._shapes >= KEPT_SHAPES:
                tally.other_runs += 1
                return None
            self._shapes += 1
            shape = tally.shapes[digest] = ShapeTally(digest, line)
        shape.runs += 1
        return shape

    def ranked(self) -> list[tuple[str, ReasonTally]]:
        """Reasons, the heaviest first."""
        return sorted(self.reasons.items(), key=lambda each: (-each[1].sessions, -each[1].runs, each[0]))
