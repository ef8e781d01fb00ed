"""One target of the group: what opens its connections, their pool, and what watches it."""

from collections.abc import Callable, Collection
from typing import Any

from twisted.logger import Logger

from .config import Config, TargetConfig
from .credentials.directory import Directory
from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import BackendConnector, PoolKey, tenant_of
from .mysql.backend.probe import Probe, ProbeResult
from .mysql.backend.set_up import SetUp
from .mysql.session.gtid_history import GtidHistory
from .mysql.wire.gtid import GtidSet, MalformedGtid
from .pool.pool import Pool
from .settings import health_reason, pool_limits, probe_timing, statement_cap, target
from .targets.addresses import AddressWatch, resolve_with
from .targets.health import TargetHealth
from .targets.monitor import TargetMonitor
from .targets.observation import Observation, Role

__all__ = ["TargetUnit"]


class TargetUnit:
    """A target with all that the proxy has for it."""

    log = Logger()

    def __init__(
        self,
        config: Config,
        options: TargetConfig,
        users: Directory,
        clock: Any,
        on_change: Callable[[], None],
    ) -> None:
        """``on_change`` is called when the target has said something, or has changed its health."""
        self.config = config
        self.options = options
        self.answer: ProbeResult | None = None
        #: When it was answered last, and since when it has been available, on the reactor's clock.
        self.answered_at = self.available_since = 0.0
        #: It does not answer, and its connections were cut for that.
        self.is_silent = False
        #: It is the group's writer.
        self.is_writer = False
        #: Every connection that is open, the pool's only.
        self.connections: set[BackendConnection] = set()
        #: Writes whose answers were lost, and of which nobody knows yet.
        self.in_doubt = 0
        #: What it had executed when, and which writes the proxy's clients were told of.
        self.history = GtidHistory()
        #: Status flags of a connection that has done nothing yet.
        self.fresh_status: int | None = None
        self._users = users
        self._clock = clock
        self._on_change = on_change
        self.connector = BackendConnector(target(options), users, self._set_up, config.proxy.name, clock)
        self.connector.on_open = self._opened
        self.name = self.connector.target.name
        self._addresses = self._address_watch(clock)
        self.pool: Pool[BackendConnection] = Pool(
            self.connector, pool_limits(config, options, None), clock, tenant_of=tenant_of
        )
        self._probe = Probe(
            self.connector, self.monitor_user, lambda: self.config.target_group.topology, self._addresses
        )
        self.monitor: TargetMonitor[ProbeResult] = TargetMonitor(
            self.name,
            self._probe,
            lambda: probe_timing(self.options, self.config.target_group),
            clock,
            self._answered,
            self._health_changed,
            health_reason,
        )

    def _address_watch(self, clock: Any) -> AddressWatch | None:
        """A name may move to another server while the old one still answers, as in RDS Multi-AZ."""
        resolver = getattr(clock, "nameResolver", None)
        if resolver is None:
            return None
        interval = self.config.target_group.address_refresh_interval
        return AddressWatch(lambda: self.options.host, resolve_with(resolver), clock, interval)

    @property
    def observation(self) -> Observation | None:
        """What its last answered probe said."""
        return None if self.answer is None else self.answer.observation

    @property
    def position(self) -> GtidSet | None:
        """What it had executed when it was asked last; None without GTIDs."""
        position = None if self.observation is None else self.observation.position
        return position if isinstance(position, GtidSet) else None

    def lag(self, writer: "TargetUnit | None") -> float | None:
        """Seconds that it is behind, by its own word or by what it lacks of the writer's; None if unknown.

        A replica of a server that is not the writer any more believes itself to be up to date.
        """
        told = None if self.observation is None else self.observation.lag
        if writer is None or writer is self or self.position is None:
            return told
        seen = writer.history.lag_of(self.position, self.answered_at)
        return told if not seen else max(seen, told or 0.0)

    @property
    def remark(self) -> str:
        """What it may not be asked, where that matters: one target alone needs no comparison."""
        is_alone = len(self.config.target_group.targets) < 2
        return "" if is_alone or self.observation is None else self.observation.remark

    @property
    def health(self) -> TargetHealth:
        """As its monitor has it."""
        return self.monitor.health

    def reconfigure(self, config: Config, options: TargetConfig) -> None:
        """Other options are in force. ValueError or OSError where its certificates cannot be read."""
        self.connector.target = target(options)
        changed = self._is_replaced(options) or (
            self.config.target_group.connection_pool_config.init_query
            != config.target_group.connection_pool_config.init_query
        )
        self.config, self.options = config, options
        self.pool.resize(pool_limits(config, options, self.answer))
        self.monitor.retime()
        self._probe.renew()
        if self._addresses is not None:
            self._addresses.interval = config.target_group.address_refresh_interval
        if changed:
            self.pool.retire_all()

    def _is_replaced(self, options: TargetConfig) -> bool:
        """Whether connections opened before differ from those to come."""
        names = ("tls", "tls_ca", "compression", "zstd_compression_level")
        return any(getattr(self.options, name) != getattr(options, name) for name in names)

    def has_executed(self, gtid: str) -> bool:
        """Whether its last word, or its being the writer, tells that it has this transaction."""
        observed = self.observation
        if observed is None or self.is_writer:
            return observed is not None
        position = observed.position
        if not isinstance(position, GtidSet):
            return observed.role is Role.READ_WRITE and not observed.source
        try:
            return position.covers(GtidSet.of((gtid,), position.is_mariadb))
        except MalformedGtid:
            return False

    def monitor_user(self) -> str | None:
        """As whom it is probed."""
        name = self.config.target_group.monitor_user_name
        if name:
            return name if self._users.knows(name) else None
        credentials = self._users.store.credentials()
        return credentials[0].username if credentials else None

    def retire_users(self, names: Collection[str]) -> None:
        """Replace the connections of these users, each once nobody uses it."""
        for key in {each.key for each in self.pool.by_key()}:
            if isinstance(key, PoolKey) and key.username in names:
                self.pool.retire(key)

    def cut(self, why: str) -> None:
        """End all its connections, whatever runs there."""
        for connection in list(self.connections):
            connection.abort(why)

    def _set_up(self) -> SetUp:
        init_query = self.config.target_group.connection_pool_config.init_query
        if self.answer is None:
            return SetUp(init_query)
        cap = statement_cap(self.config, self.answer)
        return SetUp(init_query, self.answer.tracked_variables, cap)

    def _opened(self, connection: BackendConnection) -> None:
        self.fresh_status = connection.status
        connection.pool = self.pool
        connection.on_gtid = self.history.acknowledge
        connection.unit = self
        self.connections.add(connection)
        connection.when_lost(self._lost)

    def _lost(self, connection: BackendConnection) -> None:
        self.connections.discard(connection)
        if connection.broke_off:
            self.monitor.hurry()
        self.pool.closed(connection)

    def _answered(self, answer: ProbeResult) -> None:
        before, self.answer = self.answer, answer
        self.answered_at = self._clock.seconds()
        if before is None or before.max_connections != answer.max_connections:
            limits = pool_limits(self.config, self.options, answer)
            self.log.info(
                "up to {limit} database connections to {target} (its max_connections is {maximum})",
                limit=limits.max_connections,
                target=self.name,
                maximum=answer.max_connections,
            )
            self.pool.resize(limits)
        if self.remark and (before is None or before.observation.remark != self.remark):
            self.log.warn("target {target}: {remark}", target=self.name, remark=self.remark)
        self._note_identity(before, answer)
        observed = answer.observation
        position = observed.position if isinstance(observed.position, GtidSet) else None
        self.history.executed(self.answered_at, observed.identity, position)
        self._on_change()

    def _note_identity(self, before: ProbeResult | None, answer: ProbeResult) -> None:
        """Another server behind the same name: no connection to the former one is to be used."""
        old = "" if before is None else before.observation.identity
        new = answer.observation.identity
        if old and new and old != new:
            self.log.warn(
                "target {target} is another server now ({new}, was {old})", target=self.name, new=new, old=old
            )
            self.cut("another server has taken over its address")
            self.pool.retire_all()

    def _health_changed(self, before: TargetHealth, after: TargetHealth) -> None:
        if before.state is not after.state:
            self.available_since = self._clock.seconds()
        self._on_change()
