"""Secrets are checked, and passwords stay out of sight."""

import traceback

import pytest

from proxy.credentials.source import (
    MAX_USERNAME_LENGTH,
    Credential,
    Password,
    Secret,
    SecretError,
    parse_secret,
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
