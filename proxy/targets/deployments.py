"""Blue or green: which deployment's targets are used."""

from collections.abc import Sequence

from .candidates import BLUE, Candidate, covers, position_of, strictly_covers
from .electoral_memory import Memory

__all__ = ["active_deployment"]


def active_deployment(memory: Memory, candidates: Sequence[Candidate], usable: Sequence[Candidate]) -> str:
    """The deployment that is to be active; ``usable`` are those candidates that nothing is against."""
    deployments = list(dict.fromkeys(each.deployment for each in candidates))
    if memory.active not in deployments:
        return deployments[0] if deployments else memory.active
    if len(deployments) < 2:
        return memory.active
    if memory.leader is not None:
        return _switched(memory, candidates, usable)
    if any(each.registering and not each.fenced for each in candidates):
        return memory.active
    return _at_start([each for each in usable if each.is_writable], memory.active)


def _at_start(writable: Sequence[Candidate], present: str) -> str:
    """Blue; green where only that takes writes, or where it has all that blue has, and more."""
    blue = [each for each in writable if each.deployment == BLUE]
    green = [each for each in writable if each.deployment != BLUE]
    if not blue:
        return green[0].deployment if green else present
    for each in green:
        if not each.source and all(strictly_covers(position_of(each), position_of(old)) for old in blue):
            return each.deployment
    return BLUE


def _switched(memory: Memory, candidates: Sequence[Candidate], usable: Sequence[Candidate]) -> str:
    """The active one, unless someone has switched: its writer is read-only, and another was promoted."""
    leader = next((each for each in candidates if each.name == memory.leader), None)
    if leader is None or not memory.is_heard(leader) or not leader.is_read_only:
        return memory.active
    heirs = [
        each
        for each in usable
        if each.deployment != memory.active
        and each.is_writable
        and not each.source
        and each.name in memory.risen
        and covers(position_of(each), position_of(leader)) is not False
    ]
    return heirs[0].deployment if len(heirs) == 1 else memory.active
