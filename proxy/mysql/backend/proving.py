"""Asks a target whether a client's password is the right one, for users whose secret the proxy does not hold.

A proof costs the target a log-in, and one that fails may lock an account there: the same question is asked
once however many clients ask it, and only a few questions at a time.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Generator
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredSemaphore, inlineCallbacks, succeed

from ...credentials.source import MAX_USERNAME_LENGTH, Credential, Password
from .connection import BackendConnection
from .connector import WRONG_PASSWORD, BackendConnector
from .errors import TargetError, UnfitTarget
from .own_commands import Answer, query

__all__ = ["MAX_PROOFS", "Prover", "verifier_in"]

#: Questions that are asked at a time.
MAX_PROOFS = 10

#: Stands for the user's name in the configured query.
_PLACEHOLDER: Final = "?"

_VERIFIER = re.compile(r"\*([0-9A-Fa-f]{40})")


def verifier_in(text: str | None) -> bytes | None:
    """SHA1(SHA1(password)) as mysql.user has it; None for what belongs to another plugin, or to nobody."""
    found = _VERIFIER.fullmatch(text or "")
    return bytes.fromhex(found[1]) if found else None


class Prover:
    """Proves passwords at the target that ``connector`` names at the time; it is given before the first."""

    def __init__(self) -> None:
        self.connector: Callable[[], BackendConnector]
        self._turns = DeferredSemaphore(MAX_PROOFS)
        #: Those who wait for an answer, by the question.
        self._waiting: dict[bytes, list[Deferred[Any]]] = {}
        self._salt = secrets.token_bytes(16)

    def prove(self, username: str, password: bytes) -> Deferred[bool]:
        """Whether the target lets this user in; fails with TargetError or ConnectFailed if it did not say."""
        digest = hashlib.blake2b(username.encode() + b"\0" + password, key=self._salt).digest()
        return self._once(digest, lambda: self._prove(username, password))

    def verifier(self, username: str, sql: str, as_user: str) -> Deferred[bytes | None]:
        """What the target keeps of a user's password, as ``sql`` tells when another user asks it."""
        question = b"verifier\0" + username.encode()
        return self._once(question, lambda: self._verifier(username, sql, as_user))

    def _once(self, question: bytes, ask: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred(lambda gone: self._leave(question, gone))
        waiting = self._waiting.get(question)
        if waiting is not None:
            waiting.append(answer)
            return answer
        self._waiting[question] = [answer]

        def tell(result: Any) -> None:
            for each in self._waiting.pop(question):
                # What one makes of it may end another. A failure is the same object for all.
                if not each.called:
                    each.callback(result)

        # Whoever waited for their turn may be gone by then.
        self._turns.run(lambda: ask() if self._waiting[question] else succeed(None)).addBoth(tell)
        return answer

    def _leave(self, question: bytes, gone: Deferred[Any]) -> None:
        """Who asked has hung up; others may wait for the answer."""
        waiting = self._waiting.get(question, [])
        if gone in waiting:
            waiting.remove(gone)

    @inlineCallbacks
    def _prove(self, username: str, password: bytes) -> Generator[Deferred[Any], Any, bool]:
        if len(username) > MAX_USERNAME_LENGTH:
            # MariaDB cuts it, and lets in as the user with what is left of the name.
            return False
        try:
            yield self.connector().prove(Credential(username, Password(password), "", 0, stage=""))
        except TargetError as refusal:
            if refusal.packet.errno in WRONG_PASSWORD:
                return False
            raise
        return True

    @inlineCallbacks
    def _verifier(self, username: str, sql: str, as_user: str) -> Generator[Deferred[Any], Any, bytes | None]:
        connector = self.connector()
        connection: BackendConnection = yield connector.open_plain(as_user)
        try:
            # The name is the client's choice: as hexadecimal digits it cannot be anything but a name.
            name = f"_utf8mb4 X'{username.encode().hex()}' COLLATE utf8mb4_bin"
            question = sql.replace(_PLACEHOLDER, name, 1)
            answer: Answer = yield connector.limited(query(connection, question))
        finally:
            connection.abort("asked for a verifier")
        if username.endswith(" "):
            # The server takes it for the name without the space, when it compares, but not when it logs in.
            return None
        if len(answer.rows) > 1:
            raise UnfitTarget("auth_query has more than one row for this user")
        return verifier_in(answer.rows[0][0]) if answer.rows and answer.rows[0] else None
