"""The report on a log, as text for a reader and as JSON for a program."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from ..mysql.session.pin_advice import advice
from ..mysql.session.rds_messages import rds_remedy
from .sessions import Analysis
from .tally import ReasonTally, WorldTally

__all__ = ["DEFAULT_TOP", "Report"]

#: Statements that the text shows of each reason.
DEFAULT_TOP = 5
_DIGEST_WIDTH = 90


@attrs.frozen
class _World:
    key: str
    title: str
    until: str
    remedy: Callable[[str], str]
    tally: WorldTally


@attrs.frozen
class Report:
    """``lines`` of which ``ignored`` were not understood; times as they stand in the log."""

    name: str
    analysis: Analysis
    lines: int
    ignored: int
    first_time: str = ""
    last_time: str = ""
    top: int = DEFAULT_TOP

    def text(self) -> str:
        """Aligned, the heaviest first."""
        parts = [*self._head(), *self._summary()]
        for world in self._worlds():
            parts += ["", *self._world(world)]
        return "\n".join(parts) + "\n"

    def json(self) -> str:
        """One object, with every statement that was kept."""
        analysis = self.analysis
        facts: dict[str, Any] = {
            "file": self.name,
            "lines": self.lines,
            "ignored_lines": self.ignored,
            "first_time": self.first_time,
            "last_time": self.last_time,
            "sessions": analysis.sessions,
            "statements": analysis.statements,
            "failed_logins": analysis.failed_logins,
            "dropped_sessions": analysis.dropped,
        }
        facts |= {world.key: _as_object(world) for world in self._worlds()}
        return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"

    def _worlds(self) -> tuple[_World, _World]:
        analysis = self.analysis
        return (
            _World("rds", "RDS Proxy", "for the rest of the session", rds_remedy, analysis.rds),
            _World("here", "here", "until its cause ends", advice, analysis.here),
        )

    def _head(self) -> Iterator[str]:
        analysis = self.analysis
        yield f"{self.name}: {_counted(analysis.statements, 'statement')} in {_sessions(analysis.sessions)}"
        if self.first_time:
            yield f"from {self.first_time} to {self.last_time}"
        if self.ignored:
            yield f"{_counted(self.ignored, 'line')} of {self.lines:,} not understood and left out"
        if analysis.failed_logins:
            yield f"{_counted(analysis.failed_logins, 'failed login')} left out"
        if analysis.dropped:
            yield f"{_sessions(analysis.dropped)} taken for ended, since too many were open"

    def _summary(self) -> Iterator[str]:
        analysis = self.analysis
        yield ""
        yield f"{'':<24}{'RDS Proxy':>20}{'here':>20}"
        rows = (
            ("sessions that pin", "pinned_sessions", analysis.sessions),
            ("statements while pinned", "pinned_statements", analysis.statements),
        )
        for words, field, whole in rows:
            cells = (_share(getattr(tally, field), whole) for tally in (analysis.rds, analysis.here))
            yield f"{words:<24}" + "".join(f"{cell:>20}" for cell in cells)

    def _world(self, world: _World) -> Iterator[str]:
        if not world.tally.reasons:
            yield "Pins under RDS Proxy: none" if world.key == "rds" else "Pins here: none"
            return
        yield f"Pins {'under ' if world.key == 'rds' else ''}{world.title}, {world.until}:"
        for reason, tally in world.tally.ranked():
            yield ""
            yield f"  {reason}: {_sessions(tally.sessions)}, {_counted(tally.runs, 'statement')}"
            yield f"  {world.remedy(reason)}"
            yield from self._shapes(tally)

    def _shapes(self, tally: ReasonTally) -> Iterator[str]:
        ranked = tally.ranked()
        shown = ranked[: self.top]
        yield f"  {'sessions':>10}{'runs':>10}{'line':>12}  statement"
        for shape in shown:
            yield f"  {shape.sessions:>10,}{shape.runs:>10,}{shape.line:>12}  {_short(shape.digest)}"
        rest = sum(shape.runs for shape in ranked[self.top :]) + tally.other_runs
        if rest:
            yield f"  {'':>10}{rest:>10,}{'':>12}  others"


def _as_object(world: _World) -> dict[str, Any]:
    return {
        "pinned_sessions": world.tally.pinned_sessions,
        "statements_while_pinned": world.tally.pinned_statements,
        "reasons": [
            {
                "reason": reason,
                "sessions": tally.sessions,
                "runs": tally.runs,
                "advice": world.remedy(reason),
                "statements": [attrs.asdict(shape) for shape in tally.ranked()],
                "other_runs": tally.other_runs,
            }
            for reason, tally in world.tally.ranked()
        ],
    }


def _short(digest: str) -> str:
    return digest if len(digest) <= _DIGEST_WIDTH else digest[: _DIGEST_WIDTH - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _share(part: int, whole: int) -> str:
    return f"{part:,}{100 * part / whole if whole else 0:>8.1f} %"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _sessions(number: int) -> str:
    return _counted(number, "session")
