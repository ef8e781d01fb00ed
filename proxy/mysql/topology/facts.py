"""What does not change while a server runs: asked when a probe's connection is new."""

import re
from collections.abc import Iterable, Mapping
from typing import Self

import attrs

__all__ = ["KEPT_VARIABLES", "Facts"]

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")

#: RDS and Aurora keep their programs below it.
_RDS_PROGRAMS = "/rdsdbbin"

#: Variables that tell what kind of server it is, or whether the server knows them at all.
KEPT_VARIABLES = frozenset(
    {
        *(
            "aurora_server_id",
            "aurora_version",
            "basedir",
            "group_replication_group_name",
            "gtid_binlog_state",
        ),
        *("gtid_executed", "gtid_mode", "gtid_slave_pos", "hostname", "innodb_read_only", "log_bin"),
        *(
            "offline_mode",
            "port",
            "pxc_maint_mode",
            "read_only",
            "server_id",
            "server_uuid",
            "super_read_only",
        ),
        *("version", "wsrep_on", "wsrep_provider", "wsrep_reject_queries"),
    }
)


@attrs.frozen
class Facts:
    """``host`` and ``port``: how the proxy reaches the server. ``variables``: some of its own, by name."""

    is_mariadb: bool = False
    version: tuple[int, int, int] = (0, 0, 0)
    variables: Mapping[str, str] = attrs.field(factory=dict)
    host: str = ""
    port: int = 0

    @classmethod
    def learn(cls, variables: Iterable[tuple[str | None, ...]], host: str = "", port: int = 0) -> Self:
        """From the rows of SHOW VARIABLES."""
        pairs = (row for row in variables if len(row) == 2)
        known = {
            name.lower(): value or ""
            for name, value in pairs
            if name is not None and name.lower() in KEPT_VARIABLES
        }
        version = known.get("version", "")
        return cls("MariaDB" in version, _version(version), known, host, port)

    def knows(self, variable: str) -> bool:
        """Whether the server has such a variable."""
        return variable in self.variables

    def value(self, variable: str) -> str:
        """What it was when the connection was new; empty where there is none."""
        return self.variables.get(variable, "")

    @property
    def identity(self) -> str:
        """Which server this is, by whatever address it was reached.

        In front of the "@" is what its GTIDs name it by: MySQL's UUID, MariaDB's server_id. The host's name
        belongs to it: a standby that takes over a copy of the data has the same UUID.
        """
        own = self.value("server_uuid") or self.value("server_id")
        return f"{own}@{self.value('hostname')}:{self.value('port')}" if own else ""

    @property
    def is_rds(self) -> bool:
        """Whether it runs in RDS or Aurora."""
        return self.value("basedir").startswith(_RDS_PROGRAMS)


def _version(text: str) -> tuple[int, int, int]:
    found = _VERSION.match(text.removeprefix("5.5.5-") if "MariaDB" in text else text)
    if found is None:
        return (0, 0, 0)
    major, minor, patch = found.groups(default="0")
    return (int(major), int(minor), int(patch))
