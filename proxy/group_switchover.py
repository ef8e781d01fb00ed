"""What a switchover does with the target group, and what SHOW PROXY TARGETS tells of it."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, inlineCallbacks
from twisted.logger import Logger

from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import PoolKey
from .mysql.backend.errors import UnfitTarget
from .mysql.backend.promotion import TargetControl
from .mysql.backend.replication_sql import Source
from .mysql.session.server_run import StartWindow
from .settings import switchover_options
from .targets.observation import Observation, Role
from .targets.rows import TargetRow
from .targets.switchover import Fence, Running, SwitchoverOptions, SwitchoverReport, Switchovers
from .targets.switchover_procedure import SwitchoverProcedure
from .thread_ending import end_thread

if TYPE_CHECKING:
    from .target_group import TargetGroup
    from .target_unit import TargetUnit

__all__ = ["GroupSwitchover"]


class GroupSwitchover:
    """A `Switchable`: the target group in the hands of a switchover."""

    log = Logger()

    def __init__(self, group: "TargetGroup", clock: Any) -> None:
        self._group = group
        self._clock = clock
        self._controls: dict[TargetUnit, TargetControl] = {}
        self._switchovers = Switchovers(self._begin, lambda: switchover_options(group.config), clock)

    def start(self, name: str, timeout: float | None, asked_by: str) -> Deferred[SwitchoverReport]:
        """Move all traffic to a target; never fails."""
        return self._switchovers.start(name, timeout, asked_by)

    def stop(self) -> Deferred[None]:
        """No more of them; fires when the present one has ended."""
        return self._switchovers.stop()

    def _begin(self, target: str, options: SwitchoverOptions, asked_by: str) -> SwitchoverProcedure:
        return SwitchoverProcedure(self, target, options, self._clock, asked_by)

    def _unit(self, name: str) -> "TargetUnit":
        for unit in self._group.units.values():
            if unit.name == name:
                return unit
        raise UnfitTarget(f"there is no target {name}")

    def _control(self, name: str) -> TargetControl:
        unit = self._unit(name)
        control = self._controls.get(unit)
        if control is None:
            control = self._controls[unit] = TargetControl(unit.connector, unit.monitor_user, self._clock)
        return control

    # What there is

    @property
    def writer(self) -> str | None:
        """Where new transactions go."""
        return None if self._group.writer is None else self._group.writer.name

    def targets(self) -> Sequence[TargetRow]:
        """All that are registered."""
        return [_row(unit, self._group.writer) for unit in list(self._group.units.values())]

    # Traffic

    def hold(self) -> None:
        """New transactions wait, and the group chooses no writer by itself."""
        self._group.hold()

    def release(self) -> None:
        """Serve those who wait."""
        self._group.release()

    def _lent(self) -> list[BackendConnection]:
        unit = self._group.writer
        return [] if unit is None else unit.pool.lent()

    def running(self) -> Running:
        """Who has a connection to the writer now."""
        lent = self._lent()
        idle = sum(_is_idle(connection) for connection in lent)
        return Running(len(lent) - idle, idle)

    def cut_running(self, why: str, *, idle_only: bool) -> int:
        """Take connections away; the server ends what runs there."""
        unit, count = self._group.writer, 0
        for connection in self._lent():
            is_idle = _is_idle(connection)
            if idle_only and not is_idle:
                continue
            count += 1
            connection.abort(why)
            if not is_idle and unit is not None:
                self._end(unit, connection)
        return count

    def _end(self, unit: "TargetUnit", connection: BackendConnection) -> None:
        username = connection.key.username if isinstance(connection.key, PoolKey) else ""
        ending: Deferred[None] = end_thread(unit.connector, username, connection, StartWindow(), self._clock)
        ending.addTimeout(unit.options.connect_timeout, self._clock)
        ending.addErrback(
            lambda failure: self.log.warn(
                "[dbConnection={number}] may still run on {target}: {problem}",
                number=connection.thread_id,
                target=unit.name,
                problem=failure.getErrorMessage(),
            )
        )

    # Servers

    @inlineCallbacks
    def observe(self, name: str) -> Generator[Deferred[Any], Any, Observation]:
        """A target's own word, asked for now."""
        answer = yield self._unit(name).monitor.ask_now()
        observation: Observation = answer.observation
        return observation

    @inlineCallbacks
    def rehearse(self, writer: str, target: str) -> Generator[Deferred[Any], Any, None]:
        """Fails if the rights to do what follows are missing."""
        yield self._control(writer).rehearse_fence()
        yield self._control(target).rehearse_promotion()

    def fence(self, name: str, seconds: float) -> Deferred[Fence]:
        """Make a server read-only."""
        return self._control(name).fence(seconds)

    def unfence(self, name: str) -> Deferred[None]:
        """Make sure that nothing of the last fence is left."""
        return self._control(name).unfence()

    def promote(self, name: str) -> Deferred[None]:
        """Make a replica writable."""
        return self._control(name).promote()

    def settle(self, name: str) -> Deferred[bool]:
        """Whether the server is writable, for good."""
        return self._control(name).settle()

    def adopt(self, name: str) -> None:
        """This target is the writer now."""
        self._group.adopt(name)

    def complete(self, name: str, fence: Fence) -> Deferred[Sequence[str]]:
        """What is left to do on a new writer."""
        return self._control(name).complete(fence)

    def follow(self, name: str, source: str) -> Deferred[None]:
        """Make a server replicate from a target."""
        username = self._group.config.target_group.switchover.replication_user_name
        credential = self._group.credential(username)
        if credential is None:
            return fail(UnfitTarget(f"no secret for the replication user {username!r}"))
        unit = self._unit(source)
        password = bytes(credential.password)
        return self._control(name).follow(
            Source(
                unit.options.host,
                unit.options.port,
                username,
                password,
                tls=unit.options.tls not in ("off", "preferred"),
            )
        )


def _is_idle(connection: BackendConnection) -> bool:
    """Whether a session merely has the connection: it runs nothing and has no transaction."""
    return bool(getattr(connection.borrower, "is_at_ease", False))


def _row(unit: "TargetUnit", writer: "TargetUnit | None") -> TargetRow:
    observed, health = unit.observation, unit.health
    metrics = unit.pool.metrics
    position = None if observed is None else observed.position
    return TargetRow(
        name=unit.name,
        role=(Role.UNKNOWN if observed is None else observed.role).value,
        deployment=unit.options.deployment,
        state=health.state.value,
        reason="" if health.reason is None else health.reason.value,
        description=health.description or unit.remark,
        lag=unit.lag(writer),
        position="" if position is None else str(position),
        connections=metrics.database_connections,
        borrowed=metrics.database_connections_currently_borrowed,
        waiting=metrics.waiting,
    )
