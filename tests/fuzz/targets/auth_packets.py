"""What travels after a log-in, and COM_CHANGE_USER: decoded or refused, never another exception."""

from proxy.mysql.wire.auth_packets import AuthMoreData, AuthSwitchRequest, ChangeUser
from proxy.mysql.wire.capabilities import OFFERED_TO_CLIENTS, Capability
from proxy.mysql.wire.datatypes import MalformedPacket
from tests.fuzz.choices import head_and_stream


def fuzz(data: bytes) -> None:
    """Five bytes decide the connection's capabilities, the rest is the payload."""
    choices, payload = head_and_stream(data, 5)
    capabilities = choices.pick((OFFERED_TO_CLIENTS, Capability(choices.number(4))))
    for packet in (AuthSwitchRequest, AuthMoreData):
        try:
            decoded = packet.decode(payload)
        except MalformedPacket:
            continue
        assert packet.decode(decoded.encode()) == decoded
    try:
        change = ChangeUser.decode(payload, capabilities)
    except MalformedPacket:
        return
    try:
        again = change.encode(capabilities)
    except ValueError:
        return
    assert ChangeUser.decode(again, capabilities) == change
