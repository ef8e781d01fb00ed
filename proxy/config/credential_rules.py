"""Rules about credentials: where secrets and users come from, and what IAM tokens need."""

from .credential_options import IAM_AUTH, IAM_REQUIRED, SECRET_ELSEWHERE
from .iam_section import IamConfig, iam_region
from .login_options import NO_USERS
from .model import Config
from .proxy_section import ProxyConfig

__all__ = [
    "key_store_without_source",
    "long_delay",
    "plain_targets",
    "query_without_user",
    "secrets_without_source",
    "sts_without_policies",
    "tokens_without_names",
    "tokens_without_region",
    "tokens_without_tls",
    "tokens_without_verification",
    "two_key_stores",
    "probes_without_user",
    "unknown_user",
    "users_without_probes",
    "users_without_tls",
]


def secrets_without_source(proxy: ProxyConfig) -> str | None:
    """A secret that can only be in a file, without one."""
    for index, entry in enumerate(proxy.auth):
        if not proxy.secrets_file and not entry.secret_arn.startswith(SECRET_ELSEWHERE):
            return f"is needed with proxy.auth[{index}], whose secret is neither in AWS nor env:NAME"
    return None


def _tokens(proxy: ProxyConfig) -> bool:
    """Whether any client logs in with a token."""
    return proxy.default_auth_scheme == IAM_AUTH or any(
        entry.iam_auth == IAM_REQUIRED for entry in proxy.auth
    )


def _own_tokens(proxy: ProxyConfig) -> bool:
    """Whether the proxy itself compares a token with what it is configured to be."""
    return _tokens(proxy) and bool({"key_store", "sts"} & set(proxy.iam.token_verification))


def tokens_without_tls(proxy: ProxyConfig) -> tuple[str, str] | None:
    """Tokens are only taken over TLS."""
    if proxy.tls_certificate:
        return None
    if proxy.default_auth_scheme == IAM_AUTH:
        return "default_auth_scheme", f'"{IAM_AUTH}" needs tls_certificate and tls_private_key'
    for index, entry in enumerate(proxy.auth):
        if entry.iam_auth == IAM_REQUIRED:
            needs = "needs proxy.tls_certificate and proxy.tls_private_key"
            return f"auth[{index}].iam_auth", f'"{IAM_REQUIRED}" {needs}'
    return None


def tokens_without_verification(proxy: ProxyConfig) -> str | None:
    """Tokens that nothing could verify."""
    return (
        "must name a way, as tokens are used" if _tokens(proxy) and not proxy.iam.token_verification else None
    )


def key_store_without_source(proxy: ProxyConfig) -> str | None:
    """The key store is a file or a secret."""
    used = _tokens(proxy) and "key_store" in proxy.iam.token_verification
    if not used or proxy.iam.key_store_file or proxy.iam.key_store_secret:
        return None
    return 'or key_store_secret is needed with token_verification "key_store"'


def two_key_stores(iam: IamConfig) -> str | None:
    """Only one of them would be read."""
    return "cannot be used beside key_store_file" if iam.key_store_secret and iam.key_store_file else None


def sts_without_policies(proxy: ProxyConfig) -> str | None:
    """Without policies nobody whom STS knows may log in."""
    used = _tokens(proxy) and "sts" in proxy.iam.token_verification
    return 'is needed with token_verification "sts"' if used and not proxy.iam.sts_policies else None


def tokens_without_names(proxy: ProxyConfig) -> str | None:
    """A token is made for one host and port, which must be the proxy's."""
    missing = _own_tokens(proxy) and not proxy.iam.endpoint_names
    return "is needed to verify tokens: the names that clients use" if missing else None


def tokens_without_region(proxy: ProxyConfig) -> str | None:
    """A token is made for one region."""
    missing = _own_tokens(proxy) and not iam_region(proxy)
    return "is needed to verify tokens, here or as proxy.aws.region" if missing else None


def plain_targets(config: Config) -> tuple[str, str] | None:
    """A target that a token would be sent to without TLS."""
    proxy = config.proxy
    passed_on = _tokens(proxy) and "target" in proxy.iam.token_verification
    if not passed_on and proxy.default_auth_scheme != IAM_AUTH:
        return None
    for index, target in enumerate(config.target_group.targets):
        if target.tls == "off":
            return f"target_group.targets[{index}].tls", '"off" cannot be used with IAM tokens'
    return None


def users_without_tls(proxy: ProxyConfig) -> str | None:
    """Clients are asked for their password only over TLS."""
    if proxy.pass_through_users == NO_USERS or proxy.tls_certificate:
        return None
    return f'"{proxy.pass_through_users}" needs tls_certificate and tls_private_key'


def users_without_probes(proxy: ProxyConfig) -> str | None:
    """Targets that nobody can ask how they are get no clients."""
    if proxy.pass_through_users == NO_USERS or proxy.auth or proxy.default_auth_scheme == IAM_AUTH:
        return None
    return f'"{proxy.pass_through_users}" needs a user of proxy.auth as whom the targets are probed'


def query_without_user(proxy: ProxyConfig) -> str | None:
    """The query is run as a user of proxy.auth."""
    return "needs a user of proxy.auth who runs it" if proxy.auth_query and not proxy.auth else None


def long_delay(proxy: ProxyConfig) -> str | None:
    """The first delay is above the longest."""
    first, longest = proxy.failed_login_delay, proxy.failed_login_max_delay
    return f"{first:g} is above failed_login_max_delay, {longest:g}" if first > longest else None


def unknown_user(config: Config, name: str) -> str | None:
    """A user of the proxy itself who is in no entry; with IAM_AUTH none has to be."""
    known = [entry.user_name for entry in config.proxy.auth]
    # An entry without user_name may hold any user's secret.
    if not name or "" in known or name in known or config.proxy.default_auth_scheme == IAM_AUTH:
        return None
    return f'"{name}" is no user of proxy.auth'


def probes_without_user(config: Config) -> str | None:
    """Without entries nobody is left as whom the targets could be probed."""
    missing = not config.proxy.auth and not config.target_group.monitor_user_name
    if missing and config.proxy.default_auth_scheme == IAM_AUTH:
        return f'is needed with default_auth_scheme "{IAM_AUTH}" and no user of proxy.auth'
    return None
