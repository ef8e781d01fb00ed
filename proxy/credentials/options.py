"""How often secrets are looked at, and how long old passwords are good."""

import attrs

__all__ = ["StoreOptions"]


@attrs.frozen
class StoreOptions:
    """All in seconds; see the options of the same names in proxy/config.

    ``secret_refresh_interval`` of 0 polls never.
    """

    secret_refresh_interval: float = 30.0
    secret_refetch_interval: float = 0.5
    secret_recheck_interval: float = 5.0
    secret_fetch_timeout: float = 10.0
    previous_password_grace: float = 300.0
