"""One line for each attempt to log in: who, from where, over which TLS, by what, and what became of it.

Granted log-ins have severity INFO, refused ones WARN, and ALERT once failures in a row have reached the
threshold of ``throttle``: the log's levels ``info``, ``warn`` and ``error``. Each field is a key of the JSON
form. What a client has chosen, its user name, is escaped and cut, so that it can forge neither a line nor a
field, and nothing that proves who it is gets here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.logger import Logger, LogLevel

from .peer import Peer, peer_of

if TYPE_CHECKING:
    from .client import ClientConnection

__all__ = [
    "MAX_DETAIL",
    "MAX_SHOWN",
    "NO_TLS",
    "UNKNOWN_TLS",
    "AttemptRecord",
    "log_attempt",
    "log_client_attempt",
    "shown",
]

#: Characters of a name or reason in the log, before they are escaped.
MAX_SHOWN = 128

#: The same of a detail, which may hold two ARNs.
MAX_DETAIL = 400

#: Protocol version and cipher of a client without TLS, and of one that has gone with what they were known by.
NO_TLS: Final = ("none", "none")
UNKNOWN_TLS: Final = ("unknown", "unknown")

_GRANTED = '[clientConnection={client}] log-in granted: user="{user}" from={peer}'
_REFUSED = '[clientConnection={client}] log-in refused: user="{user}" from={peer}'
_VIA = " via={via}"
_CHANNEL = " tls={tls} cipher={cipher} auth={auth} severity={severity}"
_DETAIL = ' detail="{detail}"'
_REASON = ' reason="{reason}"'

_LEVELS: Final = {"INFO": LogLevel.info, "WARN": LogLevel.warn, "ALERT": LogLevel.error}

_log = Logger()


@attrs.frozen
class AttemptRecord:
    """What is known of one attempt at its end. ``reason`` and ``detail`` are for the log only."""

    client: int
    username: str
    peer: Peer
    endpoint: str
    granted: bool
    #: accounts.Method's value; empty if the attempt did not get so far, like the plugin's name.
    method: str = ""
    plugin: str = ""
    #: TLS version and cipher as OpenSSL names them.
    tls: tuple[str, str] = NO_TLS
    #: The balancer that said in a PROXY header who the peer is.
    via: Peer | None = None
    reason: str = ""
    detail: str = ""
    #: So many failures in a row that further ones are delayed.
    is_repeated: bool = False

    @property
    def severity(self) -> str:
        """INFO, WARN or ALERT."""
        if self.granted:
            return "INFO"
        return "ALERT" if self.is_repeated else "WARN"

    @property
    def auth(self) -> str:
        """The plugin, or for what is proven in another way than by a known password, that way."""
        return (self.plugin if self.method in ("", "password") else self.method) or "none"


def log_attempt(record: AttemptRecord) -> None:
    """Write the line."""
    tls, cipher = record.tls
    fields: dict[str, Any] = {
        "client": record.client,
        "user": shown(record.username),
        "peer": _place(record.peer),
        "endpoint": record.endpoint,
        "tls": tls,
        "cipher": cipher,
        "auth": record.auth,
        "plugin": record.plugin,
        "verdict": "granted" if record.granted else "refused",
        "severity": record.severity,
    }
    form = _GRANTED if record.granted else _REFUSED
    if record.via is not None:
        fields["via"] = _place(record.via)
        form += _VIA
    form += _CHANNEL
    if record.detail:
        fields["detail"] = shown(record.detail, MAX_DETAIL)
        form += _DETAIL
    if record.reason and not record.granted:
        fields["reason"] = shown(record.reason)
        form += _REASON
    _log.emit(_LEVELS[record.severity], form, **fields)


def log_client_attempt(client: "ClientConnection", endpoint: str, problem: str | None) -> None:
    """Write the line of a client whose attempt has ended, ``problem`` being None for one that was granted.

    A client that has not said who it is has none: those are counted by RefusalLog.
    """
    attempt = client.attempt
    if not attempt.username and not attempt.method:
        return
    direct = peer_of(client.transport.getPeer())
    log_attempt(
        AttemptRecord(
            client=client.number,
            username=attempt.username,
            peer=client.peer,
            endpoint=endpoint,
            granted=problem is None,
            method=attempt.method,
            plugin=attempt.plugin,
            tls=_tls_of(client),
            via=None if direct == client.peer else direct,
            reason=problem or "",
            detail=attempt.detail,
            is_repeated=attempt.is_repeated,
        )
    )


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """``text`` between double quotes of one line of a log: what could end either is escaped as in Python."""
    cut = text[:limit] + "…" if len(text) > limit else text
    return "".join(each if each.isprintable() and each not in '"\\' else _escaped(ord(each)) for each in cut)


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _place(peer: Peer) -> str:
    """Without a space in it, which would end the field."""
    return str(peer) if peer.address else "socket"


def _tls_of(client: "ClientConnection") -> tuple[str, str]:
    """Version and cipher; the connection that knows them is forgotten when it is closed."""
    # Twisted puts the protocol that decrypts between a transport and its own.
    handle = _called(getattr(client.transport, "protocol", None), "getHandle")
    version, cipher = _called(handle, "get_protocol_version_name"), _called(handle, "get_cipher_name")
    if version and cipher:
        return str(version), str(cipher)
    return UNKNOWN_TLS if client.secure and client.peer.address else NO_TLS


def _called(whole: Any, name: str) -> Any:
    method: Callable[[], Any] | None = getattr(whole, name, None)
    return None if method is None else method()
