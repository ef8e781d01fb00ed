"""A client in memory that logs in by any of MySQL's plugins, follows switches, and notes all that it sees.

Written from the manual ("Connection Phase", "Caching_sha2_password information"), not from the proxy.
"""

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from . import packets as p
from .client import ClientPeer

NATIVE = b"mysql_native_password"
SHA2 = b"caching_sha2_password"
CLEAR = b"mysql_clear_password"

#: The client's maximum of one byte for the length of its answer.
_LONGEST = 250

#: Bytes that OAEP with SHA-1 leaves of a key of 2048 bits.
_LONGEST_ENCRYPTED = 214


def sha2(password: bytes, nonce: bytes) -> bytes:
    """The answer of caching_sha2_password."""
    if not password:
        return b""
    once = hashlib.sha256(password).digest()
    mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


ANSWERS: dict[bytes, Callable[[bytes, bytes], bytes]] = {
    NATIVE: p.native,
    SHA2: sha2,
    CLEAR: lambda password, _nonce: password + b"\0",
}


class AuthClient(ClientPeer):
    """Logs in as ``user``; ``plugin`` is that of its first answer.

    ``leaves_at`` counts the packets of the log-in from 0, the greeting: at that one it hangs up instead of
    answering; with ``after_answer`` it does both.
    """

    def __init__(
        self,
        user: str,
        password: bytes,
        plugin: bytes = NATIVE,
        *,
        tls: bool = False,
        database: bytes = b"",
        leaves_at: int | None = None,
        after_answer: bool = False,
        is_local: bool = False,
    ) -> None:
        capabilities = p.CLIENT_CAPABILITIES | (p.TLS if tls else 0)
        super().__init__(capabilities, user.encode(), password, database)
        self.plugin = plugin
        self.leaves_at = leaves_at
        self.after_answer = after_answer
        #: It comes by a Unix socket, and says its password there.
        self.is_local = is_local
        #: What the log-in or change of user has ended with: 0, or an error; None while it goes on.
        self.verdict: int | None = None
        self.message = ""
        #: Of each packet the sequence id, and what it was.
        self.transcript: list[tuple[int, str]] = []
        #: Plugins it was switched to.
        self.switches: list[bytes] = []
        self._nonce = b""

    def login_payload(self) -> bytes:
        user, password, database = self._login
        self._nonce = self.nonce
        answer = ANSWERS[self.plugin](password, self._nonce)
        # A token does not fit: the plugin is named, and what it would say comes when it is asked.
        answer = answer if len(answer) <= _LONGEST else b""
        plugin = self.plugin if answer or not password else NATIVE
        return p.login(user, answer, self.capabilities, database, plugin)

    def answer_greeting(self) -> None:
        if self._leaves(0):
            return
        super().answer_greeting()
        if self.greeting[:1] == b"\xff":
            self._end(self.greeting)
        self._left(0)

    def change_user(self, user: str, password: bytes, database: bytes = b"") -> None:
        """COM_CHANGE_USER, with an answer that the proxy is not going to look at."""
        self._login = user.encode(), password, database
        self.verdict, self.message = None, ""
        self.transcript, self.switches = [], []
        payload = b"\x11" + user.encode() + b"\0\x00" + database + b"\0" + b"\x2d\x00" + NATIVE + b"\0"
        self.send(p.packet(payload))

    def received(self, data: bytes) -> None:
        super().received(data)
        while self.greeting and self.verdict is None and (packet := self._next()):
            self._read(*packet)

    def _next(self) -> tuple[int, bytes] | None:
        size = 4 + int.from_bytes(self.seen[:3], "little")
        if len(self.seen) < max(size, 5):
            return None
        packet, self.seen = self.seen[:size], self.seen[size:]
        return packet[3], packet[4:]

    def _read(self, sequence: int, payload: bytes) -> None:
        number = len(self.transcript) + 1
        if payload[0] in (0x00, 0xFF):
            self.transcript.append((sequence, "OK" if payload[0] == 0 else "error"))
            self._end(payload)
            if number == self.leaves_at:
                self.line.hang_up()
            return
        answer, kind = self._answer(payload)
        self.transcript.append((sequence, kind))
        if self._leaves(number):
            return
        if answer is None:
            self._left(number)
            return
        self.send(p.packet(answer, sequence + 1))
        self._left(number)

    def _answer(self, payload: bytes) -> tuple[bytes | None, str]:
        password = self._login[1]
        if payload[0] == 0xFE:
            name, _, nonce = payload[1:].partition(b"\0")
            self.plugin, self._nonce = name, nonce.removesuffix(b"\0")
            self.switches.append(name)
            return ANSWERS[name](password, self._nonce), f"switch to {name.decode()}"
        assert payload[0] == 0x01
        more = payload[1:]
        if more == b"\x03":
            return None, "fast success"
        if more == b"\x04":
            is_secure = self.is_local or self._tls is not None
            return (password + b"\0" if is_secure else b"\x02"), "full authentication"
        answer = self._encrypted(more, password)
        if answer is None:
            self.line.hang_up()
        return answer, "public key"

    def _encrypted(self, pem: bytes, password: bytes) -> bytes | None:
        key = serialization.load_pem_public_key(pem)
        assert isinstance(key, rsa.RSAPublicKey)
        said = password + b"\0"
        mixed = bytes(each ^ self._nonce[at % len(self._nonce)] for at, each in enumerate(said))
        if len(mixed) > _LONGEST_ENCRYPTED:
            return None
        return key.encrypt(mixed, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))

    def _end(self, payload: bytes) -> None:
        is_error = payload[0] == 0xFF
        self.verdict = int.from_bytes(payload[1:3], "little") if is_error else 0
        self.message = payload[3:].decode() if is_error else ""

    def _leaves(self, number: int) -> bool:
        if number != self.leaves_at or self.after_answer:
            return False
        self.line.hang_up()
        return True

    def _left(self, number: int) -> None:
        if number == self.leaves_at and self.after_answer:
            self.line.hang_up()
