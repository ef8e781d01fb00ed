"""Passwords that clients have proven themselves: checked, bounded, forgotten."""

from hashlib import sha1

import pytest
from twisted.internet.task import Clock

from proxy.credentials.passed import PassedCredentials
from proxy.credentials.source import Password


class Digest(bytes):
    """Stands for what another part of the proxy makes of a password."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passed(clock: Clock) -> PassedCredentials:
    return PassedCredentials(clock, limit=3, cache_time=lambda: 100.0)


def password_of(passed: PassedCredentials, username: str) -> bytes | None:
    found = passed.candidates(username)
    return found[0].password if found else None


def test_what_was_proven_is_known(passed: PassedCredentials) -> None:
    assert not passed.verify("u", b"hunter2")
    passed.remember("u", b"hunter2", 0.0)
    assert passed.verify("u", b"hunter2")
    assert not passed.verify("u", b"hunter")
    assert not passed.verify("u", b"")
    assert not passed.verify("v", b"hunter2")
    assert not passed.verify("", b"")
    (credential,) = passed.candidates("u")
    assert (credential.username, credential.password, credential.secret_name) == ("u", b"hunter2", "")


def test_the_last_password_counts(passed: PassedCredentials) -> None:
    passed.remember("u", b"1", 0.0)
    before = passed.candidates("u")[0].generation
    passed.remember("u", b"1", 0.0)
    assert passed.candidates("u")[0].generation == before
    passed.remember("u", b"2", 0.0)
    assert passed.candidates("u")[0].generation > before
    assert (passed.verify("u", b"1"), passed.verify("u", b"2")) == (False, True)


def test_forgetting(passed: PassedCredentials) -> None:
    passed.remember("u", b"1", 0.0)
    passed.forget("u")
    passed.forget("u")
    assert (passed.verify("u", b"1"), passed.candidates("u")) == (False, ())


@pytest.mark.parametrize("use", ["verify", "verifier", "candidates"])
def test_use_keeps_it(passed: PassedCredentials, clock: Clock, use: str) -> None:
    if use == "verify":
        passed.remember("u", b"1", 0.0)
    else:
        passed.remember_digest("u", b"1", b"2")
    for _ in range(5):
        clock.advance(99)
        assert passed.verify("u", b"1") if use == "verify" else getattr(passed, use)("u")
    clock.advance(100)
    assert not passed.verify("u", b"1")


def test_wrong_passwords_do_not_keep_it(passed: PassedCredentials, clock: Clock) -> None:
    passed.remember("u", b"1", 0.0)
    clock.advance(60)
    assert not passed.verify("u", b"2")
    clock.advance(60)
    assert not passed.verify("u", b"1")


def test_it_is_no_longer_good_than_it_is(passed: PassedCredentials, clock: Clock) -> None:
    passed.remember("u", b"token", 0.0, 50.0)
    clock.advance(49)
    assert passed.verify("u", b"token")
    clock.advance(1)
    assert (passed.verify("u", b"token"), passed.candidates("u")) == (False, ())


def test_what_nobody_uses_is_out_of_memory(passed: PassedCredentials, clock: Clock) -> None:
    passed.remember("u", b"1", 0.0)
    clock.pump([60.0] * 3)
    assert len(passed) == 0
    assert not clock.getDelayedCalls()


def test_beyond_the_limit_the_one_used_longest_ago_goes(passed: PassedCredentials) -> None:
    for name in "abc":
        passed.remember(name, name.encode(), 0.0)
    passed.verify("a", b"a")
    passed.remember("d", b"d", 0.0)
    assert [name for name in "abcd" if passed.candidates(name)] == ["a", "c", "d"]


def test_no_time_is_no_memory(clock: Clock) -> None:
    passed = PassedCredentials(clock, cache_time=lambda: 0.0)
    passed.remember("u", b"1", 0.0)
    assert not passed.verify("u", b"1")


def test_a_digest_stays_what_it_is(passed: PassedCredentials) -> None:
    passed.remember_digest("u", Digest(b"stage 1"), b"stage 2")
    assert isinstance(password_of(passed, "u"), Digest)
    assert passed.verifier("u") == b"stage 2"
    passed.remember("u", b"1", 0.0)
    assert isinstance(password_of(passed, "u"), Password)
    assert passed.verifier("u") is None
    assert passed.verifier("v") is None


def test_nothing_shows_a_password(passed: PassedCredentials) -> None:
    passed.remember("u", b"hunter2", 0.0)
    assert "hunter2" not in repr(vars(passed)) + repr(passed.candidates("u"))


def test_at_the_end_nothing_is_left(passed: PassedCredentials, clock: Clock) -> None:
    passed.remember("u", b"1", 0.0)
    passed.stop()
    assert (len(passed), clock.getDelayedCalls()) == (0, [])


def test_an_old_proof_is_to_be_repeated(passed: PassedCredentials, clock: Clock) -> None:
    assert passed.is_due("u")
    passed.remember("u", b"1", 0.0)
    clock.advance(99)
    assert (passed.is_due("u"), passed.verify("u", b"1")) == (False, True)
    clock.advance(1)
    assert (passed.is_due("u"), passed.verify("u", b"1")) == (True, True)
    passed.remember("u", b"1", clock.seconds())
    assert not passed.is_due("u")
    passed.doubt()
    assert (passed.is_due("u"), passed.verify("u", b"1")) == (True, True)


def test_it_is_kept_while_its_user_is_connected(passed: PassedCredentials, clock: Clock) -> None:
    connected = {"u"}
    passed.is_connected = connected.__contains__
    passed.remember("u", b"1", 0.0)
    passed.remember("v", b"1", 0.0)
    clock.advance(1000)
    assert (password_of(passed, "u"), password_of(passed, "v")) == (b"1", None)
    connected.clear()
    clock.advance(100)
    assert (password_of(passed, "u"), len(passed)) == (None, 0)


def test_what_stands_for_a_password_is_none(passed: PassedCredentials) -> None:
    """Whoever has read it somewhere cannot say it instead."""
    passed.remember_digest("u", b"digest", b"verifier")
    assert not passed.verify("u", b"digest")
    assert passed.verifier("u") == b"verifier"


def test_a_password_is_not_given_up_for_its_digest(passed: PassedCredentials) -> None:
    once = sha1(b"1").digest()
    twice = sha1(once).digest()
    passed.remember("u", b"1", 0.0)
    before = passed.candidates("u")
    passed.remember_digest("u", Digest(once), twice)
    assert (passed.candidates("u"), passed.verifier("u"), passed.verify("u", b"1")) == (before, twice, True)
    passed.remember_digest("v", Digest(once), twice)
    assert not passed.verify("v", b"1")
    passed.remember("v", b"1", 0.0)
    assert (password_of(passed, "v"), passed.verifier("v"), passed.verify("v", b"1")) == (b"1", twice, True)
    passed.remember("v", b"2", 0.0)
    assert passed.verifier("v") is None
