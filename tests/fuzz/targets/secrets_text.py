"""Secrets files: secrets by name or a SecretError, which tells nothing of what the file holds."""

from proxy.credentials.secrets_text import read_secrets_text
from proxy.credentials.source import SecretError, parse_secret
from tests.fuzz.choices import Choices

_PASSWORD = "hunter2hunter2"
_PARTS = (
    "{", "}", '"', ":", ",", "[", "]", "[[", "]]", "\n", " ", "=", "'", '"""', "\\", "\\ud800", "\\u0000",
    '"app"', '"username"', '"password"', "username", "password", "app", f'"{_PASSWORD}"', _PASSWORD,
    f'{{"app": {{"username": "app", "password": "{_PASSWORD}"}}}}',
    f'[app]\nusername = "app"\npassword = "{_PASSWORD}"\n', "\ufeff", "#", "0", "1e999", "true", "null", "é",
    "9" * 5000, "[" * 2000, '{"a":' * 500,
)  # fmt: skip


def _told(error: SecretError) -> None:
    assert _PASSWORD not in f"{error.reason}{error!r}{error.__cause__!r}{error.__context__!r}"
    assert len(error.reason.splitlines()) == 1


def fuzz(data: bytes) -> None:
    """The first byte decides whether the rest is the text, or what it is put together from."""
    if data[:1] < b"\x80":
        content = data[1:]
    else:
        choices = Choices(data[1:])
        parts = []
        while choices.left:
            parts.append(choices.pick(_PARTS) if choices.below(4) else choices.text().decode("latin-1"))
        content = "".join(parts).encode()
    try:
        found = read_secrets_text(content)
    except SecretError as error:
        _told(error)
        return
    for name, value in found.items():
        assert isinstance(name, str)
        if isinstance(value, SecretError):
            _told(value)
            continue
        try:
            secret = parse_secret(name, value)
        except SecretError as error:
            _told(error)
        else:
            assert bytes(secret.password)
            assert _PASSWORD not in repr(secret)
