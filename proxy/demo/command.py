"""`rds-proxy demo`: a database with sample data and a proxy before it, until Ctrl-C.

Everything lives in one folder that is removed at the end. Two variables of the environment count: `PORT`, the
proxy's port, and `DATABASE_URL`, a server to use in place of a private one.
"""

import argparse
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Never

from .advice import PasteLines, Target, welcome
from .certificate import write_certificate
from .child import is_port_free
from .database_url import DatabaseAddress, DatabaseUrlError, parse_database_url
from .install import ensure_server
from .private_server import DatabaseError, PrivateMariaDB
from .proxy_process import ProxyError, ProxyProcess, proxy_command
from .sample import SCHEMA, new_logins, sample_sql
from .scratch_config import DemoSettings, write_config
from .stopping import StopRequest, StopRequestedError

__all__ = ["DemoError", "choose_port", "demo"]

DEFAULT_PORT = 3306
LAST_PORT = 65535
PORTS_TRIED = 20
PRIVATE_MAX_CONNECTIONS = 50
MAX_CONNECTIONS_PERCENT = 10
"""Of 50 connections that leaves the proxy 5; of an existing server's it leaves most to its other clients."""
REACH_LIMIT = 5.0
"""Seconds an existing server may take to accept a connection."""
WATCH_INTERVAL = 0.2


class DemoError(Exception):
    """The demo cannot go on; the text is for its user."""


def demo(argv: Sequence[str]) -> int:
    """Run the demo until it is interrupted: 0 then, 1 when it cannot start or the proxy ends by itself."""
    parser = argparse.ArgumentParser(
        prog="rds-proxy demo",
        description="Start a database with sample data and a proxy before it, until Ctrl-C. "
        "In the environment, PORT sets the proxy's port and DATABASE_URL an existing server to use.",
    )
    parser.parse_args(argv)
    stop = StopRequest()
    try:
        with stop, ExitStack() as undoing:
            _run(undoing, stop, os.environ)
    except StopRequestedError:
        return 0
    except (DemoError, DatabaseError, DatabaseUrlError, ProxyError) as error:
        if stop.requested:
            return 0
        print(f"rds-proxy demo: {error}", file=sys.stderr, flush=True)
        return 1


def choose_port(wanted: str | None) -> int:
    """Return the proxy's port: `wanted` if it is free, or without a wish the first free one from 3306 on.

    Raises DemoError when `wanted` is not a port or is taken.
    """
    if wanted is not None:
        if not (wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= LAST_PORT):
            raise DemoError(f"PORT must be a number from 1 to {LAST_PORT}, not {wanted!r}")
        if not is_port_free(int(wanted)):
            raise DemoError(f"port {wanted} is taken (or not allowed); set PORT to another one")
        return int(wanted)
    for port in range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED):
        if is_port_free(port):
            if port != DEFAULT_PORT:
                _say(f"Port {DEFAULT_PORT} is taken: the proxy takes {port}. PORT=... sets another one.")
            return port
    raise DemoError(f"no port from {DEFAULT_PORT} to {port} is free; set PORT to one that is")


def _run(undoing: ExitStack, stop: StopRequest, environment: Mapping[str, str]) -> Never:
    """Bring everything up and watch over it; ends by an exception only."""
    port = choose_port(environment.get("PORT") or None)
    url = environment.get("DATABASE_URL")
    existing = _existing_target(parse_database_url(url)) if url else None
    folder = _scratch_folder(undoing)
    target = existing or _private_target(undoing, stop, folder)
    certificate, private_key = folder / "certificate.pem", folder / "private-key.pem"
    write_certificate(certificate, private_key)
    settings = DemoSettings(
        port=port,
        target_host=target.host,
        target_port=target.port,
        max_connections_percent=MAX_CONNECTIONS_PERCENT,
        certificate=certificate,
        private_key=private_key,
        logins=target.logins,
    )
    proxy = ProxyProcess(proxy_command(write_config(folder, settings)), port, folder / "proxy.log")
    undoing.callback(proxy.stop)
    _say("Starting the proxy ...")
    proxy.start(stop.check)
    _say(welcome(PasteLines(port, target.database, certificate), target, proxy.log))
    while (status := proxy.wait(WATCH_INTERVAL)) is None:
        if stop.requested:
            _say("\nStopping ...")
        stop.check()
    raise DemoError(
        f"the proxy ended by itself with status {status}; the end of its log:\n{proxy.log_tail()}"
    )


def _scratch_folder(undoing: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rds-proxy-demo-"))
    undoing.callback(shutil.rmtree, folder, ignore_errors=True)
    # Passable, not readable: the database may run as another user, in a folder of its own below.
    folder.chmod(0o711)
    return folder


def _private_target(undoing: ExitStack, stop: StopRequest, folder: Path) -> Target:
    if ensure_server() is None:
        raise DemoError("there is no database server to start")
    stop.check()
    _say("Starting a private MariaDB with sample data ...")
    options = (f"--max-connections={PRIVATE_MAX_CONNECTIONS}",)
    server = PrivateMariaDB(folder / "database", options=options)
    undoing.callback(server.stop)
    server.start()
    stop.check()
    logins = new_logins()
    server.execute(sample_sql(logins))
    return Target(
        host=server.host,
        port=server.port,
        database=SCHEMA,
        description=f"a private MariaDB on port {server.port}, {PRIVATE_MAX_CONNECTIONS} connections at most",
        logins=tuple((login.username, login.password) for login in logins),
    )


def _existing_target(address: DatabaseAddress) -> Target:
    _say(f"Using the database at {address.host} port {address.port} (DATABASE_URL) ...")
    try:
        socket.create_connection((address.host, address.port), REACH_LIMIT).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DemoError(
            f"DATABASE_URL: {address.host} port {address.port} cannot be reached: {reason}"
        ) from None
    return Target(
        host=address.host,
        port=address.port,
        database=address.database,
        description=f"the server at {address.host} port {address.port}",
        logins=((address.username, address.password),),
    )


def _say(text: str) -> None:
    print(text, flush=True)
