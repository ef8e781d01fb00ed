"""The program that makes calls to AWS as the proxy does: a reactor, and `proxy/aws` in its threads.

Started with the options as JSON. Each line on its input is a call as JSON: `{"call": "fetch", "arn": ...}`
and so on, with a number `id`; each line on its output is one answer with that number. The answer to `gap` is
the longest time in ms that the reactor did not get round to a timer of 1 ms since the last one.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from proxy.aws import AwsClients, AwsOptions, AwsThreads, CallerIdentity, SecretsManagerSource, TargetTokens
from proxy.credentials.source import Secret, SecretVersions
from proxy.iam.sts import PresignedIdentity

from .own_process import own_process

__all__ = ["AwsCaller", "aws_caller"]

TICK = 0.001


class AwsCaller:
    """What a test has of such a process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}

    def call(self, call: str, **arguments: Any) -> dict[str, Any]:
        """Make a call and wait for its answer."""
        return self.answer(self.start(call, **arguments))

    def start(self, call: str, **arguments: Any) -> int:
        """Make a call; `answer` takes the number."""
        self._number += 1
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": self._number, "call": call, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._number

    def answer(self, number: int) -> dict[str, Any]:
        """Wait for the answer to a call."""
        assert self._process.stdout is not None
        while number not in self._answers:
            line = self._process.stdout.readline()
            assert line, "the process has ended"
            answer = json.loads(line)
            self._answers[answer.pop("id")] = answer
        return self._answers.pop(number)


@contextmanager
def aws_caller(**options: Any) -> Iterator[AwsCaller]:
    """A process with these AwsOptions, and with the environment of now."""
    with own_process(__name__, [json.dumps(options)]) as process:
        yield AwsCaller(process)


class _Calls(LineReceiver):
    delimiter = b"\n"
    MAX_LENGTH = 1 << 20

    def __init__(self, reactor: Any, options: AwsOptions) -> None:
        self._reactor = reactor
        self._threads = AwsThreads(reactor)
        clients = AwsClients(options, self._threads.size)
        self._source = SecretsManagerSource(self._threads, options, clients)
        self._tokens = TargetTokens(self._threads, options, reactor, clients)
        self._identity = CallerIdentity(self._threads, options)
        self._known: dict[str, SecretVersions] = {}
        self._longest = 0.0
        self._last = time.monotonic()
        LoopingCall(self._tick).start(TICK)

    def lineReceived(self, line: bytes) -> None:
        """One call."""
        asked = json.loads(line)
        number = asked.pop("id")
        made = maybeDeferred(getattr(self, f"do_{asked.pop('call')}"), **asked)
        made.addErrback(self._failed)
        made.addCallback(lambda answer: self.sendLine(json.dumps({"id": number, **answer}).encode()))

    def connectionLost(self, reason: Any = None) -> None:
        """The test is over."""
        self._tokens.stop()
        self._threads.stop()
        self._reactor.stop()

    def do_fetch(self, arn: str) -> Deferred[dict[str, Any]]:
        """Fetch a secret, with what the last call has found."""
        known = self._known.get(arn)

        def fetched(versions: SecretVersions) -> dict[str, Any]:
            self._known[arn] = versions
            return {
                "is_known": versions is known,
                "current": _shown(versions.current),
                "pending": _shown(versions.pending),
                "previous": _shown(versions.previous),
                "unusable": [(each.stage, each.reason) for each in versions.unusable],
            }

        return self._source.fetch(arn, known).addCallback(fetched)

    def do_token(self, host: str, port: int, user: str) -> Deferred[dict[str, Any]]:
        """A token for a target."""
        return self._tokens.token(host, port, user).addCallback(lambda token: {"token": token.decode()})

    def do_identify(self, url: str, headers: dict[str, str]) -> Deferred[dict[str, Any]]:
        """Whose request it is."""
        presigned = PresignedIdentity(url, tuple(headers.items()), "", "", 0.0)
        asked = self._identity.identify(presigned)
        return asked.addCallback(lambda found: {"arn": found.arn, "account": found.account})

    def do_gap(self) -> dict[str, Any]:
        """The longest gap since the last question."""
        longest, self._longest = self._longest, 0.0
        return {"ms": longest * 1000}

    def do_imported(self) -> dict[str, Any]:
        """Whether boto3 is there, and the ids of this process."""
        return {"boto3": "boto3" in sys.modules, "pid": os.getpid()}

    def _tick(self) -> None:
        now = time.monotonic()
        self._longest, self._last = max(self._longest, now - self._last - TICK), now

    def _failed(self, failure: Failure) -> dict[str, Any]:
        chain = [failure.value, failure.value.__cause__, failure.value.__context__]
        return {
            "error": type(failure.value).__name__,
            "reason": getattr(failure.value, "reason", str(failure.value)),
            "is_refused": getattr(failure.value, "is_refused", None),
            "chain": [repr(each) for each in chain if each is not None][1:],
        }


def _shown(secret: Secret | None) -> dict[str, Any] | None:
    if secret is None:
        return None
    return {
        "username": secret.username,
        "password": secret.password.decode(),
        "version": secret.version_id,
        "created_at": secret.created_at,
        "read_only": secret.read_only,
    }


def main() -> None:
    """Serve calls until the input ends."""
    from twisted.internet import reactor

    used: Any = reactor
    StandardIO(_Calls(used, AwsOptions(**json.loads(sys.argv[1]))), reactor=used)
    used.run()


if __name__ == "__main__":
    main()
