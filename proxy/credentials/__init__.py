"""Users and their secrets."""

from .options import StoreOptions
from .problems import CredentialMetrics, CredentialProblem, SecretStatus
from .secrets_file import SecretsFile
from .source import (
    Credential,
    CredentialSource,
    Password,
    Secret,
    SecretError,
    SecretNotFoundError,
    SecretVersions,
)
from .store import CredentialStore
from .users import Account

__all__ = [
    "Account",
    "Credential",
    "CredentialMetrics",
    "CredentialProblem",
    "CredentialSource",
    "CredentialStore",
    "Password",
    "Secret",
    "SecretError",
    "SecretNotFoundError",
    "SecretStatus",
    "SecretVersions",
    "SecretsFile",
    "StoreOptions",
]
