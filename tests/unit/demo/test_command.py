import socket
from collections.abc import Iterator

import pytest

from proxy.demo import command
from proxy.demo.child import LOOPBACK, free_port
from proxy.demo.command import DemoError, choose_port, demo


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("wanted", ["0", "65536", "-1", "3306 ", "x", "٣"])
def test_a_wish_that_is_no_port_is_refused(wanted: str) -> None:
    with pytest.raises(DemoError, match="from 1 to 65535"):
        choose_port(wanted)


def test_a_free_port_is_granted() -> None:
    port = free_port()
    assert choose_port(str(port)) == port


def test_a_taken_port_is_not_replaced(taken_port: int) -> None:
    with pytest.raises(DemoError, match=f"port {taken_port} is taken"):
        choose_port(str(taken_port))


def test_without_a_wish_the_next_free_port_is_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "is_port_free", lambda port: port > 3307)
    assert choose_port(None) == 3308
    assert "3306 is taken" in capsys.readouterr().out


def test_without_any_free_port_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_port_free", lambda port: False)
    with pytest.raises(DemoError, match="no port from 3306 to 3325"):
        choose_port(None)


def test_a_bad_database_url_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.setenv("DATABASE_URL", "mysql://app:topsecret@")
    assert demo([]) == 1
    errors = capsys.readouterr().err
    assert "names no host" in errors
    assert "topsecret" not in errors


def test_a_database_out_of_reach_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.setenv("DATABASE_URL", f"mysql://app:topsecret@{LOOPBACK}:{free_port()}")
    assert demo([]) == 1
    assert "cannot be reached: Connection refused" in capsys.readouterr().err
