"""The life of a target as RDS tells it: a state machine, fed with what its probe and the election find.

The table below is the specification; what is not in it cannot happen. ``HealthMachine`` decides which input
is due: what keeps a target from being used is told in this order: another deployment is active, its probe
fails, the election refuses it.
"""

import enum
from typing import Protocol

import attrs
from automat import TypeMachineBuilder

from .damping import Damping, Evidence, Timing
from .health import HealthReason, HealthState, TargetHealth

__all__ = ["HealthMachine", "Standing", "Use"]


class Use(enum.Enum):
    """What the election makes of a target."""

    USED = "used"
    #: It must get nothing, and why is told.
    REFUSED = "refused"
    #: Another deployment is active.
    UNUSED = "unused"


@attrs.frozen
class Standing:
    """A target's part, by the last election."""

    use: Use = Use.USED
    why: str = ""
    #: It was a reader and is the writer now.
    is_promoted: bool = False


class _Inputs(Protocol):
    def rise(self) -> None:
        """It may be used."""

    def promote(self) -> None:
        """It may be used, and has become the writer."""

    def fall(self, reason: HealthReason, description: str) -> None:
        """It may not be used."""

    def set_aside(self, description: str) -> None:
        """It is not of the active deployment."""

    def register(self) -> None:
        """It is of the active deployment again, and has not been asked yet."""


@attrs.define
class _Told:
    health: TargetHealth = attrs.field(factory=lambda: TargetHealth(HealthState.REGISTERING))


def _build() -> TypeMachineBuilder[_Inputs, _Told]:
    builder = TypeMachineBuilder(_Inputs, _Told)
    registering = builder.state("REGISTERING")
    available = builder.state("AVAILABLE")
    promoted = builder.state("AVAILABLE (PROMOTED)")
    unavailable = builder.state("UNAVAILABLE")
    unused = builder.state("UNUSED")

    def rise(_inputs: _Inputs, told: _Told) -> None:
        told.health = TargetHealth(HealthState.AVAILABLE)

    def promote(_inputs: _Inputs, told: _Told) -> None:
        told.health = TargetHealth(HealthState.AVAILABLE, HealthReason.PROMOTED)

    def fall(_inputs: _Inputs, told: _Told, reason: HealthReason, description: str) -> None:
        told.health = TargetHealth(HealthState.UNAVAILABLE, reason, description)

    def set_aside(_inputs: _Inputs, told: _Told, description: str) -> None:
        told.health = TargetHealth(HealthState.UNUSED, None, description)

    def register(_inputs: _Inputs, told: _Told) -> None:
        told.health = TargetHealth(HealthState.REGISTERING)

    for state in (registering, available, promoted, unavailable, unused):
        state.upon(_Inputs.rise).to(available)(rise)
        state.upon(_Inputs.promote).to(promoted)(promote)
        state.upon(_Inputs.fall).to(unavailable)(fall)
        state.upon(_Inputs.set_aside).to(unused)(set_aside)
    for state in (registering, unused):
        state.upon(_Inputs.register).to(registering)(register)
    return builder


_machine = _build().build()


class HealthMachine:
    """``health`` is what is told; ``is_fit`` is what the probe alone has found, for the election."""

    def __init__(self) -> None:
        self._told = _Told()
        self._inputs = _machine(self._told)
        self._damping = Damping()
        self._standing = Standing()
        self._problem: tuple[HealthReason, str] | None = None

    @property
    def health(self) -> TargetHealth:
        """The state, with RDS's words."""
        return self._told.health

    @property
    def is_fit(self) -> bool:
        """Whether it answers, or did until a moment ago; it may be elected."""
        return self._damping.is_fit is True

    @property
    def damping(self) -> Damping:
        """What has been counted."""
        return self._damping

    def answered(self, now: float, timing: Timing) -> None:
        """Its probe was answered; ``now`` in seconds."""
        self._damping.answered(now, timing)
        if self.is_fit:
            self._problem = None
        self._settle()

    def failed(
        self, now: float, timing: Timing, evidence: Evidence, reason: HealthReason, description: str
    ) -> None:
        """Its probe failed; ``now`` in seconds."""
        self._damping.failed(now, timing, evidence)
        if evidence is Evidence.ALIVE or self._damping.is_fit is False:
            self._problem = (reason, description)
        self._settle()

    def stand(self, standing: Standing) -> None:
        """What the last election has made of it."""
        self._standing = standing
        self._settle()

    def _settle(self) -> None:
        if self._standing.use is Use.UNUSED:
            self._inputs.set_aside(self._standing.why)
        elif self._problem is not None:
            self._inputs.fall(*self._problem)
        elif self._damping.is_fit is None:
            self._inputs.register()
        elif self._standing.use is Use.REFUSED:
            self._inputs.fall(HealthReason.INVALID_REPLICATION_STATE, self._standing.why)
        elif self._standing.is_promoted:
            self._inputs.promote()
        else:
            self._inputs.rise()
