"""The key file: what it may hold, that a bad entry harms only itself, and that it gives nothing away."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.credentials import SecretError
from proxy.iam.conditions import Circumstances
from proxy.iam.key_file import MAX_KEY_FILE_SIZE, KeyFile, load_key_file, read_key_file
from proxy.iam.policy import Policy, Resource, decide
from proxy.iam.verifier import TokenVerifier

from .signing import ACCOUNT, PRINCIPAL, REGION, RESOURCE_ID, allow, boto3_token, issued_at
from .test_verifier import NAMES, OPTIONS

TOML = """
[keys.AKIAIOSFODNN7EXAMPLE]
secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
principal = "arn:aws:iam::123456789012:user/app"

[keys.ASIATEMPORARY]
secret_access_key = "hunter2"
session_token = "hunter3"
expires_at = 2030-01-31T12:00:00Z
principal = "arn:aws:sts::123456789012:assumed-role/batch/session"
policies = ['''{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}''']

[[principals."arn:aws:iam::123456789012:user/app".policies]]
Statement = [
    { Effect = "Allow", Action = "rds-db:connect", Resource = "arn:aws:rds-db:*:*:dbuser:prx-0a1b2c3d/app" },
]

[[principals."arn:aws:iam::123456789012:*".policies]]
[[principals."arn:aws:iam::123456789012:*".policies.Statement]]
Effect = "Deny"
Action = "rds-db:connect"
Resource = "arn:aws:rds-db:*:*:dbuser:*/root"
"""


def names(policies: tuple[Policy, ...], user: str) -> bool:
    resource = Resource(REGION, ACCOUNT, f"dbuser:{RESOURCE_ID}/{user}")
    return decide(policies, resource, Circumstances(PRINCIPAL, None, True, 0.0)).allowed


def read(content: Any) -> KeyFile:
    return read_key_file(json.dumps(content).encode())


def entry(**fields: Any) -> dict[str, Any]:
    found = {"secret_access_key": "hunter2", "principal": PRINCIPAL, **fields}
    return {name: value for name, value in found.items() if value is not None}


def problem(**fields: Any) -> str:
    found = read({"keys": {"AKIAGOOD": entry(), "AKIABAD": entry(**fields)}})
    assert [key.access_key_id for key in found.keys] == ["AKIAGOOD"]
    (only,) = found.problems
    assert only.startswith("access key AKIABAD: ")
    return only.removeprefix("access key AKIABAD: ")


def test_keys_and_principals() -> None:
    found = read_key_file(TOML.encode())
    assert (found.problems, found.warnings) == ((), ())
    app, batch = found.keys
    assert (app.principal, app.session_token, app.expires_at) == (PRINCIPAL, None, None)
    assert [names(app.policies, user) for user in ("app", "root", "x")] == [True, False, False]
    assert batch.principal == f"arn:aws:iam::{ACCOUNT}:role/batch"
    assert (batch.session_token, batch.expires_at) == (b"hunter3", 1_896_091_200.0)
    assert [names(batch.policies, user) for user in ("app", "root", "x")] == [True, False, True]
    assert "hunter" not in repr(found) + repr(list(found.keys))


def test_its_keys_verify_what_boto3_signs() -> None:
    token = boto3_token()
    keys = read_key_file(TOML.encode()).keys
    verifier = TokenVerifier(keys, lambda: issued_at(token), OPTIONS)
    assert verifier.verify(token, "app", NAMES, "", True).allowed


def test_json_says_the_same() -> None:
    found = read({"keys": {"AKIA": entry(policies=[allow("app")])}, "principals": {PRINCIPAL: {}}})
    (key,) = found.keys
    assert names(key.policies, "app")
    assert not names(key.policies, "root")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys": {}}'])
def test_an_empty_one(content: bytes) -> None:
    found = read_key_file(content)
    assert (len(found.keys), len(found.principals), found.problems) == (0, 0, ())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"secret_access_key": None}, "has no secret_access_key"),
        ({"secret_access_key": ""}, "has no secret_access_key"),
        ({"secret_access_key": 1}, "has no secret_access_key"),
        ({"secret_access_key": "hunter2\n"}, "secret_access_key has characters that AWS does not use"),
        ({"secret_access_key": "hünter2"}, "secret_access_key has characters that AWS does not use"),
        ({"session_token": "hunter2 "}, "session_token has characters that AWS does not use"),
        ({"session_token": ""}, "has no session_token"),
        ({"principal": None}, "has no principal"),
        ({"principal": "app"}, "principal is not the ARN of a user, a role or an account"),
        ({"principal": "arn:aws:iam::123456789012:user/*"}, "principal has a wildcard"),
        ({"expires_at": "hunter2"}, "expires_at is not a time with an offset, such as 2030-01-31T12:00:00Z"),
        ({"expires_at": 5}, "expires_at is not a time with an offset, such as 2030-01-31T12:00:00Z"),
        ({"policies": "x"}, "policies is not a list"),
        ({"policies": [allow(), {"Statement": []}]}, "policy 2 has no Statement"),
        ({"policies": [allow(Effect="Permit")]}, "policy 1 statement 1 has no Effect of Allow or Deny"),
        (
            {"secret_acess_key": "hunter2"},
            "has another field than expires_at, policies, principal, secret_access_key, session_token",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_missing(fields: dict[str, Any], expected: str) -> None:
    assert problem(**fields) == expected


def test_a_local_time_is_no_end() -> None:
    text = TOML.replace("2030-01-31T12:00:00Z", "2030-01-31T12:00:00")
    found = read_key_file(text.encode())
    assert [key.access_key_id for key in found.keys] == ["AKIAIOSFODNN7EXAMPLE"]
    assert "expires_at is not a time with an offset" in found.problems[0]


def test_a_key_with_an_odd_name() -> None:
    assert read({"keys": {"a b": entry()}}).problems == (
        "access key (unfit id): its id is not one of letters and digits",
    )


@pytest.mark.parametrize("content", [{"policies": [{}]}, {"policies": 1}, {"policy": []}, "x", None])
def test_a_principal_whose_policies_cannot_be_read_is_denied_everything(content: Any) -> None:
    wide = "arn:aws:iam::123456789012:user/*"
    found = read({"keys": {"AKIA": entry(policies=[allow()])}, "principals": {wide: content}})
    (key,) = found.keys
    assert not names(key.policies, "app")
    assert found.problems[0].startswith(f"principal {wide}: ")
    assert found.problems[0].endswith("; it is denied everything")


def test_a_principal_with_no_policy_may_nothing() -> None:
    (key,) = read({"keys": {"AKIA": entry()}, "principals": {PRINCIPAL: {}}}).keys
    assert not names(key.policies, "app")


@pytest.mark.parametrize(
    "arn", ["app", "*", "arn:aws:iam::*:role/app", "arn:aws*:iam::123456789012:role/app"]
)
def test_a_principal_of_any_account_is_none(arn: str) -> None:
    found = read({"principals": {arn: {"policies": [allow()]}}})
    assert len(found.principals) == 0
    assert found.problems[0].startswith(f"principal {arn}: its name ")


def test_what_is_not_understood_of_a_policy_is_a_warning() -> None:
    odd = allow(Condition={"StringEquals": {"aws:Odd": "1"}})
    found = read(
        {"keys": {"AKIA": entry(policies=[allow(), odd])}, "principals": {PRINCIPAL: {"policies": [odd]}}}
    )
    assert found.problems == ()
    what = "statement 1 allows nothing: unknown condition key 'aws:Odd' of StringEquals"
    assert found.warnings == (f"principal {PRINCIPAL}: policy 1 {what}", f"access key AKIA: policy 2 {what}")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"keys": {"A": {"secret_access_key": hunter2}}}', "is not valid JSON (at line 1, column 38)"),
        (b'[keys.A]\nsecret_access_key = "hunter2', "is not valid TOML (at end of document)"),
        (b'[keys.A]\nsecret_access_key = "hunter2\xff"', "is not UTF-8 text (byte 37)"),
        (b'{"keys": {"A": {"principal": "a", "principal": "b"}}}', "has a name twice in one object"),
        (b'{"secrets": {}}', "has other tables than keys and principals"),
        (b'{"keys": []}', "keys is not a table"),
        (b"keys = 1", "keys is not a table"),
    ],
)
def test_a_text_that_cannot_be_read(content: bytes, reason: str) -> None:
    with pytest.raises(SecretError) as caught:
        read_key_file(content)
    assert caught.value.reason == reason


def test_two_of_the_same_text_are_equal() -> None:
    assert read_key_file(TOML.encode()) == read_key_file(TOML.encode())
    assert read_key_file(TOML.encode()) != read_key_file(TOML.replace("hunter2", "hunter4").encode())
    assert KeyFile() != read_key_file(b"")
    assert len({read_key_file(TOML.encode()), read_key_file(TOML.encode())}) == 1


def write(path: Path, mode: int = 0o600) -> str:
    path.touch(mode=0o600)
    path.write_text(TOML)
    path.chmod(mode)
    return str(path)


def test_a_file(tmp_path: Path) -> None:
    assert len(load_key_file(write(tmp_path / "keys.toml")).keys) == 2


def test_a_file_that_is_not_private_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, reason in (
        (write(tmp_path / "open", 0o644), "is open to others (mode 0644); set mode 0640 or 0600"),
        (str(tmp_path / "pipe"), "is not a regular file"),
        (str(tmp_path), "is"),
        (str(tmp_path / "none"), "cannot be read: No such file or directory"),
    ):
        with pytest.raises(SecretError) as caught:
            load_key_file(path)
        assert caught.value.reason.startswith(reason)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_bytes(b"#" * (MAX_KEY_FILE_SIZE + 1))
    with pytest.raises(SecretError, match=f"is larger than {MAX_KEY_FILE_SIZE} bytes"):
        load_key_file(str(path))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just("hunter2") | st.text("abc", max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["secret_access_key", "principal", "session_token", "expires_at", "policies"])
keys = st.dictionaries(
    st.text(max_size=8), json_values | st.dictionaries(fields, json_values | st.just(PRINCIPAL))
)


@given(st.fixed_dictionaries({"keys": json_values | keys, "principals": json_values | keys}))
def test_any_content_is_read_or_refused(content: Any) -> None:
    try:
        shown = repr(read(content))
    except SecretError as error:
        shown = error.reason
    assert "hunter2" not in shown
