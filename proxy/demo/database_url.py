"""Reading `DATABASE_URL`, as in `mysql://user:password@host:3306/database`, with percent-encoded parts."""

from urllib.parse import SplitResult, unquote, urlsplit

import attrs

__all__ = ["DatabaseAddress", "DatabaseUrlError", "parse_database_url"]

DEFAULT_PORT = 3306
SCHEMES = ("mysql", "mariadb")
SHAPE = "mysql://user:password@host:port/database"
ENCODING = "a password needs %2F for /, %3F for ?, %23 for # and %40 for @"


class DatabaseUrlError(ValueError):
    """The URL cannot be used. The text never holds the URL, which carries a password."""


@attrs.frozen
class DatabaseAddress:
    """Where a database listens and how to log in; `database` is empty where the URL names none."""

    host: str
    port: int
    username: str
    password: str = attrs.field(repr=False)
    database: str = ""


def parse_database_url(url: str) -> DatabaseAddress:
    """Return what the URL names; the port is 3306 where it has none. Raises DatabaseUrlError."""
    parts = _split(url)
    # SQLAlchemy's form mysql+driver names the same server.
    scheme = parts.scheme.partition("+")[0]
    if scheme not in SCHEMES:
        raise DatabaseUrlError(f"DATABASE_URL must look like {SHAPE}; only MySQL and MariaDB are proxied")
    if not parts.hostname:
        raise DatabaseUrlError(f"DATABASE_URL names no host; it must look like {SHAPE}")
    if not parts.username or not parts.password:
        raise DatabaseUrlError(f"DATABASE_URL must name a user and a password, as {SHAPE}; {ENCODING}")
    return DatabaseAddress(
        host=unquote(parts.hostname),
        port=_port_of(parts),
        username=_decoded("user", parts.username),
        password=_decoded("password", parts.password),
        database=_decoded("database", parts.path.removeprefix("/")),
    )


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url.strip())
    except ValueError:
        raise DatabaseUrlError(f"DATABASE_URL is malformed; it must look like {SHAPE}") from None


def _port_of(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise DatabaseUrlError(f"DATABASE_URL names no valid port; {ENCODING}")
    return DEFAULT_PORT if port is None else port


def _decoded(what: str, text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise DatabaseUrlError(f"DATABASE_URL: the {what} is not percent-encoded UTF-8") from None
