"""The threads for calls to AWS, with a reactor that is a queue the test empties."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from proxy.aws.threads import AwsBusy, AwsStopped, AwsThreads

LIMIT = 20.0
"""Seconds until something that happens at once counts as missing."""


class QueueReactor:
    """Keeps what threads want to be called until `turn`."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], Any]] = queue.Queue()

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:
        self._calls.put(lambda: function(*args))

    def turn(self) -> None:
        self._calls.get(timeout=LIMIT)()


class Gate:
    """A function that runs until it is opened."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self._open = threading.Event()
        self.ran: list[object] = []

    def __call__(self, result: object = "done") -> object:
        self.ran.append(result)
        self.began.release()
        assert self._open.wait(LIMIT)
        return result

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def reactor() -> QueueReactor:
    return QueueReactor()


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open()


@pytest.fixture
def threads(reactor: QueueReactor) -> Iterator[AwsThreads]:
    made = AwsThreads(reactor, 2, 3)  # type: ignore[arg-type]
    yield made
    made.stop()


def outcome(deferred: "Deferred[Any]") -> list[Any]:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found


def error_of(deferred: "Deferred[Any]") -> type[BaseException] | None:
    (failure,) = outcome(deferred)
    return type(failure.value)


def test_a_result_comes_in_the_reactors_thread(threads: AwsThreads, reactor: QueueReactor) -> None:
    found = outcome(threads.call(lambda left, right: (threading.current_thread(), left + right), 1, right=2))
    assert found == []
    reactor.turn()
    ((thread, total),) = found
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert total == 3
    assert threads.waiting == 0


def test_an_error_comes_as_a_failure(threads: AwsThreads, reactor: QueueReactor) -> None:
    def fail() -> None:
        raise KeyError("no")

    call = threads.call(fail)
    reactor.turn()
    assert error_of(call) is KeyError


def test_no_thread_is_made_before_it_is_needed(threads: AwsThreads, reactor: QueueReactor) -> None:
    before = threading.active_count()
    AwsThreads(reactor, 4).stop()  # type: ignore[arg-type]
    assert threads.waiting == 0
    # The only thread that may be there is the one that ends the pool.
    assert threading.active_count() <= before + 1


def test_one_call_too_many_is_refused(threads: AwsThreads, reactor: QueueReactor, gate: Gate) -> None:
    calls = [threads.call(gate) for _ in range(5)]
    for _ in range(2):
        assert gate.began.acquire(timeout=LIMIT)
    assert error_of(threads.call(gate)) is AwsBusy
    gate.open()
    for _ in calls:
        reactor.turn()
    assert [outcome(each) for each in calls] == [["done"]] * 5
    assert threads.waiting == 0


def test_what_is_cancelled_in_the_queue_does_not_run(
    threads: AwsThreads, reactor: QueueReactor, gate: Gate
) -> None:
    running = [threads.call(gate, number) for number in (1, 2)]
    for _ in running:
        assert gate.began.acquire(timeout=LIMIT)
    waiting = threads.call(gate, 3)
    waiting.cancel()
    assert error_of(waiting) is CancelledError
    gate.open()
    for _ in range(3):
        reactor.turn()
    assert sorted(gate.ran, key=str) == [1, 2]
    assert threads.waiting == 0


def test_what_is_cancelled_while_it_runs_ends_unheard(
    threads: AwsThreads, reactor: QueueReactor, gate: Gate
) -> None:
    call = threads.call(gate)
    assert gate.began.acquire(timeout=LIMIT)
    call.cancel()
    assert error_of(call) is CancelledError
    assert threads.waiting == 1
    gate.open()
    reactor.turn()
    assert threads.waiting == 0


def test_to_stop_waits_for_nobody(threads: AwsThreads, reactor: QueueReactor, gate: Gate) -> None:
    running = threads.call(gate)
    assert gate.began.acquire(timeout=LIMIT)
    threads.stop()
    assert error_of(running) is AwsStopped
    assert error_of(threads.call(gate)) is AwsStopped
    gate.open()
    # Its own end, which nobody waits for any more, is not told twice.
    reactor.turn()
    threads.stop()
