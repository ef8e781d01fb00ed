"""When failed questions make a target unfit, and answers fit again: neither too late nor on a whim.

- A refusal or a lost connection counts when the next question, asked at once, fails too: one lost connection
  proves nothing (a KILL, a timeout of the server), and the second question is over within a round trip.
- A question without an answer in time counts when ``unhealthy_threshold`` of them follow each other: the
  machine, the network or this process may be busy.
- A target that answers only to refuse the probe (its password, its number of connections) is alive. It stays
  what it was: its open connections work, and moving its clients away would be the outage.
- An unfit target needs ``healthy_threshold`` answers in a row, and twice as many for each time more that it
  fell within FLAP_WINDOW.
"""

import enum

import attrs

__all__ = ["FLAP_WINDOW", "MOST_PATIENCE", "Damping", "Evidence", "Timing"]

#: Seconds for which a fall makes the next return harder.
FLAP_WINDOW = 60.0

#: A flapping target needs at most this many times ``healthy_threshold`` answers.
MOST_PATIENCE = 8

#: Refusals in a row that are believed, whatever ``unhealthy_threshold`` says.
_BELIEVED_REFUSALS = 2


@attrs.frozen
class Timing:
    """How a target is asked: times in seconds, thresholds in questions."""

    interval: float = 1.0
    #: Between questions while something is going on.
    fast_interval: float = 0.2
    #: After which a question has failed.
    timeout: float = 1.0
    #: Unanswered questions in a row that make it unfit.
    unhealthy_threshold: int = 2
    #: Answers in a row that make it fit again.
    healthy_threshold: int = 2


class Evidence(enum.Enum):
    """What a failed question says of the target."""

    #: Refused, unreachable, or the connection was lost.
    GONE = "gone"
    #: No answer in time.
    SLOW = "slow"
    #: It answered, and refused the proxy's probe.
    ALIVE = "alive"


class Damping:
    """Counts; ``is_fit`` is None until the first verdict."""

    def __init__(self) -> None:
        self.is_fit: bool | None = None
        self._answers = 0
        self._failures = 0
        self._refusals = 0
        self._falls: list[float] = []

    @property
    def is_suspect(self) -> bool:
        """Whether it counts as fit although its last question was not answered in time."""
        return self.is_fit is True and self._failures > self._refusals == 0

    @property
    def is_settled(self) -> bool:
        """Whether the next question is not one that may change the verdict."""
        return self.is_fit is not None and (self._failures if self.is_fit else self._answers) == 0

    @property
    def awaits_confirmation(self) -> bool:
        """Whether a refusal has been seen that the next question, to be asked at once, confirms."""
        return self.is_fit is True and self._refusals > 0

    def answered(self, now: float, timing: Timing) -> None:
        """A question was answered; ``now`` in seconds."""
        self._failures = self._refusals = 0
        if self.is_fit is None:
            self.is_fit = True
        elif not self.is_fit:
            self._answers += 1
            if self._answers >= self._needed(now, timing):
                self.is_fit = True

    def failed(self, now: float, timing: Timing, evidence: Evidence) -> None:
        """A question failed; ``now`` in seconds."""
        self._answers = 0
        if evidence is Evidence.ALIVE:
            self._failures = self._refusals = 0
            self.is_fit = bool(self.is_fit)
            return
        self._failures += 1
        self._refusals += evidence is Evidence.GONE
        if self._is_enough(timing) and self.is_fit is not False:
            if self.is_fit:
                self._falls.append(now)
            self.is_fit = False

    def _is_enough(self, timing: Timing) -> bool:
        if self.is_fit is None and self._refusals:
            return True
        return self._failures >= timing.unhealthy_threshold or self._refusals >= _BELIEVED_REFUSALS

    def _needed(self, now: float, timing: Timing) -> int:
        self._falls = [fall for fall in self._falls if fall > now - FLAP_WINDOW]
        patience: int = 1 << max(0, len(self._falls) - 1)
        return timing.healthy_threshold * min(patience, MOST_PATIENCE)
