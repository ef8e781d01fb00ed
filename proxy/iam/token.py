"""A database token, as `generate_db_auth_token` of AWS's SDKs and command line makes it.

It is a presigned URL without its scheme: HOST:PORT/?Action=connect&DBUser=USER and a signature's parameters,
for the service rds-db. Only the header Host is signed. Parsing trusts nothing and proves nothing.
"""

import re
from collections.abc import Iterator

import attrs

from .presigned import PresignedQuery, TokenError, parse_query

__all__ = ["SERVICE", "DatabaseToken", "parse_token"]

SERVICE = "rds-db"

_OWN_NAMES = frozenset(["Action", "DBUser"])
_FORM = re.compile(r"((?:[A-Za-z0-9_.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])):([1-9][0-9]{0,4})/\?([^\n]+)")


@attrs.frozen
class DatabaseToken:
    """What a token says. `host` stands as it does in the token."""

    host: str
    port: str
    username: str
    query: PresignedQuery

    @property
    def endpoint(self) -> str:
        """host:port in lower case."""
        return f"{self.host}:{self.port}".lower()

    def signed_hosts(self) -> Iterator[str]:
        """What a signer may have taken for the header Host.

        Some sign the host as it was given, others in lower case; some leave the port of https out.
        """
        hosts = dict.fromkeys((self.host, self.host.lower()))
        yield from (f"{host}:{self.port}" for host in hosts)
        if self.port == "443":
            yield from hosts


def parse_token(token: bytes, max_size: int) -> DatabaseToken:
    """Read a token of at most `max_size` bytes. Raises TokenError."""
    if len(token) > max_size:
        raise TokenError(f"is longer than {max_size} bytes")
    form = _FORM.fullmatch(token.decode("latin-1"))
    if form is None:
        raise TokenError("is not in the form of a database token")
    host, port, text = form.groups()
    query = parse_query(text, _OWN_NAMES, SERVICE)
    if query.values["Action"] != "connect":
        raise TokenError("is for another action than connect")
    if query.signed_headers != "host":
        raise TokenError("signs other headers than host")
    return DatabaseToken(host, port, query.values["DBUser"], query)
