"""One secret over time: stages, what is tried, who may log in, for how long."""

import attrs
import pytest

from proxy.credentials.source import SecretVersions
from proxy.credentials.versions import MAX_FORMER, SecretHistory

from .memory_source import Login, secret, versions

GRACE = 300.0
U1, U2, U3 = ("u", "1"), ("u", "2"), ("u", "3")


def history(*taken: SecretVersions, at: float = 0.0) -> SecretHistory:
    made = SecretHistory("s")
    for each in taken:
        made.take(each, at, 0.0)
    return made


def tried(made: SecretHistory, username: str = "u") -> list[bytes]:
    return [bytes(version.secret.password) for version in made.candidates(username)]


def let_in(made: SecretHistory, now: float = 0.0, username: str = "u") -> list[bytes]:
    return [bytes(version.secret.password) for version in made.for_clients(username, now, GRACE)]


def accept(made: SecretHistory, login: Login) -> bool:
    return made.accepted(login[0], login[1].encode(), made.revision)


class TestCandidates:
    def test_current_then_pending_then_previous(self) -> None:
        assert tried(history(versions(U1, U2, U3))) == [b"1", b"2", b"3"]

    def test_the_one_that_worked_last_comes_first(self) -> None:
        made = history(versions(U1, U2, U3))
        assert accept(made, U3)
        assert tried(made) == [b"3", b"1", b"2"]
        assert accept(made, U2)
        assert tried(made) == [b"2", b"1", b"3"]
        assert not accept(made, U2), "nothing new"

    def test_one_that_is_refused_loses_its_place(self) -> None:
        made = history(versions(U1, U2))
        accept(made, U2)
        assert made.refused("u", b"2")
        assert tried(made) == [b"1", b"2"]
        assert not made.refused("u", b"1")

    def test_a_new_current_version_is_believed(self) -> None:
        made = history(versions(U1))
        accept(made, U1)
        made.take(versions(U2, None, U1), 5.0, 0.0)
        assert tried(made) == [b"2", b"1"]

    def test_what_worked_before_the_secret_changed_says_nothing(self) -> None:
        made = history(versions(U1))
        before = made.revision
        made.take(versions(U2, None, U1), 5.0, 0.0)
        made.accepted("u", b"1", before)
        assert tried(made) == [b"2", b"1"]

    def test_the_place_outlives_a_look_that_changes_nothing(self) -> None:
        made = history(versions(U1, U2))
        accept(made, U2)
        again = versions(U1, U2)
        renumbered = attrs.evolve(again, current=attrs.evolve(again.current, version_id="x"))
        assert not made.take(renumbered, 9.0, 0.0)
        assert tried(made) == [b"2", b"1"]

    def test_versions_with_one_password_are_one(self) -> None:
        assert tried(history(versions(U1, U1, U1))) == [b"1"]

    def test_each_user_has_its_own(self) -> None:
        made = history(versions(("a", "1"), ("b", "2"), ("b", "1")))
        assert tried(made, "a") == [b"1"]
        # The other one of alternating users: until the database has the new password, the old one is good.
        assert tried(made, "b") == [b"1", b"2"]
        assert tried(made, "c") == []
        assert made.usernames() == {"a", "b"}

    def test_without_previous_versions_the_last_content_is_the_previous_one(self) -> None:
        made = history(versions(U1), versions(U2), versions(U2), versions(U3))
        assert tried(made) == [b"3", b"2"]

    def test_the_users_of_former_versions_may_go_on(self) -> None:
        made = history(versions(("a", "1")), versions(("b", "1")), versions(("c", "1")))
        assert tried(made, "a") == [b"1"]


class TestClients:
    def test_a_pending_password_is_good_once_the_target_has_taken_it(self) -> None:
        made = history(versions(U1, U2))
        assert let_in(made) == [b"1"]
        assert accept(made, U2)
        assert let_in(made) == [b"1", b"2"]

    def test_a_pending_version_that_was_withdrawn_is_good_no_more(self) -> None:
        made = history(versions(U1, U2))
        accept(made, U2)
        made.take(versions(U1), 1.0, 0.0)
        assert (let_in(made, 1.0), tried(made)) == ([b"1"], [b"1"])

    def test_a_replaced_password_is_good_for_the_grace_time(self) -> None:
        made = history(versions(U1))
        made.take(versions(U2, None, U1), 100.0, 0.0)
        assert let_in(made, 100.0) == [b"2", b"1"]
        assert let_in(made, 100.0 + GRACE - 1) == [b"2", b"1"]
        assert let_in(made, 100.0 + GRACE) == [b"2"]
        assert tried(made) == [b"2", b"1"], "the proxy itself may still need it"

    def test_the_grace_time_does_not_begin_anew(self) -> None:
        made = history(versions(U1))
        made.take(versions(U2, None, U1), 100.0, 0.0)
        made.take(versions(U2, U3, U1), 300.0, 0.0)
        assert let_in(made, 100.0 + GRACE) == [b"2"]

    @pytest.mark.parametrize(("created", "good"), [(1000.0 - 299, True), (1000.0 - 300, False), (None, True)])
    def test_at_the_start_the_replacing_versions_age_counts(self, created: float | None, good: bool) -> None:
        made = SecretHistory("s")
        found = SecretVersions(secret("s", U2, created_at=created), None, secret("s", U1))
        made.take(found, 50.0, 1000.0)
        assert let_in(made, 50.0) == ([b"2", b"1"] if good else [b"2"])

    def test_a_version_of_the_future_was_made_now(self) -> None:
        made = SecretHistory("s")
        made.take(SecretVersions(secret("s", U2, created_at=5000.0), None, secret("s", U1)), 50.0, 1000.0)
        assert let_in(made, 50.0 + GRACE) == [b"2"]

    def test_passwords_that_are_two_rotations_old_are_good_too(self) -> None:
        """A client may be slower than the next rotation."""
        made = history(versions(U1), versions(U2, None, U1), versions(U3, None, U2))
        assert let_in(made) == [b"3", b"2", b"1"]
        assert let_in(made, GRACE) == [b"3"]

    def test_former_passwords_are_few(self) -> None:
        made = history(*(versions(("u", str(number))) for number in range(20)))
        assert let_in(made) == [str(19 - number).encode() for number in range(MAX_FORMER + 2)]

    def test_a_rotation_that_is_taken_back(self) -> None:
        made = history(versions(U1), versions(U2, None, U1), versions(U1, None, U2))
        assert let_in(made, GRACE - 1) == [b"1", b"2"]
        assert let_in(made, GRACE) == [b"1"]

    def test_a_user_of_the_previous_version_only(self) -> None:
        made = history(versions(("a", "1")))
        made.take(versions(("b", "1"), None, ("a", "1")), 10.0, 0.0)
        assert let_in(made, 10.0, "a") == [b"1"]
        assert let_in(made, 10.0 + GRACE, "a") == []


class TestChanges:
    def test_the_same_object_changes_nothing(self) -> None:
        found = versions(U1)
        made = history(found)
        assert (made.take(found, 1.0, 0.0), made.revision) == (False, 1)

    @pytest.mark.parametrize(
        "after",
        [versions(U2), versions(U1, U2), versions(U1, None, U2)],
    )
    def test_each_version_counts(self, after: SecretVersions) -> None:
        made = history(versions(U1))
        assert (made.take(after, 1.0, 0.0), made.revision) == (True, 2)

    def test_the_right_to_write_counts(self) -> None:
        made = history(SecretVersions(secret("s", U1)))
        assert made.take(SecretVersions(secret("s", U1, read_only=True)), 1.0, 0.0)
        assert made.candidates("u")[0].secret.read_only

    def test_nothing_shows_a_password(self) -> None:
        made = history(versions(("u", "hunter2"), ("u", "hunter2b"), ("u", "hunter2c")))
        assert "hunter2" not in repr(made.candidates("u")) + repr(vars(made))
