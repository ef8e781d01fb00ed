"""A real probe in a process of its own: asks a database each time it is told to, and says what it has seen.

The process prints one line of JSON for each line of its input.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from proxy.demo.child import LOOPBACK

from .own_process import own_process

__all__ = ["Observer", "observing"]

CONNECT_TIMEOUT = 10.0


class Observer:
    """Keeps one probe, as the proxy does for a target."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self) -> dict[str, Any]:
        """The fields of the Observation, with ``position`` as text; or only ``error``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the observer has ended"
        seen: dict[str, Any] = json.loads(line)
        return seen

    def covers(self, other: dict[str, Any]) -> bool:
        """Whether the position seen last covers another one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(other["position"].replace("\n", "") + "\n")
        self._process.stdin.flush()
        return bool(json.loads(self._process.stdout.readline()))


@contextmanager
def observing(
    port: int, user: str, password: str, topology: str = "auto", host: str = LOOPBACK
) -> Iterator[Observer]:
    """Start one, and end it."""
    arguments = [host, str(port), user, password, topology]
    with own_process("tests.integration.observing", arguments) as process:
        yield Observer(process)


def _main(host: str, port: str, user: str, password: str, topology: str) -> None:
    import attrs
    from twisted.internet import reactor, stdio
    from twisted.protocols.basic import LineReceiver
    from twisted.python.failure import Failure

    from proxy.credentials.source import Credential, Password
    from proxy.mysql.backend.connector import BackendConnector, Target
    from proxy.mysql.backend.probe import Probe, ProbeResult
    from proxy.mysql.backend.set_up import SetUp
    from proxy.mysql.backend.tls import TargetTls, TlsMode
    from proxy.mysql.wire.gtid import GtidSet
    from proxy.targets.addresses import AddressWatch, resolve_with
    from tests.peers.known_users import KnownUsers

    clock: Any = reactor
    target = Target(host, int(port), TargetTls(TlsMode.PREFERRED, host, None), CONNECT_TIMEOUT)
    credential = Credential(user, Password(password.encode()), "secret", 1)
    connector = BackendConnector(target, KnownUsers(lambda _name: credential), SetUp, "observer", clock)
    watch = AddressWatch(lambda: host, resolve_with(clock.nameResolver), clock, interval=0.0)
    probe = Probe(connector, lambda: user, lambda: topology, watch)

    class Asks(LineReceiver):
        delimiter = b"\n"
        position: Any = None

        def lineReceived(self, line: bytes) -> None:
            if line:
                other = GtidSet.parse(line.decode(), self.position.is_mariadb)
                self.say(self.position.covers(other))
            else:
                probe.ask().addCallbacks(self.seen, self.failed)

        def seen(self, result: ProbeResult) -> None:
            seen = result.observation
            self.position = seen.position
            fields = attrs.asdict(seen, recurse=False)
            position = None if seen.position is None else str(seen.position)
            self.say(fields | {"role": seen.role.value, "position": position, "address": result.address})

        def failed(self, failure: Failure) -> None:
            self.say({"error": f"{failure.type and failure.type.__name__}: {failure.getErrorMessage()}"})

        def say(self, fields: Any) -> None:
            self.sendLine(json.dumps(fields).encode())

        def connectionLost(self, reason: Any = None) -> None:
            probe.stop()
            clock.callLater(0, clock.stop)

    stdio.StandardIO(Asks())
    clock.run()


if __name__ == "__main__":
    _main(*sys.argv[1:])
