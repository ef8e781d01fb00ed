"""Users whose passwords are known from the start and never change."""

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed

from proxy.credentials.source import Credential
from proxy.mysql.frontend.accounts import Method, Proof, TokenLogIn, Way


class KnownUsers:
    """A CredentialProvider over a lookup by name."""

    def __init__(self, lookup: Callable[[str], Credential | None]) -> None:
        self._lookup = lookup
        self.refused: list[Credential] = []

    def candidates(self, username: str, host: str, port: int) -> Deferred[Sequence[Credential]]:
        """One, or none."""
        credential = self._lookup(username)
        return succeed([] if credential is None else [credential])

    def accepted(self, credential: Credential) -> None:
        """Nothing follows from that."""

    def suspect(self, credential: Credential) -> Deferred[None]:
        """There is nobody to ask."""
        self.refused.append(credential)
        return succeed(None)


class KnownAccounts:
    """Accounts over a lookup by name: passwords, and nothing else."""

    def __init__(self, lookup: Callable[[str], Credential | None]) -> None:
        self._lookup = lookup
        self.rechecks: list[str] = []

    def way(self, username: str, *, secure: bool) -> Way:
        """By password, whoever it is."""
        credential = self._lookup(username)
        if credential is None:
            return Way(Method.PASSWORD)
        auth_type = credential.client_password_auth_type or ""
        return Way(Method.PASSWORD, auth_type, (credential.password,), credential.read_only)

    def recheck(self, username: str) -> Deferred[bool]:
        """There is nothing new."""
        self.rechecks.append(username)
        return succeed(False)

    def check_token(self, log_in: TokenLogIn) -> Deferred[Proof]:
        """Nobody has a token."""
        return succeed(Proof(False, "no tokens here"))

    def prove_password(self, username: str, password: bytes) -> Deferred[Proof]:
        """Nobody is asked."""
        return succeed(Proof(False, "no target here"))

    def prove_scramble(self, username: str, nonce: bytes, response: bytes) -> Deferred[Proof]:
        """Nobody is asked."""
        return succeed(Proof(False, "no target here"))
