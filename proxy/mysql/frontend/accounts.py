"""Who may log in and how: what the connection phase asks of whoever knows the users."""

import enum
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred

__all__ = ["Accounts", "Method", "Proof", "TokenLogIn", "Way"]


class Method(enum.Enum):
    """How a client's word is checked; the value is the word in the audit log."""

    PASSWORD = "password"  # noqa: S105 - the name of a kind
    """Against the secret that the proxy holds."""
    TOKEN = "iam"  # noqa: S105 - the name of a kind
    """An IAM token instead of a password."""
    ASKED = "pass_through"
    """The client says its password, and the target is asked whether it is right."""
    VERIFIER = "auth_query"
    """Against what the target itself keeps of the password."""


@attrs.frozen
class Way:
    """How one user is to log in. Users that do not exist have a way, too."""

    method: Method
    #: RDS's client_password_auth_type; empty for the endpoint's default.
    auth_type: str = ""
    #: Any of them will do.
    passwords: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    is_read_only: bool = False


@attrs.frozen
class Proof:
    """Whether a client is who it says; ``reason`` is for the log only."""

    proven: bool
    reason: str = ""
    #: For the log: by which kind of token, or for which principal.
    detail: str = ""
    #: For the log, where it says more than the way does.
    method: str = ""
    #: Who was to decide.
    asked: str = "the database"
    #: Not proven because nobody could be asked: that says nothing of the client.
    is_undecided: bool = False


@attrs.frozen
class TokenLogIn:
    """What is known of a client that sends a token."""

    token: bytes = attrs.field(repr=False)
    username: str
    #: Empty for the Unix socket.
    address: str
    #: "host:port" of the endpoint, in lower case.
    endpoint_names: frozenset[str]


class Accounts(Protocol):
    """Knows the users."""

    def way(self, username: str, *, secure: bool) -> Way:
        """How this user logs in, over a connection that nobody can read along or another one."""

    def recheck(self, username: str) -> Deferred[bool]:
        """A client's password was wrong, or its user unknown: whether more is known now. Does not fail."""

    def check_token(self, log_in: TokenLogIn) -> Deferred[Proof]:
        """Verify a token. Fails with ClientError where tokens come too fast."""

    def prove_password(self, username: str, password: bytes) -> Deferred[Proof]:
        """Ask the target whether this is the user's password. Fails with what kept it from answering."""

    def prove_scramble(self, username: str, nonce: bytes, response: bytes) -> Deferred[Proof]:
        """Check an answer to a challenge of mysql_native_password by what the target keeps."""
