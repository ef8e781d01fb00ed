"""Tokens as AWS's own software makes them, and others that it would sign but never make."""

import datetime
import functools
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from proxy.credentials import Password
from proxy.iam.keys import AccessKey, KeyStore
from proxy.iam.policy import parse_policy
from proxy.iam.verifier import TokenOptions, TokenVerifier

REGION = "eu-west-1"
ACCOUNT = "123456789012"
RESOURCE_ID = "prx-0a1b2c3d"
HOST = "proxy.example.com"
PRINCIPAL = f"arn:aws:iam::{ACCOUNT}:user/app"
OPTIONS = TokenOptions(REGION, ACCOUNT, RESOURCE_ID)


def allow(user: str = "*", **more: Any) -> dict[str, Any]:
    """A policy that lets in as one user, or as all that a pattern stands for."""
    resource = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{RESOURCE_ID}/{user}"
    statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


@attrs.frozen
class Signer:
    """An access key from its owner's side."""

    access_key_id: str
    secret: str
    session_token: str | None = None

    def credentials(self) -> Credentials:
        return Credentials(self.access_key_id, self.secret, self.session_token)

    def key(self, **fields: Any) -> AccessKey:
        session = None if self.session_token is None else Password(self.session_token.encode())
        fields = {"policies": (parse_policy(allow()),), **fields}
        return AccessKey(
            self.access_key_id, Password(self.secret.encode()), PRINCIPAL, session_token=session, **fields
        )


LONG_LIVED = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
TEMPORARY = Signer(
    "ASIAIOSFODNN7EXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", "IQoJb3Jp+Z2lu/X2Vj==" * 55
)
SIGNERS = (LONG_LIVED, TEMPORARY)


@functools.cache
def _client(signer: Signer, region: str) -> Any:
    return boto3.client(
        "rds",
        region_name=region,
        aws_access_key_id=signer.access_key_id,
        aws_secret_access_key=signer.secret,
        aws_session_token=signer.session_token,
    )


def boto3_token(
    signer: Signer = LONG_LIVED, host: str = HOST, port: int = 3306, user: str = "app", region: str = REGION
) -> bytes:
    """What boto3 gives its user."""
    token: str = _client(signer, region).generate_db_auth_token(host, port, user)
    return token.encode()


@functools.cache
def command_line_token(
    signer: Signer = LONG_LIVED, host: str = HOST, port: int = 3306, user: str = "app", region: str = REGION
) -> bytes:
    """What the AWS command line prints."""
    command = Path(sysconfig.get_path("scripts")) / "aws"
    if not command.exists():
        pytest.skip(f"there is no AWS command line in {command.parent}")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_ACCESS_KEY_ID": signer.access_key_id,
        "AWS_SECRET_ACCESS_KEY": signer.secret,
        "LC_ALL": "C.UTF-8",
        **({"AWS_SESSION_TOKEN": signer.session_token} if signer.session_token is not None else {}),
    }
    arguments = ["--hostname", host, "--port", str(port), "--username", user, "--region", region]
    words = [sys.executable, str(command), "rds", "generate-db-auth-token", *arguments]
    ran = subprocess.run(words, env=environment, capture_output=True, timeout=60, check=True)
    return ran.stdout.rstrip(b"\n")


def presigned(
    url: str, parameters: dict[str, str], service: str, signer: Signer = LONG_LIVED, **options: Any
) -> str:
    """A GET of a URL, presigned by botocore: a right signature for whatever it is asked to sign."""
    request = AWSRequest("GET", url, params=parameters, headers=options.get("headers", {}))
    life, region = options.get("expires", 900), options.get("region", REGION)
    SigV4QueryAuth(signer.credentials(), service, region, life).add_auth(request)
    text: str = request.url
    return text


def odd_token(
    signer: Signer = LONG_LIVED,
    endpoint: str = f"{HOST}:3306",
    service: str = "rds-db",
    parameters: dict[str, str] | None = None,
    **options: Any,
) -> bytes:
    """A token with a right signature, and with claims of which generate_db_auth_token makes none."""
    chosen = {"Action": "connect", "DBUser": "app"} if parameters is None else parameters
    return (
        presigned(f"https://{endpoint}/", chosen, service, signer, **options)
        .removeprefix("https://")
        .encode()
    )


def issued_at(token: bytes) -> float:
    """Unix time at which a token was made."""
    found = re.search(rb"X-Amz-Date=(\d{8}T\d{6})Z", token)
    assert found
    moment = datetime.datetime.strptime(found[1].decode() + "+0000", "%Y%m%dT%H%M%S%z")
    return moment.timestamp()


def verifier_at(now: float, *keys: AccessKey, options: TokenOptions = OPTIONS) -> TokenVerifier:
    """A verifier whose clock stands, by default one that knows both signers."""
    known = keys or tuple(signer.key() for signer in SIGNERS)
    clock: Callable[[], float] = lambda: now  # noqa: E731
    return TokenVerifier(KeyStore(known), clock, options)
