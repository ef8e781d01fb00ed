"""What the command phase needs of the client's connection."""

from typing import Protocol

from ...errors import ClientError

__all__ = ["ClientChannel"]


class ClientChannel(Protocol):
    """Implemented by the Twisted protocol that faces the client."""

    #: The client's connection id, as in its handshake and in the log.
    number: int
    #: The client reads slower than the database writes.
    full: bool

    def write(self, data: bytes) -> None:
        """Pass on bytes of a response."""

    def send_ok(self, status: int, sequence: int) -> None:
        """Answer a command with OK."""

    def send_eof(self, status: int, sequence: int) -> None:
        """Answer a command with EOF, or OK where the client has no EOF packets."""

    def send_error(self, error: ClientError, sequence: int) -> None:
        """Answer a command with an error."""

    def close(self) -> None:
        """Close once everything written is sent."""

    def pause(self, why: str) -> None:
        """Stop reading from the client for one more reason."""

    def resume(self, why: str) -> None:
        """That reason is gone."""

    def change_user(self, payload: bytes) -> None:
        """COM_CHANGE_USER: authenticate anew."""
