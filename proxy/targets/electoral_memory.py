"""What elections must remember: who leads, who was a reader before, who may not have its office back.

A target that another one has replaced as the writer is *deposed*: it may have writes that nobody else has,
or lack those that came after it. It is the server that is deposed, not its name. It is pardoned when it is
read-only and replicates; or when it takes writes again and the present writer has given up: is fenced, or is
read-only, or answers no more, and then has nothing that the deposed one lacks.
"""

from collections.abc import Sequence

import attrs

from .candidates import BLUE, Candidate, covers, has_consensus, position_of
from .observation import Observation, Position, Role

__all__ = ["Memory"]


@attrs.define
class _Seen:
    """The last word of a target: which server it was, and what that said."""

    server: str
    observation: Observation


def _was_replica(before: Observation, now: Candidate) -> bool:
    """Whether it was a replica until now, which it is not any more."""
    return before.role is Role.READ_ONLY or bool(before.source and not now.source)


@attrs.define
class Memory:
    """``leader`` stays who it is while it is away, until another one is chosen."""

    leader: str | None = None
    #: There has been a writer, at some time, and one that took writes.
    has_led: bool = False
    has_written: bool = False
    active: str = BLUE
    #: Those that were replicas before they took writes, numbered in order.
    risen: dict[str, int] = attrs.field(factory=dict)
    #: Of these, those that rose after the leader's last word.
    heirs: set[str] = attrs.field(factory=set)
    _leader_server: str = ""
    _leader_position: Position | None = None
    _leader_has_consensus: bool = False
    _has_risen: int = 0
    #: Servers; True for one that has been read-only since.
    _deposed: dict[str, bool] = attrs.field(factory=dict)
    _seen: dict[str, _Seen] = attrs.field(factory=dict)
    #: What has been overtaken by an error that the target itself gave.
    _doubted: dict[str, Observation] = attrs.field(factory=dict)

    def doubt(self, name: str) -> None:
        """What the target has said so far does not hold any more."""
        if name in self._seen:
            self._doubted[name] = self._seen[name].observation

    def is_heard(self, candidate: Candidate) -> bool:
        """Whether what it has said counts."""
        observation = candidate.observation
        if not candidate.available or observation is None:
            return False
        return observation is not self._doubted.get(candidate.name)

    def server(self, candidate: Candidate) -> str:
        """Which server it is."""
        if candidate.observation is not None and candidate.observation.identity:
            return candidate.observation.identity
        seen = self._seen.get(candidate.name)
        return candidate.name if seen is None else seen.server

    def note(self, candidates: Sequence[Candidate]) -> None:
        """Take in what all targets say now."""
        self._forget_others({each.name for each in candidates})
        heard = [each for each in candidates if self.is_heard(each)]
        last_word = self._seen.get(self.leader or "")
        for candidate in heard:
            self._note(candidate)
        if self._seen.get(self.leader or "") is not last_word:
            self.heirs.clear()
        self._trace_leader(heard)
        leader = next((each for each in candidates if each.name == self.leader), None)
        for candidate in heard:
            if self.server(candidate) in self._deposed:
                self._reconsider(candidate, leader)

    def _note(self, candidate: Candidate) -> None:
        observation = candidate.observation
        assert observation is not None
        name, server = candidate.name, self.server(candidate)
        self._doubted.pop(name, None)
        before = self._seen.get(name)
        if before is not None and before.observation is observation:
            return
        if before is not None and before.server == name != server:
            self._rename(name, server)
            before.server = server
        self._seen[name] = _Seen(server, observation)
        if candidate.is_read_only or (before is not None and before.server != server):
            self.risen.pop(name, None)
        elif before is not None and candidate.is_writable and _was_replica(before.observation, candidate):
            self._has_risen += 1
            self.risen[name] = self._has_risen
            self.heirs.add(name)

    def _rename(self, name: str, server: str) -> None:
        """A server that was known by its address only has told which one it is."""
        if self._leader_server == name:
            self._leader_server = server
        if name in self._deposed:
            self._deposed[server] = self._deposed.pop(name)

    def _trace_leader(self, heard: Sequence[Candidate]) -> None:
        """The leader is a server: it may answer to another name now, or another server to its name."""
        holders = {self.server(each): each for each in heard if each.name != self.leader}
        named = next((each for each in heard if each.name == self.leader), None)
        if named is None:
            return
        server = self.server(named)
        if server != self._leader_server and self._leader_server in holders:
            named = holders[self._leader_server]
            self.leader = named.name
        elif server != self._leader_server:
            if not named.is_writable:
                return
            self._succeed(named)
        self._leader_position = position_of(named)
        self.has_written = self.has_written or named.is_writable

    def _succeed(self, candidate: Candidate) -> None:
        """Another server takes writes by the leader's name."""
        if not self._leader_has_consensus:
            self._deposed[self._leader_server] = False
        self._leader_server = self.server(candidate)
        if covers(position_of(candidate), self._leader_position) is not False:
            self._deposed.pop(self._leader_server, None)

    def _forget_others(self, names: set[str]) -> None:
        for known in (self._seen, self._doubted, self.risen):
            for name in set(known) - names:
                del known[name]
        if self.leader is not None and self.leader not in names:
            # An operator has taken the writer away: the others are what there is.
            self.leader = None
            self._deposed.clear()

    # Office

    def crown(self, candidate: Candidate) -> None:
        """It is the writer from now on."""
        server = self.server(candidate)
        replaces = self.leader is not None and self._leader_server != server
        if replaces and not self._leader_has_consensus and self.leader is not None:
            self._deposed[self._leader_server] = False
            # It may have been demoted since, and has to say so.
            self.doubt(self.leader)
        self._deposed.pop(server, None)
        self.leader, self.has_led, self.active = candidate.name, True, candidate.deployment
        self._leader_server = server
        self._leader_position = position_of(candidate)
        self._leader_has_consensus = has_consensus(candidate)
        self.has_written = self.has_written or candidate.is_writable

    def is_deposed(self, candidate: Candidate) -> bool:
        """Whether it may not be used, not even to read."""
        return self.server(candidate) in self._deposed

    def _reconsider(self, candidate: Candidate, leader: Candidate | None) -> None:
        server = self.server(candidate)
        if candidate.is_read_only:
            self._deposed[server] = True
            if self._follows(candidate):
                del self._deposed[server]
        elif candidate.is_writable and self._has_given_up(leader, candidate):
            del self._deposed[server]

    def _follows(self, candidate: Candidate) -> bool:
        observation = candidate.observation
        assert observation is not None
        if observation.replicates is not None:
            return observation.replicates
        if observation.topology != "replication":
            return True
        # It may not be asked. It has caught up, or else it would lack something.
        return covers(observation.position, self._leader_position) is True

    def _has_given_up(self, leader: Candidate | None, heir: Candidate) -> bool:
        if leader is None or leader.fenced:
            return True
        has_all = covers(position_of(heir), self._leader_position)
        was_read_only = self._deposed[self.server(heir)]
        if self.is_heard(leader):
            return leader.is_read_only and (was_read_only if has_all is None else has_all)
        return was_read_only and has_all is True
