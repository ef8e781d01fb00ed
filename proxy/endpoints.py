"""What the clients of each endpoint share, by the endpoint's name."""

from collections.abc import Iterator
from typing import Any

import attrs

from .config import Config, EndpointConfig, endpoints
from .config.endpoint_options import READ_WRITE_SPLIT
from .mysql.frontend.accounts import Accounts
from .mysql.frontend.context import EndpointContext
from .mysql.frontend.registry import ClientRegistry
from .mysql.frontend.throttle import FailedLogins
from .mysql.session.read_functions import read_functions
from .mysql.session.screen import Screen
from .mysql.session.statement_kind import StatementKinds
from .mysql.wire.auth.rsa import RsaKeyPair
from .settings import client_options, endpoint_names, server_tls, tenant_options, throttle_options
from .target_group import TargetGroup
from .tenants.rules import Tenants

__all__ = ["Endpoints"]


class Endpoints:
    """The context of each endpoint, and the one registry of all their clients."""

    def __init__(self, config: Config, group: TargetGroup, accounts: Accounts, clock: Any) -> None:
        """ValueError where the certificate cannot be used."""
        self._group = group
        self._config = config
        self.tenants = Tenants(*tenant_options(config))
        group.expect(self.tenants.expected())
        self._configs = {endpoint.name: endpoint for endpoint in endpoints(config.proxy)}
        first, *others = self._configs.values()
        self.default = EndpointContext(
            route=group.writer_route,
            screen=Screen(config.proxy.statement_cache_entries),
            clock=clock,
            options=client_options(config, first),
            facts=group.facts,
            ready=group.ready,
            accounts=accounts,
            tenants=self.tenants,
            failed_log_ins=FailedLogins(clock, lambda: throttle_options(self._config)),
            may_kill=group.may_kill,
            tls=server_tls(config),
            rsa_key=RsaKeyPair.generate(),
            pools=group.pools,
            group=group,
            failover=group,
            read_route=group.reader_route(lambda: self._configs[first.name]),
            write_route=group.writer_route,
            kinds=self._kinds(first),
            name=first.name,
            endpoint_names=endpoint_names(config),
        )
        self.registry = ClientRegistry(self.default)
        self.default.find_client = self.registry.find
        self.default.clients = self.registry.__iter__
        self._contexts = {first.name: self.default}
        for endpoint in others:
            self._contexts[endpoint.name] = self._context(config, endpoint)
        group.on_new_writer = self._forget_server

    def _context(self, config: Config, endpoint: EndpointConfig) -> EndpointContext:
        readers = self._group.reader_route(lambda: self._configs[endpoint.name])
        writes = endpoint.target_role == "READ_WRITE"
        return attrs.evolve(
            self.default,
            route=self._group.writer_route if writes else readers,
            read_route=readers,
            kinds=self._kinds(endpoint),
            writes=writes,
            options=client_options(config, endpoint),
            name=endpoint.name,
            endpoint_names=endpoint_names(config),
        )

    def __iter__(self) -> Iterator[tuple[EndpointConfig, EndpointContext]]:
        for name, context in self._contexts.items():
            yield self._configs[name], context

    def reconfigure(self, config: Config) -> None:
        """Options that may change while running are those of this configuration. ValueError, OSError."""
        tls = server_tls(config)
        self._config = config
        self.tenants.reconfigure(*tenant_options(config))
        self._group.expect(self.tenants.expected())
        screen = self.default.screen
        if screen.cached_verdicts != config.proxy.statement_cache_entries:
            screen = Screen(config.proxy.statement_cache_entries)
        for endpoint in endpoints(config.proxy):
            if endpoint.name not in self._configs:
                # A new one waits for a restart.
                continue
            self._configs[endpoint.name] = endpoint
            context = self._contexts[endpoint.name]
            context.options = client_options(config, endpoint)
            context.endpoint_names = endpoint_names(config)
            context.tls, context.screen = tls, screen
            context.kinds = self._kinds(endpoint)

    def _forget_server(self) -> None:
        """Another server may have other collations, defaults and functions than the former one."""
        for name, context in self._contexts.items():
            context.kinds = self._kinds(self._configs[name])
            context.names_collations.clear()
            context.known_sets.clear()
            context.texts.doubt_all()

    def _kinds(self, endpoint: EndpointConfig) -> StatementKinds | None:
        """What is a read, as far as all servers that have answered agree on their functions."""
        if endpoint.routing != READ_WRITE_SPLIT:
            return None
        return StatementKinds(read_functions(endpoint.read_only_functions, self._group.versions()))
