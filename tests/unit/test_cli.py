"""The console script: version, configuration check, handing over to the demo."""

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from proxy.cli import main

TARGET = '[[target_group.targets]]\nhost = "db"\n'
Capture = pytest.CaptureFixture[str]


def write(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def test_the_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"rds-proxy {metadata.version('rds-proxy')}\n"


def test_the_console_script_is_this_function() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="rds-proxy")
    assert script.load() is main


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["check-config"]])
def test_wrong_usage(argv: list[str], capsys: Capture) -> None:
    assert main(argv) == 2
    assert "usage: rds-proxy" in capsys.readouterr().err


def test_help_names_the_commands(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "check-config" in out
    assert "demo" in out


class TestCheckConfig:
    def test_a_good_file(self, tmp_path: Path, capsys: Capture) -> None:
        write(tmp_path / "s.toml", '[app]\nusername = "u"\npassword = "hunter2"\n')
        file = write(
            tmp_path / "c.toml",
            f'[proxy]\nsecrets_file = "s.toml"\n[[proxy.auth]]\nsecret_arn = "app"\n{TARGET}',
        )
        assert main(["check-config", file]) == 0
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == (f"{file}: ok\n", "")

    def test_every_error_has_a_line(self, tmp_path: Path, capsys: Capture) -> None:
        file = write(tmp_path / "c.toml", f"[proxy]\nport = 70000\nnmae = 1\n{TARGET}")
        assert main(["check-config", file]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.splitlines() == [
            f"{file}: proxy.nmae: unknown option, did you mean name?",
            f"{file}: proxy.port: 70000 is above 65535",
        ]

    def test_a_missing_file(self, tmp_path: Path, capsys: Capture) -> None:
        assert main(["check-config", str(tmp_path / "none")]) == 1
        assert "none: cannot be read: No such file or directory" in capsys.readouterr().err

    def test_no_users_is_a_note(self, tmp_path: Path, capsys: Capture) -> None:
        file = write(tmp_path / "c.toml", TARGET)
        assert main(["check-config", file]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"{file}: ok",
            f"{file}: note: proxy.auth: is empty, so no client can log in",
        ]

    def test_files_that_cannot_be_read_are_notes(self, tmp_path: Path, capsys: Capture) -> None:
        tls = 'tls_certificate = "c.pem"\ntls_private_key = "k.pem"\nsecrets_file = "s"\n'
        write(tmp_path / "k.pem", "")
        entry = '[[proxy.auth]]\nsecret_arn = "a"\n'
        file = write(tmp_path / "c.toml", f'[proxy]\n{tls}{entry}{TARGET}tls_ca = "ca.pem"\n')
        assert main(["check-config", file]) == 0
        missing = "No such file or directory"
        assert capsys.readouterr().out.splitlines()[1:] == [
            f"{file}: note: proxy.tls_certificate: {tmp_path / 'c.pem'} cannot be read: {missing}",
            f"{file}: note: target_group.targets[0].tls_ca: {tmp_path / 'ca.pem'} cannot be read: {missing}",
            f"{file}: note: proxy.auth: secret a: {tmp_path / 's'} cannot be read: {missing}",
        ]

    def test_users_of_the_target_group_without_a_secret_are_notes(
        self, tmp_path: Path, capsys: Capture
    ) -> None:
        write(tmp_path / "s", '[a]\nusername = "a"\npassword = "x"\n')
        (tmp_path / "s").chmod(0o600)
        entry = '[proxy]\nsecrets_file = "s"\n[[proxy.auth]]\nsecret_arn = "a"\n'
        group = '[target_group]\nmonitor_user_name = "m"\n[target_group.switchover]\n'
        file = write(tmp_path / "c.toml", f'{entry}{group}replication_user_name = "a"\n{TARGET}')
        assert main(["check-config", file]) == 0
        assert capsys.readouterr().out.splitlines()[1:] == [
            f"{file}: note: target_group.monitor_user_name: no secret of proxy.auth is for user 'm'"
        ]

    def test_a_secrets_problem_is_a_note_without_its_content(self, tmp_path: Path, capsys: Capture) -> None:
        write(tmp_path / "s", "[a]\npassword = hunter2\n")
        entry = '[[proxy.auth]]\nsecret_arn = "a"\n'
        file = write(tmp_path / "c.toml", f'[proxy]\nsecrets_file = "s"\n{entry}{TARGET}')
        assert main(["check-config", file]) == 0
        out = capsys.readouterr().out
        assert "secret a: " in out
        assert "(at line 2, column 12)" in out
        assert "hunter2" not in out

    @pytest.mark.parametrize(
        ("name", "content", "note"),
        [
            ("env:KEYS", None, "there is no environment variable KEYS"),
            ("env:KEYS", '{"key": {}}', "has other tables than keys and principals"),
            ("env:KEYS", '{"keys": {"AKIDEXAMPLE": 1}}', "access key AKIDEXAMPLE: is not a table"),
            ("env:KEYS", "{}", ""),
            (
                "arn:aws:secretsmanager:r:123456789012:secret:k",
                None,
                "is in AWS Secrets Manager, which was not",
            ),
        ],
    )
    def test_a_key_store_in_a_secret(
        self,
        tmp_path: Path,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        content: str | None,
        note: str,
    ) -> None:
        monkeypatch.delenv("KEYS", raising=False)
        if content is not None:
            monkeypatch.setenv("KEYS", content)
        file = write(tmp_path / "c.toml", f'[proxy.iam]\nkey_store_secret = "{name}"\n{TARGET}')
        assert main(["check-config", file]) == 0
        notes = [line for line in capsys.readouterr().out.splitlines() if "key_store_secret: " in line]
        assert bool(notes) is bool(note)
        assert all(note in line for line in notes)


@pytest.mark.parametrize("rest", [[], ["--help"], ["--version", "x"]])
def test_the_demo_gets_its_own_arguments(rest: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[Sequence[str]] = []

    def demo(argv: Sequence[str]) -> int:
        received.append(argv)
        return 7

    module = ModuleType("proxy.demo.command")
    module.demo = demo  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "proxy.demo.command", module)
    assert main(["demo", *rest]) == 7
    assert received == [rest]
