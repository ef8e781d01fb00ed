"""Descriptors that systemd passes; real sockets, put where the manual says they are."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from proxy import activation
from proxy.activation import initial_environment, passed_sockets


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The descriptor of a listening socket, where the first passed one is looked for."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        number = os.dup(made.fileno())
        monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", number)
        os.set_inheritable(number, True)
        os.set_blocking(number, True)
        yield number
        with suppress(OSError):
            os.close(number)


def environment(process: int, count: object) -> dict[str, str]:
    return {"LISTEN_PID": str(process), "LISTEN_FDS": str(count)}


def test_one_is_adopted(listening: int) -> None:
    [found] = passed_sockets(environment(7, 1), 7)
    with found.socket as passed:
        assert passed.fileno() == listening
        assert passed.family == socket.AF_INET
        assert not passed.getblocking()
        assert not os.get_inheritable(listening)


@pytest.mark.parametrize(
    ("announced", "name"),
    [
        (None, ""),
        ("", ""),
        ("unknown", ""),
        ("rds-proxy.socket", ""),
        ("reader", "reader"),
        ("default", "default"),
    ],
)
def test_the_name_that_a_unit_gives(listening: int, announced: str | None, name: str) -> None:
    named = {} if announced is None else {"LISTEN_FDNAMES": announced}
    [found] = passed_sockets({**environment(7, 1), **named}, 7)
    found.socket.close()
    assert found.name == name


def test_names_for_other_descriptors(listening: int) -> None:
    with pytest.raises(ValueError, match="systemd passes 1 descriptors, but names for 2"):
        passed_sockets({**environment(7, 1), "LISTEN_FDNAMES": "a:b"}, 7)
    os.fstat(listening)


@pytest.mark.parametrize(
    "announced",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": "7"},
        environment(8, 1),
        environment(7, "x"),
        environment(7, -1),
    ],
)
def test_what_is_not_for_this_process(listening: int, announced: dict[str, str]) -> None:
    assert passed_sockets(announced, 7) == []
    os.fstat(listening)


def test_none_is_none() -> None:
    assert passed_sockets(environment(7, 0), 7) == []


def test_a_descriptor_that_is_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", reading)
    with pytest.raises(ValueError, match=f"descriptor {reading} from systemd: Bad file descriptor"):
        passed_sockets(environment(7, 1), 7)


def test_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", file.fileno())
        with pytest.raises(ValueError, match="from systemd: Socket operation on non-socket"):
            passed_sockets(environment(7, 1), 7)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_that_does_not_listen(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    made = socket.socket(socket.AF_INET, kind)
    number = os.dup(made.fileno())
    made.close()
    monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", number)
    with pytest.raises(ValueError, match="is not a listening stream socket"):
        passed_sockets(environment(7, 1), 7)


def test_the_environment_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "environ"
    source.write_bytes(b"LISTEN_PID=7\0EMPTY=\0WITH=a=b\0\0")
    assert initial_environment(source) == {"LISTEN_PID": "7", "EMPTY": "", "WITH": "a=b"}
    monkeypatch.setenv("HERE", "yes")
    assert initial_environment(tmp_path / "nothing")["HERE"] == "yes"
