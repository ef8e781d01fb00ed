"""Packets over a blocking socket, and the log-in of a client that sees all fields of a response.

MySQL manual, "MySQL Packets", "Connection Phase"; `mysql_native_password` and `caching_sha2_password` without
TLS. It shares no code with the proxy.
"""

import hashlib
import select
import socket
import struct

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

__all__ = ["Account", "Channel", "Flags", "Hangup", "Refused"]

ANSWER_LIMIT = 60.0
"""Seconds a client waits for an answer, or for the rest of one."""
LONGEST_SENT = 1 << 24
OK, MORE, SWITCH, ERR = 0x00, 0x01, 0xFE, 0xFF
FAST, FULL, ASK_KEY = 3, 4, b"\x02"


class Hangup(Exception):
    """The other side has closed the connection."""


class Refused(Exception):
    """The log-in was refused; the argument is the error packet."""


class Flags:
    """Capability bits a client asks for."""

    LONG_PASSWORD = 1
    FOUND_ROWS = 1 << 1
    CONNECT_WITH_DB = 1 << 3
    PROTOCOL_41 = 1 << 9
    TRANSACTIONS = 1 << 13
    SECURE = 1 << 15
    MULTI_STATEMENTS = 1 << 16
    MULTI_RESULTS = 1 << 17
    PS_MULTI_RESULTS = 1 << 18
    PLUGIN_AUTH = 1 << 19
    SESSION_TRACK = 1 << 23
    DEPRECATE_EOF = 1 << 24
    ALWAYS = (
        LONG_PASSWORD
        | CONNECT_WITH_DB
        | PROTOCOL_41
        | TRANSACTIONS
        | SECURE
        | MULTI_STATEMENTS
        | MULTI_RESULTS
        | PS_MULTI_RESULTS
        | PLUGIN_AUTH
    )


@attrs.frozen
class Account:
    """Whom to log in as."""

    user: str
    password: str = attrs.field(repr=False)
    schema: str


class Channel:
    """A connection that has logged in. Raises Refused, Hangup and OSError."""

    def __init__(self, port: int, account: Account, flags: int, collation: int) -> None:
        self.flags = flags | Flags.ALWAYS
        self._collation = collation
        self._sequence = 0
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_LIMIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")
        try:
            self._log_in(account)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket without a word."""
        self._stream.close()
        self._socket.close()

    def is_readable(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the beginning of an answer, or for the end of the connection."""
        return bool(select.select([self._socket], [], [], timeout)[0])

    def command(self, code: int, payload: bytes = b"") -> None:
        """Send a command."""
        self._sequence = 0
        self._send(bytes((code,)) + payload)

    def read(self) -> bytes:
        """The next packet's payload, of less than 16 MB."""
        header = self._exactly(4)
        self._sequence = (header[3] + 1) % 256
        return self._exactly(int.from_bytes(header[:3], "little"))

    def change_user(self, account: Account) -> None:
        """Send COM_CHANGE_USER; `authenticate` goes on."""
        texts = account.user.encode() + b"\0\0" + account.schema.encode() + b"\0"
        self.command(0x11, texts + struct.pack("<H", self._collation) + b"mysql_native_password\0")

    def authenticate(self, password: str) -> bytes:
        """Answer the other side until it is content; return the OK packet. Raises Refused."""
        scramble = self._scramble
        while True:
            payload = self.read()
            if payload[0] == OK:
                return payload
            if payload[0] == ERR:
                raise Refused(payload)
            if payload[0] == SWITCH:
                plugin, _, rest = payload[1:].partition(b"\0")
                scramble = rest.rstrip(b"\0")
                self._send(_answer(plugin, password, scramble))
            elif payload[0] == MORE and payload[1] == FULL:
                self._send(ASK_KEY)
                self._send(_encrypted(self.read()[1:], password, scramble))

    def _log_in(self, account: Account) -> None:
        greeting = self.read()
        if greeting[0] == ERR:
            raise Refused(greeting)
        end = greeting.index(b"\0", 1)
        self._scramble = greeting[end + 5 : end + 13] + greeting[end + 32 : end + 44]
        plugin = greeting[end + 45 :].rstrip(b"\0")
        answer = _answer(plugin, account.password, self._scramble)
        fixed = struct.pack("<IIB23x", self.flags, LONGEST_SENT, self._collation)
        texts = (
            account.user.encode() + b"\0" + bytes((len(answer),)) + answer + account.schema.encode() + b"\0"
        )
        self._send(fixed + texts + plugin + b"\0")
        self.authenticate(account.password)

    def _send(self, payload: bytes) -> None:
        try:
            self._socket.sendall(len(payload).to_bytes(3, "little") + bytes((self._sequence,)) + payload)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Hangup from error
        self._sequence = (self._sequence + 1) % 256

    def _exactly(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except ConnectionResetError as error:
            raise Hangup from error
        if len(data) < size:
            raise Hangup
        return data


def _answer(plugin: bytes, password: str, scramble: bytes) -> bytes:
    first, second = password.encode(), scramble
    if plugin == b"mysql_native_password":
        stage = hashlib.sha1(first).digest()
        return _mixed(stage, hashlib.sha1(second + hashlib.sha1(stage).digest()).digest())
    assert plugin == b"caching_sha2_password", plugin
    stage = hashlib.sha256(first).digest()
    return _mixed(stage, hashlib.sha256(hashlib.sha256(stage).digest() + second).digest())


def _encrypted(key: bytes, password: str, scramble: bytes) -> bytes:
    public = serialization.load_pem_public_key(key)
    assert isinstance(public, rsa.RSAPublicKey)
    clear = password.encode() + b"\0"
    mask = scramble * (len(clear) // len(scramble) + 1)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    return public.encrypt(_mixed(clear, mask[: len(clear)]), oaep)


def _mixed(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
