"""The console script `rds-proxy`: check a configuration, try the proxy out, ask a running one.

The proxy itself is started by twistd. Exit status: 0 fine, 1 a wrong configuration, 2 wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from . import __version__
from .config import Config, ConfigError, load
from .credentials import CredentialStore, SecretError
from .credentials.secrets_environment import ENVIRONMENT_PREFIX, environment_text
from .iam.key_file import KeyFile, load_key_file, read_key_file
from .secrets_at_hand import NOT_ASKED, secrets_at_hand
from .settings import check_files

__all__ = ["main", "notes"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Their arguments are their own business, also those that look like options.
    if words[:1] and words[0] in _COMMANDS:
        return _COMMANDS[words[0]](words[1:])
    parser = _parser()
    try:
        arguments = parser.parse_args(words)
    except SystemExit as stop:
        return int(stop.code or 0)
    if arguments.command == "check-config":
        return _check_config(arguments.file)
    parser.print_usage(sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rds-proxy", description="A MySQL-protocol database proxy that behaves like AWS RDS Proxy."
    )
    parser.add_argument("--version", action="version", version=f"rds-proxy {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    check = commands.add_parser("check-config", help="say what is wrong with a configuration file")
    check.add_argument("file", metavar="FILE", help="the configuration file")
    commands.add_parser("analyze", help="say what in a general query log would pin", add_help=False)
    commands.add_parser("demo", help="try the proxy out", add_help=False)
    commands.add_parser("pins", help="show what pins the sessions of a running proxy", add_help=False)
    commands.add_parser("switchover", help="move a running proxy's traffic to a target", add_help=False)
    commands.add_parser("targets", help="show the targets of a running proxy", add_help=False)
    return parser


def _demo(argv: list[str]) -> int:
    # Imported only here: nothing else needs what the demo needs.
    from .demo.command import demo  # noqa: PLC0415

    return demo(argv)


def _pins(argv: list[str]) -> int:
    from .pins_command import pins  # noqa: PLC0415 - the other commands do without its imports

    return pins(argv)


def _analyze(argv: list[str]) -> int:
    from .analyze.command import analyze  # noqa: PLC0415 - the other commands do without its imports

    return analyze(argv)


def _targets(argv: list[str]) -> int:
    from .targets_command import targets  # noqa: PLC0415 - the other commands do without its imports

    return targets(argv)


def _switchover(argv: list[str]) -> int:
    from .switchover_command import switchover  # noqa: PLC0415 - the other commands do without its imports

    return switchover(argv)


_COMMANDS = {
    "analyze": _analyze,
    "demo": _demo,
    "pins": _pins,
    "switchover": _switchover,
    "targets": _targets,
}


def _check_config(file: str) -> int:
    try:
        config = load(file)
    except ConfigError as error:
        for line in error.lines():
            print(line, file=sys.stderr)
        return 1
    try:
        # Root may run this for a daemon that can read less: what cannot be read is a note only.
        check_files(config)
    except ValueError as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 1
    except OSError:
        pass
    print(f"{file}: ok")
    for note in notes(config):
        print(f"{file}: note: {note}")
    return 0


def notes(config: Config) -> Iterator[str]:
    """What is right in the configuration and still keeps clients or the proxy from working, one line each."""
    proxy = config.proxy
    yield from _unreadable("proxy.tls_certificate", proxy.tls_certificate)
    yield from _unreadable("proxy.tls_private_key", proxy.tls_private_key)
    for index, target in enumerate(config.target_group.targets):
        yield from _unreadable(f"target_group.targets[{index}].tls_ca", target.tls_ca)
    yield from _key_file("proxy.iam.key_store_file", proxy.iam.key_store_file)
    yield from _key_secret("proxy.iam.key_store_secret", proxy.iam.key_store_secret)
    yield from _key_file("proxy.iam.sts_policies", proxy.iam.sts_policies)
    ways = (proxy.default_auth_scheme, proxy.pass_through_users, proxy.auth_query)
    has_others = ways != ("NONE", "off", "")
    if not proxy.auth and not has_others:
        yield "proxy.auth: is empty, so no client can log in"
        return
    store, problems = secrets_at_hand(config)
    for problem in problems:
        yield f"proxy.auth: {problem}"
    if has_others or any(problem.reason == NOT_ASKED for problem in problems):
        return
    group = config.target_group
    yield from _unknown_user(store, "target_group.monitor_user_name", group.monitor_user_name)
    replication_user = group.switchover.replication_user_name
    yield from _unknown_user(store, "target_group.switchover.replication_user_name", replication_user)


def _unknown_user(store: CredentialStore, option: str, user: str) -> Iterator[str]:
    if user and store.lookup(user) is None:
        yield f"{option}: no secret of proxy.auth is for user {user!r}"


def _key_file(option: str, path: str) -> Iterator[str]:
    if not path:
        return
    try:
        found = load_key_file(path)
    except SecretError as problem:
        yield f"{option}: {path} {problem.reason}"
        return
    yield from _wrong_with(option, found)


def _key_secret(option: str, name: str) -> Iterator[str]:
    if not name:
        return
    if not name.startswith(ENVIRONMENT_PREFIX):
        yield f"{option}: {name}: {NOT_ASKED}"
        return
    try:
        found = read_key_file(environment_text(name))
    except SecretError as problem:
        yield f"{option}: {problem.reason}"
        return
    yield from _wrong_with(option, found)


def _wrong_with(option: str, found: KeyFile) -> Iterator[str]:
    for text in (*found.problems, *found.warnings):
        yield f"{option}: {text}"


def _unreadable(option: str, path: str) -> Iterator[str]:
    if not path:
        return
    try:
        # Without O_NONBLOCK opening a named pipe would wait for a writer.
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        yield f"{option}: {path} cannot be read: {error.strerror}"
