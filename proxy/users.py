"""All that knows the proxy's users: secrets and where they come from, tokens, what clients have proven."""

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from .config import Config, iam_region
from .config.credential_options import ENVIRONMENT_PREFIX, IAM_AUTH
from .credentials.directory import Directory
from .credentials.passed import PassedCredentials
from .credentials.secret_sources import SecretSources
from .credentials.secrets_environment import SecretsEnvironment, environment_text
from .credentials.secrets_file import SecretsFile
from .credentials.source import CredentialSource
from .credentials.store import CredentialProblem, CredentialStore
from .log_ins import LogIns
from .mysql.backend.proving import Prover
from .settings import store_options
from .token_checks import TokenChecks
from .use_of_aws import UseOfAws

__all__ = ["START_PATIENCE", "Users"]

#: Seconds that users whose secret is known wait at the start for those of others.
START_PATIENCE = 1.0


class Users:
    """The users of one proxy."""

    log = Logger()

    def __init__(self, config: Config, reactor: Any) -> None:
        self._config = config
        self._reactor = reactor
        self._patience: Any = None
        self._aws = UseOfAws(config, reactor)
        self.store = CredentialStore(
            config.proxy.auth, self._source(), reactor, lambda: store_options(self._config)
        )
        self.store.on_problem = self._problem
        passed = PassedCredentials(reactor, cache_time=lambda: self._config.proxy.pass_through_cache_time)
        self.directory = Directory(self.store, passed)
        #: Asks the target; what connects to it is given once there is one.
        self.prover = Prover()
        self._checks = TokenChecks(
            config, self.prover, passed, self._key_text, self._aws.arn_of_signer, reactor
        )
        #: What clients are let in by.
        self.log_ins = LogIns(
            lambda: self._config, self.directory, self._checks, self.prover, reactor.seconds
        )
        self._use_tokens()

    def _source(self) -> CredentialSource:
        path = self._config.proxy.secrets_file
        file = SecretsFile(path) if path else None
        return SecretSources(file, SecretsEnvironment(), self._aws.secrets_manager)

    def _key_text(self, name: str) -> Deferred[bytes]:
        """The text of a secret that holds access keys. Fails with SecretError."""
        if name.startswith(ENVIRONMENT_PREFIX):
            return maybeDeferred(environment_text, name)
        return self._aws.secret_text(name)

    def _use_tokens(self) -> None:
        """Log in to targets with tokens, if that is the scheme."""
        if self._config.proxy.default_auth_scheme == IAM_AUTH:
            self.directory.tokens = self._aws.target_tokens(iam_region(self._config.proxy))
        else:
            self.directory.tokens = None

    # Start, reload, stop

    def start(self) -> Deferred[list[CredentialProblem]]:
        """Load all secrets, then go on looking for newer ones. Does not fail.

        Fires when all were looked at, or START_PATIENCE later if somebody is known by then.
        """
        self._checks.start()
        started: Deferred[list[CredentialProblem]] = Deferred()
        self.store.refresh().addBoth(self._loaded, started)
        if not started.called:
            self._patience = self._reactor.callLater(START_PATIENCE, self._lose_patience, started)
        return started

    def _loaded(self, result: Any, started: Deferred[list[CredentialProblem]]) -> None:
        self.store.start()
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        if not started.called:
            started.callback(result)

    def _lose_patience(self, started: Deferred[list[CredentialProblem]]) -> None:
        if self.store.credentials():
            started.callback(list(self.store.problems()))

    def reconfigure(self, config: Config) -> Deferred[list[CredentialProblem]]:
        """Other options are in force; fires when the secrets were fetched anew. Does not fail."""
        self._config = config
        self.directory.passed.doubt()
        self._aws.reconfigure(config)
        self._use_tokens()
        self._checks.reconfigure(config)
        self.store.replace(config.proxy.auth, self._source())
        return self.store.refresh()

    def stop(self) -> None:
        """Ask nobody any more."""
        self.store.stop()
        self.directory.passed.stop()
        self._checks.stop()
        self._aws.stop()

    def _problem(self, problem: CredentialProblem) -> None:
        self.log.warn("{problem}", problem=problem)
