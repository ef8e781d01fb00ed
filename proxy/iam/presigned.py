"""The query of a presigned URL (AWS Signature Version 4), read strictly.

Every parameter is known and there once, every character is one that signers leave or a percent sign with two
upper-case hexadecimal digits. The text is signed as it is, only its order is made canonical, so that nothing
can be written in another way without breaking the signature.
"""

import datetime
import re
from contextlib import suppress
from urllib.parse import unquote_to_bytes

import attrs

__all__ = ["LONGEST_LIFE", "TokenError", "PresignedQuery", "parse_query"]

#: Most seconds that a token or a presigned identity may be valid.
LONGEST_LIFE = 900

ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNATURE = "X-Amz-Signature"
_SESSION = "X-Amz-Security-Token"
_SIGNING = frozenset(
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", _SIGNATURE]
)

_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~%&=-"
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-F]{2})")
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_]{1,128}")
_SCOPE_PART = re.compile(r"[a-z0-9-]{1,63}")
_TIMESTAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_EXPIRES = re.compile(r"[1-9][0-9]{0,2}")
_HEX = re.compile(r"[0-9a-f]{64}")
_UTC = datetime.UTC


class TokenError(Exception):
    """A token or presigned identity is refused; `reason` says why, without any part of it.

    `claim` is what it was made for, if it was made for something else: chosen by the client, and no secret.
    """

    def __init__(self, reason: str, claim: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.claim = claim


@attrs.frozen
class PresignedQuery:
    """What a query says. `values` are the caller's own parameters, decoded; times are Unix seconds.

    `canonical` is what was signed of it; `session_token` stands as it does there, empty if there is none.
    """

    values: dict[str, str] = attrs.field(repr=False)
    access_key_id: str
    region: str
    timestamp: str
    issued_at: float
    expires_at: float
    signed_headers: str
    session_token: str = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    canonical: str = attrs.field(repr=False)

    def check_time(self, now: float, clock_skew: float) -> None:
        """Raises TokenError unless it is valid at `now`, or will be within `clock_skew` seconds."""
        if now >= self.expires_at:
            raise TokenError("has expired")
        if self.issued_at > now + clock_skew:
            raise TokenError("is from the future")


def parse_query(query: str, own_names: frozenset[str], service: str) -> PresignedQuery:
    """Read the query of a URL presigned for `service`, with `own_names` besides the signature's parameters.

    Raises TokenError.
    """
    # One pattern for both would take more time than all the rest: a query may have thousands of characters.
    if query.encode().translate(None, _CHARACTERS) or _BROKEN_ESCAPE.search(query):
        raise TokenError("has characters that no signer leaves")
    pairs = query.split("&", len(_SIGNING) + len(own_names) + 1)
    raw = _parameters(pairs, own_names)
    _check_algorithm(raw)
    access_key_id, day, region = _scope(_decoded(raw["X-Amz-Credential"]), service)
    timestamp = raw["X-Amz-Date"]
    if timestamp[:8] != day:
        raise TokenError("is signed for another day than its date")
    issued_at = _unix_time(timestamp)
    signature = raw[_SIGNATURE]
    if not _HEX.fullmatch(signature):
        raise TokenError("has a malformed signature")
    pairs.remove(f"{_SIGNATURE}={signature}")
    return PresignedQuery(
        {name: _decoded(raw[name]) for name in own_names},
        access_key_id,
        region,
        timestamp,
        issued_at,
        issued_at + _life(raw["X-Amz-Expires"]),
        _decoded(raw["X-Amz-SignedHeaders"]),
        raw.get(_SESSION, ""),
        signature,
        "&".join(sorted(pairs)),
    )


def _parameters(pairs: list[str], own_names: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name in found:
            raise TokenError("has a parameter twice")
        if name not in _SIGNING and name not in own_names and name != _SESSION:
            raise TokenError("has a parameter that does not belong there")
        # An empty session token is what SDKs make of an empty environment variable.
        if "=" in value or (not value and name != _SESSION):
            raise TokenError("has a malformed parameter")
        found[name] = value
    if len(found) - (_SESSION in found) != len(_SIGNING) + len(own_names):
        raise TokenError("lacks a parameter")
    return found


def _check_algorithm(raw: dict[str, str]) -> None:
    if raw["X-Amz-Algorithm"] != ALGORITHM:
        raise TokenError("is signed with another algorithm")


def _decoded(value: str) -> str:
    if "%" not in value:
        return value
    text = ""
    with suppress(UnicodeDecodeError):
        text = unquote_to_bytes(value).decode()
    if not text:
        # Raised here, because the codec's own error carries the text.
        raise TokenError("is not UTF-8 text")
    return text


def _scope(credential: str, service: str) -> tuple[str, str, str]:
    parts = credential.split("/", 5)
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise TokenError("has a malformed credential scope")
    access_key_id, day, region, signed_service, _ = parts
    if not _ACCESS_KEY.fullmatch(access_key_id) or not _SCOPE_PART.fullmatch(region):
        raise TokenError("has a malformed credential scope")
    if signed_service != service:
        raise TokenError("is signed for another service")
    return access_key_id, day, region


def _unix_time(timestamp: str) -> float:
    matched = _TIMESTAMP.fullmatch(timestamp)
    if matched:
        year, month, day, hour, minute, second = map(int, matched.groups())
        try:
            return datetime.datetime(year, month, day, hour, minute, second, tzinfo=_UTC).timestamp()
        except ValueError:
            pass
    raise TokenError("has a malformed date")


def _life(text: str) -> int:
    if not _EXPIRES.fullmatch(text) or int(text) > LONGEST_LIFE:
        raise TokenError(f"is not valid for 1 to {LONGEST_LIFE} seconds")
    return int(text)
