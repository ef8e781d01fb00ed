"""mysql_clear_password: the password itself, for targets that check it elsewhere (PAM, IAM tokens).

MySQL manual, "Client-Side Cleartext Pluggable Authentication".
"""

from typing import ClassVar

import attrs

from .plugin import AuthRefused, Channel, ClientExchange

__all__ = ["NAME", "ClearClient"]

NAME = b"mysql_clear_password"


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
        if not channel.secure:
            raise AuthRefused("the server asks for the password over an insecure channel")
        yield password + b"\0"
        raise AuthRefused("the server sent more data than mysql_clear_password has")
