"""The file around the secrets: mode, kind, size, reading once per refresh."""

import os
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from proxy.credentials.secrets_file import SecretsFile
from proxy.credentials.source import Secret, SecretError, SecretNotFoundError, SecretVersions

from .memory_source import error_of

TEXT = '[app]\nusername = "u"\npassword = "hunter2"\n'


def write(path: Path, text: str = TEXT, mode: int = 0o600) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
    return path


def secret_of(fetched: Deferred[SecretVersions]) -> Secret:
    results: list[SecretVersions] = []
    fetched.addCallback(results.append)
    assert results[0] == SecretVersions(results[0].current)
    return results[0].current


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_file_closed_to_others_is_read(tmp_path: Path, mode: int) -> None:
    source = SecretsFile(str(write(tmp_path / "s", mode=mode)))
    assert secret_of(source.fetch("app")).username == "u"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_file_open_to_others_is_refused_with_the_mode_to_set(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "s", mode=mode)
    reason = error_of(SecretsFile(str(path)).fetch("app")).reason
    assert reason == f"{path} is open to others (mode {mode:04o}); set mode 0640 or 0600"


def test_a_missing_file(tmp_path: Path) -> None:
    error = error_of(SecretsFile(str(tmp_path / "none")).fetch("app"))
    assert error.reason == f"{tmp_path / 'none'} cannot be read: No such file or directory"
    assert not isinstance(error, SecretNotFoundError)


def test_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "directory").mkdir(mode=0o700)
    for name in ("pipe", "directory"):
        reason = error_of(SecretsFile(str(tmp_path / name)).fetch("app")).reason
        assert reason == f"{tmp_path / name} is not a regular file"


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "s")
    (tmp_path / "link").symlink_to("s")
    assert secret_of(SecretsFile(str(tmp_path / "link")).fetch("app")).name == "app"


def test_the_size_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "s")
    assert secret_of(SecretsFile(str(path), size_limit=len(TEXT)).fetch("app"))
    limit = len(TEXT) - 1
    reason = error_of(SecretsFile(str(path), size_limit=limit).fetch("app")).reason
    assert reason == f"{path} is larger than {limit} bytes"


def test_an_unknown_name(tmp_path: Path) -> None:
    path = write(tmp_path / "s")
    error = error_of(SecretsFile(str(path)).fetch("other"))
    assert isinstance(error, SecretNotFoundError)
    assert error.reason == f"is not in {path}"


def test_a_bad_secret_leaves_the_others(tmp_path: Path) -> None:
    source = SecretsFile(str(write(tmp_path / "s", TEXT + '[bad]\npassword = "hunter2"\n')))
    assert error_of(source.fetch("bad")).reason == "has no username"
    assert secret_of(source.fetch("app")).password == b"hunter2"


def test_a_parse_error_names_file_and_position(tmp_path: Path) -> None:
    path = write(tmp_path / "s", "[app]\npassword = hunter2\n")
    reason = error_of(SecretsFile(str(path)).fetch("app")).reason
    assert reason == f"{path} is not valid TOML (at line 2, column 12)"


def test_the_file_is_read_once_per_refresh(tmp_path: Path) -> None:
    path = write(tmp_path / "s")
    source = SecretsFile(str(path))
    source.fetch("app")
    write(path, TEXT.replace("hunter2", "hunter3"))
    assert secret_of(source.fetch("app")).password == b"hunter2"
    source.start_refresh()
    assert secret_of(source.fetch("app")).password == b"hunter3"


def test_a_source_shows_no_secret(tmp_path: Path) -> None:
    source = SecretsFile(str(write(tmp_path / "s")))
    source.fetch("app")
    assert "hunter2" not in repr(source)


def aged(path: Path) -> None:
    """Make a file look as if it had not changed for long; only its own time can be set."""
    os.utime(path, (1e9, 1e9))


def test_a_file_that_looks_the_same_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "s")
    source = SecretsFile(str(path))
    monkeypatch.setattr("time.time", lambda: os.stat(path).st_ctime + 10)
    source.fetch("app")
    read: list[str] = []
    monkeypatch.setattr("proxy.credentials.secrets_file.read_private_file", lambda *_: read.append("") or b"")
    source.start_refresh()
    assert secret_of(source.fetch("app")).password == b"hunter2"
    assert read == []
    aged(path)
    source.start_refresh()
    assert isinstance(error_of(source.fetch("app")), SecretNotFoundError)
    assert read == [""]


def test_a_file_that_was_written_just_now_is_read_again(tmp_path: Path) -> None:
    """It may be written once more within the same tick of the file system's clock."""
    path = write(tmp_path / "s")
    source = SecretsFile(str(path))
    source.fetch("app")
    before = os.stat(path)
    with path.open("r+") as stream:
        stream.write(TEXT.replace("hunter2", "hunter3"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    source.start_refresh()
    assert secret_of(source.fetch("app")).password == b"hunter3"


def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "s")
    source = SecretsFile(str(path))
    source.fetch("app")
    write(tmp_path / "new", TEXT.replace("hunter2", "hunter3")).replace(path)
    source.start_refresh()
    assert secret_of(source.fetch("app")).password == b"hunter3"


def test_what_the_file_holds(tmp_path: Path) -> None:
    source = SecretsFile(str(write(tmp_path / "s", TEXT + "[bad]\n")))
    assert [source.holds(name) for name in ("app", "bad", "other")] == [True, True, False]
    with pytest.raises(SecretError, match="cannot be read"):
        SecretsFile(str(tmp_path / "none")).holds("app")
