"""Which source has which secret, and secrets in the environment."""

from pathlib import Path

import pytest

from proxy.credentials.secret_sources import SecretSources, is_secrets_manager_arn
from proxy.credentials.secrets_environment import SecretsEnvironment
from proxy.credentials.secrets_file import SecretsFile
from proxy.credentials.source import CredentialSource, SecretNotFoundError

from .memory_source import MemorySource, error_of, result, versions

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
TEXT = '{"username": "u", "password": "hunter2", "port": "3306"}'


def file_with(tmp_path: Path, *names: str) -> SecretsFile:
    path = tmp_path / "secrets"
    path.touch(mode=0o600)
    path.write_text("".join(f'["{name}"]\nusername = "file"\npassword = "hunter2"\n' for name in names))
    return SecretsFile(str(path))


class Aws:
    """Makes the source of Secrets Manager, and counts that."""

    def __init__(self) -> None:
        self.source = MemorySource({ARN: ("aws", "1")})
        self.made = 0

    def __call__(self) -> CredentialSource:
        self.made += 1
        return self.source


def username(source: CredentialSource, name: str) -> str:
    return result(source.fetch(name, None)).current.username


class TestEnvironment:
    def test_json_in_a_variable(self) -> None:
        found = result(SecretsEnvironment({"APP": TEXT}).fetch("env:APP")).current
        assert (found.name, found.username, found.password) == ("env:APP", "u", b"hunter2")

    def test_a_variable_that_is_not_there(self) -> None:
        error = error_of(SecretsEnvironment({}).fetch("env:APP"))
        assert isinstance(error, SecretNotFoundError)
        assert error.reason == "there is no environment variable APP"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("hunter2", "is not valid JSON (at line 1, column 1)"),
            ('["hunter2"]', "is not a table with username and password"),
            ('{"username": "u", "password": "hunter2\udcff"}', "password is not valid Unicode"),
        ],
    )
    def test_a_text_that_is_wrong(self, text: str, reason: str) -> None:
        assert error_of(SecretsEnvironment({"APP": text}).fetch("env:APP")).reason == reason

    def test_the_processes_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RDS_PROXY_TEST_SECRET", TEXT)
        assert username(SecretsEnvironment(), "env:RDS_PROXY_TEST_SECRET") == "u"


class TestSecretSources:
    @pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
    def test_arns(self, partition: str) -> None:
        assert is_secrets_manager_arn(ARN.replace("arn:aws:", f"arn:{partition}:"))
        assert not is_secrets_manager_arn("arn:aws:ssm:eu-west-1:1:parameter/x")
        assert not is_secrets_manager_arn("app")

    def test_each_name_has_its_source(self, tmp_path: Path) -> None:
        aws = Aws()
        source = SecretSources(file_with(tmp_path, "app"), SecretsEnvironment({"APP": TEXT}), aws)
        assert username(source, "app") == "file"
        assert username(source, "env:APP") == "u"
        assert aws.made == 0
        assert username(source, ARN) == "aws"
        assert username(source, ARN) == "aws"
        assert aws.made == 1

    def test_the_file_comes_first(self, tmp_path: Path) -> None:
        source = SecretSources(file_with(tmp_path, ARN, "env:APP"), SecretsEnvironment({"APP": TEXT}), Aws())
        assert username(source, ARN) == "file"
        assert username(source, "env:APP") == "file"

    def test_a_file_that_cannot_be_read_keeps_what_was_in_it(self, tmp_path: Path) -> None:
        file = file_with(tmp_path, ARN)
        source = SecretSources(file, aws=Aws())
        username(source, ARN)
        (tmp_path / "secrets").chmod(0o644)
        source.start_refresh()
        assert "is open to others" in error_of(source.fetch(ARN)).reason

    def test_a_file_that_cannot_be_read_hides_nothing_else(self, tmp_path: Path) -> None:
        source = SecretSources(SecretsFile(str(tmp_path / "none")), SecretsEnvironment({"APP": TEXT}), Aws())
        assert username(source, ARN) == "aws"
        assert username(source, "env:APP") == "u"
        assert "cannot be read" in error_of(source.fetch("app")).reason

    def test_what_is_nowhere(self, tmp_path: Path) -> None:
        error = error_of(SecretSources(file_with(tmp_path, "app")).fetch("other"))
        assert isinstance(error, SecretNotFoundError)
        assert error.reason == f"is not in {tmp_path / 'secrets'}"
        error = error_of(SecretSources().fetch("other"))
        assert isinstance(error, SecretNotFoundError)
        assert "proxy.secrets_file is not set" in error.reason

    def test_without_aws(self, tmp_path: Path) -> None:
        error = error_of(SecretSources(file_with(tmp_path, "app")).fetch(ARN))
        assert isinstance(error, SecretNotFoundError)
        assert error.reason == "is not in proxy.secrets_file, and AWS Secrets Manager is not asked here"

    def test_what_is_known_is_passed_on(self) -> None:
        aws = Aws()
        source = SecretSources(aws=aws)
        known = versions(("aws", "1"))
        source.fetch(ARN, known)
        source.start_refresh()
        assert (aws.source.known, aws.source.refreshes) == ([known], 1)
