"""The file of a Unix socket, from bind to the end."""

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from proxy.unix_port import SocketInUse, UnixPort, bind_unix


@pytest.fixture
def path() -> Iterator[str]:
    """Short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "s")


@pytest.mark.parametrize("mode", [0o777, 0o700, 0o660])
def test_permissions(path: str, mode: int) -> None:
    with bind_unix(path, mode, 5) as made:
        assert stat.S_IMODE(os.stat(path).st_mode) == mode
        assert not made.getblocking()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)


def test_what_a_dead_process_left_is_replaced(path: str) -> None:
    bind_unix(path, 0o777, 5).close()
    assert os.path.exists(path)
    with bind_unix(path, 0o777, 5), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def test_one_in_use_stays(path: str) -> None:
    with bind_unix(path, 0o777, 5):
        with pytest.raises(SocketInUse, match=r"/s is in use by another process"):
            bind_unix(path, 0o777, 5)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)


def test_one_whose_queue_is_full_is_in_use(path: str) -> None:
    with bind_unix(path, 0o777, 0):
        waiting = []
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            client.connect_ex(path)
        with pytest.raises(SocketInUse, match="in use"):
            bind_unix(path, 0o777, 5)
        for client in waiting:
            client.close()


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/nowhere")])
def test_anything_else_stays(path: str, make: Any) -> None:
    make(Path(path))
    with pytest.raises(SocketInUse, match="exists and is not a socket"):
        bind_unix(path, 0o777, 5)
    assert os.path.lexists(path)


def test_a_path_that_cannot_be() -> None:
    with pytest.raises(OSError, match="too long"):
        bind_unix("/tmp/" + "x" * 200, 0o777, 5)
    with pytest.raises(FileNotFoundError):
        bind_unix("/nowhere/at/all", 0o777, 5)


class Scene:
    """A port on a reactor that never turns."""

    def __init__(self, path: str, *, owned: bool) -> None:
        self.port: Any = UnixPort(
            bind_unix(path, 0o777, 5), ServerFactory(), MemoryReactorClock(), owned=owned
        )
        self.port.startListening()

    def end(self) -> None:
        self.port.connectionLost(Failure(Exception("end")))


def test_the_file_goes_with_the_port(path: str) -> None:
    scene = Scene(path, owned=True)
    assert scene.port.getHost().name == os.fsencode(path)
    scene.end()
    assert not os.path.exists(path)


def test_somebody_elses_stays(path: str) -> None:
    scene = Scene(path, owned=False)
    scene.end()
    assert os.path.exists(path)


def test_the_file_of_the_next_proxy_stays(path: str) -> None:
    scene = Scene(path, owned=True)
    os.rename(path, path + ".old")
    with bind_unix(path, 0o777, 5):
        scene.end()
        assert os.path.exists(path)


def test_a_socket_that_was_passed_on_listens_after_the_end(path: str) -> None:
    with bind_unix(path, 0o777, 5) as made:
        port: Any = UnixPort(made.dup(), ServerFactory(), MemoryReactorClock(), owned=False)
        port.startListening()
        port.connectionLost(Failure(Exception("end")))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
