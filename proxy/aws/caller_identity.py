"""Asks STS who signed a presigned GetCallerIdentity: the very request that the client made, sent on.

Nothing of the proxy's own credentials goes with it. Which hosts and headers may be in the request is decided
by whoever read it (`proxy/iam/sts.py`); here it goes out over HTTPS only, follows no redirect, and has limits
of its own for time and size.
"""

import time
from typing import Any
from urllib.parse import urlsplit

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from .. import __version__
from ..iam.sts import PresignedIdentity
from .clients import AwsOptions
from .identity_answer import CallerArn, read_code, read_identity
from .problems import explain
from .threads import AwsThreads

__all__ = [
    "IDENTITY_TIMEOUT",
    "MAX_IDENTITY_SIZE",
    "CallerArn",
    "CallerIdentity",
    "IdentityError",
]

#: Seconds for the whole answer, from the moment a thread begins with it.
IDENTITY_TIMEOUT = 5.0

#: Bytes of an answer.
MAX_IDENTITY_SIZE = 64 * 1024

_CHUNK = 8192

_OWN_HEADERS = {"Accept": "application/json", "User-Agent": f"rds-proxy/{__version__}"}


class IdentityError(Exception):
    """STS does not say who it is; `reason` has no part of the request.

    `is_refused`: STS was asked and does not accept the request, which asking again would not change.
    """

    def __init__(self, reason: str, *, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_refused = is_refused


@attrs.frozen
class _Answer:
    status: int
    body: bytes = attrs.field(repr=False)


class CallerIdentity:
    """Asks STS in the threads; of the options only the times are used."""

    def __init__(self, threads: AwsThreads, options: AwsOptions) -> None:
        self._threads = threads
        self._options = options
        # A file of certificates, or True: those that botocore brings.
        self._authorities: Any = None

    def identify(self, presigned: PresignedIdentity) -> Deferred[CallerArn]:
        """Who signed it, as STS says. Fails with IdentityError."""
        return self._threads.call(self._ask, presigned.url, dict(presigned.headers)).addErrback(_explained)

    def _ask(self, url: str, headers: dict[str, str]) -> CallerArn:
        """In a thread. Raises IdentityError and no other."""
        try:
            answer = self._send(url, headers)
        except IdentityError:
            raise
        except Exception as error:
            problem = explain(error, "STS")
        else:
            return _identity(answer)
        # Raised here, so that it holds no exception that holds the signed URL.
        raise IdentityError(problem)

    def _send(self, url: str, headers: dict[str, str]) -> _Answer:
        from botocore.awsrequest import AWSRequest

        if urlsplit(url).scheme != "https":
            raise IdentityError("the request is not for HTTPS", is_refused=True)
        deadline = time.monotonic() + IDENTITY_TIMEOUT
        request = AWSRequest(method="GET", url=url, headers={**headers, **_OWN_HEADERS}, stream_output=True)
        session = self._open(url)
        try:
            response = session.send(request.prepare())
            return _Answer(response.status_code, _body(response.raw, deadline))
        finally:
            session.close()

    def _open(self, url: str) -> Any:
        from botocore.httpsession import URLLib3Session
        from botocore.session import Session
        from botocore.utils import get_environ_proxies

        connect = min(self._options.connect_timeout, IDENTITY_TIMEOUT)
        read = min(self._options.read_timeout, IDENTITY_TIMEOUT)
        if self._authorities is None:
            self._authorities = Session().get_config_variable("ca_bundle") or True
        # Its stub knows one number only.
        timeout: Any = (connect, read)
        return URLLib3Session(verify=self._authorities, proxies=get_environ_proxies(url), timeout=timeout)


def _body(stream: Any, deadline: float) -> bytes:
    content = b""
    while chunk := stream.read1(_CHUNK):
        content += chunk
        if len(content) > MAX_IDENTITY_SIZE:
            raise IdentityError(f"the answer of STS is larger than {MAX_IDENTITY_SIZE} bytes")
        if time.monotonic() > deadline:
            raise IdentityError("STS does not answer in time")
    return content


def _identity(answer: _Answer) -> CallerArn:
    if answer.status == 200:
        found = read_identity(answer.body)
        if found is None:
            raise IdentityError("the answer of STS is not one to GetCallerIdentity")
        return found
    code = read_code(answer.body) or "no code"
    is_refused = 400 <= answer.status < 500 and answer.status != 429 and "hrottl" not in code
    raise IdentityError(f"STS answered {answer.status} ({code})", is_refused=is_refused)


def _explained(failure: Failure) -> Failure:
    if failure.check(IdentityError, CancelledError):
        return failure
    return Failure(IdentityError(explain(failure.value, "STS")))
