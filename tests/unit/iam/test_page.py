"""What docs/iam.md shows works."""

import re
from pathlib import Path
from typing import Any

import boto3

from proxy.config import loads
from proxy.iam import conditions
from proxy.iam.key_file import read_key_file
from proxy.iam.sts import parse_presigned, sts_hosts_of
from proxy.iam.verifier import TokenOptions, TokenVerifier

from .signing import LONG_LIVED, TEMPORARY, Signer, boto3_token, issued_at

PAGE = (Path(__file__).parents[3] / "docs" / "iam.md").read_text(encoding="utf-8")
CONFIGURATION, KEYS = re.findall(r"^```toml\n(.*?)^```$", PAGE, flags=re.M | re.S)


def options() -> TokenOptions:
    iam = loads(CONFIGURATION).proxy.iam
    return TokenOptions(iam.region, iam.account_id, iam.resource_id)


def test_the_keys_let_in_whom_they_are_said_to() -> None:
    found = read_key_file(KEYS.replace("…", "x").encode())
    assert (found.problems, found.warnings) == ((), ())
    batch = Signer("ASIAIOSFODNN7EXAMPLE", "x", "x")
    names = frozenset(["db-proxy.example.com:3306"])
    for signer, user, address, expected in (
        (LONG_LIVED, "app", "192.0.2.1", True),
        (LONG_LIVED, "root", "192.0.2.1", False),
        (batch, "batch_night", "10.20.1.1", True),
        (batch, "batch_night", "192.0.2.1", False),
        (batch, "app", "10.20.1.1", False),
    ):
        token = boto3_token(signer, "db-proxy.example.com", user=user)
        made = issued_at(token)
        verifier = TokenVerifier(found.keys, lambda made=made: made, options())  # type: ignore[misc]
        assert verifier.verify(token, user, names, address, True).allowed is expected, (user, address)


def test_the_password_for_sts_is_one() -> None:
    _, program = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.M | re.S)
    made: dict[str, Any] = {}
    exec(program, made)
    session = boto3.Session(TEMPORARY.access_key_id, TEMPORARY.secret, TEMPORARY.session_token)
    password = made["sts_password"](session, "DB-Proxy.example.com", 3306, "eu-west-1").encode()
    names = frozenset(["db-proxy.example.com:3306", "other:3306"])
    found = parse_presigned(password, names, sts_hosts_of("eu-west-1"), issued_at(password))
    assert found.headers == (("x-rds-proxy-endpoint", "db-proxy.example.com:3306"),)


def test_the_conditions_in_the_table_are_understood() -> None:
    known = {f"aws:{key}" for key in re.findall(r"`aws:(\w+)`", PAGE) if key != "username"}
    assert {key.lower() for key in known} == set().union(*conditions._KEYS.values())
    table = PAGE.split("## Policies")[1].split("## Clients")[0]
    named = set(re.findall(r"`((?:Not)?(?:IpAddress|Bool|String|Arn|Date)\w*)`", table))
    assert named == {name for name in conditions._OPERATORS if not re.match("(String|Arn)Not", name)}
