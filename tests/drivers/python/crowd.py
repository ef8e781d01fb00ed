"""Many clients in the threads of one program, which stay connected until the test has looked at the proxy.

The program reads its task, one line of JSON, from its standard input. When all clients have done their work
it writes what failed as one line, and when the input ends its clients leave. The programs in other languages
do the same (`tests/drivers/other/programs`, `mysql2_sharing.js` and `Sharing.java`).
"""

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

__all__ = ["meet", "refused_duplicate", "task_given"]

JOIN_LIMIT = 20.0
DUPLICATE = 1062
FRAMES_SHOWN = -3


def task_given() -> Any:
    """The task: host, port, user, password, schema, clients and what else the program knows."""
    return json.loads(sys.stdin.readline())


@contextmanager
def refused_duplicate(kind: type[Exception]) -> Iterator[None]:
    """Expect the error for a key that is there already, as the driver raises it."""
    try:
        yield
    except kind as error:
        if str(DUPLICATE) not in str(error):
            raise
    else:
        raise AssertionError("a duplicate was not refused")


def meet(clients: int, visit: Callable[[int], AbstractContextManager[None]]) -> int:
    """Let so many clients, by number, do their work at the same time; return the program's status.

    A client works until its context is entered, and disconnects when it is left.
    """
    failures: list[str] = []
    done = threading.Semaphore(0)
    leave = threading.Event()

    def client(number: int) -> None:
        try:
            with visit(number):
                done.release()
                leave.wait()
        except Exception:
            failures.append(f"client {number}: {traceback.format_exc(FRAMES_SHOWN, chain=False)}")
            done.release()

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    for _ in threads:
        done.acquire()
    reported = len(failures)
    print(json.dumps({"clients": clients, "failures": failures}), flush=True)
    sys.stdin.read()
    leave.set()
    for thread in threads:
        thread.join(JOIN_LIMIT)
    return 0 if len(failures) == reported and not any(thread.is_alive() for thread in threads) else 1
