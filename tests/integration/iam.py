"""Proxies that take IAM tokens, the access keys they know, and tokens of real boto3 for them."""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from proxy.demo.child import LOOPBACK
from tests.unit.iam.signing import ACCOUNT, LONG_LIVED, PRINCIPAL, REGION, RESOURCE_ID, Signer, boto3_token

from .certificates import KeyFiles
from .clients import one
from .daemon import ProxyDaemon, Section

__all__ = ["DENIED", "IAM", "IamDaemon", "Keys", "allowing", "keys_of"]

DENIED = "Access denied for user '{}'@'%' (using password: YES)"
IAM = {"iam_auth": "REQUIRED"}
"""Options of a user who logs in with tokens."""
UNHURRIED = {"failed_login_threshold": 1_000_000}
"""Tests of many refusals need not wait."""

Keys = Mapping[str, Any]
"""The content of a key store."""


def allowing(*users: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """A policy about log-ins as these users, who may be patterns."""
    prefix = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{RESOURCE_ID}/"
    resources = [prefix + user for user in users]
    statement = {"Effect": effect, "Action": "rds-db:connect", "Resource": resources, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def keys_of(*signers: Signer, policies: tuple[Section, ...] = (allowing("*"),), **fields: Any) -> Keys:
    """A key store with these keys, all of one principal."""
    return {
        "keys": {signer.access_key_id: _entry(signer, fields) for signer in signers},
        "principals": {PRINCIPAL: {"policies": list(policies)}},
    }


def _entry(signer: Signer, fields: Section) -> dict[str, Any]:
    entry = {"secret_access_key": signer.secret, "principal": PRINCIPAL, **fields}
    return entry if signer.session_token is None else {**entry, "session_token": signer.session_token}


class IamDaemon(ProxyDaemon):
    """A proxy with TLS, to which `localhost` and the loopback address are its names.

    `keys` is the content of its key store, None for none; `iam` are options of `[proxy.iam]`, `group` those
    of `[target_group]`.
    """

    def __init__(
        self,
        folder: Path,
        database_port: int,
        users: Mapping[str, str],
        certificate: KeyFiles,
        keys: Keys | None,
        *,
        proxy: Section | None = None,
        iam: Section | None = None,
        group: Section | None = None,
        **sections: Any,
    ) -> None:
        tls = {
            "tls_certificate": str(certificate.certificate),
            "tls_private_key": str(certificate.private_key),
        }
        super().__init__(
            folder, database_port, users, proxy={**UNHURRIED, **tls, **(proxy or {})}, **sections
        )
        self.authority = certificate.authority
        self.keys = keys
        self.key_file = folder / "keys.json"
        own = {"region": REGION, "account_id": ACCOUNT, "resource_id": RESOURCE_ID}
        self.iam: dict[str, Any] = {**own, "endpoint_names": ["localhost", LOOPBACK], **(iam or {})}
        self.group = dict(group or {})

    def write_config(self) -> None:
        """Write the key store besides what every daemon has."""
        self.write_keys()
        super().write_config()

    def write_keys(self) -> None:
        """Write the key store alone."""
        if self.keys is not None:
            self.key_file.touch(mode=0o600)
            self.key_file.write_text(json.dumps(self.keys))
            self.iam["key_store_file"] = str(self.key_file)

    def token(self, user: str = "app", signer: Signer = LONG_LIVED, host: str = LOOPBACK) -> str:
        """A token of boto3 for this proxy."""
        return boto3_token(signer, host, self.port, user).decode()

    def trusting(self) -> ssl.SSLContext:
        """A client's context that checks the proxy's certificate and name."""
        return ssl.create_default_context(cafile=str(self.authority))

    def log_in(self, password: str, user: str = "app", **options: Any) -> "pymysql.Connection[Cursor]":
        """A client over verified TLS with this password, or token."""
        return self.connect(user, **{"password": password, "ssl": self.trusting(), **options})

    def answer(self, password: str, user: str = "app", **options: Any) -> tuple[Any, ...]:
        """The error that such a client gets; empty if it is let in, and is that user at the database."""
        try:
            with self.log_in(password, user, **options) as client:
                assert one(client, "SELECT CURRENT_USER()") == f"{user}@%"
        except pymysql.OperationalError as error:
            return error.args
        return ()

    def refusal(self, password: str, user: str = "app", **options: Any) -> str:
        """The reason in the log for which a client is refused, who is told the same for all of them."""
        mark = self.mark()
        assert self.answer(password, user, **options) == (1045, DENIED.format(user))
        line = self.wait_for_log("log-in refused:", mark)
        return line.rpartition(' reason="')[2].rstrip('"')

    def _config_text(self) -> str:
        sections = {"[proxy.iam]": self.iam, "[target_group]": self.group}
        tables = (
            "\n".join([header, *(f"{name} = {json.dumps(value)}" for name, value in options.items()), ""])
            for header, options in sections.items()
            if options
        )
        return "\n".join([super()._config_text(), *tables])
