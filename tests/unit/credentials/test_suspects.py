"""What targets and clients say: refused log-ins, wrong passwords, storms of both, generations."""

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from proxy.config import UserAuthConfig
from proxy.credentials.rechecks import MAX_FRUITLESS
from proxy.credentials.source import Credential, SecretError, SecretVersions
from proxy.credentials.store import CredentialStore

from .memory_source import MemorySource, accepted_from_clients, passwords, result, secret, versions
from .test_upkeep import Room

U1, U2, U3 = ("u", "1"), ("u", "2"), ("u", "3")


def first(store: CredentialStore, username: str = "u") -> Credential:
    found = store.lookup(username)
    assert found is not None
    return found


def named(store: CredentialStore, password: bytes, username: str = "u") -> Credential:
    return next(each for each in store.candidates(username) if each.password == password)


class TestSuspect:
    def test_the_secret_is_fetched_at_once(self) -> None:
        room = Room(s=U1, t=("v", "1"))
        room.pass_time(1)
        room.source.outcomes["s"] = U2
        result(room.store.suspect(first(room.store)))
        assert passwords(room.store, "u") == [b"2", b"1"]
        assert room.source.fetched == ["s", "t", "s"]

    def test_a_rotation_that_the_database_has_not_made_yet_is_told_once(
        self,
    ) -> None:
        room = Room(s=versions(U2, previous=U1))
        store = room.store
        with capturedLogs() as events:
            for _ in range(3):
                store.suspect(named(store, b"2"))
                store.accepted(named(store, b"1"))
            assert [formatEvent(event) for event in events] == [
                "secret s: the target refuses the current password of u and takes the former one"
            ]
            store.suspect(named(store, b"1"))
            store.accepted(named(store, b"2"))
            store.accepted(named(store, b"2"))
        assert [formatEvent(event) for event in events[1:]] == [
            "secret s: the target takes the current password of u"
        ]

    def test_a_rotation_by_aws_is_told_only_once_its_stage_has_moved(
        self,
    ) -> None:
        room = Room(s=versions(U1, pending=U2))
        with capturedLogs() as events:
            room.store.suspect(named(room.store, b"1"))
            room.store.accepted(named(room.store, b"2"))
        assert not events

    def test_a_storm_is_one_fetch_for_each_interval(self) -> None:
        room = Room(s=U1)
        room.pass_time(1)
        waiting: list[Deferred[None]] = []
        before = len(room.source.fetched)
        for _ in range(95):
            waiting += [room.store.suspect(first(room.store)) for _ in range(20)]
            room.clock.advance(0.01)
        assert len(room.source.fetched) - before == 2
        room.pass_time(0.5)
        assert all(each.called for each in waiting)
        assert room.store.metrics.suspects == 1900

    def test_all_go_on_as_soon_as_something_new_is_known(self) -> None:
        room = Room(s=U1)
        room.pass_time(1)
        room.source.held = True
        room.source.outcomes["s"] = U2
        waiting = [room.store.suspect(first(room.store)) for _ in range(50)]
        room.source.release()
        assert all(each.called for each in waiting)

    def test_who_has_an_old_credential_goes_on_at_once(self) -> None:
        room = Room(s=U1)
        old = first(room.store)
        room.source.outcomes["s"] = U2
        room.pass_time(31)
        before = len(room.source.fetched)
        result(room.store.suspect(old))
        assert len(room.source.fetched) == before

    def test_a_pending_login_is_tried_without_waiting(self) -> None:
        room = Room(s=versions(U1, U2))
        room.pass_time(1)
        room.source.held = True
        result(room.store.suspect(first(room.store)))
        assert room.source.in_flight == ["s"]
        last = room.store.suspect(named(room.store, b"2"))
        assert not last.called, "there is nothing left to try"

    def test_a_previous_login_is_tried_soon(self) -> None:
        room = Room(s=versions(U2, None, U1))
        room.pass_time(1)
        room.source.held = True
        waiting = room.store.suspect(first(room.store))
        room.pass_time(0.4)
        assert not waiting.called
        room.pass_time(0.2)
        assert result(waiting) is None

    def test_the_wait_ends_however_long_the_source_hangs(self) -> None:
        room = Room(s=U1)
        room.pass_time(1)
        room.source.held = True
        waiting = room.store.suspect(first(room.store))
        room.pass_time(10.1)
        assert result(waiting) is None
        assert passwords(room.store, "u") == [b"1"]

    def test_a_source_that_fails_is_no_failure(self) -> None:
        room = Room(s=U1)
        room.pass_time(1)
        room.source.outcomes["s"] = SecretError("broken")
        assert result(room.store.suspect(first(room.store))) is None

    def test_one_who_gives_up_leaves_the_others(self) -> None:
        room = Room(s=U1)
        room.pass_time(1)
        room.source.held = True
        gone, kept = (room.store.suspect(first(room.store)) for _ in range(2))
        gone.addErrback(lambda _: None)
        gone.cancel()
        room.source.outcomes["s"] = U2
        room.source.release()
        room.pass_time(0.6)
        room.source.release()
        assert kept.called

    def test_strangers_are_nobodys_business(self) -> None:
        room = Room(s=U1)
        stranger = Credential("u", b"1", "", 1)
        room.store.accepted(stranger)
        assert result(room.store.suspect(stranger)) is None
        assert len(room.source.fetched) == 1

    def test_it_goes_before_a_queue_of_others(self) -> None:
        names = {str(number): (f"u{number}", "1") for number in range(50)}
        room = Room(**names)
        room.pass_time(1)
        room.source.held = True
        room.store.refresh()
        room.store.suspect(first(room.store, "u49"))
        room.source.release(1)
        assert room.source.in_flight[-1] == "49"


class TestGenerations:
    def test_a_pending_login_that_works_makes_connections_old(self) -> None:
        room = Room(s=versions(U1, U2))
        room.store.accepted(first(room.store))
        assert (room.changes, first(room.store).generation) == ([], 1)
        room.store.accepted(named(room.store, b"2"))
        assert (room.changes, first(room.store).generation) == ([{"u"}], 2)
        assert accepted_from_clients(room.store, "u") == [b"1", b"2"]
        room.source.outcomes["s"] = versions(U2, None, U1)
        room.pass_time(31)
        assert (room.changes, first(room.store).generation) == ([{"u"}], 2)

    def test_targets_that_disagree_make_nothing_old_again_and_again(self) -> None:
        room = Room(s=versions(U1, U2))
        for _ in range(10):
            room.store.accepted(named(room.store, b"2"))
            room.store.suspect(named(room.store, b"2"))
            room.store.accepted(named(room.store, b"1"))
            assert passwords(room.store, "u") == [b"1", b"2"]
        assert (room.changes, first(room.store).generation) == ([{"u"}], 2)

    def test_a_rotation_that_is_withdrawn_makes_connections_old(self) -> None:
        room = Room(s=versions(U1, U2))
        room.store.accepted(named(room.store, b"2"))
        room.source.outcomes["s"] = U1
        result(room.store.refresh())
        assert (room.changes, first(room.store).generation) == ([{"u"}] * 2, 3)

    def test_alternating_users_keep_their_connections(self) -> None:
        """The user that is left keeps its password until the next rotation but one."""
        room = Room(s=versions(("a", "1"), None, ("b", "1")))
        room.source.outcomes["s"] = versions(("b", "2"), None, ("a", "1"))
        result(room.store.refresh())
        assert room.changes == [{"b"}]
        assert [each.username for each in room.store.credentials()] == ["b"]
        assert passwords(room.store, "a") == [b"1"]


class TestAccounts:
    def test_what_the_entry_and_the_secret_say(self) -> None:
        entry = UserAuthConfig(secret_arn="s", client_password_auth_type="MYSQL_NATIVE_PASSWORD")
        found = SecretVersions(secret("s", U1, read_only=True))
        store = CredentialStore([entry], MemorySource({"s": found}))
        result(store.refresh())
        account = store.account("u")
        assert account is not None
        assert (account.username, account.auth_type, account.secret_name) == (
            "u",
            entry.client_password_auth_type,
            "s",
        )
        assert (account.read_only, account.iam_required) == (True, False)
        credential = first(store)
        assert (credential.read_only, credential.iam_required) == (True, False)
        assert credential.stage == "AWSCURRENT"

    def test_iam(self) -> None:
        entry = attrs.evolve(UserAuthConfig(secret_arn="s"), iam_auth="REQUIRED")
        store = CredentialStore([entry], MemorySource({"s": U1}))
        result(store.refresh())
        account = store.account("u")
        assert account is not None
        assert account.iam_required
        assert first(store).iam_required

    def test_grace_of_nothing(self) -> None:
        room = Room(s=U1)
        room.options = attrs.evolve(room.options, previous_password_grace=0.0)
        room.source.outcomes["s"] = U2
        room.pass_time(31)
        assert accepted_from_clients(room.store, "u") == [b"2"]

    def test_the_users_own_secret_comes_before_anothers_former_version(self) -> None:
        room = Room(s=versions(("a", "1"), None, ("b", "old")), t=("b", "own"))
        assert accepted_from_clients(room.store, "b") == [b"own"]
        assert passwords(room.store, "b") == [b"own"]
        assert room.store.problems() == ()

    def test_nothing_shows_a_password(self) -> None:
        room = Room(s=versions(("u", "hunter2"), None, ("u", "hunter2b")))
        shown = [room.store.account("u"), room.store.candidates("u"), room.store.statuses(), vars(room.store)]
        assert "hunter2" not in repr(shown)


class TestRecheck:
    def test_all_secrets_are_fetched(self) -> None:
        room = Room(s=U1, t=("v", "1"))
        room.pass_time(20)
        room.source.outcomes["s"] = U2
        assert result(room.store.recheck("u")) is True
        assert room.source.fetched[-2:] == ["s", "t"]

    @pytest.mark.parametrize("username", ["u", "nobody"])
    def test_known_and_unknown_users_are_alike(self, username: str) -> None:
        room = Room(s=U1, t=("v", "1"))
        room.pass_time(20)
        story = []
        for _ in range(300):
            before = len(room.source.fetched)
            found = result(room.store.recheck(username))
            story.append((len(room.source.fetched) - before, found))
            room.clock.advance(1.0)
        looks = [at for at, (fetches, _) in enumerate(story) if fetches == 2]
        assert all(found is False for _, found in story)
        # Each time twice as long, up to a minute.
        assert looks == [0, 5, 15, 35, 75, 135, 195, 255]

    def test_a_new_user_is_found(self) -> None:
        room = Room(s=U1)
        room.pass_time(20)
        room.source.outcomes["s"] = versions(("v", "1"), None, U1)
        assert result(room.store.recheck("v")) is True
        assert accepted_from_clients(room.store, "v") == [b"1"]

    @pytest.mark.parametrize("username", ["u", "v", "nobody"])
    def test_the_answer_does_not_tell_whose_secret_has_changed(self, username: str) -> None:
        room = Room(s=U1, t=("v", "1"))
        room.pass_time(20)
        room.source.outcomes["t"] = ("v", "2")
        assert result(room.store.recheck(username)) is True
        room.pass_time(5)
        assert result(room.store.recheck(username)) is True
        room.pass_time(10)
        assert result(room.store.recheck(username)) is False

    def test_one_client_with_a_wrong_password_does_not_hide_others_rotations(self) -> None:
        room = Room(s=U1, t=("v", "1"))
        for second in range(25):
            room.store.recheck("nobody")
            room.clock.advance(1.0)
            if second == 20:
                room.source.outcomes["t"] = ("v", "2")
                assert result(room.store.recheck("v")) is True

    def test_after_a_change_who_asked_in_vain_may_ask_again(self) -> None:
        room = Room(s=U1)
        room.pass_time(20)
        for _ in range(5):
            room.store.recheck("u")
            room.clock.advance(0.6)
        for password in ("2", "3"):
            room.source.outcomes["s"] = ("u", password)
            result(room.store.refresh())
        room.clock.advance(0.6)
        room.source.outcomes["s"] = ("u", "4")
        assert result(room.store.recheck("u")) is True
        assert passwords(room.store, "u")[0] == b"4"

    def test_many_names_have_few_looks(self) -> None:
        room = Room(s=U1)
        room.pass_time(20)
        before = len(room.source.fetched)
        for number in range(3000):
            room.store.recheck(f"guess{number}")
            room.clock.advance(0.1)
        looks = len(room.source.fetched) - before - 10
        assert looks <= MAX_FRUITLESS + 300 / 5 + 1
        assert len(room.store._rechecks._in_vain) <= 1000

    def test_many_clients_share_a_look(self) -> None:
        room = Room(s=U1)
        room.pass_time(20)
        room.source.held = True
        room.source.outcomes["s"] = U2
        waiting = [room.store.recheck("u") for _ in range(500)]
        room.source.release()
        assert [result(each) for each in waiting] == [True] * 500
        assert len(room.source.fetched) == 2

    def test_a_rotation_right_after_another_is_waited_for(self) -> None:
        room = Room(s=U1)
        room.pass_time(20)
        room.source.outcomes["s"] = U2
        assert result(room.store.recheck("u")) is True
        room.clock.advance(0.1)
        room.source.outcomes["s"] = U3
        waiting = room.store.recheck("u")
        assert not waiting.called
        room.clock.advance(0.4)
        assert result(waiting) is True
        assert passwords(room.store, "u")[0] == b"3"

    def test_what_a_poll_has_just_found_counts(self) -> None:
        """The log-in may have begun before."""
        room = Room(s=U1)
        room.source.outcomes["s"] = U2
        room.pass_time(31)
        assert result(room.store.recheck("u")) is True

    def test_a_source_that_hangs_costs_ten_seconds_at_most(self) -> None:
        room = Room(s=U1)
        room.pass_time(20)
        room.source.held = True
        waiting = room.store.recheck("u")
        room.pass_time(10.1)
        assert result(waiting) is False
        assert result(room.store.recheck("u")) is False

    def test_one_who_gives_up_leaves_the_others(self) -> None:
        room = Room(s=U1)
        room.pass_time(20)
        room.source.held = True
        gone, kept = room.store.recheck("u"), room.store.recheck("u")
        gone.addErrback(lambda _: None)
        gone.cancel()
        room.source.release()
        room.pass_time(0.6)
        room.source.release()
        assert kept.called
