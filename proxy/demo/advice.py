"""The lines the demo prints for its user to paste."""

import os
import shlex
import sys
from pathlib import Path

import attrs

from .child import LOOPBACK
from .crowd import CLIENT_COUNT

__all__ = ["PasteLines", "Target", "welcome"]


@attrs.frozen
class Target:
    """The database behind the proxy. `logins` are pairs of user name and password, the writing user first."""

    host: str
    port: int
    database: str
    description: str
    logins: tuple[tuple[str, str], ...] = attrs.field(repr=False)


@attrs.frozen
class PasteLines:
    """Commands for the proxy on the loopback `port`. `database` may be empty."""

    port: int
    database: str
    certificate: Path

    def mariadb(self, username: str, password: str) -> str:
        """A command line for MariaDB's client, which from 11.4 on wants to verify the certificate."""
        return self._client("mariadb", username, password, f"--ssl-ca={self.certificate}")

    def mysql(self, username: str, password: str) -> str:
        """A command line for MySQL's client, or for MariaDB's where that has the name."""
        return self._client("mysql", username, password)

    def pymysql(self, username: str, password: str) -> str:
        """A command line that asks for the time through PyMySQL."""
        code = (
            f"import pymysql; c = pymysql.connect(host={LOOPBACK!r}, port={self.port}, user={username!r}, "
            f"password={password!r}, database={self.database or None!r}).cursor(); "
            "c.execute('SELECT NOW(), CONNECTION_ID()'); print(c.fetchone())"
        )
        # Python's own quotes read better within double ones, where the shell takes nothing else amiss.
        quoted = shlex.quote(code) if set(code) & set('"$`\\!') else f'"{code}"'
        return f"{shlex.quote(_python())} -c {quoted}"

    def crowd(self, username: str, password: str) -> str:
        """A command line that shows many clients on few connections."""
        words = [_python(), "-m", "proxy.demo.crowd", f"--port={self.port}", f"--clients={CLIENT_COUNT}"]
        words += [f"--user={username}", f"--password={password}", f"--database={self.database}"]
        return shlex.join(words)

    def _client(self, program: str, username: str, password: str, *options: str) -> str:
        words = [program, f"--host={LOOPBACK}", f"--port={self.port}", f"--user={username}"]
        words += [f"--password={password}", *options]
        return shlex.join([*words, self.database] if self.database else words)


def welcome(lines: PasteLines, target: Target, log: Path) -> str:
    """Return what the demo says when the proxy takes clients."""
    parts = [
        f"\nThe proxy listens on {LOOPBACK} port {lines.port}, before {target.description}. Its log: {log}"
    ]
    for index, (username, password) in enumerate(target.logins):
        rights = "" if len(target.logins) == 1 else (" (reads and writes)", " (only reads)")[index]
        parts += [
            f"\nConnect as {username}{rights}, password {password}:",
            f"  {lines.mariadb(username, password)}",
            f"  {lines.mysql(username, password)}",
            f"  {lines.pymysql(username, password)}",
        ]
    if target.database:
        parts += [f"\nSee {CLIENT_COUNT} clients share a few database connections:"]
        parts += [f"  {lines.crowd(*target.logins[0])}"]
    parts.append("\nCtrl-C ends the demo and removes everything it made.")
    return "\n".join(parts)


def _python() -> str:
    relative = os.path.relpath(sys.executable)
    return sys.executable if relative.startswith("..") else relative
