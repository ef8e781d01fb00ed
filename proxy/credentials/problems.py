"""What is wrong with secrets, and how they stand: for the log, the metrics and the target's health.

Nothing here holds any of a secret's content but its user name.
"""

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.logger import Logger
from twisted.python.failure import Failure

from .source import SecretError

__all__ = ["CredentialMetrics", "CredentialProblem", "ProblemWatch", "SecretStatus", "reason_of"]


@attrs.frozen
class CredentialProblem:
    """Why the secret `secret_name` gives no (new) credential. Neither part holds any of its content."""

    secret_name: str
    reason: str

    def __str__(self) -> str:
        return f"secret {self.secret_name}: {self.reason}"


@attrs.frozen
class SecretStatus:
    """How one version of a secret stands; a secret that was never read has one without user name and stage.

    Times are in Unix seconds: when the secret was last read, and when the proxy last saw a change of it.
    `failures` is how often in a row it could not be read, `problem` why.
    """

    secret_name: str
    username: str
    version_id: str
    stage: str
    fetched_at: float | None
    changed_at: float | None
    failures: int
    problem: str


@attrs.define
class CredentialMetrics:
    """What has happened since the start."""

    fetches: int = 0
    fetch_failures: int = 0
    #: Secrets whose current version has changed.
    rotations: int = 0
    #: Log-ins that a target has refused.
    suspects: int = 0
    #: Looks at all secrets because of a client's log-in that failed.
    rechecks: int = 0


class ProblemWatch:
    """Tells of each problem once, and when it is over."""

    log = Logger()

    def __init__(self) -> None:
        self.on_problem: Callable[[CredentialProblem], None] = lambda _problem: None
        self._known: tuple[CredentialProblem, ...] = ()

    def update(self, problems: Sequence[CredentialProblem]) -> None:
        """These are all there are now."""
        before, self._known = self._known, tuple(problems)
        for problem in self._known:
            if problem not in before:
                self.on_problem(problem)
        now = {problem.secret_name for problem in self._known}
        for name in dict.fromkeys(problem.secret_name for problem in before):
            if name not in now:
                self.log.info("secret {secret}: there is nothing wrong with it any more", secret=name)


def reason_of(failure: Failure, timeout: float) -> str:
    """Why a fetch has failed, without any of the secret; ``timeout`` in seconds is the fetch's."""
    error = failure.value
    if isinstance(error, SecretError):
        return error.reason
    if isinstance(error, TimedOut):
        return f"its source has not answered within {timeout:g} s"
    # The text of an error that is not ours may quote the secret; its type does not.
    return f"failed with {type(error).__name__}"
