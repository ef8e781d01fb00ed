"""Positions from what a server shows; one that cannot be read counts as none, and is not compared."""

from functools import lru_cache

from ..wire.gtid import GtidSet, MalformedGtid

__all__ = ["mariadb_position", "mysql_position"]

#: Targets' positions, asked again and again, that change only with writes.
_REMEMBERED = 64


@lru_cache(maxsize=_REMEMBERED)
def mysql_position(executed: str) -> GtidSet | None:
    """From ``gtid_executed``."""
    return _parsed(executed, is_mariadb=False)


@lru_cache(maxsize=_REMEMBERED)
def mariadb_position(binlog: str, replica: str) -> GtidSet | None:
    """From ``gtid_binlog_state``, which has the last of each server, and ``gtid_slave_pos``.

    Together: a replica without log_slave_updates has only the second, a primary that once was a replica has
    an old one there.
    """
    first, second = _parsed(binlog, is_mariadb=True), _parsed(replica, is_mariadb=True)
    return None if first is None or second is None else first.union(second)


def _parsed(text: str, *, is_mariadb: bool) -> GtidSet | None:
    try:
        return GtidSet.parse(text, is_mariadb)
    except MalformedGtid:
        return None
