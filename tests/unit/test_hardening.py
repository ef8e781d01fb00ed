"""Core dumps are forbidden for good: tried in processes of their own."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from proxy import hardening
from proxy.hardening import forbid_core_dumps

PR_GET_DUMPABLE = 3

CHILD = """
import ctypes, os, resource, signal, sys
from proxy.hardening import forbid_core_dumps
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
"""


@pytest.fixture
def warnings() -> Iterator[list[LogEvent]]:
    found: list[LogEvent] = []
    globalLogPublisher.addObserver(found.append)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(found.append)  # type: ignore[arg-type]


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", CHILD + program], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_process_is_not_dumpable_and_its_core_files_are_empty() -> None:
    ended = run(
        "before = dumpable()\n"
        "print(before, forbid_core_dumps(), dumpable(), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    assert ended.stdout == "1 True 0 (0, 0)\n", ended.stderr
    assert ended.stderr == ""


def test_a_crash_leaves_no_core() -> None:
    ended = run(
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
        "assert forbid_core_dumps()\n"
        "child = os.fork()\n"
        "if not child: os.abort()\n"
        "status = os.waitpid(child, 0)[1]\n"
        "print(os.WTERMSIG(status) == signal.SIGABRT, os.WCOREDUMP(status))"
    )
    assert ended.stdout == "True False\n", ended.stderr


def test_it_may_be_called_again() -> None:
    ended = run("print(forbid_core_dumps(), forbid_core_dumps(), dumpable())")
    assert ended.stdout == "True True 0\n", ended.stderr


def test_the_process_goes_on_reading_what_it_needs_of_itself() -> None:
    ended = run(
        "assert forbid_core_dumps()\n"
        "import subprocess, threading\n"
        "threading.Thread(target=print, args=('thread',)).start()\n"
        "assert os.listdir('/proc/self/fd') and open('/proc/self/statm').read()\n"
        "assert open('/proc/self/status').read()\n"
        "print(subprocess.run(['true']).returncode)"
    )
    assert sorted(ended.stdout.split()) == ["0", "thread"], ended.stderr


def test_another_process_of_the_same_user_cannot_read_it() -> None:
    ended = run(
        # Root reads everything; who becomes another user has to be made dumpable again.
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
        "mine = f'/proc/{os.getpid()}/environ'\n"
        "def is_read():\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        try: open(mine).read()\n"
        "        except PermissionError: os._exit(1)\n"
        "        os._exit(0)\n"
        "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "print(is_read(), forbid_core_dumps(), is_read())"
    )
    assert ended.stdout == "True True False\n", ended.stderr


@pytest.fixture
def harmless(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Keeps this process as it is; the calls that would have been made."""
    calls: list[tuple[int, ...]] = []
    monkeypatch.setattr(hardening, "_prctl", lambda *arguments: calls.append(arguments) or 0)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 10))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: calls.append((which, *limits)))
    return calls


def refusing(number: int) -> Callable[..., int]:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


def only_warning(events: list[LogEvent]) -> str:
    (event,) = events
    assert event["log_level"] == LogLevel.warn
    return formatEvent(event)


def test_what_is_called(harmless: list[tuple[int, ...]], warnings: list[LogEvent]) -> None:
    assert forbid_core_dumps()
    assert harmless == [(resource.RLIMIT_CORE, 0, 0), (4, 0), (PR_GET_DUMPABLE,)]
    assert warnings == []


def test_a_limit_that_is_there_already_is_not_set(
    harmless: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    assert forbid_core_dumps()
    assert harmless == [(4, 0), (PR_GET_DUMPABLE,)]


def test_it_says_so_where_the_system_does_not_let_it(
    harmless: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch, warnings: list[LogEvent]
) -> None:
    monkeypatch.setattr(hardening, "_prctl", refusing(1))
    assert not forbid_core_dumps()
    assert "PR_SET_DUMPABLE: [Errno 1] Operation not permitted" in only_warning(warnings)
    assert harmless == [(resource.RLIMIT_CORE, 0, 0)]


def test_one_failure_does_not_keep_it_from_the_other_way(
    harmless: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch, warnings: list[LogEvent]
) -> None:
    monkeypatch.setattr(resource, "setrlimit", refusing(1))
    assert not forbid_core_dumps()
    assert "could not be limited" in only_warning(warnings)
    assert harmless == [(4, 0), (PR_GET_DUMPABLE,)]


@pytest.mark.usefixtures("harmless")
def test_a_call_without_effect_is_noticed(monkeypatch: pytest.MonkeyPatch, warnings: list[LogEvent]) -> None:
    monkeypatch.setattr(hardening, "_prctl", lambda option, *_: int(option == PR_GET_DUMPABLE))
    assert not forbid_core_dumps()
    assert "without effect" in only_warning(warnings)


def test_a_failing_system_call_is_an_error_with_its_number() -> None:
    with pytest.raises(OSError, match="Invalid argument") as problem:
        hardening._prctl(-1)
    assert problem.value.errno == 22
