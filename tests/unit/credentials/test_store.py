"""The store: users found by the secrets' content, problems, generations, rotation."""

from twisted.internet.defer import Deferred

from proxy.config import UserAuthConfig
from proxy.credentials.source import SecretError, SecretVersions
from proxy.credentials.store import CredentialProblem, CredentialStore

from .memory_source import MemorySource, entries, result


class BrokenSource(MemorySource):
    """A source with a bug, whose exception quotes a secret."""

    def fetch(self, secret_arn: str, known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        raise KeyError("hunter2")


def refresh(store: CredentialStore) -> list[CredentialProblem]:
    return result(store.refresh())


class TestLookup:
    def test_nobody_is_known_before_a_refresh(self) -> None:
        assert CredentialStore(entries("s"), MemorySource({"s": ("u", "p")})).lookup("u") is None

    def test_a_user_is_found_by_the_content_of_the_secret(self) -> None:
        store = CredentialStore(entries("s"), MemorySource({"s": ("u", "p")}))
        assert refresh(store) == []
        found = store.lookup("u")
        assert found is not None
        assert (found.username, found.password, found.secret_name) == ("u", b"p", "s")
        assert (found.generation, found.client_password_auth_type) == (1, None)
        assert store.lookup("U") is None
        assert store.lookup("s") is None

    def test_credentials_come_in_the_order_of_the_entries(self) -> None:
        store = CredentialStore(entries("b", "a"), MemorySource({"a": ("ua", "p"), "b": ("ub", "p")}))
        refresh(store)
        assert [credential.username for credential in store.credentials()] == ["ub", "ua"]

    def test_the_entrys_authentication_type_is_taken_over(self) -> None:
        entry = UserAuthConfig(secret_arn="s", client_password_auth_type="MYSQL_NATIVE_PASSWORD")
        store = CredentialStore([entry], MemorySource({"s": ("u", "p")}))
        refresh(store)
        found = store.lookup("u")
        assert found is not None
        assert found.client_password_auth_type == "MYSQL_NATIVE_PASSWORD"


class TestProblems:
    def test_bad_secrets_do_not_stop_the_others(self) -> None:
        source = MemorySource({"bad": SecretError("has no password"), "good": ("u", "p")})
        store = CredentialStore(entries("bad", "none", "good"), source)
        assert [str(problem) for problem in refresh(store)] == [
            "secret bad: has no password",
            "secret none: is not there",
        ]
        assert store.lookup("u") is not None

    def test_the_user_name_must_be_the_secrets(self) -> None:
        entry = UserAuthConfig(secret_arn="s", user_name="v")
        store = CredentialStore([entry], MemorySource({"s": ("u", "p")}))
        assert refresh(store) == [CredentialProblem("s", "its username is 'u', but user_name is 'v'")]
        assert store.credentials() == ()

    def test_the_first_of_two_secrets_for_a_user_wins(self) -> None:
        store = CredentialStore(entries("a", "b"), MemorySource({"a": ("u", "1"), "b": ("u", "2")}))
        assert refresh(store) == [CredentialProblem("b", "its user 'u' is already that of secret a")]
        found = store.lookup("u")
        assert found is not None
        assert found.password == b"1"

    def test_a_secret_named_by_two_entries_is_a_problem(self) -> None:
        store = CredentialStore(entries("a", "a"), MemorySource({"a": ("u", "1")}))
        assert refresh(store) == [CredentialProblem("a", "its user 'u' is already that of secret a")]

    def test_an_unexpected_error_is_told_by_its_type_alone(self) -> None:
        store = CredentialStore(
            entries("s", "t"), MemorySource({"s": ValueError("hunter2"), "t": ("u", "p")})
        )
        assert refresh(store) == [CredentialProblem("s", "failed with ValueError")]
        assert store.lookup("u") is not None

    def test_a_source_that_raises_does_not_stop_the_refresh(self) -> None:
        store = CredentialStore(entries("s"), BrokenSource({}))
        assert refresh(store) == [CredentialProblem("s", "failed with KeyError")]

    def test_nothing_shows_a_password(self) -> None:
        store = CredentialStore(
            entries("a", "b"), MemorySource({"a": ("u", "hunter2"), "b": ("u", "hunter2")})
        )
        problems = refresh(store)
        assert "hunter2" not in repr(problems) + repr(store) + repr(store.credentials()) + str(problems[0])


class TestRotation:
    def generation(self, store: CredentialStore) -> int:
        found = store.lookup("u")
        assert found is not None
        return found.generation

    def test_the_generation_grows_with_the_password_only(self) -> None:
        source = MemorySource({"s": ("u", "1")})
        store = CredentialStore(entries("s"), source)
        refresh(store)
        refresh(store)
        assert self.generation(store) == 1
        source.outcomes["s"] = ("u", "2")
        refresh(store)
        assert self.generation(store) == 2

    def test_a_returning_user_does_not_reuse_a_generation(self) -> None:
        source = MemorySource({"s": ("u", "1")})
        store = CredentialStore(entries("s"), source)
        refresh(store)
        source.outcomes.clear()
        refresh(store)
        assert store.lookup("u") is None
        source.outcomes["s"] = ("u", "2")
        refresh(store)
        assert self.generation(store) == 2

    def test_a_secret_that_cannot_be_read_keeps_its_last_content(self) -> None:
        source = MemorySource({"s": ("u", "1")})
        store = CredentialStore(entries("s"), source)
        refresh(store)
        source.outcomes["s"] = SecretError("cannot be read")
        assert refresh(store) == [CredentialProblem("s", "cannot be read")]
        assert self.generation(store) == 1

    def test_a_secret_that_is_gone_takes_its_user_along(self) -> None:
        source = MemorySource({"s": ("u", "1")})
        store = CredentialStore(entries("s"), source)
        refresh(store)
        source.outcomes.clear()
        refresh(store)
        assert store.lookup("u") is None
        source.outcomes["s"] = SecretError("cannot be read")
        refresh(store)
        assert store.lookup("u") is None

    def test_other_entries_count_from_the_next_refresh(self) -> None:
        source = MemorySource({"s": ("u", "1"), "t": ("v", "1")})
        store = CredentialStore(entries("s"), source)
        refresh(store)
        store.replace(entries("t"), source)
        assert store.lookup("u") is not None
        refresh(store)
        assert (store.lookup("u"), store.lookup("v") is not None) == (None, True)


class TestSlowSources:
    def test_the_old_credentials_hold_until_all_secrets_are_there(self) -> None:
        source = MemorySource({"s": ("u", "1")})
        store = CredentialStore(entries("s"), source)
        refresh(store)
        source.held = True
        source.outcomes["s"] = ("u", "2")
        store.refresh()
        found = store.lookup("u")
        assert found is not None
        assert found.password == b"1"
        source.release()
        found = store.lookup("u")
        assert found is not None
        assert found.password == b"2"

    def test_refreshes_wait_for_each_other(self) -> None:
        source = MemorySource({"s": ("u", "1")}, held=True)
        store = CredentialStore(entries("s"), source)
        first: list[object] = []
        second: list[object] = []
        store.refresh().addCallback(first.append)
        store.refresh().addCallback(second.append)
        assert source.refreshes == 1
        source.release()
        assert (len(first), len(second), source.refreshes) == (1, 0, 2)
        source.release()
        assert second == [[]]
