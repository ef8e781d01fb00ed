"""What an error of boto3 means, in words for an operator: never with anything of a secret.

Of AWS's own messages only those about permissions are passed on; they name a principal, an action and a
resource.
"""

from typing import Any

from .threads import AwsBusy, AwsStopped

__all__ = ["error_code", "explain", "is_about_credentials"]

#: Longest message of AWS's that is passed on, in characters.
MAX_MESSAGE_LENGTH = 400

_CREDENTIALS_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_CODES = {
    "DecryptionFailure": "cannot be decrypted with its KMS key",
    "DecryptionFailureException": "cannot be decrypted with its KMS key",
    "InternalFailure": "{service} has an internal error",
    "InternalServiceError": "{service} has an internal error",
    "InternalServiceErrorException": "{service} has an internal error",
    "InvalidParameterException": "{service} does not accept its ARN",
    "ResourceNotFoundException": "does not exist in {service}",
    "ServiceUnavailable": "{service} is not available",
    "ServiceUnavailableException": "{service} is not available",
    "ValidationException": "{service} does not accept its ARN",
}
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
#: By the name of an error of botocore's, or of one that it is derived from.
_NAMES = {
    "ConnectTimeoutError": "{service} does not answer (connect timeout)",
    "ReadTimeoutError": "{service} does not answer (read timeout)",
    "EndpointConnectionError": "{service} cannot be reached",
    "ProxyConnectionError": "{service} cannot be reached through the HTTP proxy",
    "ConnectionClosedError": "{service} closed the connection",
    "SSLError": "the certificate of {service} is not accepted",
    "HTTPClientError": "{service} cannot be reached",
    "NoCredentialsError": "no AWS credentials were found in the environment, a profile, a container's or an"
    " instance's role",
    "PartialCredentialsError": "the AWS credentials are incomplete",
    "CredentialRetrievalError": "AWS credentials cannot be had from their provider",
    "MetadataRetrievalError": "AWS credentials cannot be had from the metadata service",
    "SSOError": "AWS credentials cannot be had from single sign-on",
    "ProfileNotFound": "the AWS profile that the environment names does not exist",
    "ConfigParseError": "the AWS configuration file cannot be read",
    "NoRegionError": "no AWS region is configured",
    "InvalidRegionError": "the AWS region is not valid",
    "ParamValidationError": "{service} does not accept its ARN",
    "UnknownEndpointError": "the endpoint of {service} is not known",
    "ModuleNotFoundError": "boto3 is not installed",
}
_ABOUT_CREDENTIALS = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "MetadataRetrievalError",
        "SSOError",
        "ProfileNotFound",
    }
)


def error_code(error: BaseException | None) -> str:
    """AWS's code of an error that it sent; empty for any other error."""
    return str(_details(error).get("Code", ""))


def is_about_credentials(error: BaseException) -> bool:
    """Whether other AWS credentials may help."""
    return bool(_names(error) & _ABOUT_CREDENTIALS) or error_code(error) in _CREDENTIALS_REFUSED


def explain(error: BaseException | None, service: str) -> str:
    """Why a call to `service` failed."""
    if isinstance(error, AwsBusy):
        return "too many calls to AWS wait already"
    if isinstance(error, AwsStopped):
        return "calls to AWS have been stopped"
    code = error_code(error)
    if code:
        return _explain_code(code, error, service)
    for each in type(error).__mro__:
        if each.__name__ in _NAMES:
            return _NAMES[each.__name__].format(service=service)
    # The text of any other error may quote what was being read; its type does not.
    return f"{service} failed with {type(error).__name__}"


def _explain_code(code: str, error: BaseException | None, service: str) -> str:
    if code in _DENIED:
        return f"{service} denies access: {_message(error)}"
    if code in _CREDENTIALS_REFUSED:
        return f"{service} does not accept the proxy's AWS credentials ({code})"
    if code in _THROTTLED:
        return f"{service} throttles the proxy's requests"
    if code in _CODES:
        return _CODES[code].format(service=service)
    return f"{service} answered {_printable(code)}"


def _message(error: BaseException | None) -> str:
    return _printable(str(_details(error).get("Message", "")) or "no reason is given")


def _printable(text: str) -> str:
    clean = "".join(each if each.isprintable() else " " for each in text[:MAX_MESSAGE_LENGTH])
    return " ".join(clean.split())


def _details(error: BaseException | None) -> dict[str, Any]:
    response = getattr(error, "response", None)
    details = response.get("Error") if isinstance(response, dict) else None
    return details if isinstance(details, dict) else {}


def _names(error: BaseException) -> set[str]:
    return {each.__name__ for each in type(error).__mro__}
