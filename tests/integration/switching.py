"""Real target controls and switchovers in a process of their own, for databases that the test runs.

The process reads one JSON list for each line, ``[call, node, ...arguments]``, and answers each with a line:
``{"result": ...}``, or ``{"error": ..., "type": ...}``. A node goes by its place among those given.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from typing import Any

from proxy.demo.child import LOOPBACK

from .own_process import own_process

__all__ = ["Switching", "switching"]

ANSWER_LIMIT = 120.0


class Switching:
    """Gives calls to the process; they may be under way at the same time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._answers: dict[int, Queue[dict[str, Any]]] = {}
        self._count = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def begin(self, call: str, *arguments: Any, **options: Any) -> "Queue[dict[str, Any]]":
        """Give a call; its answer comes into the queue."""
        self._count += 1
        answer: Queue[dict[str, Any]] = Queue()
        self._answers[self._count] = answer
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([self._count, call, arguments, options]) + "\n")
        self._process.stdin.flush()
        return answer

    def call(self, call: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Give a call and wait for its answer."""
        return self.begin(call, *arguments, **options).get(timeout=ANSWER_LIMIT)

    def do(self, call: str, *arguments: Any, **options: Any) -> Any:
        """Its result; AssertionError if it fails."""
        answer = self.call(call, *arguments, **options)
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            number, answer = json.loads(line)
            self._answers[number].put(answer)


@contextmanager
def switching(
    ports: Sequence[int], user: str, password: str, replication: tuple[str, str] = ("", "")
) -> Iterator[Switching]:
    """Start one for servers at some ports, and end it."""
    arguments = [json.dumps(list(ports)), user, password, *replication]
    with own_process("tests.integration.switching", arguments) as process:
        yield Switching(process)


def _main(ports: str, user: str, password: str, repl_user: str, repl_password: str) -> None:
    import attrs
    from twisted.internet import reactor, stdio
    from twisted.internet.defer import Deferred, maybeDeferred
    from twisted.protocols.basic import LineReceiver

    from proxy.credentials.source import Credential, Password
    from proxy.mysql.backend.connector import BackendConnector, Target
    from proxy.mysql.backend.probe import Probe
    from proxy.mysql.backend.promotion import TargetControl
    from proxy.mysql.backend.replication_sql import Source
    from proxy.mysql.backend.set_up import SetUp
    from proxy.mysql.backend.tls import TargetTls, TlsMode
    from proxy.targets.rows import TargetRow
    from proxy.targets.switchover import Fence, Running, SwitchoverOptions
    from proxy.targets.switchover_procedure import SwitchoverProcedure
    from tests.peers.known_users import KnownUsers

    clock: Any = reactor
    names = [f"{LOOPBACK}:{port}" for port in json.loads(ports)]
    credential = Credential(user, Password(password.encode()), "secret", 1)

    def connector(port: int) -> BackendConnector:
        target = Target(LOOPBACK, port, TargetTls(TlsMode.OFF, LOOPBACK, None), 2.0)
        return BackendConnector(target, KnownUsers(lambda _name: credential), SetUp, "switching", clock)

    connectors = {name: connector(port) for name, port in zip(names, json.loads(ports), strict=True)}
    controls = {name: TargetControl(each, lambda: user, clock) for name, each in connectors.items()}
    probes = {name: Probe(each, lambda: user) for name, each in connectors.items()}

    class Group:
        """A target group without clients."""

        writer: str | None = names[0]
        held = False

        def targets(self) -> list[TargetRow]:
            return [TargetRow(name, "", "blue", "AVAILABLE") for name in names]

        def hold(self) -> None:
            self.held = True

        def release(self) -> None:
            self.held = False

        def running(self) -> Running:
            return Running()

        def cut_running(self, why: str, *, idle_only: bool) -> int:
            return 0

        def observe(self, name: str) -> "Deferred[Any]":
            return probes[name].ask().addCallback(lambda result: result.observation)

        def rehearse(self, writer: str, target: str) -> "Deferred[Any]":
            work = controls[writer].rehearse_fence()
            return work.addCallback(lambda _: controls[target].rehearse_promotion())

        def fence(self, name: str, seconds: float) -> "Deferred[Fence]":
            return controls[name].fence(seconds)

        def unfence(self, name: str) -> "Deferred[None]":
            return controls[name].unfence()

        def promote(self, name: str) -> "Deferred[None]":
            return controls[name].promote()

        def settle(self, name: str) -> "Deferred[bool]":
            return controls[name].settle()

        def adopt(self, name: str) -> None:
            self.writer = name

        def complete(self, name: str, fence: Fence) -> "Deferred[Any]":
            return controls[name].complete(fence)

        def follow(self, name: str, source: str) -> "Deferred[None]":
            host, _, port = source.rpartition(":")
            return controls[name].follow(Source(host, int(port), repl_user, repl_password.encode()))

    group = Group()

    class Calls(LineReceiver):
        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            number, call, arguments, options = json.loads(line)
            work = maybeDeferred(getattr(self, f"do_{call}"), *arguments, **options)
            work.addCallbacks(lambda result: {"result": result}, self.failed)
            work.addCallback(lambda answer: self.sendLine(json.dumps([number, answer], default=str).encode()))

        def failed(self, failure: Any) -> dict[str, str]:
            return {"error": failure.getErrorMessage(), "type": failure.type.__name__}

        def do_control(
            self, call: str, node: int, *arguments: Any, limit: float | None = None
        ) -> "Deferred[Any]":
            work = getattr(controls[names[node]], call)(*arguments)
            if limit is not None:
                work.addTimeout(limit, clock)
            return work.addCallback(
                lambda result: attrs.asdict(result) if isinstance(result, Fence) else result
            )

        def do_complete(self, node: int, **fence: Any) -> "Deferred[Any]":
            return controls[names[node]].complete(Fence(**fence))

        def do_follow(self, node: int, source: int) -> "Deferred[Any]":
            return group.follow(names[node], names[source])

        def do_switchover(self, node: int, **options: Any) -> "Deferred[Any]":
            wanted = SwitchoverOptions(follow=bool(repl_user), **options)
            procedure = SwitchoverProcedure(group, names[node], wanted, clock)
            return procedure.run().addCallback(self.reported)

        def reported(self, report: Any) -> dict[str, Any]:
            fields = attrs.asdict(report)
            return fields | {
                "outcome": report.outcome.value,
                "held_still": group.held,
                "writer": names.index(group.writer or ""),
            }

        def connectionLost(self, reason: Any = None) -> None:
            for probe in probes.values():
                probe.stop()
            clock.callLater(0, clock.stop)

    stdio.StandardIO(Calls())
    clock.run()


if __name__ == "__main__":
    _main(*sys.argv[1:])
