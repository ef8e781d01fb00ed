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
from .credentials.secrets_file import SecretsFile
from .credentials.store import CredentialStore
from .listeners import Listeners
from .logs import LogLevels
from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import BackendConnector
from .mysql.backend.probe import Probe, ProbeResult
from .mysql.backend.set_up import SetUp
from .mysql.frontend.client import ClientConnection
from .mysql.frontend.context import EndpointContext
from .mysql.frontend.registry import SWEEP_INTERVAL, ClientRegistry
from .mysql.session.screen import Screen
from .mysql.wire.auth.rsa import RsaKeyPair
from .pool.pool import Pool
from .settings import (
    client_options,
    health_reason,
    pool_limits,
    server_facts,
    server_tls,
    statement_cap,
    target,
)
from .targets.monitor import TargetMonitor

__all__ = ["ProxyService"]

#: Seconds after which debug_logging switches itself off, as RDS's enhanced logging does.
DEBUG_LOGGING_LIFE = 86_400.0

#: Seconds the pool has to close its connections at the end.
POOL_STOP_TIMEOUT = 3.0


class _ClientFactory(ServerFactory):
    noisy = False

    def __init__(self, service: "ProxyService") -> None:
        self._service = service

    def buildProtocol(self, _addr: Any) -> ClientConnection:
        registry = self._service.registry
        return ClientConnection(self._service.context, registry, registry.next_number())


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
        self._answer: ProbeResult | None = None
        self._fresh_status: int | None = None
        self._store = CredentialStore(config.proxy.auth, SecretsFile(config.proxy.secrets_file))
        self._connector = BackendConnector(
            target(config), self._store.lookup, self._set_up, config.proxy.name, reactor
        )
        self._connector.on_open = self._opened
        self.pool: Pool[BackendConnection] = Pool(self._connector, pool_limits(config, None), reactor)
        self._monitor: TargetMonitor[ProbeResult] = TargetMonitor(
            self._connector.target.name,
            Probe(self._connector, self._any_username),
            config.target_group.targets[0].probe_interval,
            reactor,
            self._take_answer,
            health_reason,
        )
        self.context = EndpointContext(
            pool=self.pool,
            screen=Screen(config.proxy.statement_cache_entries),
            clock=reactor,
            options=client_options(config),
            facts=lambda: server_facts(self.config, self._answer, self._fresh_status),
            ready=self._monitor.first_probe,
            credential=self._store.lookup,
            limited=self._connector.limited,
            kill=self._connector.kill,
            kill_statement=self._connector.kill_statement,
            may_kill=self._connector.may_kill,
            tls=server_tls(config),
            rsa_key=RsaKeyPair.generate(),
        )
        self.registry = ClientRegistry(self.context)
        self.context.find_client = self.registry.find
        self.context.clients = self.registry.__iter__
        self.context.target_name = lambda: self._connector.target.name
        self._sweeping = LoopingCall(self.registry.sweep)
        self._sweeping.clock = reactor
        self._listeners = Listeners(config.proxy, _ClientFactory(self), reactor)

    # Start

    def privilegedStartService(self) -> None:
        """Bind while that may still need privileges; a taken port or path ends twistd with its message."""
        self._install_reload_signal()
        try:
            self._listeners.start()
        except (OSError, ValueError) as problem:
            raise SystemExit(f"rds-proxy: {problem}") from None

    def startService(self) -> None:
        """Load the secrets, then begin to watch the target; clients are greeted after its first probe."""
        super().startService()  # type: ignore[no-untyped-call]
        if not self._listeners:
            self.privilegedStartService()
        self._watch_debug_logging()
        self.pool.start()
        self._sweeping.start(SWEEP_INTERVAL, now=False).addErrback(
            lambda failure: self.log.failure("idle clients are no longer closed", failure)
        )
        self._refresh_secrets().addCallback(lambda _: self._monitor.start())
        for name in self._listeners.names():
            self.log.info(
                "rds-proxy listens on {name} for {target}", name=name, target=self._connector.target.name
            )

    def _refresh_secrets(self) -> defer.Deferred[None]:
        def loaded(problems: list[Any]) -> None:
            for problem in problems:
                self.log.warn("{problem}", problem=problem)

        return (
            self._store.refresh()
            .addCallback(loaded)
            .addErrback(lambda failure: self.log.failure("secrets could not be loaded", failure))
        )

    def _any_username(self) -> str | None:
        credentials = self._store.credentials()
        return credentials[0].username if credentials else None

    def _set_up(self) -> SetUp:
        init_query = self.config.target_group.connection_pool_config.init_query
        if self._answer is None:
            return SetUp(init_query)
        return SetUp(init_query, self._answer.tracked_variables, statement_cap(self.config, self._answer))

    def _opened(self, connection: BackendConnection) -> None:
        self._fresh_status = connection.status
        connection.when_lost(self.pool.closed)

    def _take_answer(self, answer: ProbeResult) -> None:
        before, self._answer = self._answer, answer
        if before is None or before.max_connections != answer.max_connections:
            limits = pool_limits(self.config, answer)
            self.log.info(
                "up to {limit} database connections (max_connections of the target is {maximum})",
                limit=limits.max_connections,
                maximum=answer.max_connections,
            )
            self.pool.resize(limits)

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
            tls = server_tls(new)
            self._connector.target = target(new, keep=self._connector.target)
        except (ValueError, OSError) as problem:
            self.log.error("not reloaded: {problem}", problem=problem)
            return
        before, self.config = self.config, new
        self.context.tls = tls
        self.context.options = client_options(new)
        if before.proxy.statement_cache_entries != new.proxy.statement_cache_entries:
            self.context.screen = Screen(new.proxy.statement_cache_entries)
        self.pool.resize(pool_limits(new, self._answer))
        self._monitor.set_interval(new.target_group.targets[0].probe_interval)
        if (before.log, before.proxy.debug_logging) != (new.log, new.proxy.debug_logging):
            self._watch_debug_logging()
        if self._retires_connections(before, new):
            self.pool.retire_all()
        generations = self._generations()
        self._store.replace(new.proxy.auth, SecretsFile(new.proxy.secrets_file))
        self._refresh_secrets().addCallback(lambda _: self._secrets_reloaded(generations))
        self.log.info("reloaded; changed: {changed}", changed=", ".join(changes.reloadable) or "nothing")

    @staticmethod
    def _retires_connections(before: Config, new: Config) -> bool:
        """Whether connections opened before the reload differ from those to come."""
        pools = (before.target_group.connection_pool_config, new.target_group.connection_pool_config)
        return (
            pools[0].init_query != pools[1].init_query
            or before.target_group.targets != new.target_group.targets
        )

    def _generations(self) -> dict[str, int]:
        return {credential.username: credential.generation for credential in self._store.credentials()}

    def _secrets_reloaded(self, before: dict[str, int]) -> None:
        """Connections that were opened with a password that is no longer the present one retire."""
        now = self._generations()
        if any(now.get(username) != generation for username, generation in before.items()):
            self.pool.retire_all()

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
        stopped = self.pool.stop()
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
        self._monitor.stop()
        stopped.addTimeout(POOL_STOP_TIMEOUT, self._reactor, onTimeoutCancel=lambda *_: None)
        stopped.addErrback(self._pool_not_stopped)
        yield stopped
        self.log.info("drained")

    def _pool_not_stopped(self, failure: Failure) -> None:
        self.log.warn("database connections were left open: {problem}", problem=failure.value)
