"""A client's log-in and its wish for TLS: decoded or refused; what was decoded survives encoding."""

from proxy.mysql.wire.capabilities import OFFERED_TO_CLIENTS, Capability
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.login import HandshakeResponse41, SSLRequest, is_ssl_request
from proxy.mysql.wire.login_fields import MAX_ATTRIBUTES, MAX_USERNAME_BYTES
from tests.fuzz.choices import head_and_stream

_EVERYTHING = Capability((1 << 32) - 1)


def fuzz(data: bytes) -> None:
    """Four bytes decide what the greeting offered, the rest is the payload."""
    choices, payload = head_and_stream(data, 5)
    offered = choices.pick((OFFERED_TO_CLIENTS, _EVERYTHING, Capability(choices.number(4))))
    if is_ssl_request(payload):
        _request(payload)
    try:
        login = HandshakeResponse41.decode(payload, offered)
    except MalformedPacket:
        return
    assert login.capabilities & ~offered == 0
    assert len(login.username) <= MAX_USERNAME_BYTES
    assert len(login.attributes) <= MAX_ATTRIBUTES
    if Capability.PROTOCOL_41 in login.capabilities:
        _encoded_again(login)


def _request(payload: bytes) -> None:
    try:
        request = SSLRequest.decode(payload)
    except MalformedPacket:
        return
    assert SSLRequest.decode(request.encode()) == request


def _encoded_again(login: HandshakeResponse41) -> None:
    try:
        again = login.encode()
    except ValueError:
        return
    assert HandshakeResponse41.decode(again, login.capabilities) == login
