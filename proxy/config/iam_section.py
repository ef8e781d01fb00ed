"""The sections `[proxy.aws]` and `[proxy.iam]`: how AWS is called, how clients' IAM tokens are verified."""

import re
from typing import TYPE_CHECKING

import attrs

from ..networks import plain_address
from .credential_options import SECRET_ELSEWHERE, check_secret
from .options import option

if TYPE_CHECKING:
    from .proxy_section import ProxyConfig

__all__ = ["TOKEN_VERIFICATIONS", "AwsConfig", "IamConfig", "iam_region", "iam_resource_id"]

#: Ways to verify what a client shows instead of a password.
TOKEN_VERIFICATIONS = ("key_store", "target", "sts")

_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*|")
_RESOURCE = re.compile(r"prx-[A-Za-z0-9-]+|")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/]+)(?::(\d{1,5}))?")


def _check_account(value: str) -> str | None:
    return None if _ACCOUNT.fullmatch(value) else "must be 12 digits"


def _check_region(value: str) -> str | None:
    return None if _REGION.fullmatch(value) else "must be the name of a region, such as eu-central-1"


def _check_resource(value: str) -> str | None:
    return None if _RESOURCE.fullmatch(value) else 'must be "prx-" and letters, digits or hyphens'


def _check_url(value: str) -> str | None:
    if not value or value.startswith(("http://", "https://")):
        return None
    return 'must start with "https://" or "http://"'


def _check_key_store(value: str) -> str | None:
    if value and not value.startswith(SECRET_ELSEWHERE):
        return "must be env:NAME or the ARN of a secret in AWS Secrets Manager"
    return check_secret(value)


def _check_host(value: str) -> str | None:
    return None if _is_place(value) else "must hold host names, with or without a port"


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return _HOST.fullmatch(text) is not None
    try:
        return plain_address(text[1:-1]).version in (4, 6)
    except ValueError:
        return False


def _is_place(text: str) -> bool:
    matched = _HOST_AND_PORT.fullmatch(text)
    return bool(matched and _is_host(matched[1]) and 1 <= int(matched[2] or 1) <= 65_535)


def _check_endpoint(value: str) -> str | None:
    return None if _is_place(value) else "must hold names as host or host:port"


@attrs.frozen(kw_only=True)
class AwsConfig:
    """`[proxy.aws]`. Credentials are found as boto3 finds them."""

    region: str = option(
        "",
        check=_check_region,
        check_text="name of a region",
        description="Region of AWS. Empty takes the one that boto3 finds; a secret's ARN names its own.",
    )
    endpoint_url: str = option(
        "",
        check=_check_url,
        check_text="URL",
        description="Address of AWS's services, for a VPC endpoint or a stand-in. Empty takes the one that "
        "boto3 finds.",
    )
    connect_timeout: float = option(
        2.0,
        unit="s",
        minimum=0.1,
        maximum=60,
        description="A connection attempt to AWS that takes longer than this has failed.",
    )
    read_timeout: float = option(
        5.0,
        unit="s",
        minimum=0.1,
        maximum=60,
        description="A call of AWS without an answer for this long has failed.",
    )
    max_attempts: int = option(
        3,
        unit="attempts",
        minimum=1,
        maximum=10,
        description="How often a failed call of AWS is tried in all, with boto3's standard pauses.",
    )


@attrs.frozen(kw_only=True)
class IamConfig:
    """`[proxy.iam]`: what a token of a client is compared with."""

    token_verification: tuple[str, ...] = option(
        ("key_store",),
        choices=TOKEN_VERIFICATIONS,
        description="Ways to verify a token. `key_store`: by keys in a file or secret. `target`: by an "
        "IAM-enabled database. `sts`: a presigned GetCallerIdentity instead of a token.",
    )
    key_store_file: str = option(
        "",
        is_path=True,
        description="TOML or JSON file with the access keys of those who may log in, and their policies. "
        "Others must have no access to it (mode 0640 or 0600).",
    )
    key_store_secret: str = option(
        "",
        check=_check_key_store,
        check_text="`env:NAME` or an ARN of Secrets Manager",
        description="The same as a secret instead of a file. It is read again every "
        "`proxy.secret_refresh_interval`.",
    )
    region: str = option(
        "",
        check=_check_region,
        check_text="name of a region",
        description="Region that tokens are made for. Empty takes `proxy.aws.region`.",
    )
    account_id: str = option(
        "000000000000",
        check=_check_account,
        check_text="12 digits",
        description="AWS account of the proxy in policies' `arn:aws:rds-db:region:account:dbuser:…`.",
    )
    resource_id: str = option(
        "",
        max_length=63,
        check=_check_resource,
        check_text="`prx-` and letters, digits, hyphens",
        description="Resource of the proxy in policies, such as `prx-0123456789abcdef0`. Empty takes `prx-` "
        "and `proxy.name`.",
    )
    endpoint_names: tuple[str, ...] = option(
        (),
        check=_check_endpoint,
        check_text="`host` or `host:port`",
        description="What clients call the proxy; a token made for another name is refused. A host alone "
        "goes with the port of the endpoint that a client uses.",
    )
    clock_skew: float = option(
        300.0,
        unit="s",
        minimum=0,
        maximum=900,
        description="How far in the future a token's time may be.",
    )
    max_token_size: int = option(
        8192,
        unit="bytes",
        minimum=512,
        maximum=8192,
        description="Longest token that is looked at.",
    )
    sts_hosts: tuple[str, ...] = option(
        (),
        check=_check_host,
        check_text="`host` or `host:port`",
        description="Hosts that may be asked with `sts`, besides sts.amazonaws.com and that of `region`.",
    )
    sts_policies: str = option(
        "",
        is_path=True,
        description="File with the policies of those who log in with `sts`, in the form of `key_store_file` "
        "but without keys.",
    )


def iam_region(proxy: "ProxyConfig") -> str:
    """The region that tokens are made for; empty when none is configured."""
    return proxy.iam.region or proxy.aws.region


def iam_resource_id(proxy: "ProxyConfig") -> str:
    """The proxy's resource in policies."""
    return proxy.iam.resource_id or f"prx-{proxy.name}"
