"""The users of the secrets, held in memory and kept fresh: who may log in, and with what the proxy logs in.

A secret is fetched again by polling, when a target refuses what it holds, and when a client says something
else. That never fails as a whole: what is wrong with one secret is a problem to report, and the others load.
A secret that cannot be read keeps its last good content; one that its source has said not to hold, and not
only once, loses its users. Whoever waits for a fetch waits `secret_fetch_timeout` at most.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config import UserAuthConfig
from .freshness import Freshness
from .generations import Generations
from .held import HeldSecret
from .options import StoreOptions
from .polling import Polling
from .problems import CredentialMetrics, CredentialProblem, ProblemWatch, SecretStatus, reason_of
from .rechecks import Rechecks
from .source import PENDING, Credential, CredentialSource, Secret, SecretNotFoundError, SecretVersions
from .users import Account, KnownUser, UserDirectory, direct

__all__ = ["Account", "CredentialProblem", "CredentialStore", "SecretStatus", "StoreOptions"]

#: How often in a row a source may say not to hold a secret that it has held before the secret is given up.
TOLERATED_NOT_FOUND = 1


class CredentialStore:
    """Users of the `[[proxy.auth]]` entries; nobody until a refresh. `start` begins to poll.

    Without a clock no time passes: nothing is polled, and nobody waits. ``unix_time`` dates versions.
    """

    log = Logger()

    def __init__(
        self,
        entries: Sequence[UserAuthConfig],
        source: CredentialSource,
        clock: Any = None,
        options: Callable[[], StoreOptions] = StoreOptions,
        randomness: Callable[[], float] = random.random,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        #: Called with users whose connections were opened with what is no longer used, or who are gone.
        self.on_change: Callable[[frozenset[str]], None] = lambda _usernames: None
        self.metrics = CredentialMetrics()
        self._entries, self._source = tuple(entries), source
        #: Of the last configuration; in force when the next refresh has ended.
        self._wanted = self._entries, source
        self._clock = Clock() if clock is None else clock
        self._options = options
        self._unix_time = unix_time
        self._held: dict[str, HeldSecret] = {}
        self._directory = UserDirectory({}, (), ())
        self._generations = Generations()
        self._candidates: dict[str, tuple[Credential, ...]] = {}
        #: From what the candidates of each user were made.
        self._settled: dict[str, tuple[KnownUser, int]] = {}
        self._refreshing = DeferredLock()
        #: While it is not 0, what was fetched waits for the rest.
        self._holding = 0
        #: Counts the changes of all secrets, the last of them on the clock.
        self._revision, self._changed = 0, float("-inf")
        self._is_outdated = False
        self._is_stopped = False
        self._problems = ProblemWatch()
        self._freshness = Freshness(self._clock, self._fetch, self._start_refresh)
        self._polling = Polling(self._clock, options, randomness, self._poll, self._fetch_again)
        self._rechecks = Rechecks(self._clock, options, self._look_at_all, self._known)

    @property
    def on_problem(self) -> Callable[[CredentialProblem], None]:
        """Called with each problem when it arises, and when it becomes another one."""
        return self._problems.on_problem

    @on_problem.setter
    def on_problem(self, tell: Callable[[CredentialProblem], None]) -> None:
        self._problems.on_problem = tell

    # Who there is

    def account(self, username: str) -> Account | None:
        """What lets a client in as ``username`` (case matters); None if nothing does."""
        user = self._directory.users.get(username)
        if user is None:
            return None
        return user.account(self._clock.seconds(), self._options().previous_password_grace)

    def candidates(self, username: str) -> tuple[Credential, ...]:
        """What to try at the target for this user, in this order; nothing for an unknown user."""
        return self._candidates.get(username, ())

    def lookup(self, username: str) -> Credential | None:
        """The first of its ``candidates``."""
        found = self.candidates(username)
        return found[0] if found else None

    def credentials(self) -> tuple[Credential, ...]:
        """The first candidate of each secret's present user, in the order of the entries."""
        found = (self.lookup(username) for username in self._directory.first)
        return tuple(credential for credential in found if credential is not None)

    def any_credential(self, number: int) -> Credential | None:
        """One of ``credentials``, the same for the same number; in the same time however many there are."""
        users = self._directory.first
        return self.lookup(users[number % len(users)]) if users else None

    # What targets and clients say

    def accepted(self, credential: Credential) -> None:
        """The target has let this one in: from now on it is tried first, and clients may use it."""
        held = self._held.get(credential.secret_name)
        if held is None:
            return
        if held.history.accepted(credential.username, credential.password, credential.revision):
            self._renew(credential.username)
        self._note_target(held, credential.username)

    def suspect(self, credential: Credential) -> Deferred[None]:
        """The target has refused this one: fetch its secret again. Does not fail.

        Fires when that is done, or at once if more is known already than when the credential was handed out.
        """
        self.metrics.suspects += 1
        held = self._held.get(credential.secret_name)
        if held is None or self._is_stopped:
            return succeed(None)
        if held.history.refused(credential.username, credential.password):
            self._renew(credential.username)
        if held.history.revision != credential.revision:
            return succeed(None)
        options = self._options()
        fetched = self._freshness.ask(held.name, options.secret_refetch_interval, urgent=True)
        left = [each for each in held.history.candidates(credential.username) if not each.is_refused]
        if fetched.called or any(version.stage == PENDING for version in left):
            # That it failed before the stage has moved is what a rotation looks like.
            return succeed(None)
        changed = held.next_change()
        fetched.addCallback(lambda _: None if changed.called else changed.callback(None))
        patience = options.secret_refetch_interval if left else options.secret_fetch_timeout
        return changed.addTimeout(patience, self._clock, onTimeoutCancel=lambda *_: None)

    def recheck(self, username: str) -> Deferred[bool]:
        """A client's password was wrong, or its user unknown: look at all secrets. Does not fail.

        Tells whether anything has changed; at once if there was a look only just. After a change there may be
        another one: it is right to ask again, a few times.
        """
        self.metrics.rechecks += 1
        return succeed(False) if self._is_stopped else self._rechecks.ask(username)

    # What is wrong

    def problems(self) -> tuple[CredentialProblem, ...]:
        """All that is wrong at present."""
        names = dict.fromkeys(entry.secret_arn for entry in self._entries)
        failing = (self._held[name].problem for name in names if name in self._held)
        return (*filter(None, failing), *self._directory.problems)

    def statuses(self) -> tuple[SecretStatus, ...]:
        """How each version of each secret stands, in the order of the entries."""
        names = dict.fromkeys(entry.secret_arn for entry in self._entries)
        return tuple(status for name in names if name in self._held for status in self._held[name].statuses())

    # Fetching

    def start(self) -> None:
        """Poll from now on; after `stop` nothing is."""
        if self._is_stopped:
            return
        self._polling.start()
        for held in self._held.values():
            if held.failures:
                self._polling.failed(held.name, held.failures)

    def stop(self) -> None:
        """Fetch nothing any more. What is known stays."""
        self._is_stopped = True
        self._polling.stop()
        self._freshness.stop()

    def replace(self, entries: Sequence[UserAuthConfig], source: CredentialSource) -> None:
        """Use other entries and another source from the next refresh on."""
        self._wanted = tuple(entries), source

    def refresh(self) -> Deferred[list[CredentialProblem]]:
        """Fetch every secret again. Fires with what is wrong, `secret_fetch_timeout` later or sooner.

        Does not fail. Refreshes run one after the other.
        """
        return self._refreshing.run(self._refresh)

    def _refresh(self) -> Deferred[list[CredentialProblem]]:
        entries, self._source = self._wanted
        names = list(dict.fromkeys(entry.secret_arn for entry in entries))
        for name in names:
            self._held.setdefault(name, HeldSecret(name))
        self._polling.retime()

        def done(_: object) -> list[CredentialProblem]:
            self._entries = entries
            for name in self._held.keys() - set(names):
                self._forget(name)
            for held in self._held.values():
                held.overdue()
            self._rebuild()
            return list(self.problems())

        return self._bounded(self._fetch_all(names)).addCallback(done)

    def _forget(self, name: str) -> None:
        del self._held[name]
        self._polling.recovered(name)
        self._freshness.forget([name])

    def _start_refresh(self) -> None:
        self._source.start_refresh()

    def _poll(self) -> None:
        # Those that fail have a time of their own.
        waiting = (name for name in self._held if not self._freshness.is_busy(name))
        self._fetch_all([name for name in waiting if not self._polling.is_failing(name)])

    def _fetch_again(self, name: str) -> None:
        self._freshness.ask(name)

    def _fetch_all(self, names: Sequence[str], interval: float = 0.0) -> Deferred[None]:
        self._holding += 1
        try:
            return self._freshness.ask_all(names, interval)
        finally:
            self._holding -= 1
            if self._is_outdated:
                self._rebuild()

    def _look_at_all(self) -> Deferred[bool]:
        before = self._revision
        interval = self._options().secret_refetch_interval

        def changed(_: None) -> bool:
            return before != self._revision

        return self._bounded(self._fetch_all(list(self._held), interval)).addCallback(changed)

    def _bounded(self, work: Deferred[None]) -> Deferred[None]:
        """Ends with ``work``, or sooner; the work goes on."""
        ended: Deferred[None] = Deferred()
        work.addBoth(lambda _: None if ended.called else ended.callback(None))
        if ended.called:
            return ended
        timeout = self._options().secret_fetch_timeout
        return ended.addTimeout(timeout, self._clock, onTimeoutCancel=lambda *_: None)

    def _known(self) -> tuple[int, float]:
        """A number for all that is known, and when that changed last."""
        return self._revision, self._changed

    def _fetch(self, name: str) -> Deferred[None]:
        """Fetch one secret, and take what comes. Does not fail."""
        held, source = self._held[name], self._source
        timeout = self._options().secret_fetch_timeout
        self.metrics.fetches += 1

        def is_wanted() -> bool:
            return not self._is_stopped and self._held.get(name) is held and self._source is source

        def taken(versions: SecretVersions) -> None:
            if is_wanted():
                self._taken(held, versions)

        def failed(failure: Failure) -> None:
            if is_wanted():
                self._failed(held, failure, timeout)

        fetched = maybeDeferred(source.fetch, name, held.history.known)
        fetched.addTimeout(timeout, self._clock)
        return fetched.addCallback(taken).addErrback(failed).addErrback(self._lost, name)

    def _lost(self, failure: Failure, name: str) -> None:
        self.log.failure("what was fetched of secret {secret} is lost", failure, secret=name)

    def _taken(self, held: HeldSecret, versions: SecretVersions) -> None:
        before, had_problem = held.history.current, held.problem is not None
        changed = held.taken(versions, self._clock.seconds(), self._unix_time())
        self._polling.recovered(held.name)
        if changed:
            self._note_change(held, before)
            self._rebuild()
        elif had_problem:
            self._problems.update(self.problems())

    def _note_change(self, held: HeldSecret, before: Secret | None) -> None:
        self._revision += 1
        self._changed = self._clock.seconds()
        self._rechecks.something_changed()
        now = held.history.current
        assert now is not None
        if before is None or (before.username, before.password) == (now.username, now.password):
            return
        self.metrics.rotations += 1
        self.log.info(
            "secret {secret} has a new version{version}; its user is {user}",
            secret=held.name,
            version=f" {now.version_id}" if now.version_id else "",
            user=now.username,
        )

    def _note_target(self, held: HeldSecret, username: str) -> None:
        is_behind = held.news_of_target(username)
        if is_behind is None:
            return
        if is_behind:
            self.log.warn(
                "secret {secret}: the target refuses the current password of {user} and takes the former one",
                secret=held.name,
                user=username,
            )
        else:
            self.log.info(
                "secret {secret}: the target takes the current password of {user}",
                secret=held.name,
                user=username,
            )

    def _failed(self, held: HeldSecret, failure: Failure, timeout: float) -> None:
        self.metrics.fetch_failures += 1
        # Where nobody asks again, its source is believed at once.
        tolerated = TOLERATED_NOT_FOUND if self._polling.is_running else 0
        not_found = failure.check(SecretNotFoundError) is not None
        is_gone = held.failed(reason_of(failure, timeout), not_found=not_found, tolerated=tolerated)
        self._polling.failed(held.name, held.failures)
        if is_gone:
            self.log.warn("secret {secret} is gone, and its users with it", secret=held.name)
            self._rebuild()
        else:
            self._problems.update(self.problems())

    # What follows from it

    def _rebuild(self) -> None:
        self._is_outdated = bool(self._holding)
        if self._holding:
            return
        self._directory = direct(self._entries, {name: held.history for name, held in self._held.items()})
        users = self._directory.users
        changed = {name for name in self._generations.present() if name not in users}
        for username in changed:
            self._generations.gone(username)
        for username in self._candidates.keys() - users.keys():
            del self._candidates[username], self._settled[username]
        for username, user in users.items():
            # Most are as they were; there may be many.
            if self._settled.get(username) != (user, user.history.revision) and self._settle(username):
                changed.add(username)
        self._problems.update(self.problems())
        self._tell(changed)
        for held in list(self._held.values()):
            held.tell_news()

    def _renew(self, username: str) -> None:
        """What is tried for one user may have changed."""
        if username in self._directory.users and self._settle(username):
            self._tell({username})

    def _settle(self, username: str) -> bool:
        user = self._directory.users[username]
        self._settled[username] = user, user.history.revision
        self._candidates[username], is_old = self._generations.settle(user)
        return is_old

    def _tell(self, changed: set[str]) -> None:
        if not changed:
            return
        try:
            self.on_change(frozenset(changed))
        except Exception:
            self.log.failure("connections of a former password are not retired")
