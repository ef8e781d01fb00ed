"""A client in memory: logs in with mysql_native_password, then sends commands and collects bytes."""

import ssl
from typing import Any

from . import packets as p


class ClientPeer:
    """The client's end of a Line; ``seen`` holds what arrived and was not taken yet."""

    def __init__(
        self,
        capabilities: int = p.CLIENT_CAPABILITIES,
        user: bytes = b"app",
        password: bytes = b"secret",
        database: bytes = b"",
        *,
        automatic: bool = True,
    ) -> None:
        self.capabilities = capabilities
        self.line: Any = None
        self.seen = b""
        self.closed = False
        self._login = (user, password, database)
        self._automatic = automatic
        self.greeting = b""
        self._tls: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()

    def received(self, data: bytes) -> None:
        """Bytes of the proxy."""
        if self._tls is not None:
            data = self._decrypt(data)
        self.seen += data
        if self._automatic and not self.greeting and self.seen:
            self.answer_greeting()

    def answer_greeting(self) -> None:
        """Log in."""
        [(_, self.greeting)] = p.split(self.take())
        if self.greeting[:1] == b"\xff":
            return
        if self.capabilities & p.TLS:
            half = p.login(b"", b"", self.capabilities)[:32]
            self.line.send(p.packet(half, 1))
            self._start_tls()
        self.send(p.packet(self.login_payload(), 2 if self.capabilities & p.TLS else 1))

    @property
    def nonce(self) -> bytes:
        """Of the greeting."""
        after = self.greeting.index(b"\0") + 5
        return self.greeting[after : after + 8] + self.greeting[after + 27 : after + 39]

    def login_payload(self) -> bytes:
        """The log-in packet."""
        user, password, database = self._login
        return p.login(user, p.native(password, self.nonce), self.capabilities, database)

    def send(self, data: bytes) -> None:
        """Raw bytes to the proxy."""
        if self._tls is None:
            self.line.send(data)
            return
        try:
            self._tls.write(data)
        except ssl.SSLWantReadError:
            self._waiting = data
        self._flush()

    def query(self, sql: str | bytes) -> None:
        """COM_QUERY."""
        self.send(p.packet(b"\x03" + (sql if isinstance(sql, bytes) else sql.encode())))

    def take(self) -> bytes:
        """What has arrived since the last time."""
        seen, self.seen = self.seen, b""
        return seen

    def gone(self) -> None:
        """The proxy's side ended."""
        self.closed = True

    # TLS

    _waiting: bytes = b""

    def _start_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._tls = context.wrap_bio(self._in, self._out)
        self._decrypt(b"")

    def _flush(self) -> None:
        self.line.send(self._out.read())

    def _decrypt(self, data: bytes) -> bytes:
        assert self._tls is not None
        self._in.write(data)
        out = b""
        try:
            self._tls.do_handshake()
            waiting, self._waiting = self._waiting, b""
            if waiting:
                self._tls.write(waiting)
            while chunk := self._tls.read(1 << 16):
                out += chunk
            self.line.hang_up()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            # The other side has said goodbye.
            self.line.hang_up()
        self._flush()
        return out
