"""ProxyService: builds the parts from the configuration, starts, drains and reloads them."""

import signal
from typing import Any

from twisted.application.service import Service
from twisted.internet import defer
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from .config import Config, ConfigError, changed_options, load
from .endpoints import Endpoints
from .hardening import forbid_core_dumps
from .listeners import Listeners
from .logs import LogLevels
from .mysql.frontend.client import ClientConnection
from .mysql.frontend.context import EndpointContext
from .mysql.frontend.registry import SWEEP_INTERVAL, ClientRegistry
from .settings import check_files
from .target_group import TargetGroup
from .users import Users

__all__ = ["ProxyService"]

#: Seconds after which debug_logging switches itself off, as RDS's enhanced logging does.
DEBUG_LOGGING_LIFE = 86_400.0

#: Seconds the pool has to close its connections at the end.
POOL_STOP_TIMEOUT = 3.0


class _ClientFactory(ServerFactory):
    noisy = False

    def __init__(self, context: EndpointContext, registry: ClientRegistry) -> None:
        self._context = context
        self._registry = registry

    def buildProtocol(self, _addr: Any) -> ClientConnection:
        return ClientConnection(self._context, self._registry, self._registry.next_number())


class ProxyService(Service):
    """The whole proxy for one configuration."""

    log = Logger()

    def __init__(self, path: str, config: Config, levels: LogLevels, reactor: Any) -> None:
        self.levels = levels
        self.config = config
        #: Options that need a restart are those of the start, whatever is reloaded.
        self._started_with = config
        self._path = path
        self._reactor = reactor
        self._debug_timer: Any = None
        self.users = Users(config, reactor)
        self.group = TargetGroup(config, self.users.directory, reactor)
        self.users.prover.connector = self.group.connector
        self.users.store.on_change = self.group.retire_users
        self.users.directory.on_forgotten = lambda username: self.group.retire_users({username})
        self.endpoints = Endpoints(config, self.group, self.users.log_ins, reactor)
        for _, context in self.endpoints:
            context.secrets = self.users.store.statuses
        self.registry = self.endpoints.registry
        self.users.directory.passed.is_connected = self.registry.has_user
        self._sweeping = LoopingCall(self.registry.sweep)
        self._sweeping.clock = reactor
        self._listeners = self._ports()

    def _ports(self) -> Listeners:
        first, *others = self.endpoints
        listeners = Listeners(first[0], self._factory(first[1]), self._reactor)
        for endpoint, context in others:
            listeners.add(endpoint.name, endpoint, self._factory(context))
        return listeners

    def _factory(self, context: EndpointContext) -> _ClientFactory:
        return _ClientFactory(context, self.registry)

    # Start

    def privilegedStartService(self) -> None:
        """Bind while that may still need privileges; a taken port or path ends twistd with its message."""
        self._install_reload_signal()
        try:
            self._listeners.start()
        except (OSError, ValueError) as problem:
            raise SystemExit(f"rds-proxy: {problem}") from None

    def startService(self) -> None:
        """Load the secrets, then begin to watch the targets; clients are greeted after a first probe."""
        super().startService()  # type: ignore[no-untyped-call]
        if not self._listeners:
            self.privilegedStartService()
        if not self.config.proxy.allow_core_dumps:
            forbid_core_dumps()
        self._watch_debug_logging()
        self._sweeping.start(SWEEP_INTERVAL, now=False).addErrback(
            lambda failure: self.log.failure("idle clients are no longer closed", failure)
        )
        self._log_problems(self.users.start()).addCallback(lambda _: self.group.start())
        targets = ", ".join(name for name, _ in self.group.pools())
        for endpoint, name in self._listeners.endpoints():
            self.log.info(
                "rds-proxy listens on {name} ({endpoint}) for {targets}",
                name=name,
                endpoint=endpoint,
                targets=targets,
            )

    def _log_problems(self, refresh: defer.Deferred[Any]) -> defer.Deferred[Any]:
        return refresh.addErrback(lambda failure: self.log.failure("secrets could not be loaded", failure))

    # Reload

    def _install_reload_signal(self) -> None:
        def reload_soon(_number: int, _frame: Any) -> None:
            self._reactor.callFromThread(self.reload)

        signal.signal(signal.SIGHUP, reload_soon)

    def reload(self) -> None:
        """SIGHUP: read configuration, certificate and secrets again; a wrong one leaves the old in force."""
        try:
            new = load(self._path)
        except (ConfigError, OSError) as problem:
            self.log.error("not reloaded: {problem}", problem=problem)
            return
        changes = changed_options(self.config, new)
        for option in changed_options(self._started_with, new).restart:
            self.log.warn("{option} has changed and needs a restart", option=option)
        try:
            check_files(new)
            self.endpoints.reconfigure(new)
            self.group.reconfigure(new)
        except (ValueError, OSError) as problem:
            self.log.error("not reloaded: {problem}", problem=problem)
            return
        before, self.config = self.config, new
        if (before.log, before.proxy.debug_logging) != (new.log, new.proxy.debug_logging):
            self._watch_debug_logging()
        self._log_problems(self.users.reconfigure(new))
        self.log.info("reloaded; changed: {changed}", changed=", ".join(changes.reloadable) or "nothing")

    def _watch_debug_logging(self) -> None:
        """debug_logging lowers the level, for a day."""
        if self._debug_timer is not None and self._debug_timer.active():
            self._debug_timer.cancel()
        level = self.config.log.level
        if self.config.proxy.debug_logging:
            self.levels.set("debug")
            self._debug_timer = self._reactor.callLater(DEBUG_LOGGING_LIFE, self.levels.set, level)
        else:
            self.levels.set(level)

    # Stop

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """Drain: accept nobody, let transactions end within drain_timeout, then close everything."""
        super().stopService()  # type: ignore[no-untyped-call]
        timeout = self.config.proxy.drain_timeout
        self.log.info(
            "draining {count} clients, for up to {timeout} s", count=len(self.registry), timeout=timeout
        )
        yield self._listeners.stop()
        # Who waits for a connection is told now: none will be lent any more.
        stopped = self.group.stop()
        for client in self.registry:
            client.drain()
        end = self._reactor.seconds() + timeout
        while len(self.registry) and self._reactor.seconds() < end:
            yield deferLater(self._reactor, 0.05)
        for client in self.registry:
            client.abort()
        if self._sweeping.running:
            self._sweeping.stop()
        if self._debug_timer is not None and self._debug_timer.active():
            self._debug_timer.cancel()
        stopped.addTimeout(POOL_STOP_TIMEOUT, self._reactor, onTimeoutCancel=lambda *_: None)
        stopped.addErrback(self._pool_not_stopped)
        yield stopped
        self.users.stop()
        self.log.info("drained")

    def _pool_not_stopped(self, failure: Failure) -> None:
        self.log.warn("database connections were left open: {problem}", problem=failure.value)
