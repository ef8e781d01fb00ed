"""Verdicts that are remembered, and how many new tokens there may be."""

from proxy.iam.verdicts import IamRate, VerdictCache
from proxy.iam.verifier import Verdict

TOKEN = b"host:3306/?X-Amz-Signature=hunter2"
LOGIN = ("app", "proxy:3306", "192.0.2.1")
YES = Verdict(True, "", "arn", "AKIA", 100.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def cache(size: int = 10) -> tuple[VerdictCache, Clock]:
    clock = Clock()
    return VerdictCache(clock, size), clock


def test_a_verdict_holds_until_it_expires() -> None:
    verdicts, clock = cache()
    assert verdicts.get(TOKEN, *LOGIN) is None
    verdicts.put(TOKEN, *LOGIN, YES)
    clock.now = 99.9
    assert verdicts.get(TOKEN, *LOGIN) is YES
    clock.now = 100.0
    assert verdicts.get(TOKEN, *LOGIN) is None
    assert len(verdicts) == 0
    assert (verdicts.hits, verdicts.misses) == (1, 2)


def test_it_is_for_one_token_user_endpoint_and_address() -> None:
    verdicts, _ = cache()
    verdicts.put(TOKEN, *LOGIN, YES)
    assert verdicts.get(TOKEN + b"0", *LOGIN) is None
    assert verdicts.get(TOKEN, "root", *LOGIN[1:]) is None
    assert verdicts.get(TOKEN, "app", "other:3306", "192.0.2.1") is None
    assert verdicts.get(TOKEN, "app", "proxy:3306", "192.0.2.2") is None
    assert verdicts.get(TOKEN, "app", "proxy:3306192.0.2.1", "") is None
    assert verdicts.get(TOKEN + b"app", "", *LOGIN[1:]) is None


def test_a_refusal_is_not_remembered_nor_what_has_expired() -> None:
    verdicts, clock = cache()
    verdicts.put(TOKEN, *LOGIN, Verdict(False, "no", expires_at=100.0))
    clock.now = 100.0
    verdicts.put(TOKEN, *LOGIN, YES)
    assert len(verdicts) == 0


def test_the_one_not_asked_for_longest_makes_room() -> None:
    verdicts, _ = cache(2)
    for token in (b"1", b"2"):
        verdicts.put(token, *LOGIN, YES)
    verdicts.get(b"1", *LOGIN)
    verdicts.put(b"3", *LOGIN, YES)
    assert [verdicts.get(token, *LOGIN) is YES for token in (b"1", b"2", b"3")] == [True, False, True]
    assert len(verdicts) == 2


def test_what_has_changed_is_forgotten() -> None:
    verdicts, _ = cache()
    verdicts.put(b"1", *LOGIN, YES)
    verdicts.put(b"2", *LOGIN, YES)
    verdicts.forget(b"1", *LOGIN)
    verdicts.forget(b"1", *LOGIN)
    assert verdicts.get(b"1", *LOGIN) is None
    assert verdicts.get(b"2", *LOGIN) is YES
    verdicts.forget_all()
    assert len(verdicts) == 0


def test_what_was_begun_before_all_was_forgotten_is_not_remembered() -> None:
    verdicts, _ = cache()
    era = verdicts.era
    verdicts.put(b"1", *LOGIN, YES, era)
    assert verdicts.get(b"1", *LOGIN) is YES
    verdicts.forget_all()
    verdicts.put(b"1", *LOGIN, YES, era)
    assert len(verdicts) == 0


def test_a_cache_of_no_size() -> None:
    verdicts, _ = cache(0)
    verdicts.put(TOKEN, *LOGIN, YES)
    assert len(verdicts) == 0


def test_any_user_name_can_be_asked_for() -> None:
    verdicts, _ = cache()
    assert verdicts.get(b"", "\ud800\0", "", "") is None


def test_no_token_is_kept() -> None:
    verdicts, _ = cache()
    verdicts.put(TOKEN, *LOGIN, YES)
    assert b"hunter2" not in repr(vars(verdicts)).encode()
    assert cache()[0]._name(TOKEN) != verdicts._name(TOKEN)


def test_so_many_new_ones_a_second() -> None:
    clock = Clock()
    rate = IamRate(clock)
    assert [rate.allows(3) for _ in range(5)] == [True, True, True, False, False]
    assert rate.refused == 2
    clock.now = 0.5
    assert [rate.allows(3) for _ in range(2)] == [True, False]
    clock.now = 100.0
    assert [rate.allows(3) for _ in range(5)] == [True, True, True, False, False]


def test_no_limit() -> None:
    rate = IamRate(Clock())
    assert all(rate.allows(0) for _ in range(1000))


def test_by_default_as_many_as_rds_lets_in() -> None:
    rate = IamRate(Clock())
    assert sum(rate.allows() for _ in range(1000)) == 200


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    clock = Clock()
    clock.now = 10.0
    rate = IamRate(clock)
    assert rate.allows(2)
    clock.now = 5.0
    assert rate.allows(2)
    assert not rate.allows(2)
