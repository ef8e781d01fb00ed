"""Who is the writer, who are the readers, who gets nothing: decided from what targets say of themselves.

The rules, in order:

- A fenced target gets nothing; a target of the deployment that is not active is unused; one that does not
  answer, or says that it has a problem, is not considered.
- A former writer that another one has replaced gets nothing until it is read-only and replicates.
- The writer takes writes. A replica that takes writes was never promoted: it is a reader, unless it has been
  seen read-only before, or nobody else can be meant.
- Two that take writes are a split brain: see ``contention``. The others get nothing, loudly.
- The present writer stays as long as nothing of this takes its office away.
- Readers are read-only, or replicate; one whose replication does not run, or that follows a refused target,
  is refused while there is a writer. Without one all go on, but those that follow a replaced writer: stale
  reads are what a failover costs.

The first writer is not chosen before every target has been asked. No Twisted, no clock: what was seen so far
alone decides.
"""

from collections.abc import Sequence

import attrs

from .candidates import Candidate, Outcome, has_consensus
from .contention import choose
from .deployments import active_deployment
from .electoral_memory import Memory

__all__ = ["Candidate", "Electorate", "Outcome"]

_DEPOSED = "another target has replaced it as the writer; it must be read-only and replicate"
_SPLIT = "it takes writes beside another target"
_NOT_ASKED = "not all targets have been asked yet"
_NO_CONTENDER = "no target takes writes"
_UNDECIDED = "several targets take writes, and nothing tells which of them is meant"


@attrs.define
class _Ballot:
    """The targets of the active deployment."""

    inside: list[Candidate]
    #: Why some of them get nothing.
    refused: dict[str, str]
    #: Those that answer, and that nothing is against.
    eligible: list[Candidate]
    #: Of these, who may be the writer.
    contenders: list[Candidate]


class Electorate:
    """Holds elections, and remembers what they need of earlier ones."""

    def __init__(self) -> None:
        self._memory = Memory()
        self._known: dict[str, Candidate] = {}

    def doubt(self, name: str) -> None:
        """A target has shown that its last word does not hold: it gets nothing until it is observed anew."""
        self._memory.doubt(name)

    def adopt(self, name: str) -> None:
        """A switchover has made it the writer. KeyError for a name that was not in the last election."""
        candidate = self._known[name]
        self._memory.crown(candidate)
        if not candidate.is_writable:
            self._memory.doubt(name)

    def decide(self, candidates: Sequence[Candidate]) -> Outcome:
        """Hold an election; of two with the same name the last counts."""
        self._known = {each.name: each for each in candidates}
        candidates = list(self._known.values())
        memory = self._memory
        memory.note(candidates)
        memory.active = active_deployment(memory, candidates, self._usable(candidates))
        ballot = self._ballot(candidates)
        writer, why = self._writer(ballot)
        if writer is not None and writer.name != memory.leader:
            memory.crown(writer)
            # The former writer may not be used any more.
            ballot = self._ballot(candidates)
        split = self._split(writer, ballot) if why != _NOT_ASKED else frozenset()
        return Outcome(
            writer=None if writer is None else writer.name,
            readers=self._readers(writer, ballot),
            refused=ballot.refused,
            unused={
                each.name: f"{memory.active} is active" for each in candidates if each not in ballot.inside
            },
            split=split,
            lost=memory.has_led and writer is None,
            is_promoted=writer is not None and writer.name in memory.risen,
            active=memory.active,
            why=why,
        )

    def _objection(self, candidate: Candidate) -> str:
        """Why it gets nothing, whoever the others are; empty if nothing is against it."""
        if candidate.fenced:
            return "it is fenced"
        if candidate.observation is None or not candidate.available:
            return ""
        return _DEPOSED if self._memory.is_deposed(candidate) else candidate.observation.problem

    def _usable(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return [each for each in candidates if self._memory.is_heard(each) and not self._objection(each)]

    def _ballot(self, candidates: Sequence[Candidate]) -> _Ballot:
        inside = [each for each in candidates if each.deployment == self._memory.active]
        refused = {each.name: why for each in inside if (why := self._objection(each))}
        eligible = [each for each in self._usable(candidates) if each in inside]
        contenders = [each for each in eligible if self._may_lead(each, candidates)]
        for name, why in self._twins(contenders).items():
            refused[name] = why
        contenders = [each for each in contenders if each.name not in refused]
        return _Ballot(inside, refused, eligible, contenders)

    # The writer

    def _may_lead(self, candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
        if not candidate.is_writable:
            return False
        memory = self._memory
        if not candidate.source or has_consensus(candidate):
            return True
        if candidate.name == memory.leader or candidate.name in memory.risen:
            return True
        return memory.leader is None and self._cannot_be_replica(candidate, candidates)

    def _cannot_be_replica(self, candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
        """Whether its source is known not to be the writer, as in a ring or in a migration."""
        others = [each for each in candidates if each.name != candidate.name]
        sources = [each for each in others if each.name.lower() == candidate.source]
        if not sources:
            return all(each.fenced or self._memory.is_heard(each) for each in others)
        return all(
            each.fenced
            or each.deployment != candidate.deployment
            or (self._memory.is_heard(each) and not each.is_writable)
            for each in sources
        )

    def _twins(self, contenders: Sequence[Candidate]) -> dict[str, str]:
        """Names of a server that has another one here: the leader's goes before, then the first."""
        memory = self._memory
        firsts: dict[str, str] = {}
        twins: dict[str, str] = {}
        for each in sorted(contenders, key=lambda each: each.name != memory.leader):
            first = firsts.setdefault(memory.server(each), each.name)
            if first != each.name:
                twins[each.name] = f"it is the same server as {first}"
        return twins

    def _writer(self, ballot: _Ballot) -> tuple[Candidate | None, str]:
        """The writer, or why there is none."""
        memory = self._memory
        if memory.leader is None and any(each.registering and not each.fenced for each in ballot.inside):
            return None, _NOT_ASKED
        if not ballot.contenders:
            sole = self._sole(ballot.eligible)
            return sole, "" if sole else self._why_none(ballot)
        replicas = [each for each in ballot.eligible if each not in ballot.contenders]
        writer = choose(ballot.contenders, memory.leader, memory.risen, memory.heirs, replicas)
        return writer, "" if writer else _UNDECIDED

    def _why_none(self, ballot: _Ballot) -> str:
        """No target may lead: which ones would, if nothing were against them."""
        refused = [
            each.name
            for each in ballot.inside
            if each.is_writable and each.name in ballot.refused and self._memory.is_heard(each)
        ]
        return _NO_CONTENDER + (f" but {', '.join(refused)}, refused" if refused else "")

    def _sole(self, eligible: Sequence[Candidate]) -> Candidate | None:
        """A proxy for one target that never took a write is a proxy for a replica: that serves."""
        if len(self._known) != 1 or not eligible or self._memory.has_written:
            return None
        only = eligible[0]
        is_moving = only.observation is not None and only.observation.in_transition
        return None if is_moving else only

    # The others

    def _split(self, writer: Candidate | None, ballot: _Ballot) -> frozenset[str]:
        """Refuse those that take writes beside the writer, with no consensus and no source to follow."""
        for each in ballot.contenders:
            if each is not writer and not _may_be_read(each):
                ballot.refused[each.name] = _SPLIT
        loud = (_DEPOSED, _SPLIT)
        return frozenset(
            each.name
            for each in ballot.inside
            if each.is_writable and ballot.refused.get(each.name) in loud and self._memory.is_heard(each)
        )

    @staticmethod
    def _readers(writer: Candidate | None, ballot: _Ballot) -> tuple[str, ...]:
        refused = set(ballot.refused)
        # Whose source has been replaced follows another history, also when nobody writes at the time.
        wrong = refused if writer is not None else {n for n in refused if ballot.refused[n] == _DEPOSED}
        idle = [each for each in ballot.contenders if not _may_be_read(each)]
        others = [
            each
            for each in ballot.eligible
            if each is not writer and each not in idle and each.name not in refused
        ]
        for each in others:
            if objection := _objection_to_reading(each, writer, wrong):
                ballot.refused[each.name] = objection
        return tuple(each.name for each in others if each.name not in ballot.refused)


def _may_be_read(contender: Candidate) -> bool:
    """Whether it is of use beside the writer, although it takes writes itself."""
    if contender.observation is None:
        return False
    return has_consensus(contender) or bool(contender.source and contender.observation.replicates)


def _objection_to_reading(candidate: Candidate, writer: Candidate | None, refused: set[str]) -> str:
    """Why it may not be read from; empty if it may."""
    observation = candidate.observation
    if observation is None or not (candidate.is_writable or candidate.is_read_only):
        return "it does not tell whether it takes writes"
    if has_consensus(candidate):
        return ""
    if writer is not None and observation.replicates is False:
        return "its replication does not run"
    if candidate.source and candidate.source in {name.lower() for name in refused}:
        return f"it replicates from {observation.source}, which is refused"
    return ""
