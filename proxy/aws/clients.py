"""boto3's clients, made when they are first needed and then kept, one for each service and region.

Region, endpoint and credentials are found as every user of boto3 expects: the environment, a profile, a
container's or an instance's role; what `[proxy.aws]` says goes before that. Everything here blocks and runs
in the threads of `threads.py`. Clients may be used by several threads, sessions may not, hence the lock.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any

import attrs

from .. import __version__

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

__all__ = ["CREDENTIAL_SEARCH_INTERVAL", "AwsClients", "AwsOptions"]

#: Seconds between two searches for AWS credentials by `forget`.
CREDENTIAL_SEARCH_INTERVAL = 10.0

#: Only names the service's endpoint, where what is made says nothing of a region.
_ANY_REGION = "us-east-1"


@attrs.frozen
class AwsOptions:
    """How AWS is reached; an empty string means: as boto3 finds it. Times in seconds.

    `max_attempts` counts the first attempt too.
    """

    region: str = ""
    endpoint_url: str = ""
    connect_timeout: float = 2.0
    read_timeout: float = 5.0
    max_attempts: int = 3


class AwsClients:
    """The clients of one set of options. `connections` is how many threads use them at the same time."""

    def __init__(self, options: AwsOptions, connections: int = 4) -> None:
        self.options = options
        self._connections = connections
        self._lock = Lock()
        self._session: Session | None = None
        self._made_at = 0.0
        self._clients: dict[tuple[str, str], Any] = {}

    def secrets_manager(self, region: str) -> SecretsManagerClient:
        """A client for Secrets Manager in a region; boto3's errors where there is none to be made."""
        client: SecretsManagerClient = self._get("secretsmanager", region)
        return client

    def database_token(self, host: str, port: int, username: str, region: str) -> str:
        """A token for a log-in of `username` at the database; blocks only where credentials are fetched.

        Without a region, that of the options or boto3's own; botocore's NoRegionError if there is none.
        """
        from botocore.exceptions import NoRegionError

        client = self._get("rds", _ANY_REGION)
        region = region or self.options.region or self._default_region()
        if not region:
            raise NoRegionError()
        token: str = client.generate_db_auth_token(
            DBHostname=host, Port=port, DBUsername=username, Region=region
        )
        return token

    def forget(self) -> None:
        """The credentials were not good: the next call looks for others, if the last search was not just now.

        A client keeps for ever what was found when it was made, nothing included.
        """
        with self._lock:
            if time.monotonic() - self._made_at >= CREDENTIAL_SEARCH_INTERVAL:
                self._session = None
                self._clients = {}

    def _get(self, service: str, region: str) -> Any:
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                client = self._make(service, region)
                self._clients[service, region] = client
            return client

    def _make(self, service: str, region: str) -> Any:
        from botocore.config import Config

        options = self.options
        config = Config(
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            retries={"mode": "standard", "total_max_attempts": options.max_attempts},
            max_pool_connections=self._connections,
            user_agent_extra=f"rds-proxy/{__version__}",
        )
        # Through a name, because boto3's stubs know one signature for each service.
        make: Any = self._open_session().client
        return make(
            service,
            region_name=region or options.region or None,
            endpoint_url=options.endpoint_url or None,
            config=config,
        )

    def _open_session(self) -> Session:
        from boto3.session import Session

        if self._session is None:
            self._made_at = time.monotonic()
            self._session = Session()
        return self._session

    def _default_region(self) -> str:
        with self._lock:
            return self._open_session().region_name or ""
