"""Where blocking calls to AWS run: a small pool of threads of their own, with a bounded queue.

Nobody ever waits for these threads to end: a call may hang in a name lookup for as long as the system lets
it, and neither the reactor nor the end of the process is to hang with it. Services that must not starve each
other get a pool each; threads are made when there is work.
"""

from collections.abc import Callable
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

__all__ = ["AWS_QUEUE_LENGTH", "AWS_THREADS", "AwsBusy", "AwsStopped", "AwsThreads"]

#: Threads of one pool: calls that run at the same time.
AWS_THREADS = 4

#: Calls that wait for a thread; one more is refused.
AWS_QUEUE_LENGTH = 1000

P = ParamSpec("P")
R = TypeVar("R")


class AwsBusy(Exception):
    """Too many calls to AWS wait already."""


class AwsStopped(Exception):
    """The proxy ends, and calls nobody any more."""


def _daemon_thread(*args: Any, **options: Any) -> Thread:
    return Thread(*args, daemon=True, **options)


class _DaemonPool(ThreadPool):
    """Its threads do not keep the process alive."""

    threadFactory = staticmethod(_daemon_thread)  # type: ignore[assignment]


class AwsThreads:
    """Runs functions in at most `size` threads; all methods are called in the reactor's thread."""

    def __init__(
        self, reactor: IReactorFromThreads, size: int = AWS_THREADS, queue_length: int = AWS_QUEUE_LENGTH
    ) -> None:
        self.size = size
        self._reactor = reactor
        self._limit = size + queue_length
        self._calls: set[Deferred[Any]] = set()
        self._is_stopped = False
        self._pool = _DaemonPool(0, size, "aws")
        self._pool.start()

    @property
    def waiting(self) -> int:
        """Calls that run or wait, those that were cancelled among them until their turn has come."""
        return len(self._calls)

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """What the function returns or raises; AwsBusy with a full queue, AwsStopped after `stop`.

        A call that is cancelled before its turn does not run; one that runs ends unheard.
        """
        if self._is_stopped:
            return fail(AwsStopped())
        if len(self._calls) >= self._limit:
            return fail(AwsBusy(f"{len(self._calls)} calls to AWS wait"))
        # A canceller that does nothing: the thread's own result is looked at in `_end`.
        result: Deferred[R] = Deferred(lambda _: None)
        self._calls.add(result)

        def work() -> R | None:
            return None if result.called else function(*args, **kwargs)

        def tell(_succeeded: bool, value: Any) -> None:
            self._reactor.callFromThread(self._end, result, value)

        self._pool.callInThreadWithCallback(tell, work)
        return result

    def stop(self) -> None:
        """Fail what has not ended with AwsStopped. The threads end when their calls do; does not wait."""
        if self._is_stopped:
            return
        self._is_stopped = True
        calls, self._calls = self._calls, set()
        for each in calls:
            if not each.called:
                each.errback(AwsStopped())
        # Ending the pool joins its threads, which may take long.
        Thread(target=self._pool.stop, name="aws-end", daemon=True).start()

    def _end(self, result: Deferred[Any], value: object) -> None:
        self._calls.discard(result)
        if result.called:
            return
        if isinstance(value, Failure):
            result.errback(value)
        else:
            result.callback(value)
