"""Counting slots."""

from proxy.pool.bucket import SlotState
from proxy.pool.ledger import Ledger
from proxy.pool.limits import PoolLimits
from proxy.pool.reasons import CloseReason


class Connection:
    settings = None


def open_slot(ledger, key="app"):
    return ledger.open_slot(Connection(), ledger.bucket(key), expires_at=100.0)


def test_a_slot_counts_in_every_state_until_forgotten():
    ledger = Ledger(PoolLimits(max_connections=2))
    slot = open_slot(ledger)
    assert (ledger.total, ledger.free) == (1, 1)
    ledger.shelve(slot, 1.0)
    assert (ledger.total, ledger.idle) == (1, 1)
    ledger.close(slot, CloseReason.IDLE)
    assert (ledger.total, ledger.idle, ledger.closing) == (1, 0, 1)
    assert slot.state is SlotState.CLOSING
    ledger.forget(slot)
    assert (ledger.total, ledger.free, ledger.closing) == (0, 2, 0)
    assert slot.bucket.size == 0
    assert ledger.counters.closed[CloseReason.IDLE] == 1


def test_lost_while_borrowed_or_idle():
    ledger = Ledger(PoolLimits())
    borrowed, idle = open_slot(ledger), open_slot(ledger)
    ledger.shelve(idle, 1.0)
    ledger.forget(borrowed)
    ledger.forget(idle)
    assert (ledger.total, ledger.idle, ledger.closing) == (0, 0, 0)
    assert ledger.counters.closed[CloseReason.LOST] == 2


def test_surplus_does_not_count_what_is_closing():
    ledger = Ledger(PoolLimits(max_connections=1))
    slots = [open_slot(ledger) for _ in range(3)]
    assert ledger.surplus == 2
    ledger.close(slots[0], CloseReason.SHRUNK)
    assert ledger.surplus == 1


def test_oldest_idle_over_all_keys():
    ledger = Ledger(PoolLimits())
    assert ledger.oldest_idle() is None
    slots = [open_slot(ledger, key) for key in ("a", "b", "a")]
    for slot, now in zip(slots, (3.0, 2.0, 4.0), strict=True):
        ledger.shelve(slot, now)
    assert ledger.oldest_idle() is slots[1]
    assert ledger.idle_slots() == [slots[1], slots[0], slots[2]]
