"""A presigned GetCallerIdentity of AWS STS as a password, for principals whose keys nobody else has.

The password is `rds-proxy-sts:` and the URL, which the proxy asks STS with. Signed besides the host is the
header `x-rds-proxy-endpoint`, whose value is not in the URL: the proxy sends its own name, so that a URL
signed for any other purpose or place is refused by STS. Where an endpoint has several names, `#host:port`
after the URL says which one was signed.
"""

import re

import attrs

from .keys import Principals, principal_arn
from .policy import Policy
from .presigned import TokenError, parse_query

__all__ = [
    "ENDPOINT_HEADER",
    "PREFIX",
    "PresignedIdentity",
    "Principal",
    "is_presigned",
    "map_principal",
    "parse_presigned",
    "sts_hosts_of",
]

#: How such a password begins.
PREFIX = b"rds-proxy-sts:"

#: The signed header, in lower case.
ENDPOINT_HEADER = "x-rds-proxy-endpoint"

_MAX_SIZE = 8192
_GLOBAL_HOST = "sts.amazonaws.com"
_OWN_NAMES = frozenset(["Action", "Version"])
_CALL = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
_SIGNED_HEADERS = f"host;{ENDPOINT_HEADER}"
_FORM = re.compile(r"https://([A-Za-z0-9_.-]{1,255}(?::[1-9][0-9]{0,4})?)/\?([^#\n]+)(?:#([^\n]*))?")
_REGIONAL_HOST = re.compile(r"sts\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@attrs.frozen
class PresignedIdentity:
    """A request that tells who signed it: GET `url` with `headers`. `expires_at` is Unix time."""

    url: str = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...]
    host: str
    access_key_id: str
    expires_at: float


@attrs.frozen
class Principal:
    """Whom an identity stands for, and what the rules allow it."""

    arn: str
    policies: tuple[Policy, ...] = attrs.field(repr=False)


def is_presigned(password: bytes) -> bool:
    """Whether a password is meant as a presigned identity."""
    return password.startswith(PREFIX)


def sts_hosts_of(region: str) -> frozenset[str]:
    """AWS's own STS hosts: the global one and that of a region."""
    if not region:
        return frozenset([_GLOBAL_HOST])
    suffix = ".cn" if region.startswith("cn-") else ""
    return frozenset([_GLOBAL_HOST, f"sts.{region}.amazonaws.com{suffix}"])


def parse_presigned(
    password: bytes,
    own_names: frozenset[str],
    allowed_hosts: frozenset[str],
    now: float,
    clock_skew: float = 300.0,
) -> PresignedIdentity:
    """Check a presigned identity before anybody is asked about it. Raises TokenError.

    `own_names` are the endpoint's names as host:port, `allowed_hosts` the STS hosts that may be asked, both
    in lower case; `now` is Unix time and `clock_skew` seconds.
    """
    if len(password) > _MAX_SIZE:
        raise TokenError(f"is longer than {_MAX_SIZE} bytes")
    form = (
        _FORM.fullmatch(password.removeprefix(PREFIX).decode("latin-1")) if is_presigned(password) else None
    )
    if form is None:
        raise TokenError("is not in the form of a presigned identity")
    host, text, name = form.groups()
    # As it stands, because the signature holds for that spelling only.
    if host not in allowed_hosts:
        raise TokenError("is for a host that is not one of sts_hosts")
    query = parse_query(text, _OWN_NAMES, "sts")
    if query.values != _CALL:
        raise TokenError("is for another call than GetCallerIdentity")
    if query.signed_headers != _SIGNED_HEADERS:
        raise TokenError(f"signs other headers than host and {ENDPOINT_HEADER}")
    _check_region(host, query.region)
    query.check_time(now, clock_skew)
    return PresignedIdentity(
        f"https://{host}/?{text}",
        ((ENDPOINT_HEADER, _endpoint(name, own_names)),),
        host,
        query.access_key_id,
        query.expires_at,
    )


def _check_region(host: str, region: str) -> None:
    regional = _REGIONAL_HOST.fullmatch(host)
    if regional and regional[1] != region:
        raise TokenError("is signed for another region than its host's")


def _endpoint(name: str | None, own_names: frozenset[str]) -> str:
    if name is not None:
        if name in own_names:
            return name
        raise TokenError("is for another endpoint", f"for {name}")
    if len(own_names) != 1:
        raise TokenError("does not say which of the endpoint's names it is for")
    (only,) = own_names
    return only


def map_principal(arn: str, rules: Principals) -> Principal | None:
    """The principal that STS named, with its policies; None if it is of no known form or no rule fits it."""
    try:
        principal = principal_arn(arn)
    except ValueError:
        return None
    policies = rules.policies_of(principal)
    return None if policies is None else Principal(principal, policies)
