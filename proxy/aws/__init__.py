"""What the proxy asks of AWS: secrets, database tokens, callers' identities.

boto3 is imported by nothing else, and here only in the threads that call it: it costs 0.6 s and 34 MB, which
a proxy that needs nothing of AWS does not pay.
"""

from .caller_identity import CallerArn, CallerIdentity, IdentityError
from .clients import AwsClients, AwsOptions
from .database_tokens import TargetTokenError, TargetTokens
from .secrets_manager import SecretsManagerSource
from .threads import AwsBusy, AwsStopped, AwsThreads

__all__ = [
    "AwsBusy",
    "AwsClients",
    "AwsOptions",
    "AwsStopped",
    "AwsThreads",
    "CallerArn",
    "CallerIdentity",
    "IdentityError",
    "SecretsManagerSource",
    "TargetTokens",
    "TargetTokenError",
]
