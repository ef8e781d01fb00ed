"""The databases' own images, run by testcontainers on a Docker engine.

`testcontainers` is imported late: it is in the extra `containers`, and other tests go without it.
"""

import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pymysql

from tests.integration.certificates import Authority
from tests.integration.polling import POLL_INTERVAL

from .servers import OPTIONS, Server

__all__ = ["NoEngine", "check_engine", "start_image"]

START_LIMIT = 180.0
"""Seconds from the start of a container to its first log-in; the image is there by then."""
PORT = 3306
ADMIN, ADMIN_PASSWORD = "root", "root's secret"
TLS_FOLDER = "/tls"
# From 8.4 on this plugin is there but off; earlier versions and MariaDB do not know the option.
NATIVE = "--loose-mysql-native-password=ON"
ED25519 = "--plugin-load-add=auth_ed25519"


class NoEngine(Exception):
    """No container can be started here; the text says why."""


def check_engine() -> None:
    """Ask the engine whether it is there. Raises NoEngine."""
    try:
        from testcontainers.core.docker_client import DockerClient
    except ImportError:
        raise NoEngine("testcontainers is not installed: pip install '.[containers]'") from None
    try:
        DockerClient().client.ping()
    except Exception as error:
        # The library lets errors of several others through, and all of them mean the same here.
        raise NoEngine(f"no Docker engine answers ({error})") from None


def start_image(image: str, folder: Path, stack: ExitStack) -> Server:
    """Run an image of MySQL or MariaDB until `stack` ends."""
    from testcontainers.core.container import DockerContainer

    # The server in the container does not have the account that these files belong to.
    files = Authority(folder / "tls").issue("server", "localhost", "127.0.0.1")
    container = DockerContainer(image).with_exposed_ports(PORT).with_command(_options(image))
    for name in ("MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"):
        container.with_env(name, ADMIN_PASSWORD)
    for file in (files.authority, files.certificate, files.private_key):
        container.with_copy_into_container(file.read_bytes(), f"{TLS_FOLDER}/{file.name}", 0o644)
    stack.enter_context(container)
    host = socket.gethostbyname(container.get_container_host_ip())
    server = Server(
        image, host, int(container.get_exposed_port(PORT)), ADMIN, ADMIN_PASSWORD, files.authority
    )
    _wait_until_ready(server, container)
    return server


def _options(image: str) -> list[str]:
    tls = [f"--ssl-ca={TLS_FOLDER}/authority.pem", f"--ssl-cert={TLS_FOLDER}/server.pem"]
    tls.append(f"--ssl-key={TLS_FOLDER}/server.key")
    return [*OPTIONS, *tls, ED25519 if "mariadb" in image else NATIVE]


def _wait_until_ready(server: Server, container: Any) -> None:
    # While the image makes its data, its server listens on no port, so the first log-in is to the final one.
    deadline = time.monotonic() + START_LIMIT
    while True:
        with suppress(pymysql.MySQLError):
            server.connect().close()
            return
        container.reload()
        ended = container.status not in ("created", "running")
        if ended or time.monotonic() > deadline:
            output, errors = container.get_logs()
            raise AssertionError(
                f"{server.name} did not start:\n{(output + errors).decode(errors='replace')}"
            )
        time.sleep(POLL_INTERVAL)
