"""Options of `[proxy]` about log-ins: users whose password the proxy does not hold, and failed attempts."""

import attrs

from .options import option

__all__ = ["NO_USERS", "USER_PLACEHOLDER", "LoginOptions"]

#: The value of `pass_through_users` without any.
NO_USERS = "off"

#: Stands in `auth_query` for the user that a client logs in as.
USER_PLACEHOLDER = "?"


def _check_query(value: str) -> str | None:
    if value and value.count(USER_PLACEHOLDER) != 1:
        return f"must hold one {USER_PLACEHOLDER}, which stands for the user"
    return None


@attrs.frozen(kw_only=True, slots=False)
class LoginOptions:
    """How log-ins are let in, and slowed down. Without slots, so that it can be a second base."""

    pass_through_users: str = option(
        NO_USERS,
        choices=(NO_USERS, "password"),
        description="Users without `[[proxy.auth]]`. `off`: refused. `password`: asked over TLS for their "
        "password, which the proxy tries at the database and keeps in memory.",
    )
    auth_query: str = option(
        "",
        check=_check_query,
        check_text="SQL with one `?`",
        description="SQL run on the database that answers the `mysql_native_password` verifier of the user "
        "`?`, so that a user without `[[proxy.auth]]` can log in with that plugin. Empty is off.",
    )
    auth_query_user_name: str = option(
        "",
        description="User of `[[proxy.auth]]` as whom `auth_query` is run. Empty takes the first one whose "
        "secret can be read.",
    )
    pass_through_cache_time: float = option(
        1800.0,
        unit="s",
        minimum=1,
        maximum=86_400,
        description="A password of `pass_through_users` or `auth_query` is proven at the database again "
        "after this time, and forgotten if it is not used for as long.",
    )
    failed_login_threshold: int = option(
        5,
        unit="log-ins",
        minimum=1,
        maximum=1_000_000,
        description="Failed log-ins in a row of one user from one address (of all users: four times as many) "
        "after which further ones are delayed.",
    )
    failed_login_delay: float = option(
        0.5,
        unit="s",
        minimum=0,
        maximum=60,
        description="First delay after `failed_login_threshold`; each further failure doubles it. 0 delays "
        "nothing.",
    )
    failed_login_max_delay: float = option(
        8.0,
        unit="s",
        minimum=0,
        maximum=300,
        description="Longest delay of a log-in. Keep it below `handshake_timeout`.",
    )
    failed_login_max_waiting: int = option(
        100,
        unit="log-ins",
        minimum=1,
        maximum=1_000_000,
        description="Most delayed log-ins at a time; further ones are refused.",
    )
    iam_authentication_rate_limit: int = option(
        200,
        unit="log-ins/s",
        minimum=0,
        maximum=1_000_000,
        description="New IAM tokens verified per second; further ones are refused. RDS fixes it at 200. "
        "A token seen before does not count. 0 sets no limit.",
    )
    allow_core_dumps: bool = option(
        False,
        reloadable=False,
        description="Let the system write the proxy's memory, which holds passwords, to core dumps, and let "
        "debuggers of the same user in.",
    )
