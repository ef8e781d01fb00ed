"""mysql_clear_password: the password itself, where it is checked elsewhere (PAM, IAM tokens).

MySQL manual, "Client-Side Cleartext Pluggable Authentication". The client has one message that a NUL closes:
its log-in packet holds it if the client chose the plugin, else it is the answer to AuthSwitchRequest. The
server has none. Over an insecure channel both roles only refuse. By then a switch to this plugin would have
made the client show its password: whoever sends AuthSwitchRequest looks at the channel first.
"""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from .native import expect_password
from .plugin import (
    AuthRefused,
    Channel,
    ClientExchange,
    PasswordExchange,
    ServerExchange,
    any_proves,
    said_password,
    same_secret,
)

__all__ = ["NAME", "ClearClient", "ClearServer"]

NAME = b"mysql_clear_password"


@attrs.frozen
class ClearServer:
    """Authenticates a client over a secure channel, without a message of its own."""

    name: ClassVar[bytes] = NAME

    def authenticate(
        self, passwords: Sequence[bytes], nonce: bytes, response: bytes, channel: Channel
    ) -> ServerExchange:
        """Ends at once; whatever comes over an insecure channel proves nothing."""
        said = yield from self.ask(nonce, response, channel)
        proven = any_proves(passwords, lambda password: same_secret(said or b"", password))
        return proven or (said == b"" and b"" in passwords)

    def ask(
        self,
        nonce: bytes,  # noqa: ARG002 - there is no challenge
        response: bytes,
        channel: Channel,
    ) -> PasswordExchange:
        """Ends at once, with None where the channel is insecure."""
        if not channel.secure:
            return None
        return said_password(response or b"\0")
        yield  # unreachable: makes a generator of an exchange without messages


@attrs.frozen
class ClearClient:
    """Logs in to a target, over a secure channel only."""

    name: ClassVar[bytes] = NAME

    def respond(
        self,
        password: bytes,
        nonce: bytes,  # noqa: ARG002 - there is no challenge
        channel: Channel,
    ) -> ClientExchange:
        """Sends the password, or raises AuthRefused before anything is sent."""
        expect_password(password)
        if not channel.secure:
            raise AuthRefused("the server asks for the password over an insecure channel")
        yield password + b"\0"
        raise AuthRefused("the server sent more data than mysql_clear_password has")
