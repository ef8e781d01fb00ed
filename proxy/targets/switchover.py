"""A planned move of all traffic to another target: what it takes, what comes of it; one at a time.

The steps are in ``switchover_procedure``.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .observation import Observation
from .rows import TargetRow

__all__ = [
    "Fence",
    "Outcome",
    "PromotionUndone",
    "Running",
    "Step",
    "SwitchoverOptions",
    "SwitchoverReport",
    "Switchable",
    "Switchovers",
    "TargetsView",
]


class PromotionUndone(Exception):
    """The target was not made writable and will not be: nothing of the attempt is left."""


class Outcome(enum.Enum):
    """How a switchover has ended."""

    #: Traffic goes to the target.
    SWITCHED = "SWITCHED"
    #: It was not begun: nobody has noticed anything.
    REFUSED = "REFUSED"
    #: Traffic goes where it went before.
    WENT_BACK = "WENT_BACK"
    #: Which of the two may be written to is not certain: neither is, until an operator or a probe tells.
    UNRESOLVED = "UNRESOLVED"


@attrs.frozen
class Step:
    """``seconds`` since the switchover began."""

    name: str
    seconds: float
    detail: str


@attrs.frozen
class SwitchoverReport:
    """What was done. ``held`` in seconds: how long new transactions had to wait."""

    outcome: Outcome
    #: Where traffic was to go, and from where; empty where there was no writer.
    target: str
    writer: str
    #: Why it did not succeed, in one line; empty if it did.
    why: str = ""
    held: float = 0.0
    #: Sessions that have lost their connection: a pin, or a transaction that did not finish in time.
    cut: int = 0
    steps: tuple[Step, ...] = ()
    #: What the operator still has to see to.
    notes: tuple[str, ...] = ()


@attrs.frozen
class SwitchoverOptions:
    """Times in seconds."""

    #: How long running transactions may take to finish; with ``promote`` off also how long a promotion may.
    timeout: float = 10.0
    #: Whether the proxy itself makes the target writable.
    promote: bool = True
    #: Whether the former writer and its replicas are made to replicate from the new one.
    follow: bool = False
    #: A target that is further behind is refused.
    max_lag: float = 10.0
    #: For making the writer read-only, which waits for commits and table locks of others.
    fence_timeout: float = 10.0
    #: For the target to execute all that the writer has.
    catch_up_timeout: float = 10.0
    #: For making the target writable.
    promote_timeout: float = 10.0
    #: For one question about a target.
    observe_timeout: float = 5.0
    #: How long a server that may be writable, or read-only, is asked for it.
    doubt_timeout: float = 30.0
    #: For making one server replicate from the new writer.
    follow_timeout: float = 15.0


@attrs.frozen
class Fence:
    """What a writer was like that is read-only now."""

    #: It ran scheduled events; the next writer is to.
    runs_events: bool = False
    #: It waited for a replica's acknowledgement of each commit.
    semi_synchronous: bool = False
    notes: tuple[str, ...] = ()


@attrs.frozen
class Running:
    """Sessions that have a connection to the writer."""

    #: With a transaction or statement in progress.
    busy: int = 0
    #: With nothing in progress, but tied to their connection.
    idle: int = 0


class Switchable(Protocol):
    """What a switchover is done with: the target group. Targets go by their names.

    From ``hold`` to ``release`` the group chooses no writer by itself, whatever its probes tell.
    """

    @property
    def writer(self) -> str | None:
        """Where new transactions go."""

    def targets(self) -> Sequence[TargetRow]:
        """All that are registered, in every deployment."""

    def hold(self) -> None:
        """From now on nobody gets a connection to the writer; those who want one wait."""

    def release(self) -> None:
        """Serve those who wait, from the writer of the moment if there is one."""

    def running(self) -> Running:
        """Who has a connection to the writer now."""

    def cut_running(self, why: str, *, idle_only: bool) -> int:
        """Take their connections away, and tell how many. The server is told to end what runs there."""

    def observe(self, name: str) -> Deferred[Observation]:
        """A target's own word, asked for now."""

    def rehearse(self, writer: str, target: str) -> Deferred[None]:
        """Fails if the rights to do what follows are missing. Changes nothing."""

    def fence(self, name: str, seconds: float) -> Deferred[Fence]:
        """Make a server read-only, within some seconds; if it fails it may be so or become so."""

    def unfence(self, name: str) -> Deferred[None]:
        """Make sure that nothing of the last ``fence`` is left, also after one that has failed."""

    def promote(self, name: str) -> Deferred[None]:
        """Make a replica stop replicating and writable. Fails with PromotionUndone, or else in doubt."""

    def settle(self, name: str) -> Deferred[bool]:
        """After a ``promote`` in doubt: whether the server is writable, for good.

        If it is not, it replicates again and nothing will make it writable any more.
        """

    def adopt(self, name: str) -> None:
        """This target is the writer now, its deployment the active one, the former writer refused."""

    def complete(self, name: str, fence: Fence) -> Deferred[Sequence[str]]:
        """What is left to do on a new writer, such as its scheduled events; answers notes."""

    def follow(self, name: str, source: str) -> Deferred[None]:
        """Make a server replicate from a target."""


class TargetsView(Protocol):
    """What statements of clients may ask of the target group."""

    def targets(self) -> Sequence[TargetRow]:
        """All that are registered."""

    def switchover(self, name: str, timeout: float | None, asked_by: str) -> Deferred[SwitchoverReport]:
        """Move all traffic to a target; never fails. ``timeout`` in seconds, None for the configured one."""


class _Runs(Protocol):
    def run(self) -> Deferred[SwitchoverReport]: ...

    def give_up(self, why: str) -> None: ...


class Switchovers:
    """One switchover at a time; each goes on whatever becomes of the one who has asked for it."""

    log = Logger()

    def __init__(
        self,
        begin: Callable[[str, SwitchoverOptions, str], _Runs],
        options: Callable[[], SwitchoverOptions],
        clock: Any,
    ) -> None:
        """``begin`` makes the procedure for a target, options, and the name of who asks."""
        self._begin = begin
        self._options = options
        self._clock = clock
        self._present: _Runs | None = None
        self._target = ""
        self._since = 0.0
        self._stopped = False
        self._waiting: list[Deferred[None]] = []

    @property
    def under_way(self) -> str:
        """The target of the present one; empty if there is none."""
        return self._target if self._present is not None else ""

    def start(self, target: str, timeout: float | None, asked_by: str) -> Deferred[SwitchoverReport]:
        """Begin one; its report comes also when it fails. Cancelling the answer changes nothing.

        ``timeout`` in seconds stands above the options' if it is given.
        """
        refusal = self._refusal()
        if refusal:
            self.log.warn("switchover to {target} is refused: {why}", target=target, why=refusal)
            return succeed(SwitchoverReport(Outcome.REFUSED, target, "", refusal))
        options = self._options()
        if timeout is not None:
            options = attrs.evolve(options, timeout=timeout)
        self._target = target
        self._since = self._clock.seconds()
        self._present = procedure = self._begin(target, options, asked_by)
        answer: Deferred[SwitchoverReport] = Deferred(lambda _: None)
        procedure.run().addCallbacks(self._ended, self._broken).addCallback(_tell, answer)
        return answer

    def stop(self) -> Deferred[None]:
        """No more of them; the present one goes back if it still can. Fires once it has ended."""
        self._stopped = True
        if self._present is None:
            return succeed(None)
        self._present.give_up("the proxy is being stopped")
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def _refusal(self) -> str:
        if self._stopped:
            return "the proxy is being stopped"
        if self._present is None:
            return ""
        age = self._clock.seconds() - self._since
        return f"a switchover to {self._target} is under way since {age:.1f} s"

    def _ended(self, report: SwitchoverReport) -> SwitchoverReport:
        self._present = None
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)
        return report

    def _broken(self, failure: Failure) -> SwitchoverReport:
        self.log.failure("switchover to {target} ended unexpectedly", failure, target=self._target)
        why = "an unforeseen failure, see the proxy's log"
        return self._ended(SwitchoverReport(Outcome.UNRESOLVED, self._target, "", why))


def _tell(report: SwitchoverReport, answer: Deferred[SwitchoverReport]) -> None:
    if not answer.called:
        answer.callback(report)
