"""The text of a secrets file: both forms, duplicates, and parse errors that give positions only."""

import traceback

import pytest

from proxy.credentials.secrets_text import read_secrets_text, read_tables_text
from proxy.credentials.source import SecretError

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"


@pytest.mark.parametrize(
    "text",
    [
        f'["{ARN}"]\nusername = "u"\npassword = "p"\n',
        f'{{"{ARN}": {{"username": "u", "password": "p"}}}}',
        f'\ufeff\n {{"{ARN}": {{"username": "u", "password": "p"}}}}\n',
    ],
)
def test_toml_and_json_say_the_same(text: str) -> None:
    assert read_secrets_text(text.encode()) == {ARN: {"username": "u", "password": "p"}}


def test_an_empty_file_holds_no_secret() -> None:
    assert read_secrets_text(b"") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'[app]\npassword = "hunter2', "is not valid TOML (at end of document)"),
        (b"[app]\npassword = hunter2\n", "is not valid TOML (at line 2, column 12)"),
        (b'[app]\npassword = "hunter2"\npassword = "hunter2"\n', "is not valid TOML (at line 3, column 21)"),
        (b"[hunter2]\na = 1\n[hunter2]\na = 1\n", "is not valid TOML (at line 3, column 9)"),
        (b"a = " + b"[" * 100_000, "is not valid TOML"),
        (b"a = " + b"9" * 5000, "is not valid TOML"),
        (b'{"app": {"password": hunter2}}', "is not valid JSON (at line 1, column 22)"),
        (b'{"app": "hunter2', "is not valid JSON (at line 1, column 9)"),
        (b'{"app": {}} hunter2', "is not valid JSON (at line 1, column 13)"),
        (b'{"a": ' + b"[" * 100_000, "is not valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not valid JSON"),
        (b'[app]\npassword = "hunter2\xff"', "is not UTF-8 text (byte 25)"),
    ],
    ids=range(12),
)
def test_an_unreadable_text_gives_its_position_only(text: bytes, reason: str) -> None:
    with pytest.raises(SecretError) as caught:
        read_secrets_text(text)
    assert caught.value.reason == reason
    # Neither shown nor carried along as the error during which this one was raised.
    assert "hunter2" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__context__ is None


def test_a_json_secret_that_is_there_twice_spoils_only_itself() -> None:
    text = b'{"a": {"username": "u", "password": "p"}, "b": {"x": 1}, "b": {"y": 2}, "b": {}}'
    secrets = read_secrets_text(text)
    assert secrets["a"] == {"username": "u", "password": "p"}
    twice = secrets["b"]
    assert isinstance(twice, SecretError)
    assert twice.reason == "is in the file twice"


@pytest.mark.parametrize("name", ["username", "password"])
def test_a_json_secret_with_a_field_twice(name: str) -> None:
    wrong = read_secrets_text(f'{{"a": {{"{name}": "1", "{name}": "2"}}}}'.encode())["a"]
    assert isinstance(wrong, SecretError)
    assert wrong.reason == f"has more than one {name}"


def test_a_json_secret_may_hold_nested_values_that_nobody_reads() -> None:
    secrets = read_secrets_text(b'{"a": {"username": "u", "password": "p", "tags": {"x": [1]}}}')
    assert isinstance(secrets["a"], dict)
    assert secrets["a"]["username"] == "u"


@pytest.mark.parametrize("text", [b'{"a": {"b": [{"c": 1}], "d": {}}}', b"[a]\nb = [{c = 1}]\nd = {}\n"])
def test_tables_of_any_depth(text: bytes) -> None:
    assert read_tables_text(text) == {"a": {"b": [{"c": 1}], "d": {}}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": {}, "a": {}}', "has a name twice in one object"),
        (b'{"a": [{"b": {"hunter2": 1, "hunter2": 2}}]}', "has a name twice in one object"),
        (b'{"a": hunter2}', "is not valid JSON (at line 1, column 7)"),
        (b"[a]\nb = hunter2\n", "is not valid TOML (at line 2, column 5)"),
        (b"\xff", "is not UTF-8 text (byte 0)"),
    ],
)
def test_tables_that_cannot_be_read(text: bytes, reason: str) -> None:
    with pytest.raises(SecretError) as caught:
        read_tables_text(text)
    assert caught.value.reason == reason
    assert caught.value.__context__ is None
