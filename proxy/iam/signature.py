"""AWS Signature Version 4 of a presigned GET without a body, as a verifier computes it again."""

import hmac
from hashlib import sha256

__all__ = ["signature", "signing_key"]

_EMPTY_BODY = sha256(b"").hexdigest()


def signing_key(secret_access_key: bytes, day: str, region: str, service: str) -> bytes:
    """The key that `secret_access_key` signs with on `day` (YYYYMMDD) for one service of a region."""
    key = b"AWS4" + secret_access_key
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(
    key: bytes, timestamp: str, region: str, service: str, canonical_query: str, headers: dict[str, str]
) -> str:
    """The hexadecimal signature, by a signing key, of GET / with a canonical query and signed headers.

    `headers` are in lower case and in order; `timestamp` has the form YYYYMMDDTHHMMSSZ.
    """
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"GET\n/\n{canonical_query}\n{lines}\n{';'.join(headers)}\n{_EMPTY_BODY}"
    digest = sha256(request.encode()).hexdigest()
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()
