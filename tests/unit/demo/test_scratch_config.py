import stat
import tomllib
from pathlib import Path

from proxy.config.loader import load
from proxy.demo.scratch_config import DemoSettings, write_config


def settings(folder: Path, *logins: tuple[str, str]) -> DemoSettings:
    return DemoSettings(
        port=3311,
        target_host="2001:db8::7",
        target_port=3312,
        max_connections_percent=10,
        certificate=folder / 'cert "1".pem',
        private_key=folder / "key.pem",
        logins=logins,
    )


def test_the_proxy_accepts_the_configuration(tmp_path: Path) -> None:
    config = load(write_config(tmp_path, settings(tmp_path, ("app", "1"), ("report", "2"))))
    assert config.proxy.port == 3311
    assert config.proxy.tls_certificate == str(tmp_path / 'cert "1".pem')
    assert [each.secret_arn for each in config.proxy.auth] == ["app", "report"]
    assert config.target_group.connection_pool_config.max_connections_percent == 10
    assert [(each.host, each.port) for each in config.target_group.targets] == [("2001:db8::7", 3312)]


def test_secrets_are_kept_for_the_owner_and_come_back_as_they_were(tmp_path: Path) -> None:
    awkward = "p\"\\'\n\t\x7f\x01# é 😀"
    write_config(tmp_path, settings(tmp_path, ("a.b c", awkward)))
    file = tmp_path / "secrets.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text()) == {"a.b c": {"username": "a.b c", "password": awkward}}


def test_the_configuration_holds_no_password(tmp_path: Path) -> None:
    made = settings(tmp_path, ("app", "topsecret"))
    assert "topsecret" not in write_config(tmp_path, made).read_text()
    assert "topsecret" not in repr(made)
