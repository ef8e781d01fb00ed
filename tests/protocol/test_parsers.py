"""Every parser of single payloads: whole, cut off after each byte, and with bytes behind its end.

Cut off, a payload is malformed, or it is one that older peers send, without its last fields. Bytes behind the
end are ignored, as servers do, or are part of a last field without a length, or are malformed. Parsers of
streams are tested byte by byte in tests/unit/mysql/wire, and together by test_walk.
"""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from proxy.mysql.wire.auth_packets import AuthMoreData, AuthSwitchRequest, ChangeUser
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.handshake import HandshakeV10
from proxy.mysql.wire.login import HandshakeResponse41, SSLRequest
from proxy.mysql.wire.query_attributes import text_start
from proxy.mysql.wire.results import ErrorPacket, OkPacket, decode_session_changes, definitions_after
from tests.peers import packets as p

from . import bits

IGNORED, PART, REFUSED = "ignored", "part of the last field", "refused"

_CAPABILITIES = bits.BASE | p.CONNECT_WITH_DB
_ALL = Capability(_CAPABILITIES)
_CHANGE = b"\x11app\0\x14" + p.native(b"secret", p.NONCE) + b"shop\0\x2d\0mysql_native_password\0"
_TRACKERS = p.variable(b"time_zone", b"UTC") + p.schema(b"shop") + p.STATE_CHANGE
_ATTRIBUTES = b"\x03\2\1\0\1\xfe\0\1a\x03\0\1b\3abc\1\0\0\0"


@attrs.frozen
class Parser:
    """``decode`` of a ``payload``; ``optional`` fields at its end begin at that offset."""

    name: str
    decode: Callable[[bytes], Any]
    payload: bytes
    behind: str
    #: From here on a cut payload may be understood.
    enough: int


def _login(payload: bytes) -> HandshakeResponse41:
    return HandshakeResponse41.decode(payload, _ALL)


_LOGIN = p.login(b"app", b"x" * 20, _CAPABILITIES, b"shop")
_GREETING = p.greeting(bits.MYSQL)
_OK = p.ok(1, 2, info=b"done", session=_TRACKERS)

PARSERS = [
    Parser("greeting", HandshakeV10.decode, _GREETING, IGNORED, len(_GREETING) - 22),
    Parser("log-in", _login, _LOGIN, IGNORED, len(_LOGIN) - len(b"shop\0mysql_native_password\0")),
    Parser("TLS request", SSLRequest.decode, p.login(b"", b"", _CAPABILITIES | p.TLS)[:32], REFUSED, 32),
    Parser("switch", AuthSwitchRequest.decode, b"\xfemysql_native_password\0" + p.NONCE + b"\0", PART, 23),
    Parser("more data", AuthMoreData.decode, b"\x01data", PART, 1),
    Parser("change user", lambda payload: ChangeUser.decode(payload, _ALL), _CHANGE, IGNORED, 26),
    Parser("OK", OkPacket.decode, p.ok(1, 2), PART, 7),
    Parser("OK with session state", OkPacket.decode, _OK, IGNORED, 7),
    Parser("ERR", ErrorPacket.decode, p.err(), PART, 3),
    Parser("session state", decode_session_changes, _TRACKERS, REFUSED, 0),
    Parser("number of columns", definitions_after, b"\xfc\x2c\x01\1", IGNORED, 3),
    Parser(
        "query attributes", lambda command: text_start(command, 1), _ATTRIBUTES, IGNORED, len(_ATTRIBUTES)
    ),
]
_each = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)


def outcome(parser: Parser, payload: bytes) -> Any:
    """What is understood, or None; no other exception gets out."""
    try:
        return parser.decode(payload)
    except MalformedPacket:
        return None


@_each
def test_cut_off_anywhere(parser: Parser) -> None:
    assert outcome(parser, parser.payload) is not None
    for size in range(parser.enough):
        assert outcome(parser, parser.payload[:size]) is None, size
    for size in range(parser.enough, len(parser.payload)):
        outcome(parser, parser.payload[:size])


@_each
@pytest.mark.parametrize("extra", [b"\0", b"\xff", b"\xfe" * 12], ids=repr)
def test_with_bytes_behind_it(parser: Parser, extra: bytes) -> None:
    whole = outcome(parser, parser.payload)
    longer = outcome(parser, parser.payload + extra)
    if parser.behind == IGNORED:
        assert longer == whole
    elif parser.behind == REFUSED:
        assert longer is None
    else:
        assert longer is None or longer != whole or extra == b"\0"


@_each
def test_every_byte_may_be_another(parser: Parser) -> None:
    """Whatever stands there, MalformedPacket is all that comes out."""
    for at in range(len(parser.payload)):
        for byte in (0x00, 0x7F, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF):
            outcome(parser, parser.payload[:at] + bytes((byte,)) + parser.payload[at + 1 :])
