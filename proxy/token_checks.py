"""Checks what clients log in with by IAM, in the ways that `[proxy.iam]` allows.

A token that was let in is not looked at again until it expires, so that a thousand clients with one token
cost as much as one; only new ones count against the rate limit. Key stores are read again on reload, and at
intervals.
"""

import time
from collections.abc import Callable, Generator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .config import Config, iam_region
from .credentials.passed import PassedCredentials
from .credentials.source import SecretError, UnreachableError
from .errors import iam_rate_exceeded
from .iam.key_file import KeyFile, load_key_file, read_key_file
from .iam.keys import NO_KEYS, Principals
from .iam.presigned import TokenError
from .iam.sts import PresignedIdentity, is_presigned, map_principal, parse_presigned, sts_hosts_of
from .iam.verdicts import IamRate, VerdictCache
from .iam.verifier import TokenVerifier, Verdict
from .mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from .mysql.backend.proving import Prover
from .mysql.frontend.accounts import Proof, TokenLogIn
from .settings import token_options

__all__ = ["KeyText", "TokenChecks"]

KEY_STORE, TARGET, STS = "key_store", "target", "sts"

#: Fetches the text of a key store that is a secret; fails with SecretError.
KeyText = Callable[[str], Deferred[bytes]]


@attrs.frozen
class _Examined:
    """A token, and what it was compared with."""

    log_in: TokenLogIn
    #: One text for all names, for the cache.
    endpoint: str


class TokenChecks:
    """Verifies tokens for all endpoints."""

    log = Logger()

    def __init__(
        self,
        config: Config,
        prover: Prover,
        passed: PassedCredentials,
        key_text: KeyText,
        identify: Callable[[PresignedIdentity], Deferred[str]],
        clock: Any,
    ) -> None:
        """``identify`` asks STS for the ARN of who has presigned a request."""
        self._config = config
        self._prover = prover
        self._passed = passed
        self._key_text = key_text
        self._identify = identify
        self._clock = clock
        self._verifier = TokenVerifier(NO_KEYS, time.time, token_options(config))
        self._principals = Principals()
        self._verdicts = VerdictCache(time.time)
        #: The same without addresses: a token that a fleet shares is new only once.
        self._seen = VerdictCache(time.time)
        self._rate = IamRate(clock.seconds)
        self._loading: LoopingCall | None = None
        #: What was read last, and what was wrong with it.
        self._loaded: dict[str, KeyFile] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        #: What the verifier goes by.
        self._in_force: object = None

    # Keys and policies

    def start(self) -> Deferred[None]:
        """Read keys and policies, and go on looking for newer ones. Does not fail."""
        options = self._config.proxy.iam
        if options.key_store_file or options.key_store_secret or options.sts_policies:
            # Never the former one, which may be waiting for a secret: it would go on beside itself.
            self._loading = LoopingCall(self._load)
            self._loading.clock = self._clock
            self._loading.start(self._config.proxy.secret_refresh_interval, now=False)
        return self._load()

    def stop(self) -> None:
        """Look no more."""
        if self._loading is not None and self._loading.running:
            self._loading.stop()

    def reconfigure(self, config: Config) -> Deferred[None]:
        """Other options are in force: everything is looked at anew. Does not fail."""
        self.stop()
        self._config = config
        return self.start()

    @inlineCallbacks
    def _load(self) -> Generator[Deferred[Any], Any, None]:
        config = self._config
        options = config.proxy.iam
        if options.key_store_secret:
            text = self._key_text(options.key_store_secret)
            keys = yield self._read(options.key_store_secret, text.addCallback(read_key_file))
        else:
            keys = yield self._read_file(options.key_store_file)
        policies = yield self._read_file(options.sts_policies)
        if config is not self._config:
            # Another one is in force by now, and has looked for itself.
            return
        read = {KEY_STORE: keys, STS: policies}
        self._note_read(options.key_store_secret or options.key_store_file, keys, KEY_STORE)
        self._note_read(options.sts_policies, policies, STS)
        self._loaded |= {use: found for use, found in read.items() if found is not None}
        # All of the section: also what takes a way to verify away ends what was let in by it.
        wanted = (self._loaded.get(KEY_STORE), self._loaded.get(STS), options, token_options(config))
        if wanted != self._in_force:
            self._in_force = wanted
            self._put_in_force()

    def _put_in_force(self) -> None:
        empty = KeyFile()
        self._verifier.replace(self._loaded.get(KEY_STORE, empty).keys, token_options(self._config))
        self._principals = self._loaded.get(STS, empty).principals
        self._verdicts.forget_all()
        self._seen.forget_all()

    def _read_file(self, path: str) -> Deferred[KeyFile | None]:
        # Local and small: read as it is, like the secrets file.
        return self._read(path, Deferred.fromCoroutine(_read(path))) if path else succeed(KeyFile())

    @inlineCallbacks
    def _read(self, name: str, reading: Deferred[KeyFile]) -> Generator[Deferred[Any], Any, KeyFile | None]:
        """None for what cannot be read: what there was stays in force."""
        try:
            read: KeyFile = yield reading
        except SecretError as problem:
            self._tell(name, (problem.reason,))
            return None
        except Exception as problem:
            # It must not end the looking for newer ones. Its text may quote what was read.
            self._tell(name, (f"cannot be read: {type(problem).__name__}",))
            return None
        self._tell(name, (*read.problems, *read.warnings))
        return read

    def _note_read(self, name: str, read: KeyFile | None, use: str) -> None:
        """Say what is in force from now on, if that is something new."""
        if name and read is not None and read != self._loaded.get(use):
            self.log.info(
                "{name} was read: access keys: {keys}, principals with policies: {principals}",
                name=name,
                keys=len(read.keys),
                principals=len(read.principals),
            )

    def _tell(self, name: str, problems: tuple[str, ...]) -> None:
        """Each problem once, not each time it is still there."""
        if not problems and self._told.get(name):
            self.log.info("{name}: there is nothing wrong with it any more", name=name)
        for problem in problems:
            if problem not in self._told.get(name, ()):
                self.log.warn("{name}: {problem}", name=name, problem=problem)
        self._told[name] = problems

    # Tokens

    def check(self, log_in: TokenLogIn) -> Deferred[Proof]:
        """Verify what a client has sent; fails with ClientError where tokens come too fast."""
        examined = _Examined(log_in, ",".join(sorted(log_in.endpoint_names)))
        verdict = self._verdicts.get(log_in.token, log_in.username, examined.endpoint, log_in.address)
        if verdict is not None:
            return succeed(_proof(verdict, "remembered"))
        return self._check_new(examined)

    @inlineCallbacks
    def _check_new(self, examined: _Examined) -> Generator[Deferred[Any], Any, Proof]:
        log_in, era = examined.log_in, self._verdicts.era
        ways = self._config.proxy.iam.token_verification
        if is_presigned(log_in.token):
            kind = STS
            try:
                verdict: Verdict = yield self._ask_sts(log_in) if STS in ways else _not_allowed(STS)
            except UnreachableError as problem:
                return Proof(False, problem.reason, STS, STS, asked="AWS STS", is_undecided=True)
        elif KEY_STORE in ways:
            kind = KEY_STORE
            verdict = self._verifier.verify(
                log_in.token, log_in.username, log_in.endpoint_names, log_in.address, True
            )
            if verdict.allowed:
                self._count_once(examined, verdict)
        else:
            kind, verdict = TARGET, Verdict(False, "token_verification has neither key_store nor target")
        if TARGET in ways and not verdict.allowed and kind != STS:
            try:
                at_target: Verdict | None = yield self._ask_target(log_in)
            except ConnectFailed as problem:
                reason = f"the target could not be asked about the token: {problem}"
                return Proof(False, reason, TARGET, is_undecided=True)
            if at_target is not None:
                kind, verdict = TARGET, at_target
        self._verdicts.put(log_in.token, log_in.username, examined.endpoint, log_in.address, verdict, era)
        return _proof(verdict, kind)

    def _count_once(self, examined: _Examined, verdict: Verdict) -> None:
        """Count a token that was verified here, unless it came from somebody else before."""
        log_in = examined.log_in
        if self._seen.get(log_in.token, log_in.username, examined.endpoint, "") is None:
            self._count()
            self._seen.put(log_in.token, log_in.username, examined.endpoint, "", verdict)

    def _count(self) -> None:
        """Count one that is new, or raise ClientError.

        What proves nothing is not counted: whoever made it up would keep others from logging in.
        """
        if not self._rate.allows(self._config.proxy.iam_authentication_rate_limit):
            raise iam_rate_exceeded()

    @inlineCallbacks
    def _ask_target(self, log_in: TokenLogIn) -> Generator[Deferred[Any], Any, Verdict | None]:
        """What the target makes of a token; None for one that was not made for it. Raises ConnectFailed."""
        target = frozenset({self._prover.connector().target.name.lower()})
        try:
            found = self._verifier.examine(log_in.token, log_in.username, target)
        except TokenError as error:
            only = self._config.proxy.iam.token_verification == (TARGET,)
            return Verdict(False, f"the token {error.reason}", claim=error.claim) if only else None
        self._count()
        try:
            proven: bool = yield self._prover.prove(log_in.username, log_in.token)
        except (TargetError, UnfitTarget) as problem:
            return Verdict(False, f"the target could not be asked about the token: {problem}")
        if not proven:
            return Verdict(False, "the target refuses the token")
        end = found.query.expires_at
        now = self._clock.seconds()
        self._passed.remember(log_in.username, log_in.token, now, now + end - time.time())
        return Verdict(True, "", "", found.query.access_key_id, end)

    @inlineCallbacks
    def _ask_sts(self, log_in: TokenLogIn) -> Generator[Deferred[Any], Any, Verdict]:
        """Who signed a presigned request, and what that principal may do. Raises UnreachableError."""
        options = self._config.proxy.iam
        hosts = sts_hosts_of(iam_region(self._config.proxy)) | frozenset(options.sts_hosts)
        try:
            identity = parse_presigned(
                log_in.token, log_in.endpoint_names, hosts, time.time(), options.clock_skew
            )
        except TokenError as error:
            return Verdict(False, f"the presigned identity {error.reason}", claim=error.claim)
        self._count()
        try:
            arn: str = yield self._identify(identity)
        except UnreachableError:
            raise
        except SecretError as problem:
            return Verdict(False, problem.reason)
        principal = map_principal(arn, self._principals)
        if principal is None:
            return Verdict(False, "no rule of sts_policies is for this principal", arn)
        return self._verifier.authorise(
            principal.arn, principal.policies, log_in.username, log_in.address, True, identity.expires_at
        )


async def _read(path: str) -> KeyFile:
    return load_key_file(path)


def _not_allowed(kind: str) -> Deferred[Verdict]:
    return succeed(Verdict(False, f'token_verification does not have "{kind}"'))


def _proof(verdict: Verdict, kind: str) -> Proof:
    who = " ".join(filter(None, (kind, verdict.principal, verdict.access_key_id, verdict.claim)))
    return Proof(verdict.allowed, verdict.reason, who, STS if kind == STS else "")
