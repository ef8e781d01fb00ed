"""The statements about replication and read-only modes, which have other words on every server.

MySQL manual, "SQL Statements for Controlling Replica Servers"; MariaDB's documentation, "Replication
Statements". MySQL's words changed in 8.0.22 and 8.0.23, the older ones were taken out in 8.4.
"""

import re
from collections.abc import Mapping, Sequence

import attrs

__all__ = ["LITERAL_MODE", "STATE", "ServerState", "Source", "literal", "state_of", "statements_to_follow"]

#: What a server is like; read it with ``state_of``.
STATE = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version','read_only','super_read_only',"
    "'innodb_read_only','event_scheduler','rpl_semi_sync_master_enabled','rpl_semi_sync_source_enabled')"
)
#: In which a backslash is a character like others.
LITERAL_MODE = "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'"
_VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")
_NEW_WORDS = (8, 0, 23)
#: MariaDB's former writers have it in their binary log alone.
_TAKE_OVER_POSITION = "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos"


@attrs.frozen
class ServerState:
    """A server's modes, and its words."""

    is_mariadb: bool
    version: tuple[int, ...]
    read_only: bool
    super_read_only: bool
    #: A storage that nobody can write to, as that of an Aurora replica.
    innodb_read_only: bool
    runs_events: bool
    semi_synchronous: bool

    @property
    def is_writable(self) -> bool:
        """Whether users without special rights can write."""
        return not (self.read_only or self.super_read_only or self.innodb_read_only)

    @property
    def is_fenced(self) -> bool:
        """Whether it is as read-only as it can be made."""
        return self.innodb_read_only or (self.read_only and (self.is_mariadb or self.super_read_only))

    @property
    def fence(self) -> str:
        """Makes it read-only; MySQL's mode for those with special rights includes the other one."""
        return f"SET GLOBAL {'read_only' if self.is_mariadb else 'super_read_only'} = 1"

    @property
    def unfence(self) -> str:
        """Makes it writable; on MySQL also for those with special rights."""
        return "SET GLOBAL read_only = 0"

    @property
    def rehearse_promotion(self) -> str:
        """Changes nothing on a read-only server, and needs the same rights."""
        if self.is_mariadb or not self.super_read_only:
            return "SET GLOBAL read_only = 1"
        return "SET GLOBAL super_read_only = 1"

    @property
    def has_new_words(self) -> bool:
        """MySQL's since 8.0.23."""
        return not self.is_mariadb and self.version >= _NEW_WORDS

    @property
    def stop_replication(self) -> str:
        """All of it."""
        if self.is_mariadb:
            return "STOP ALL SLAVES"
        return "STOP REPLICA" if self.has_new_words else "STOP SLAVE"

    @property
    def start_replication(self) -> str:
        """All of it; changes nothing where it runs."""
        if self.is_mariadb:
            return "START ALL SLAVES"
        return "START REPLICA" if self.has_new_words else "START SLAVE"

    @property
    def list_replication(self) -> str:
        """One row for each source; a MariaDB tells the connection's name in the first column."""
        if self.is_mariadb:
            return "SHOW ALL SLAVES STATUS"
        return "SHOW REPLICA STATUS" if self.has_new_words else "SHOW SLAVE STATUS"

    def forget_replication(self, names: Sequence[str]) -> list[str]:
        """Drops what a server knows of its sources; ``names`` are those of a MariaDB's connections."""
        if self.is_mariadb:
            return [f"RESET SLAVE {literal(name)} ALL" for name in names]
        return ["RESET REPLICA ALL" if self.has_new_words else "RESET SLAVE ALL"]


@attrs.frozen
class Source:
    """Where a server is to replicate from, and as whom."""

    host: str
    port: int
    username: str
    password: bytes = attrs.field(repr=False)
    tls: bool = False


def state_of(rows: Sequence[Sequence[str | None]]) -> ServerState:
    """Reads the answer to STATE; ValueError if there is no version in it."""
    values: Mapping[str, str] = {(row[0] or "").lower(): row[1] or "" for row in rows}
    version = values.get("version", "")
    numbers = _VERSION.match(version)
    if numbers is None:
        raise ValueError(f"the target's version {version!r} cannot be read")

    def is_on(*names: str) -> bool:
        # MariaDB 12 has values of read_only beyond ON and OFF.
        return any(values.get(name, "OFF").upper() not in ("OFF", "0", "DISABLED") for name in names)

    return ServerState(
        is_mariadb="MARIADB" in version.upper(),
        version=tuple(map(int, numbers.groups())),
        read_only=is_on("read_only"),
        super_read_only=is_on("super_read_only"),
        innodb_read_only=is_on("innodb_read_only"),
        runs_events=is_on("event_scheduler"),
        semi_synchronous=is_on("rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled"),
    )


def statements_to_follow(state: ServerState, source: Source, *, was_writer: bool) -> list[str]:
    """Makes a server replicate from another one by GTID; ``was_writer``: it has replicated from nobody."""
    words = "SOURCE" if state.has_new_words else "MASTER"
    options = [
        f"{words}_HOST={literal(source.host)}",
        f"{words}_PORT={source.port}",
        f"{words}_USER={literal(source.username)}",
        f"{words}_PASSWORD={literal(source.password.decode('utf-8', 'surrogateescape'))}",
    ]
    if source.tls:
        options.append(f"{words}_SSL=1")
    if state.is_mariadb:
        options.append("MASTER_USE_GTID=slave_pos")
    else:
        options.append(f"{words}_AUTO_POSITION=1")
        if not source.tls and state.version >= (8, 0, 4):
            options.append(f"GET_{words}_PUBLIC_KEY=1")
    change = "CHANGE REPLICATION SOURCE TO " if state.has_new_words else "CHANGE MASTER TO "
    before = [_TAKE_OVER_POSITION] if state.is_mariadb and was_writer else []
    start = state.start_replication if not state.is_mariadb else "START SLAVE"
    return [state.stop_replication, *before, change + ", ".join(options), start]


def literal(text: str) -> str:
    """A string in SQL, on a session with LITERAL_MODE."""
    return "'" + text.replace("'", "''") + "'"
