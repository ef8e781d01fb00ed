"""`rds-proxy pins`: whom it asks, as whom, and how it prints; the network is the integration tests'."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy import query_command
from proxy.cli import main
from proxy.query_client import Address, Answer, NoAnswer, ask
from proxy.query_command import table

TARGET = '[[target_group.targets]]\nhost = "db"\n'
Capture = pytest.CaptureFixture[str]
Asked = list[tuple[Address, str, bytes, str]]

EMPTY = Answer(("client", "reason", "advice"), (True, False, False), ())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What would have been asked; the answer is empty."""
    calls: Asked = []

    def pretend(address: Address, username: str, password: bytes, statement: str, patience: float) -> Answer:
        calls.append((address, username, bytes(password), statement))
        return EMPTY

    monkeypatch.setattr(query_command, "ask", pretend)
    return calls


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("s3cret \nsecond line\n")
    return str(path)


def config(folder: Path, proxy: str) -> str:
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text('[a]\nusername = "boss"\npassword = "p1"\n[b]\nusername = "app"\npassword = "p2"\n')
    file = folder / "rds-proxy.toml"
    auth = '[[proxy.auth]]\nsecret_arn = "a"\n[[proxy.auth]]\nsecret_arn = "b"\n'
    file.write_text(f'[proxy]\nsecrets_file = "secrets.toml"\n{proxy}\n{auth}{TARGET}')
    return str(file)


class TestFromTheConfiguration:
    def test_address_and_first_admin(self, tmp_path: Path, asked: Asked) -> None:
        file = config(tmp_path, 'port = 3307\nadmin_users = ["boss", "app"]')
        assert main(["pins", "--config", file]) == 0
        assert asked == [(Address("127.0.0.1", 3307), "boss", b"p1", "SHOW PROXY PINS")]

    @pytest.mark.parametrize(
        ("bound", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.1", "192.0.2.1")]
    )
    def test_one_that_listens_everywhere_is_asked_here(
        self, tmp_path: Path, asked: Asked, bound: str, host: str
    ) -> None:
        file = config(tmp_path, f'bind_address = "{bound}"\nadmin_users = ["boss"]')
        assert main(["pins", "--config", file]) == 0
        assert asked[0][0] == Address(host, 3306)

    def test_its_socket_comes_first(self, tmp_path: Path, asked: Asked) -> None:
        file = config(tmp_path, 'socket = "/run/p.sock"\nadmin_users = ["boss"]')
        assert main(["pins", "--config", file]) == 0
        assert main(["pins", "--config", file, "--port", "3308"]) == 0
        assert [call[0] for call in asked] == [Address(path="/run/p.sock"), Address("127.0.0.1", 3308)]

    def test_another_user_and_address(self, tmp_path: Path, asked: Asked) -> None:
        file = config(tmp_path, "")
        assert main(["pins", "clients", "--config", file, "--user", "app", "--host", "db1"]) == 0
        assert asked == [(Address("db1", 3306), "app", b"p2", "SHOW PROXY CLIENTS")]

    @pytest.mark.parametrize(
        ("proxy", "arguments", "words"),
        [
            ("", [], "proxy.admin_users is empty"),
            ('admin_users = ["boss"]\nport = 0', [], "proxy.port is 0"),
            ('admin_users = ["nobody"]', [], "no secret of user nobody"),
            ("nonsense = 1", [], "nonsense"),
        ],
    )
    def test_what_is_missing(
        self, tmp_path: Path, asked: Asked, capsys: Capture, proxy: str, arguments: list[str], words: str
    ) -> None:
        assert main(["pins", "--config", config(tmp_path, proxy), *arguments]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert words in line
        assert not asked

    def test_an_unreadable_secrets_file(self, tmp_path: Path, asked: Asked, capsys: Capture) -> None:
        file = config(tmp_path, 'admin_users = ["boss"]')
        (tmp_path / "secrets.toml").chmod(0o666)
        assert main(["pins", "--config", file]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "open to others" in line
        assert "p1" not in line
        assert not asked

    def test_there_is_none(self, tmp_path: Path, capsys: Capture) -> None:
        assert main(["pins", "--config", str(tmp_path / "no.toml")]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "cannot be read" in line


class TestFromTheCommandLine:
    def test_host_user_and_password(self, asked: Asked, password_file: str) -> None:
        common = ["--user", "app", "--password-file", password_file]
        assert main(["pins", "totals", "--host", "db1", "--port", "3307", *common]) == 0
        assert main(["pins", "pool", "--socket", "/run/p.sock", *common]) == 0
        assert main(["pins", "--host", "db1", "--tls-ca", "ca.pem", *common]) == 0
        assert asked == [
            (Address("db1", 3307), "app", b"s3cret ", "SHOW PROXY PIN TOTALS"),
            (Address(path="/run/p.sock"), "app", b"s3cret ", "SHOW PROXY POOL"),
            (Address("db1", 3306, tls_ca="ca.pem"), "app", b"s3cret ", "SHOW PROXY PINS"),
        ]

    def test_a_user_is_needed(self, asked: Asked, capsys: Capture) -> None:
        assert main(["pins", "--host", "db1"]) == 1
        assert "--user" in capsys.readouterr().err
        assert not asked

    def test_a_password_is_needed(self, asked: Asked, capsys: Capture) -> None:
        assert main(["pins", "--host", "db1", "--user", "app"]) == 1
        assert "--password-file" in capsys.readouterr().err
        assert not asked

    def test_a_password_file_that_is_not_there(self, tmp_path: Path, capsys: Capture) -> None:
        missing = str(tmp_path / "none")
        assert main(["pins", "--host", "db1", "--user", "app", "--password-file", missing]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert missing in line

    @pytest.mark.parametrize("argv", [["nonsense"], ["--port", "x"], ["--host", "a", "--socket", "b"]])
    def test_wrong_usage(self, argv: list[str], capsys: Capture) -> None:
        assert main(["pins", *argv]) == 2
        assert "usage: rds-proxy pins" in capsys.readouterr().err

    def test_help(self, capsys: Capture) -> None:
        assert main(["pins", "--help"]) == 0
        assert "--password-file" in capsys.readouterr().out
        assert main(["--help"]) == 0
        assert "pins" in capsys.readouterr().out


class TestPrinting:
    def test_columns_are_aligned(self) -> None:
        answer = Answer(("user", "n", "why"), (False, True, False), (("app", "7", None), ("a", "12", "x")))
        assert table(answer) == ["user   n  why", "app    7  -", "a     12  x"]

    def test_without_rows(self) -> None:
        assert table(Answer(("user", "n"), (False, True), ())) == ["user  n", "(no rows)"]

    def test_a_name_cannot_move_the_cursor(self) -> None:
        [_, line] = table(Answer(("user",), (False,), (("a\x1b[2Jb\nc",),)))
        assert line == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c"

    def test_advice_stands_below_the_table(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture, password_file: str
    ) -> None:
        rows = (("1", "role", "Do this."), ("2", "role", "Do this."), ("3", "handler", "Do that."))
        monkeypatch.setattr(query_command, "ask", lambda *_: Answer(EMPTY.columns, EMPTY.numbers, rows))
        assert main(["pins", "--host", "h", "--user", "u", "--password-file", password_file]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "client  reason",
            "     1  role",
            "     2  role",
            "     3  handler",
            "",
            "role: Do this.",
            "handler: Do that.",
        ]

    def test_no_answer_is_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture, password_file: str
    ) -> None:
        def refuse(*_: object) -> Answer:
            raise NoAnswer("h:1: 1045 (28000): Access\ndenied")

        monkeypatch.setattr(query_command, "ask", refuse)
        assert main(["pins", "--host", "h", "--user", "u", "--password-file", password_file]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1


@contextmanager
def listening(says: bytes) -> Iterator[int]:
    """Something that is no proxy: says some bytes to the one who connects, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(says)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"", "closed the connection"),
        (b"SSH-2.0-OpenSSH_9\r\n", ""),
        (b"\x00\x00\x00\x00", "empty packet"),
        (b"\x01\x00\x00\x00\x09", "greeting is not of protocol version 10"),
        (b"\x17\x00\x00\x00\xff\x10\x04Too many connections", "1040 (HY000): Too many connections"),
    ],
)
def test_something_else_that_listens_is_no_traceback(says: bytes, words: str) -> None:
    with listening(says) as port, pytest.raises(NoAnswer, match=rf"127\.0\.0\.1:{port}: ") as caught:
        ask(Address("127.0.0.1", port), "app", b"", "SHOW PROXY PINS")
    assert words in str(caught.value)


def test_nobody_listens(tmp_path: Path) -> None:
    for address in (Address("127.0.0.1", 1), Address(path=str(tmp_path / "none"))):
        with pytest.raises(NoAnswer, match=r"refused|No such file"):
            ask(address, "app", b"", "SHOW PROXY PINS")
