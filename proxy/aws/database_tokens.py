"""Tokens that the proxy itself logs in to a database with: IAM database authentication, end to end.

A token is a presigned request that a database accepts for 900 s. It is good for any number of log-ins, so one
is kept for each host, port, user and region, and renewed in the background while it is in use. Making one
asks nobody but, now and then, the provider of the proxy's own AWS credentials.
"""

import random
import re
from collections import OrderedDict
from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..credentials.source import Password, SecretError
from .clients import AwsClients, AwsOptions
from .problems import explain, is_about_credentials
from .threads import AwsThreads

__all__ = ["MAX_TARGET_TOKENS", "TargetTokens", "TargetTokenError", "region_of_host"]

#: Seconds after which one in use is renewed: before two thirds of its life, because temporary credentials
#: that sign it may end after ten minutes.
RENEWAL_AGE = 500.0
#: The part of it by which renewals differ, so that not all come at once.
RENEWAL_JITTER = 0.2
#: Seconds after which one that could not be renewed is no longer given out.
LONGEST_USE = 840.0
#: Seconds until a renewal that failed is tried again.
RENEWAL_RETRY = 30.0
#: Seconds during which a failure is told again without another attempt, and a new token is not suspected.
TOKEN_INTERVAL = 1.0

#: Tokens that are kept; the one that was not used for the longest time goes first.
MAX_TARGET_TOKENS = 10_000

_RDS_HOST = re.compile(
    r"\.(?:([a-z]{2,}(?:-[a-z]+)+-\d+)\.rds|rds\.([a-z]{2,}(?:-[a-z]+)+-\d+))\.amazonaws\.com(?:\.cn)?\.?\Z",
    re.IGNORECASE,
)


class TargetTokenError(SecretError):
    """No token can be made; `reason` says why."""


@attrs.frozen
class _Key:
    host: str
    port: int
    username: str
    region: str


@attrs.define(eq=False)
class _Entry:
    token: bytes | None = attrs.field(default=None, repr=False)
    #: When its making began, by the clock.
    made_at: float = 0.0
    #: When somebody asked for it last.
    used_at: float = 0.0
    is_made_now: bool = False
    problem: str = ""
    failed_at: float = 0.0
    waiting: "list[Deferred[bytes]]" = attrs.field(factory=list, repr=False)
    timer: IDelayedCall | None = None

    def gave_up(self, waiter: "Deferred[bytes]") -> None:
        """Who waits no more; they may be being told just now."""
        if waiter in self.waiting:
            self.waiting.remove(waiter)

    def cancel_timer(self) -> None:
        """Renew it no more."""
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self.timer = None


class TargetTokens:
    """Makes tokens and keeps them; all methods are called in the reactor's thread."""

    log = Logger()

    def __init__(
        self,
        threads: AwsThreads,
        options: AwsOptions,
        clock: IReactorTime,
        clients: AwsClients | None = None,
        randomness: Callable[[], float] = random.random,
        limit: int = MAX_TARGET_TOKENS,
    ) -> None:
        self._threads = threads
        self._clients = clients or AwsClients(options, threads.size)
        self._clock = clock
        self._randomness = randomness
        self._limit = limit
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._is_stopped = False

    def token(self, host: str, port: int, username: str, region: str = "") -> Deferred[bytes]:
        """A token for a log-in; has fired already if one is known.

        Its region is that in the host's name, else `region`, that of the options, or boto3's own default.
        Fails with TargetTokenError; may be cancelled.
        """
        if self._is_stopped:
            return fail(TargetTokenError("tokens are made no more"))
        key = _Key(host, port, username, region_of_host(host) or region)
        entry = self._entry(key)
        now = entry.used_at = self._clock.seconds()
        if entry.token is not None and now - entry.made_at < LONGEST_USE:
            return succeed(entry.token)
        if entry.problem and now - entry.failed_at < TOKEN_INTERVAL:
            return fail(TargetTokenError(entry.problem))
        waiter: Deferred[bytes] = Deferred(entry.gave_up)
        entry.waiting.append(waiter)
        self._make(key, entry)
        return waiter

    def suspect(self, token: bytes) -> None:
        """A database refused this one: the next log-in gets another, made with credentials looked for anew.

        A token that is newer than TOKEN_INTERVAL stays: another would be no better.
        """
        now = self._clock.seconds()
        for entry in self._entries.values():
            if entry.token == token and now - entry.made_at >= TOKEN_INTERVAL:
                entry.token = None
                entry.cancel_timer()
                self._clients.forget()

    def stop(self) -> None:
        """Forget all tokens; who waits for one gets a TargetTokenError."""
        self._is_stopped = True
        for entry in self._entries.values():
            self._drop(entry, "tokens are made no more")
        self._entries.clear()

    def _entry(self, key: _Key) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
            if len(self._entries) > self._limit:
                _, oldest = self._entries.popitem(last=False)
                self._drop(oldest, "too many tokens are in use")
        else:
            self._entries.move_to_end(key)
        return entry

    def _drop(self, entry: _Entry, reason: str) -> None:
        entry.cancel_timer()
        entry.token = None
        self._tell(entry, TargetTokenError(reason))

    def _make(self, key: _Key, entry: _Entry) -> None:
        if entry.is_made_now:
            return
        entry.is_made_now = True
        entry.cancel_timer()
        began_at = self._clock.seconds()
        making = self._threads.call(self._make_here, key)
        making.addCallbacks(
            self._made, self._failed, callbackArgs=(key, entry, began_at), errbackArgs=(key, entry)
        )
        making.addErrback(lambda failure: self.log.failure("a token could not be kept", failure))

    def _make_here(self, key: _Key) -> Password:
        """In a thread. Raises TargetTokenError and no other."""
        try:
            token = self._clients.database_token(key.host, key.port, key.username, key.region)
            return Password(token.encode())
        except Exception as error:
            if is_about_credentials(error):
                self._clients.forget()
            problem = explain(error, "the maker of database tokens")
        raise TargetTokenError(problem)

    def _made(self, token: Password, key: _Key, entry: _Entry, began_at: float) -> None:
        entry.is_made_now = False
        if self._entries.get(key) is not entry:
            return
        entry.token, entry.made_at, entry.problem = token, began_at, ""
        self._renew_in(RENEWAL_AGE * (1 - RENEWAL_JITTER * self._randomness()), key, entry)
        waiting, entry.waiting = entry.waiting, []
        for each in waiting:
            if not each.called:
                each.callback(token)

    def _failed(self, failure: Failure, key: _Key, entry: _Entry) -> None:
        entry.is_made_now = False
        if self._entries.get(key) is not entry:
            return
        error = failure.value
        known = error.reason if isinstance(error, TargetTokenError) else explain(error, "AWS")
        entry.problem, entry.failed_at = known, self._clock.seconds()
        if entry.token is not None:
            self.log.warn(
                "the token for {user} at {host}:{port} cannot be renewed: {problem}",
                user=key.username,
                host=key.host,
                port=key.port,
                problem=known,
            )
            self._renew_in(RENEWAL_RETRY, key, entry)
        self._tell(entry, TargetTokenError(known))

    def _renew_in(self, delay: float, key: _Key, entry: _Entry) -> None:
        entry.cancel_timer()
        entry.timer = self._clock.callLater(delay, self._renew, key, entry)

    def _renew(self, key: _Key, entry: _Entry) -> None:
        entry.timer = None
        if entry.used_at > entry.made_at and self._clock.seconds() - entry.made_at < LONGEST_USE:
            self._make(key, entry)
        else:
            # Nobody has asked for it since it was made, or it is too old to be given out.
            self._entries.pop(key, None)

    def _tell(self, entry: _Entry, problem: TargetTokenError) -> None:
        waiting, entry.waiting = entry.waiting, []
        for each in waiting:
            if not each.called:
                each.errback(TargetTokenError(problem.reason))


def region_of_host(host: str) -> str:
    """The region in the name of one of RDS's endpoints; empty for any other name."""
    found = _RDS_HOST.search(host)
    return (found[1] or found[2]).lower() if found else ""
