"""Secrets are checked, and passwords stay out of sight."""

import traceback
from collections.abc import Callable

import pytest

from proxy.credentials.source import (
    MAX_USERNAME_LENGTH,
    Credential,
    Password,
    Secret,
    SecretError,
    SecretVersions,
    UnusableVersion,
    parse_secret,
    parse_secret_text,
)

HIDDEN = Password(b"hunter2")


class TestPassword:
    def test_it_is_usable_as_bytes(self) -> None:
        assert HIDDEN == b"hunter2"
        assert b"%b!" % HIDDEN == b"hunter2!"
        assert bytes(memoryview(HIDDEN)) == b"hunter2"

    def test_no_way_of_printing_shows_it(self) -> None:
        hidden: object = HIDDEN
        shown = [repr(hidden), str(hidden), f"{hidden}", f"{hidden!r:>30}", f"{hidden:20}", repr([hidden])]
        shown += [template % {"a": hidden} for template in ("%(a)s", "%(a)r")]
        assert "hunter2" not in "".join(shown)

    @pytest.mark.parametrize("holder", [Credential("u", HIDDEN, "s", 1), Secret("s", "u", HIDDEN)])
    def test_no_way_of_printing_its_holder_shows_it(self, holder: object) -> None:
        assert "hunter2" not in repr(holder) + str(holder) + f"{holder}" + repr({"a": (holder,)})


class TestParseSecret:
    def test_other_keys_are_ignored(self) -> None:
        content = {"username": "u", "password": "pä", "engine": "mysql", "port": 3306}
        assert parse_secret("s", content) == Secret("s", "u", Password("pä".encode()))

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ({"password": "hunter2"}, "has no username"),
            ({"username": "u"}, "has no password"),
            ({"username": 5, "password": "hunter2"}, "username is not a string"),
            ({"username": "u", "password": 5}, "password is not a string"),
            ({"username": "u", "password": ["hunter2"]}, "password is not a string"),
            ({"username": "", "password": "hunter2"}, "username is empty"),
            ({"username": "u", "password": ""}, "password is empty"),
            ({"username": "u", "password": "hunter2\0"}, "password holds a NUL character"),
            ({"username": "u", "password": "hunter2\ud800"}, "password is not valid Unicode"),
            (
                {"username": "u" * (MAX_USERNAME_LENGTH + 1), "password": "hunter2"},
                f"username is longer than {MAX_USERNAME_LENGTH} characters",
            ),
            ("hunter2", "is not a table with username and password"),
            (["hunter2"], "is not a table with username and password"),
        ],
    )
    def test_a_bad_secret_is_refused_without_its_content(self, content: object, reason: str) -> None:
        with pytest.raises(SecretError) as caught:
            parse_secret("s", content)
        assert caught.value.reason == reason
        assert "hunter2" not in "".join(traceback.format_exception_only(caught.value))
        assert caught.value.__context__ is None

    @pytest.mark.parametrize(
        ("value", "read_only"),
        [(True, True), (False, False), ("true", True), ("False", False)],
    )
    def test_the_right_to_write(self, value: object, read_only: bool) -> None:
        content = {"username": "u", "password": "p", "read_only": value}
        assert parse_secret("s", content).read_only is read_only

    @pytest.mark.parametrize("value", [None, 1, "yes", "", [True]])
    def test_a_right_to_write_that_is_unclear(self, value: object) -> None:
        with pytest.raises(SecretError, match="read_only is neither true nor false"):
            parse_secret("s", {"username": "u", "password": "p", "read_only": value})


class TestText:
    @pytest.mark.parametrize("form", [str, str.encode])
    def test_it_is_a_json_object(self, form: Callable[[str], str | bytes]) -> None:
        text = '{"username": "u", "password": "pä", "port": "3306", "x": {"y": [1]}, "x": 2}'
        secret = parse_secret_text("s", form(text), "v1", 5.0)
        assert secret == Secret("s", "u", Password("pä".encode()), "v1", 5.0)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "is not valid JSON (at line 1, column 1)"),
            ("hunter2", "is not valid JSON (at line 1, column 1)"),
            ('"hunter2"', "is not a table with username and password"),
            ("[" * 100_000, "is not valid JSON"),
            (b'{"password": "hunter2\xff"}', "is not UTF-8 text (byte 21)"),
            ('{"username": "u", "password": "hunter2", "password": "x"}', "has more than one password"),
            ('{"username": "u", "password": {"hunter2": 1}}', "password is not a string"),
            ('{"username": "u", "password": "p", "read_only": 0}', "read_only is neither true nor false"),
        ],
    )
    def test_a_bad_text_is_refused_without_its_content(self, text: str | bytes, reason: str) -> None:
        with pytest.raises(SecretError) as caught:
            parse_secret_text("s", text)
        assert caught.value.reason == reason
        assert "hunter2" not in "".join(traceback.format_exception_only(caught.value))
        assert caught.value.__context__ is None


def test_a_stage_has_a_version_also_where_it_cannot_be_used() -> None:
    good = Secret("s", "u", Password(b"hunter2"), "v1", 1.0)
    found = SecretVersions(good, previous=good, unusable=(UnusableVersion("AWSPENDING", "v2", "is no JSON"),))
    assert found.version_ids() == {"AWSCURRENT": "v1", "AWSPENDING": "v2", "AWSPREVIOUS": "v1"}
    assert "hunter2" not in repr(found)
