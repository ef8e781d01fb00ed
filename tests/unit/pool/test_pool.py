"""The layer of timers and Deferreds. Each test ends with the pool stopped and no timer left."""

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock

from proxy.pool.errors import BorrowTimeout, NotBorrowed, PoolClosed, QueueFull
from proxy.pool.limits import PoolLimits
from proxy.pool.pool import Pool
from proxy.pool.reasons import CloseReason


class Connection:
    def __init__(self, pool, request):
        self.pool = pool
        self.key = request.key
        self.settings = request.settings
        self.reasons = []

    def can_become(self, settings):
        return True

    def close(self, reason):
        self.reasons.append(reason)


class Target:
    """A connector that opens when told, or at once; and a pool connected to it."""

    def __init__(self, at_once=False, **limits):
        self.at_once = at_once
        self.pending = []
        self.connections = []
        self.cancelled = []
        self.clock = Clock()
        self.pool = Pool(self, PoolLimits(**limits), self.clock, randomness=lambda: 0.0)
        self.pool.start()

    def open(self, request):
        if self.at_once:
            return succeed(self.connect(request))
        opening = Deferred(lambda _: self.cancelled.append(request))
        self.pending.append((request, opening))
        return opening

    def connect(self, request):
        connection = Connection(self.pool, request)
        self.connections.append(connection)
        return connection

    def accept(self):
        request, opening = self.pending.pop(0)
        connection = self.connect(request)
        opening.callback(connection)
        return connection

    def refuse(self, error):
        self.pending.pop(0)[1].errback(error)

    def stop(self):
        """Stop the pool, its borrowed connections given back by their owners."""
        stopped = self.pool.stop()
        for connection in self.connections:
            if not connection.reasons:
                self.pool.discard(connection)
            self.pool.closed(connection)
        return stopped


def result_of(deferred):
    """Return the result that is there; fails if there is none or if it is a failure."""
    results = []
    deferred.addCallback(results.append)
    assert results, "no result yet"
    return results[0]


def failure_of(deferred, kind):
    failures = []
    deferred.addErrback(lambda failure: failures.append(failure.trap(kind) and failure.value))
    assert failures, "no failure yet"
    return failures[0]


@pytest.fixture
def new_target():
    targets = []

    def make(**options):
        targets.append(Target(**options))
        return targets[-1]

    yield make
    for target in targets:
        stopped = target.stop()
        assert stopped.called, "connections are left"
        assert target.clock.getDelayedCalls() == []
        assert not target.pool._borrows
        assert not target.pool._opens


class TestBorrow:
    def test_waits_for_an_open(self, new_target):
        target = new_target()
        borrow = target.pool.borrow("app", None, context="tool")
        assert not borrow.called
        assert target.pending[0][0].context == "tool"
        connection = target.accept()
        assert result_of(borrow) is connection

    def test_idle_connection_is_there_at_once(self, new_target):
        target = new_target(at_once=True)
        connection = result_of(target.pool.borrow("app", None))
        target.pool.give_back(connection)
        assert target.pool.take("app", None) is connection
        assert target.pool.take("app", None) is None
        target.pool.give_back(connection)
        assert result_of(target.pool.borrow("app", None)) is connection

    def test_times_out(self, new_target):
        target = new_target(max_connections=1, borrow_timeout=3, at_once=True)
        target.pool.borrow("app", None)
        borrow = target.pool.borrow("app", None)
        target.clock.advance(2.9)
        assert not borrow.called
        target.clock.advance(0.1)
        assert failure_of(borrow, BorrowTimeout).__cause__ is None

    def test_timeout_tells_why_it_could_not_connect(self, new_target):
        target = new_target(borrow_timeout=0.05)
        borrow = target.pool.borrow("app", None)
        error = OSError("no route")
        target.refuse(error)
        target.clock.advance(0.05)
        assert failure_of(borrow, BorrowTimeout).__cause__ is error

    def test_earlier_deadline_moves_the_timer(self, new_target):
        target = new_target(max_connections=1, borrow_timeout=100, at_once=True)
        target.pool.borrow("app", None)
        patient = target.pool.borrow("app", None)
        target.pool.resize(PoolLimits(max_connections=1, borrow_timeout=0.5))
        hasty = target.pool.borrow("app", None)
        target.clock.advance(0.5)
        assert not patient.called
        failure_of(hasty, BorrowTimeout)
        target.clock.pump([1.0] * 100)
        failure_of(patient, BorrowTimeout)

    def test_one_timer_for_all_waiters(self, new_target):
        target = new_target(max_connections=1, at_once=True)
        borrows = [target.pool.borrow("app", None) for _ in range(20)]
        assert len(target.clock.getDelayedCalls()) == 2, "the tick and the timer"
        target.clock.advance(120)
        assert all(failure_of(borrow, BorrowTimeout) for borrow in borrows[1:])

    def test_full_queue(self, new_target):
        target = new_target(max_connections=1, max_queue_length=1)
        target.pool.borrow("app", None).addErrback(lambda failure: failure.trap(PoolClosed))
        failure_of(target.pool.borrow("app", None), QueueFull)
        assert target.pool.metrics.waiting == 1

    def test_failure_to_connect_is_tried_again(self, new_target):
        target = new_target(backoff_initial=0.1)
        borrow = target.pool.borrow("app", None)
        target.refuse(OSError("no route"))
        assert not target.pending
        target.clock.advance(0.1)
        connection = target.accept()
        assert result_of(borrow) is connection

    def test_fatal_failure_reaches_the_waiters(self, new_target):
        target = new_target()
        borrow = target.pool.borrow("app", None)
        error = OSError("access denied")
        error.fatal = True
        target.refuse(error)
        assert failure_of(borrow, OSError) is error

    def test_connector_that_raises_is_a_failure_to_connect(self, new_target):
        target = new_target(backoff_initial=1)
        target.open, opens = None, target.open
        borrow = target.pool.borrow("app", None)
        assert not borrow.called
        target.open, target.at_once = opens, True
        target.clock.advance(1)
        assert result_of(borrow) is target.connections[0]


class TestCancel:
    def test_cancelled_waiter_is_passed_by(self, new_target):
        target = new_target(max_connections=1)
        first, second = target.pool.borrow("app", None), target.pool.borrow("app", None)
        first.cancel()
        failure_of(first, CancelledError)
        assert target.pool.metrics.waiting == 1
        connection = target.accept()
        assert result_of(second) is connection

    def test_cancelled_between_decision_and_hand_over(self, new_target):
        target = new_target(max_connections=2)
        holder = target.pool.borrow("app", None)
        first = target.accept()
        assert result_of(holder) is first
        one, two, three = (target.pool.borrow("app", None) for _ in range(3))
        # The callback of the first to be served cancels the second, whose grant is decided by then.
        one.addCallback(lambda connection: (target.pool.give_back(connection), two.cancel()))
        second = target.accept()
        failure_of(two, CancelledError)
        assert result_of(three) is second
        assert target.pool.metrics.database_connections_currently_borrowed == 2

    def test_cancel_during_refusal(self, new_target):
        target = new_target(max_connections=1, borrow_timeout=1, at_once=True)
        target.pool.borrow("app", None)
        first, second = target.pool.borrow("app", None), target.pool.borrow("app", None)
        first.addErrback(lambda failure: second.cancel())
        target.clock.advance(1)
        failure_of(second, CancelledError)


class TestReentrancy:
    def test_giving_back_from_the_callback_does_not_deepen_the_stack(self, new_target):
        target = new_target(max_connections=1)
        served = []

        def serve(connection, number):
            served.append(number)
            target.pool.give_back(connection)

        for number in range(3000):
            target.pool.borrow("app", None).addCallback(serve, number)
        target.accept()
        assert served == list(range(3000))

    def test_borrowing_again_from_the_callback(self, new_target):
        target = new_target(max_connections=1)
        turns = []

        def turn(connection):
            turns.append(connection)
            target.pool.give_back(connection)
            if len(turns) < 3000:
                target.pool.borrow("app", None).addCallback(turn)

        for _ in range(2):
            target.pool.borrow("app", None).addCallback(turn)
        target.accept()
        assert len(turns) == 3001
        assert target.pool.metrics.database_connections_idle == 1

    def test_connection_lost_before_the_hand_over_is_not_handed_over(self, new_target):
        target = new_target(max_connections=2)
        lost, holder = target.pool.borrow("app", None), target.pool.borrow("app", None)
        target.accept()
        connection = result_of(lost)
        one, two = target.pool.borrow("app", None), target.pool.borrow("app", None)

        def give_back_and_lose(second):
            target.pool.give_back(connection)
            target.pool.closed(connection)

        holder.addCallback(give_back_and_lose)
        target.accept()
        assert not one.called
        other = target.accept()
        assert result_of(two) is other
        target.pool.give_back(other)
        assert result_of(one) is other

    def test_connection_lost_before_its_close_is_not_closed(self, new_target):
        target = new_target(at_once=True)
        first, second = (result_of(target.pool.borrow("app", None)) for _ in range(2))
        first.close = lambda reason: target.pool.closed(second)
        target.pool.give_back(first)
        target.pool.give_back(second)
        target.pool.retire_all()
        assert second.reasons == []
        assert target.pool.metrics.database_connections_closing == 1

    def test_connection_may_be_gone_within_close(self, new_target):
        target = new_target(at_once=True)
        connection = result_of(target.pool.borrow("app", None))
        connection.close = lambda reason: target.pool.closed(connection)
        target.pool.discard(connection)
        assert target.pool.metrics.database_connections == 0


class TestReturn:
    def test_discard_closes(self, new_target):
        target = new_target(at_once=True)
        connection = result_of(target.pool.borrow("app", None))
        target.pool.discard(connection)
        assert connection.reasons == [CloseReason.UNCLEAN]
        with pytest.raises(NotBorrowed):
            target.pool.give_back(connection)

    def test_retire(self, new_target):
        target = new_target(at_once=True)
        idle, borrowed = (result_of(target.pool.borrow("app", None)) for _ in range(2))
        target.pool.give_back(idle)
        target.pool.retire("app")
        assert idle.reasons == [CloseReason.RETIRED]
        assert borrowed.reasons == []
        target.pool.give_back(borrowed)
        assert borrowed.reasons == [CloseReason.RETIRED]

    def test_retire_cancels_opens_of_the_old_generation(self, new_target):
        target = new_target()
        borrow = target.pool.borrow("app", None)
        old, _ = target.pending[0]
        target.pool.retire_all()
        assert target.cancelled == [old]
        target.pending.pop(0)
        connection = target.accept()
        assert result_of(borrow) is connection

    def test_tick_trims_and_warms(self, new_target):
        target = new_target(at_once=True, max_idle=1, min_idle=1, idle_connection_timeout=5, tick_interval=1)
        connections = [result_of(target.pool.borrow("app", None)) for _ in range(2)]
        for connection in connections:
            target.pool.give_back(connection)
        target.clock.pump([1.0] * 6)
        assert [connection.reasons for connection in connections] == [[CloseReason.IDLE], []]
        target.pool.closed(connections[1])
        target.clock.advance(1)
        assert target.pool.metrics.database_connections_idle == 1


class TestStop:
    def test_fires_when_all_are_gone(self, new_target):
        target = new_target(at_once=True)
        idle, borrowed = (result_of(target.pool.borrow("app", None)) for _ in range(2))
        target.pool.give_back(idle)
        stopped, again = target.pool.stop(), target.pool.stop()
        assert idle.reasons == [CloseReason.DRAINED]
        target.pool.closed(idle)
        target.pool.give_back(borrowed)
        assert borrowed.reasons == [CloseReason.DRAINED]
        assert not stopped.called
        target.pool.closed(borrowed)
        assert stopped.called
        assert again.called

    def test_at_once_when_empty(self, new_target):
        target = new_target()
        assert target.pool.stop().called
        failure_of(target.pool.borrow("app", None), PoolClosed)

    def test_waiters_fail_and_opens_are_cancelled(self, new_target):
        target = new_target(max_connections=1)
        borrows = [target.pool.borrow("app", None) for _ in range(2)]
        stopped = target.pool.stop()
        for borrow in borrows:
            failure_of(borrow, PoolClosed)
        assert len(target.cancelled) == 1
        assert stopped.called

    def test_without_start(self):
        clock = Clock()
        assert Pool(None, PoolLimits(), clock).stop().called
        assert clock.getDelayedCalls() == []
