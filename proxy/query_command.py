"""What the commands that ask a running proxy have in common: whom they ask, as whom, and how they print.

Address, user and password come from the proxy's configuration file or from options. Exit status: 0 answered,
1 no answer or an error (one line says why), 2 wrong usage.
"""

import argparse
import getpass
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .config import Config, ConfigError, load
from .query_client import TIMEOUT, Address, Answer, NoAnswer, ask
from .secrets_at_hand import secrets_at_hand

__all__ = ["DEFAULT_CONFIG", "add_options", "run", "table"]

DEFAULT_CONFIG = "/etc/rds-proxy/rds-proxy.toml"

#: Longest password file that is read, in bytes.
MAX_PASSWORD_FILE = 64 * 1024

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_NULL = "-"


class _Unclear(Exception):
    """It is not known whom to ask, or as whom; the message is one line for the user."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options about whom to ask, and as whom."""
    parser.add_argument("--config", metavar="FILE", help=f"the proxy's (default: {DEFAULT_CONFIG})")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", help="where the proxy listens")
    where.add_argument("--socket", metavar="PATH", help="the Unix socket it listens on")
    parser.add_argument("--port", type=int, help="its port (default: the configuration's, else 3306)")
    parser.add_argument("--user", help="who logs in (default: the first of proxy.admin_users)")
    parser.add_argument("--password-file", metavar="FILE", help="holds the password in its first line")
    parser.add_argument(
        "--tls-ca", metavar="FILE", help="check the proxy's certificate with these authorities"
    )


def run(
    parser: argparse.ArgumentParser,
    argv: Sequence[str],
    statement: Callable[[argparse.Namespace], str],
    lines: Callable[[Answer], list[str]],
    patience: Callable[[argparse.Namespace], float] = lambda _arguments: TIMEOUT,
) -> int:
    """Run a command with its arguments: ask a statement, print an answer's lines, return the exit status.

    ``patience``: seconds that the answer may take.
    """
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        config = _config(arguments)
        user = _user(arguments, config)
        address = _address(arguments, config)
        password = _password(arguments, config, user)
        answer = ask(address, user, password, statement(arguments), patience(arguments))
    except (_Unclear, NoAnswer) as problem:
        print(f"rds-proxy: {_printable(str(problem))}", file=sys.stderr)
        return 1
    _print(lines(answer))
    return 0


def _print(lines: Sequence[str]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal may know fewer characters than the names and statements have.
        sys.stdout.reconfigure(errors="replace")
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough; what Python still holds for them goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _config(arguments: argparse.Namespace) -> Config | None:
    """The configuration, where one was named or nothing else says whom to ask."""
    if arguments.config is None and (arguments.host or arguments.socket):
        return None
    try:
        return load(arguments.config or DEFAULT_CONFIG)
    except ConfigError as problem:
        raise _Unclear(next(iter(problem.lines()))) from None


def _user(arguments: argparse.Namespace, config: Config | None) -> str:
    if arguments.user:
        return str(arguments.user)
    if config is None:
        raise _Unclear("name the user with --user")
    if not config.proxy.admin_users:
        raise _Unclear("proxy.admin_users is empty: name one of its users there, or any user with --user")
    return config.proxy.admin_users[0]


def _address(arguments: argparse.Namespace, config: Config | None) -> Address:
    tls_ca = arguments.tls_ca or ""
    if arguments.socket:
        return Address(path=arguments.socket)
    if config is None:
        return Address(arguments.host, 3306 if arguments.port is None else arguments.port, tls_ca=tls_ca)
    if config.proxy.socket and not arguments.host and arguments.port is None:
        return Address(path=config.proxy.socket)
    host = arguments.host or _ANY_ADDRESS.get(config.proxy.bind_address, config.proxy.bind_address)
    port = config.proxy.port if arguments.port is None else arguments.port
    if not port:
        raise _Unclear("proxy.port is 0: name the port with --port")
    return Address(host, port, tls_ca=tls_ca)


def _password(arguments: argparse.Namespace, config: Config | None, user: str) -> bytes:
    if arguments.password_file:
        return _first_line(arguments.password_file)
    if config is not None:
        return _secret(config, user)
    if not sys.stdin.isatty():
        raise _Unclear("give the password with --password-file")
    return getpass.getpass(f"Password of {user}: ").encode()


def _first_line(path: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return stream.readline(MAX_PASSWORD_FILE).rstrip(b"\r\n")
    except OSError as problem:
        raise _Unclear(f"{path}: {problem.strerror}") from None


def _secret(config: Config, user: str) -> bytes:
    store, found = secrets_at_hand(config, user=user)
    credential = store.lookup(user)
    if credential is None:
        why = "; ".join(map(str, found)) or f"proxy.auth has no secret of user {user}"
        raise _Unclear(f"no password for {user}: {why}")
    return credential.password


def table(answer: Answer) -> list[str]:
    """The lines of a table: columns aligned, numbers to the right; a dash for NULL."""
    if not answer.rows:
        return ["  ".join(answer.columns), "(no rows)"]
    rows = [answer.columns, *([_printable(value) for value in row] for row in answer.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(answer.columns))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, answer.numbers, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _printable(value: str | None) -> str:
    """Without characters that would move a terminal's cursor: names are their makers' choice."""
    if value is None:
        return _NULL
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value)
