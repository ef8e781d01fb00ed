"""The store over time: polling, retries, secrets that vanish, sources that fail or hang."""

import attrs
import pytest
from twisted.internet.task import Clock

from proxy.credentials.options import StoreOptions
from proxy.credentials.problems import CredentialProblem
from proxy.credentials.source import SecretError, SecretNotFoundError
from proxy.credentials.store import CredentialStore

from .memory_source import (
    MemorySource,
    Outcome,
    accepted_from_clients,
    entries,
    passwords,
    result,
    versions,
)

OPTIONS = StoreOptions()


class Room:
    """A store that polls, without jitter, and what it has told."""

    def __init__(self, *names: str, held: bool = False, **outcomes: Outcome) -> None:
        self.clock = Clock()
        self.options = OPTIONS
        self.source = MemorySource(dict(outcomes), held)
        self.store = CredentialStore(
            entries(*(names or outcomes)),
            self.source,
            self.clock,
            lambda: self.options,
            lambda: 0.5,
            lambda: 1e9 + self.clock.seconds(),
        )
        self.changes: list[set[str]] = []
        self.told: list[CredentialProblem] = []
        self.store.on_change = lambda usernames: self.changes.append(set(usernames))
        self.store.on_problem = self.told.append
        if not held:
            self.store.start()
            result(self.store.refresh())

    def pass_time(self, seconds: float) -> None:
        # In steps, as time passes, so that each timer's successor counts from its own time.
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    def fetches(self, seconds: float) -> int:
        """How many there are in that time."""
        before = len(self.source.fetched)
        self.pass_time(seconds)
        return len(self.source.fetched) - before


class TestPolling:
    def test_each_interval_all_secrets_are_fetched(self) -> None:
        room = Room(a=("a", "1"), b=("b", "1"))
        assert room.fetches(29) == 0
        assert room.fetches(2) == 2
        assert room.fetches(30) == 2

    def test_what_is_known_is_shown_to_the_source(self) -> None:
        room = Room(s=("u", "1"))
        room.pass_time(31)
        assert room.source.known == [None, versions(("u", "1"))]

    def test_a_new_password_is_found(self) -> None:
        room = Room(s=("u", "1"))
        room.source.outcomes["s"] = ("u", "2")
        room.pass_time(31)
        assert passwords(room.store, "u") == [b"2", b"1"]
        assert accepted_from_clients(room.store, "u") == [b"2", b"1"]
        assert room.changes == [{"u"}]
        assert room.store.metrics.rotations == 1

    def test_the_interval_may_change_and_be_nothing(self) -> None:
        room = Room(s=("u", "1"))
        room.options = attrs.evolve(OPTIONS, secret_refresh_interval=1.0)
        result(room.store.refresh())
        # A tenth of a second is the finest step here.
        assert 9 <= room.fetches(10.5) <= 10
        room.options = attrs.evolve(OPTIONS, secret_refresh_interval=0.0)
        result(room.store.refresh())
        assert room.fetches(1000) == 0

    def test_the_interval_jitters(self) -> None:
        times = []
        for chance in (0.0, 1.0):
            clock = Clock()
            store = CredentialStore(
                entries("s"),
                MemorySource({"s": ("u", "1")}),
                clock,
                StoreOptions,
                lambda chance=chance: chance,
            )
            store.start()
            times.append(clock.getDelayedCalls()[0].getTime())
        assert times == [pytest.approx(27.0), pytest.approx(33.0)]

    def test_a_fetch_that_hangs_is_not_begun_again_before_its_end(self) -> None:
        room = Room(s=("u", "1"))
        room.options = attrs.evolve(OPTIONS, secret_refresh_interval=1.0)
        result(room.store.refresh())
        room.source.held = True
        assert room.fetches(9) == 1

    def test_after_the_end_nothing_happens(self) -> None:
        room = Room(a=("a", "1"), b=SecretError("broken"))
        room.source.held = True
        room.source.outcomes["a"] = ("a", "2")
        room.store.refresh()
        room.store.stop()
        room.source.release()
        assert room.fetches(1000) == 0
        assert passwords(room.store, "a") == [b"1"]
        assert result(room.store.recheck("a")) is False
        suspicious = room.store.lookup("a")
        assert suspicious is not None
        assert result(room.store.suspect(suspicious)) is None
        assert not room.clock.getDelayedCalls()


class TestRetries:
    def test_a_secret_that_fails_is_tried_again_ever_later(self) -> None:
        room = Room(good=("g", "1"), bad=SecretError("broken"))
        times = []
        for tick in range(1200):
            before = room.source.fetched.count("bad")
            room.clock.advance(0.1)
            if room.source.fetched.count("bad") > before:
                times.append(round((tick + 1) / 10))
        assert times == [1, 3, 7, 15, 31, 61, 91]
        assert room.source.fetched.count("good") == 4

    def test_failures_before_the_start_are_tried_again_too(self) -> None:
        source = MemorySource({"s": SecretError("broken")})
        clock = Clock()
        store = CredentialStore(entries("s"), source, clock, StoreOptions, lambda: 0.5)
        result(store.refresh())
        store.start()
        clock.advance(1.01)
        assert len(source.fetched) == 2

    def test_it_serves_as_soon_as_it_works(self) -> None:
        room = Room(s=SecretError("broken"))
        assert room.store.account("u") is None
        room.source.outcomes["s"] = ("u", "1")
        room.pass_time(1.1)
        assert accepted_from_clients(room.store, "u") == [b"1"]
        assert room.store.problems() == ()
        assert room.fetches(28) == 0, "it is polled like the others"

    def test_the_last_good_content_is_kept(self) -> None:
        room = Room(s=("u", "1"))
        room.source.outcomes["s"] = SecretError("cannot be reached")
        room.pass_time(1000)
        assert (passwords(room.store, "u"), accepted_from_clients(room.store, "u")) == ([b"1"], [b"1"])
        assert room.changes == []
        assert room.store.problems() == (CredentialProblem("s", "cannot be reached"),)

    def test_problems_are_told_once(self) -> None:
        room = Room(s=("u", "1"))
        room.source.outcomes["s"] = SecretError("broken")
        room.pass_time(200)
        assert room.told == [CredentialProblem("s", "broken")]
        room.source.outcomes["s"] = SecretError("broken otherwise")
        room.pass_time(200)
        assert room.told[1:] == [CredentialProblem("s", "broken otherwise")]
        room.source.outcomes["s"] = ("u", "1")
        room.pass_time(200)
        room.source.outcomes["s"] = SecretError("broken")
        room.pass_time(200)
        assert room.told[2:] == [CredentialProblem("s", "broken")]

    def test_a_single_denial_is_not_believed(self) -> None:
        room = Room(s=("u", "1"))
        room.source.outcomes["s"] = SecretNotFoundError("is not there")
        room.pass_time(30.5)
        assert room.store.problems() == (CredentialProblem("s", "is not there"),)
        assert passwords(room.store, "u") == [b"1"]
        room.source.outcomes["s"] = ("u", "1")
        room.pass_time(60)
        assert (passwords(room.store, "u"), room.changes) == ([b"1"], [])

    def test_a_second_denial_drops_the_user(self) -> None:
        room = Room(s=("u", "1"), t=("v", "1"))
        del room.source.outcomes["s"]
        room.pass_time(32)
        assert (passwords(room.store, "u"), room.store.account("u")) == ([], None)
        assert room.changes == [{"u"}]
        assert accepted_from_clients(room.store, "v") == [b"1"]

    def test_denials_between_other_failures_do_not_add_up(self) -> None:
        room = Room(s=("u", "1"))
        for outcome in (SecretNotFoundError("no"), SecretError("busy"), SecretNotFoundError("no")):
            room.source.outcomes["s"] = outcome
            result(room.store.refresh())
        assert passwords(room.store, "u") == [b"1"]


class TestSourcesThatHang:
    def test_a_fetch_ends_after_its_time(self) -> None:
        room = Room("s", "t", held=True, s=("u", "1"))
        refreshed: list[object] = []
        room.store.refresh().addCallback(refreshed.append)
        room.pass_time(9.9)
        assert refreshed == []
        room.pass_time(0.2)
        reason = "its source has not answered within 10 s"
        assert refreshed == [[CredentialProblem("s", reason), CredentialProblem("t", reason)]]

    def test_a_refresh_ends_in_time_however_many_hang(self) -> None:
        names = [str(number) for number in range(200)]
        room = Room(*names, held=True)
        refreshed: list[list[CredentialProblem]] = []
        room.store.refresh().addCallback(refreshed.append)
        room.pass_time(10.1)
        assert len(refreshed[0]) == 200
        assert refreshed[0][-1] == CredentialProblem("199", "has not been read yet")
        assert len(set(room.source.in_flight)) == 8, "four have had their time, four more are under way"

    def test_what_comes_after_its_time_does_not_count(self) -> None:
        room = Room(s=("u", "1"))
        room.source.held = True
        room.source.outcomes["s"] = ("u", "2")
        room.store.refresh()
        room.pass_time(10.1)
        room.source.release()
        assert passwords(room.store, "u") == [b"1"]

    def test_secrets_that_answer_are_there_before_those_that_hang(self) -> None:
        room = Room("s", "t", held=True, s=("u", "1"), t=("v", "1"))
        room.store.refresh()
        room.source.release(1)
        assert passwords(room.store, "u") == [b"1"]
        assert passwords(room.store, "v") == []

    def test_the_answer_of_a_former_source_does_not_count(self) -> None:
        room = Room(s=("u", "1"))
        room.source.held = True
        room.source.outcomes["s"] = ("u", "old")
        room.store.refresh()
        room.store.replace(entries("s"), MemorySource({"s": ("u", "new")}))
        room.store.refresh()
        room.pass_time(10.1)
        assert passwords(room.store, "u") == [b"new", b"1"]
        room.source.release()
        assert passwords(room.store, "u") == [b"new", b"1"]

    def test_users_stay_until_those_of_the_new_entries_are_there(self) -> None:
        room = Room(s=("u", "1"))
        slow = MemorySource({"t": ("u", "1")}, held=True)
        room.store.replace(entries("t"), slow)
        room.store.refresh()
        assert accepted_from_clients(room.store, "u") == [b"1"]
        slow.release()
        found = room.store.account("u")
        assert found is not None
        assert found.secret_name == "t"


class TestReports:
    def test_statuses(self) -> None:
        room = Room(s=versions(("a", "1"), ("b", "2"), ("b", "1")), t=SecretError("broken"))
        rows = [(row.secret_name, row.username, row.stage, row.failures) for row in room.store.statuses()]
        assert rows == [
            ("s", "a", "AWSCURRENT", 0),
            ("s", "b", "AWSPENDING", 0),
            ("s", "b", "AWSPREVIOUS", 0),
            ("t", "", "", 1),
        ]
        first, last = room.store.statuses()[0], room.store.statuses()[-1]
        assert (first.fetched_at, first.changed_at, first.problem) == (1e9, 1e9, "")
        assert (last.fetched_at, last.changed_at, last.problem) == (None, None, "broken")
        room.pass_time(31)
        first = room.store.statuses()[0]
        assert first.fetched_at == pytest.approx(1e9 + 30, abs=0.2)
        assert first.changed_at == 1e9

    def test_metrics(self) -> None:
        room = Room(s=("u", "1"), t=SecretError("broken"))
        room.pass_time(1.1)
        metrics = room.store.metrics
        assert (metrics.fetches, metrics.fetch_failures, metrics.rotations) == (3, 2, 0)

    def test_a_listener_with_a_bug_does_not_harm_the_store(self) -> None:
        room = Room(s=("u", "1"))

        def fails(_usernames: frozenset[str]) -> None:
            raise ValueError("bug")

        room.store.on_change = fails
        room.source.outcomes["s"] = ("u", "2")
        assert result(room.store.refresh()) == []
        assert passwords(room.store, "u") == [b"2", b"1"]
