"""Idle stacks and the pauses of one key."""

from proxy.pool.bucket import Bucket, Slot, SlotState
from proxy.pool.limits import PoolLimits
from proxy.pool.waiters import Waiter

ONE, TWO, THREE = object(), object(), object()


class Connection:
    key = "app"

    def __init__(self, settings, fits=True):
        self.settings = settings
        self.fits = fits
        self.asked = 0

    def can_become(self, settings):
        self.asked += 1
        return self.fits

    def close(self, reason):
        raise AssertionError("a bucket closes nothing")


def push(bucket, settings, fits=True, now=0.0):
    slot = Slot(Connection(settings, fits), bucket, expires_at=100.0)
    bucket.push(slot, now)
    return slot


def test_pushed_slot_is_idle_since_then():
    slot = push(Bucket("app"), ONE, now=7.0)
    assert slot.state is SlotState.IDLE
    assert slot.idle_since == 7.0


def test_exact_match_is_not_asked():
    bucket = Bucket("app")
    exact = push(bucket, ONE, fits=False)
    push(bucket, TWO)
    assert bucket.best_idle(ONE) is exact
    assert exact.connection.asked == 0


def test_newest_exact_match():
    bucket = Bucket("app")
    push(bucket, ONE)
    newest = push(bucket, ONE)
    push(bucket, TWO)
    assert bucket.best_idle(ONE) is newest


def test_look_back_bounds_the_questions():
    bucket = Bucket("app")
    fitting = push(bucket, ONE)
    others = [push(bucket, TWO, fits=False) for _ in range(3)]
    assert bucket.best_idle(THREE, look_back=2) is None
    assert [slot.connection.asked for slot in others] == [0, 1, 1]
    assert bucket.best_idle(THREE) is fitting


def test_any_idle_slot_can_be_removed():
    bucket = Bucket("app")
    slots = [push(bucket, settings) for settings in (ONE, TWO, ONE)]
    bucket.remove(slots[0])
    bucket.remove(slots[1])
    assert list(bucket.idle) == [slots[2]]
    assert bucket.best_idle(TWO) is slots[2]
    bucket.purge()
    assert list(bucket.stacks.values()) == [[slots[2]]]


def test_wanted_is_what_is_not_opening():
    bucket = Bucket("app")
    waiters = [Waiter("app", None) for _ in range(3)]
    bucket.waiters.update(dict.fromkeys(waiters))
    assert bucket.wanted(0.0) == 3
    bucket.opening = 2
    assert bucket.wanted(0.0) == 1
    assert bucket.next_uncovered() is waiters[2]
    bucket.opening = 4
    assert bucket.wanted(0.0) == 0


def test_failing_key_wants_one_when_its_pause_is_over():
    bucket = Bucket("app")
    bucket.waiters.update(dict.fromkeys(Waiter("app", None) for _ in range(3)))
    limits = PoolLimits(backoff_initial=1.0, backoff_jitter=0.0)
    bucket.failed(OSError(), 0.0, 10.0, limits, 0.0)
    assert bucket.wanted(10.9) == 0
    assert bucket.wanted(11.0) == 1
    bucket.opening = 1
    assert bucket.wanted(11.0) == 0
    bucket.opening = 0
    bucket.recovered()
    assert bucket.wanted(0.0) == 3


def test_an_outage_of_any_length_keeps_the_longest_pause():
    bucket, now = Bucket("app"), 0.0
    limits = PoolLimits(backoff_initial=0.1, backoff_max=5.0, backoff_jitter=0.0)
    for _ in range(5000):
        now = bucket.retry_at + 1
        bucket.failed(OSError(), now, now, limits, 0.0)
    assert bucket.retry_at - now == 5.0
