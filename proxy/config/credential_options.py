"""Who clients may log in as: `[[proxy.auth]]`, and the options of `[proxy]` about where passwords come from.

Where RDS has a setting its name and values are taken over.
"""

import re

import attrs

from .options import option

__all__ = [
    "CLIENT_PASSWORD_AUTH_TYPES",
    "ENVIRONMENT_PREFIX",
    "IAM_AUTH",
    "IAM_REQUIRED",
    "SECRET_ELSEWHERE",
    "CredentialOptions",
    "UserAuthConfig",
    "check_secret",
]

#: RDS's names of the ways in which a client proves its password; empty leaves the choice open.
CLIENT_PASSWORD_AUTH_TYPES = ("", "MYSQL_NATIVE_PASSWORD", "MYSQL_CACHING_SHA2_PASSWORD")

#: RDS's word of `default_auth_scheme` for tokens on both sides.
IAM_AUTH = "IAM_AUTH"

#: RDS's word of `iam_auth` for clients that log in with a token.
IAM_REQUIRED = "REQUIRED"

#: Starts a `secret_arn` whose content stands in a variable of the environment.
ENVIRONMENT_PREFIX = "env:"

#: How the name of a secret begins that cannot be in `secrets_file` alone.
SECRET_ELSEWHERE = (ENVIRONMENT_PREFIX, "arn:aws")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_secret(value: str) -> str | None:
    """What is wrong with the name of a secret, or None."""
    variable = value.removeprefix(ENVIRONMENT_PREFIX)
    if variable != value and not _VARIABLE.fullmatch(variable):
        return f'must hold the name of a variable after "{ENVIRONMENT_PREFIX}"'
    return None


@attrs.frozen(kw_only=True)
class UserAuthConfig:
    """`[[proxy.auth]]`, RDS's UserAuthConfig: one secret, and so one database user, that clients may use."""

    description: str = option(
        "", rds_name="Description", description="A note for the reader; the proxy does not use it."
    )
    user_name: str = option(
        "",
        rds_name="UserName",
        description="The user the secret is expected to hold. Empty takes whichever user it holds.",
    )
    auth_scheme: str = option(
        "SECRETS",
        choices=("SECRETS",),
        rds_name="AuthScheme",
        description="Where the password comes from. `SECRETS` is the only scheme.",
    )
    secret_arn: str = option(
        rds_name="SecretArn",
        example="app",
        check=check_secret,
        check_text="a name, `env:NAME`, an ARN of Secrets Manager",
        description="The secret: the name of its table in `proxy.secrets_file`; else `env:NAME`, a variable "
        "of the environment with JSON; else the ARN of one in AWS Secrets Manager.",
    )
    iam_auth: str = option(
        "DISABLED",
        choices=("DISABLED", IAM_REQUIRED),
        refused={"ENABLED": "RDS has it for SQL Server only, set DISABLED or REQUIRED"},
        rds_name="IAMAuth",
        description="`REQUIRED`: clients of this user log in with an IAM token instead of the password, "
        "which only the proxy uses. See `[proxy.iam]`.",
    )
    client_password_auth_type: str = option(
        "",
        choices=CLIENT_PASSWORD_AUTH_TYPES,
        rds_name="ClientPasswordAuthType",
        description="How a client of this user proves its password. "
        "Empty takes `proxy.default_client_password_auth_type`.",
    )


@attrs.frozen(kw_only=True, slots=False)
class CredentialOptions:
    """Where passwords come from and how long they count. Without slots, so that it can be a second base."""

    default_auth_scheme: str = option(
        "NONE",
        choices=("NONE", IAM_AUTH),
        rds_name="DefaultAuthScheme",
        description="`IAM_AUTH`: a user without `[[proxy.auth]]` logs in with an IAM token, and so does the "
        "proxy at the database, with a token of its own.",
    )
    secrets_file: str = option(
        "",
        is_path=True,
        description="TOML or JSON file with secrets that `[[proxy.auth]]` names, each with `username` "
        "and `password`. Others must have no access to it (mode 0640 or 0600).",
    )
    secret_refresh_interval: float = option(
        30.0,
        unit="s",
        minimum=0.1,
        maximum=86_400,
        description="Time between two looks at each secret for a new version.",
    )
    secret_refetch_interval: float = option(
        0.5,
        unit="s",
        minimum=0.05,
        maximum=300,
        description="A secret whose password the database refuses is read again at once, but not more often "
        "than this.",
    )
    secret_recheck_interval: float = option(
        5.0,
        unit="s",
        minimum=0.1,
        maximum=3600,
        description="All secrets are read again after a client's wrong password or unknown user, but not "
        "more often than this; up to 12 times as seldom while that finds nothing new.",
    )
    secret_fetch_timeout: float = option(
        10.0,
        unit="s",
        minimum=0.1,
        maximum=300,
        description="How long a log-in waits for a secret to be read again.",
    )
    previous_password_grace: float = option(
        300.0,
        unit="s",
        minimum=0,
        maximum=86_400,
        description="How long clients may still use a password after a new version of its secret has "
        "replaced it.",
    )
    default_client_password_auth_type: str = option(
        "",
        choices=CLIENT_PASSWORD_AUTH_TYPES,
        description="How clients prove their password. Empty goes by the target: "
        "`MYSQL_CACHING_SHA2_PASSWORD` for MySQL, `MYSQL_NATIVE_PASSWORD` for MariaDB.",
    )
