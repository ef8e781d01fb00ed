"""Users and their secrets."""

from .secrets_file import SecretsFile
from .source import Credential, CredentialSource, Password, Secret, SecretError, SecretNotFoundError
from .store import CredentialProblem, CredentialStore

__all__ = [
    "Credential",
    "CredentialProblem",
    "CredentialSource",
    "CredentialStore",
    "Password",
    "Secret",
    "SecretError",
    "SecretNotFoundError",
    "SecretsFile",
]
