"""The target group: who is the writer, who are the readers, and what becomes of clients when that changes."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks, succeed
from twisted.logger import Logger

from .config import Config, EndpointConfig, TargetConfig
from .credentials.directory import Directory
from .credentials.source import Credential
from .fate_finding import FateFinder
from .group_switchover import GroupSwitchover
from .group_warnings import GroupWarnings
from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import BackendConnector
from .mysql.frontend.context import ServerFacts
from .mysql.session.fate import Fate
from .pool.pool import Pool
from .settings import reader_options, route_options, server_facts
from .target_unit import TargetUnit
from .targets.election import Candidate, Electorate, Outcome
from .targets.health import HealthState
from .targets.observation import Role
from .targets.reader_route import Reader, ReaderRoute
from .targets.routes import WriterRoute
from .targets.rows import TargetRow
from .targets.switchover import SwitchoverReport
from .tenants.tenant import Tenant

__all__ = ["TargetGroup"]

#: Seconds that sessions have to leave a target which has been demoted and still answers.
DEMOTION_GRACE = 5.0


class TargetGroup:
    """All targets of the proxy, and the routes to them."""

    log = Logger()

    def __init__(self, config: Config, users: Directory, clock: Any) -> None:
        self.config = config
        self._users = users
        self._clock = clock
        self._started = False
        self._electorate = Electorate()
        self._writer: TargetUnit | None = None
        #: The last writer there was.
        self._former: TargetUnit | None = None
        self._waiting_for_first: list[Deferred[None]] = []
        self._deciding = self._decide_again = False
        self._graces: set[Any] = set()
        #: Called when another target has become the writer: what was learnt from the former may not hold.
        self.on_new_writer: Callable[[], None] = lambda: None
        self.writer_route: WriterRoute[BackendConnection] = WriterRoute(
            lambda: route_options(self.config), clock
        )
        self._reader_routes: list[ReaderRoute[BackendConnection]] = []
        self.units = {_key(options): self._unit(options) for options in config.target_group.targets}
        self._fates = FateFinder(self, clock)
        self._switchover = GroupSwitchover(self, clock)
        #: A switchover decides who is the writer.
        self._is_held = False
        #: Targets whose last word is older than the last switchover, and when that was.
        self._stale: dict[TargetUnit, float] = {}
        self._warnings = GroupWarnings()
        #: Tenants with a least share.
        self._expected: tuple[Tenant, ...] = ()

    def _unit(self, options: TargetConfig) -> TargetUnit:
        return TargetUnit(self.config, options, self._users, self._clock, self._changed)

    def reader_route(self, endpoint: Callable[[], EndpointConfig]) -> ReaderRoute[BackendConnection]:
        """A route to the readers, as an endpoint's options say."""
        route: ReaderRoute[BackendConnection] = ReaderRoute(
            self.writer_route, lambda: reader_options(self.config, endpoint()), self._clock
        )
        self._reader_routes.append(route)
        return route

    # Start, reload, stop

    def start(self) -> None:
        """Begin to watch the targets."""
        self._started = True
        for unit in self.units.values():
            self._start(unit)

    def _start(self, unit: TargetUnit) -> None:
        unit.pool.start()
        unit.pool.expect(self._expected)
        unit.monitor.start()
        unit.monitor.first_probe().addCallback(lambda _: self._changed())

    def reconfigure(self, config: Config) -> None:
        """Other options are in force: targets come, go, or are used otherwise. ValueError, OSError."""
        self.config = config
        wanted = {_key(options): options for options in config.target_group.targets}
        for key, unit in list(self.units.items()):
            if key not in wanted:
                del self.units[key]
                self._remove(unit)
        for key, options in wanted.items():
            if key in self.units:
                self.units[key].reconfigure(config, options)
            else:
                self.units[key] = unit = self._unit(options)
                self.log.info("target {target} was added", target=unit.name)
                if self._started:
                    self._start(unit)
        self._changed()

    def _remove(self, unit: TargetUnit) -> None:
        self.log.info("target {target} was removed", target=unit.name)
        unit.monitor.stop()
        if unit is self._writer:
            self._appoint(None)
            self.writer_route.use(None)
        if unit is self._former:
            self._former = None
        unit.pool.evacuate()
        unit.pool.stop()
        unit.cut("the target was removed")

    def expect(self, tenants: Iterable[Tenant]) -> None:
        """Keep these tenants' least shares of the connections, before any of their clients has come."""
        self._expected = tuple(tenants)
        for unit in self.units.values():
            unit.pool.expect(self._expected)

    def retire_users(self, names: Collection[str]) -> None:
        """These users have other passwords now: replace their connections, each once nobody uses it."""
        for unit in self.units.values():
            unit.retire_users(names)

    @inlineCallbacks
    def stop(self) -> Generator[Deferred[Any], Any, None]:
        """Watch no more, close everything; fires when all connections are gone."""
        yield self._switchover.stop()
        for grace in self._graces:
            if grace.active():
                grace.cancel()
        for unit in self.units.values():
            unit.monitor.stop()
        self.writer_route.stop()
        for route in self._reader_routes:
            route.stop()
        yield DeferredList([unit.pool.stop() for unit in self.units.values()])

    # What is known

    @property
    def writer(self) -> TargetUnit | None:
        """The target that takes writes."""
        return self._writer

    def ready(self) -> Deferred[None]:
        """Fires once there is something to greet clients with: a writer, or an answer of every target."""
        if self._is_ready():
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting_for_first.append(waiting)
        return waiting

    def _is_ready(self) -> bool:
        units = self.units.values()
        return self._writer is not None or all(
            unit.health.state is not HealthState.REGISTERING for unit in units
        )

    def facts(self) -> ServerFacts:
        """What clients are told of the server: the writer's, else anybody's."""
        units = [self._writer] if self._writer is not None else []
        units += [unit for unit in self.units.values() if unit.answer is not None]
        first = units[0] if units else None
        if first is None:
            return server_facts(self.config, None, None)
        return server_facts(self.config, first.answer, first.fresh_status)

    def versions(self) -> list[tuple[str, bool]]:
        """The version of each server that has answered, and whether it is MariaDB."""
        answers = [unit.answer for unit in self.units.values() if unit.answer is not None]
        return [(answer.version, answer.is_mariadb) for answer in answers]

    def connector(self) -> BackendConnector:
        """To the target that is asked when any will do: the writer, if there is one."""
        unit = self._writer or next(iter(self.units.values()))
        return unit.connector

    def pools(self) -> Iterator[tuple[str, Pool[BackendConnection]]]:
        """Each target's name and pool."""
        for unit in list(self.units.values()):
            yield unit.name, unit.pool

    def may_kill(self, username: str) -> Deferred[bool]:
        """Whether a user has the right to end what others run."""
        return self.connector().may_kill(username)

    # Who serves

    def _changed(self) -> None:
        """Something is known that was not before: decide anew."""
        self._decide_again = True
        if self._deciding:
            return
        self._deciding = True
        try:
            while self._decide_again:
                self._decide_again = False
                self._decide()
        finally:
            self._deciding = False
        if self._waiting_for_first and self._is_ready():
            waiting, self._waiting_for_first = self._waiting_for_first, []
            for deferred in waiting:
                deferred.callback(None)

    def _decide(self) -> None:
        by_name = {unit.name: unit for unit in self.units.values()}
        outcome = self._electorate.decide([self._candidate(unit) for unit in by_name.values()])
        self._note(outcome)
        writer = by_name.get(outcome.writer) if outcome.writer is not None else None
        if writer is not self._writer and not self._is_held and not self._is_stale():
            self._move(writer, outcome)
        elif writer is None and self._is_ready() and not self._is_held:
            self._warnings.note_no_writer(outcome.why)
        readers = [
            self._reader(unit, is_available=unit.name in outcome.readers)
            for unit in by_name.values()
            if unit is not self._writer and unit.name not in outcome.unused and not unit.options.fenced
        ]
        for route in self._reader_routes:
            route.set_readers(readers)
        for unit in self.units.values():
            unit.monitor.set_fast(self._writer is None)
            self._note_silence(unit, has_others=bool(outcome.readers) or self._writer is not None)

    def _note_silence(self, unit: TargetUnit, *, has_others: bool) -> None:
        """What runs on a target that does not answer is cut, if others can serve in its place."""
        if unit.monitor.is_fit or unit.health.state is HealthState.REGISTERING:
            unit.is_silent = False
        elif not unit.is_silent and has_others and unit not in (self._writer, self._former):
            unit.is_silent = True
            unit.pool.evacuate()
            unit.cut("the target does not answer")

    def _is_stale(self) -> bool:
        """Whether targets have not spoken yet since a switchover has changed them."""
        self._stale = {
            unit: since
            for unit, since in self._stale.items()
            if unit.answered_at <= since and unit.monitor.is_fit and unit in self.units.values()
        }
        return bool(self._stale)

    def _candidate(self, unit: TargetUnit) -> Candidate:
        observation, position = unit.observation, unit.position
        if observation is not None and position is not None and unit is self._former:
            # It has done more since it was asked, as clients were told.
            known = position.union(unit.history.acknowledged())
            observation = attrs.evolve(observation, position=known)
        return Candidate(
            unit.name,
            observation,
            unit.monitor.is_fit,
            unit.options.fenced,
            unit.options.deployment,
            registering=unit.monitor.registering,
            suspect=unit.monitor.is_suspect,
        )

    def _reader(self, unit: TargetUnit, *, is_available: bool) -> Reader[BackendConnection]:
        lag = unit.lag(self._writer)
        return Reader(unit.name, unit.pool, lag, unit.available_since, is_available)

    def _note(self, outcome: Outcome) -> None:
        for unit in self.units.values():
            unit.monitor.stand(outcome.standing(unit.name))
        if self._warnings.note_split(outcome.split, outcome.writer):
            for unit in self.units.values():
                # One word may be older than the other.
                if unit.name in outcome.split or unit is self._writer:
                    unit.monitor.hurry()

    def _move(self, writer: TargetUnit | None, outcome: Outcome) -> None:
        before = self._appoint(writer)
        self._warnings.note_writer(writer, self._former, outcome.why)
        if writer is not None:
            self.on_new_writer()
        self.writer_route.use(None if writer is None else writer.pool)
        if before is not None:
            before.pool.evacuate()
        if writer is None:
            return
        former, self._former = self._former, writer
        if former is not None and former is not writer:
            self._leave(former, outcome)

    def _appoint(self, writer: TargetUnit | None) -> TargetUnit | None:
        """Who was the writer before."""
        before, self._writer = self._writer, writer
        for unit in (before, writer):
            if unit is not None:
                unit.is_writer = unit is writer
        return before

    def _leave(self, unit: TargetUnit, outcome: Outcome) -> None:
        """Another target is the writer: what runs on the former one must not write any more."""
        observed = unit.observation
        is_demoted = observed is not None and observed.role is Role.READ_ONLY
        if not unit.monitor.is_fit or not is_demoted or unit.name in outcome.refused:
            unit.cut("another target is the writer")
            return
        leaving = set(unit.connections)

        def over() -> None:
            self._graces.discard(grace)
            for connection in leaving & unit.connections:
                connection.abort("another target is the writer")

        grace = self._clock.callLater(DEMOTION_GRACE, over)
        self._graces.add(grace)

    # Switchover

    def targets(self) -> Sequence[TargetRow]:
        """All that are registered, for those who ask."""
        return self._switchover.targets()

    def switchover(self, name: str, timeout: float | None, asked_by: str) -> Deferred[SwitchoverReport]:
        """Move all traffic to a target; never fails. ``timeout`` in seconds, None for the configured one."""
        return self._switchover.start(name, timeout, asked_by)

    def credential(self, username: str) -> Credential | None:
        """What a user logs in with, by a secret."""
        return self._users.store.lookup(username)

    def hold(self) -> None:
        """Lend no connection to the writer, and let it be the writer whatever the targets say."""
        self._is_held = True
        self.writer_route.hold()

    def release(self) -> None:
        """Decide again by what the targets say, and lend."""
        self._is_held = False
        self._changed()
        self.writer_route.release()

    def adopt(self, name: str) -> None:
        """A switchover has made this target the writer. KeyError for an unknown one."""
        self._electorate.adopt(name)
        [unit] = [unit for unit in self.units.values() if unit.name == name]
        former = self._writer
        if unit is not former:
            self._move(unit, Outcome(writer=name))
        now = self._clock.seconds()
        # What they said before the switchover is out of date.
        self._stale = {each: now for each in (unit, former) if each is not None}
        for each in self._stale:
            each.monitor.hurry()

    # Failover, as the command phase sees it

    def target_leaves(self, connection: BackendConnection) -> None:
        """Its target has said that it takes no writes: nobody gets it until it has said otherwise."""
        unit: TargetUnit = connection.unit
        if unit is self._writer and not self._is_held:
            self.log.warn("target {target} takes no writes: clients wait for a writer", target=unit.name)
            self._electorate.doubt(unit.name)
            self._appoint(None)
            self.writer_route.use(None)
            unit.pool.evacuate()
        unit.monitor.hurry()

    def fate(self, connection: BackendConnection, sent_at: float) -> Deferred[Fate]:
        """What has become of a write that was sent, not before ``sent_at``, on a connection now lost."""
        return self._fates.find(connection, sent_at)


def _key(options: TargetConfig) -> tuple[str, int]:
    return options.host, options.port
