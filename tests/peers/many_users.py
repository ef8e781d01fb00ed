"""A World whose users are known as a real proxy knows them: secrets, tokens, and the database's own word."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from proxy.config import Config, loads
from proxy.credentials.directory import Directory
from proxy.credentials.passed import PassedCredentials
from proxy.credentials.source import SecretError
from proxy.credentials.store import CredentialStore
from proxy.iam.sts import PresignedIdentity
from proxy.log_ins import LogIns
from proxy.mysql.backend.proving import Prover
from proxy.mysql.frontend.authentication import MAX_RECHECKS
from proxy.settings import store_options
from proxy.token_checks import TokenChecks
from tests.unit.credentials.memory_source import MemorySource, Outcome
from tests.unit.iam.signing import ACCOUNT, LONG_LIVED, PRINCIPAL, REGION, RESOURCE_ID, allow, boto3_token

from . import packets as p
from .auth_client import AuthClient
from .server import Database, ServerPeer
from .world import World, proxied

QUERY = "SELECT verifier FROM accounts WHERE name = ?"
TARGET = '[[target_group.targets]]\nhost = "database"\n'
HOST = "proxy.example.com"

#: Seconds, so that secrets are fetched again; far from the client's own timeout.
PATIENCE = 0.6

IAM = f"""
[proxy.iam]
key_store_secret = "env:KEYS"
region = "{REGION}"
account_id = "{ACCOUNT}"
resource_id = "{RESOURCE_ID}"
endpoint_names = ["{HOST}"]
"""
_KEY = {"secret_access_key": LONG_LIVED.secret, "principal": PRINCIPAL, "policies": [allow()]}

#: A key store with the key that signs what `token` makes.
KEYS = json.dumps({"keys": {LONG_LIVED.access_key_id: _KEY}}).encode()


def token(user: str, host: str = HOST) -> bytes:
    """What a client sends as its password."""
    return boto3_token(user=user, host=host)


def verifier(password: bytes) -> str:
    """What mysql.user has of a password."""
    return "*" + p.verifier_of(password).hex().upper()


def configured(proxy: str = "", users: Mapping[str, str] | None = None, more: str = "") -> Config:
    """A configuration with these lines in `[proxy]`, and these lines for each secret's user."""
    listed = (users or {}).items()
    sections = "".join(f'[[proxy.auth]]\nsecret_arn = "{name}"\n{lines}\n' for name, lines in listed)
    files = 'secrets_file = "s"\ntls_certificate = "c"\ntls_private_key = "k"\n'
    return loads(f"[proxy]\n{files}{proxy}\n{sections}{IAM}{more}{TARGET}")


class ManyUsersServer(ServerPeer):
    """Has an account for each of ``passwords``, and answers QUERY by them."""

    def __init__(self, database: Database, users: "ManyUsers") -> None:
        super().__init__(database)
        self._users = users
        self._passwords = users.passwords
        self._is_held = users.silent

    def greet(self) -> None:
        """Not at once, if the database is silent: call it again then."""
        if self._is_held:
            self._is_held = False
            return
        super().greet()

    def _log_in(self, payload: bytes, sequence: int) -> None:
        name = payload[32:].partition(b"\0")[0].decode()
        self._users.log_ins.append(name)
        self.password = self._passwords.get(name, b"\xff is nobody's")
        super()._log_in(payload, sequence)
        if self.session is not None:
            self._users.owners[self.session.thread] = name

    def _command(self, payload: bytes) -> None:
        assert self.session is not None
        begin, _, end = QUERY.partition("?")
        text = payload[1:].decode("utf-8", "replace")
        if self.muted or payload[0] != 0x03 or not text.startswith(begin):
            super()._command(payload)
            return
        name = bytes.fromhex(text[len(begin) : len(text) - len(end)].split("'")[1]).decode()
        found = [verifier(self._passwords[name])] if name in self._passwords else []
        rows = [p.row([each.encode()]) for each in found]
        answer = [p.number(1), p.column(b"verifier"), *rows, p.ok(header=0xFE)]
        self.line.send(p.packets(answer))


class ManyUsers:
    """The users of ``world``; ``secrets`` may be changed, and ``passwords`` are the database's."""

    def __init__(self, world: World, config: Config, secrets: dict[str, Outcome], keys: bytes = b"") -> None:
        self.world = world
        self.config = config
        self.source = MemorySource(secrets)
        self.secrets = self.source.outcomes
        self.passwords: dict[str, bytes] = {}
        #: At the database, by user.
        self.log_ins: list[str] = []
        #: Who has logged in, by thread of the database.
        self.owners: dict[int, str] = {}
        #: New connections to the database are accepted, and then nothing is said.
        self.silent = False
        self.keys: bytes | None = keys
        self.asked_sts: list[PresignedIdentity] = []
        self.arn: str | None = None
        clock = world.clock
        self.store = CredentialStore(
            config.proxy.auth, self.source, clock, lambda: store_options(self.config), randomness=lambda: 0.5
        )
        self.passed = PassedCredentials(clock, cache_time=lambda: self.config.proxy.pass_through_cache_time)
        self.directory = Directory(self.store, self.passed)
        self.prover = Prover()
        self.prover.connector = lambda: world.connector
        self.checks = TokenChecks(config, self.prover, self.passed, self._key_text, self._identify, clock)
        self.accounts = LogIns(lambda: self.config, self.directory, self.checks, self.prover, clock.seconds)
        world.connector._credentials = self.directory
        world.context.accounts = self.accounts
        world.context.endpoint_names = frozenset({HOST})
        world.server = lambda database: ManyUsersServer(database, self)
        self.store.refresh()
        self.checks.start()

    def _key_text(self, _name: str) -> Deferred[bytes]:
        return fail(SecretError("is not there")) if self.keys is None else succeed(self.keys)

    def _identify(self, identity: PresignedIdentity) -> Deferred[str]:
        self.asked_sts.append(identity)
        return fail(SecretError("STS is away")) if self.arn is None else succeed(self.arn)

    def log_in(self, *arguments: Any, **options: Any) -> AuthClient:
        """A client whose log-in has come to its end, if it can."""
        client = AuthClient(*arguments, **options)
        self.world.client(client)
        self.wait(client)
        return client

    def wait(self, client: AuthClient) -> None:
        """Let the looks for other secrets end, before a password counts as wrong."""
        for _ in range(MAX_RECHECKS):
            if client.verdict is None:
                self.world.advance(PATIENCE)

    def stop(self) -> None:
        """Nobody looks at anything any more."""
        self.store.stop()
        self.passed.stop()
        self.checks.stop()

    def assert_nobody_left(self) -> None:
        """No client is counted anywhere, none waits."""
        registry, context = self.world.registry, self.world.context
        assert len(registry) == 0
        assert not len(registry._users)
        assert not len(registry._addresses)
        assert all(tenant.clients == 0 for tenant in context.tenants)
        assert context.failed_log_ins.waiting == 0
        assert not any(self.prover._waiting.values())


@contextmanager
def many_users(
    config: Config, secrets: dict[str, Outcome], keys: bytes = b"", **options: Any
) -> Iterator[ManyUsers]:
    """A World with these users; at its end nobody may be left."""
    with proxied(**options) as world:
        users = ManyUsers(world, config, secrets, keys)
        yield users
        users.stop()
        for line in world.lines:
            if not line.is_client:
                line.hang_up()
        world.settle()
        users.assert_nobody_left()
