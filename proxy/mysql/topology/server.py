"""What every server is asked, whatever the topology: whether it takes writes, how long it runs, what it has.

MySQL manual, "Server System Variables" and "Global Transaction ID System Variables"; MariaDB's, "Global
Transaction ID".
"""

from typing import Any

import attrs

from ...targets.observation import Observation, Position, Role
from .facts import Facts
from .kind import Answers, Question, Row, first, is_on, number, rows_of
from .positions import mariadb_position, mysql_position

__all__ = ["Server", "common_questions", "server_of"]

_SERVER = "server"
_UPTIME = "uptime"

#: Any of these and the server takes no writes.
_READ_ONLY = ("read_only", "super_read_only", "innodb_read_only")
_MYSQL = (*_READ_ONLY, "offline_mode", "gtid_mode", "gtid_executed")
_MARIADB = ("read_only", "innodb_read_only", "log_bin", "gtid_binlog_state", "gtid_slave_pos")

#: The session's status tells it too, and costs the server less than the sum over all sessions.
_ASK_UPTIME = "SHOW SESSION STATUS LIKE 'Uptime'"


@attrs.frozen
class Server:
    """A server apart from all others."""

    identity: str
    is_read_only: bool
    uptime: float | None
    position: Position | None
    problem: str

    @property
    def role(self) -> Role:
        """By what it would do with a write."""
        return Role.READ_ONLY if self.is_read_only else Role.READ_WRITE

    def observed(self, topology: str, **more: Any) -> Observation:
        """The Observation, with what the kind of topology has found."""
        found: dict[str, Any] = {
            "role": self.role,
            "identity": self.identity,
            "uptime": self.uptime,
            "position": self.position,
            "problem": self.problem,
            "topology": topology,
        }
        return Observation(**(found | more))


def common_questions(facts: Facts) -> tuple[Question, ...]:
    """What does change while a server runs. Only variables that this server knows are asked for."""
    names = [name for name in (_MARIADB if facts.is_mariadb else _MYSQL) if facts.knows(name)]
    columns = ", ".join(f"@@global.{name} AS {name}" for name in names or ["read_only"])
    # Optional for what speaks the protocol without being one of these servers.
    return (Question(_SERVER, f"SELECT {columns}", True), Question(_UPTIME, _ASK_UPTIME, True))


def server_of(answers: Answers, facts: Facts) -> Server:
    """What a server says of itself. One that does not tell whether it takes writes is taken to do so."""
    said = rows_of(answers, _SERVER) or ()
    row: Row = said[0] if said else {}
    uptime = rows_of(answers, _UPTIME) or ()
    return Server(
        facts.identity,
        any(is_on(row.get(name)) for name in _READ_ONLY),
        number(first(uptime[0], "value")) if uptime else None,
        _position(row, facts),
        "offline_mode is on" if is_on(row.get("offline_mode")) else "",
    )


def _position(row: Row, facts: Facts) -> Position | None:
    if facts.is_mariadb:
        binlog, replica = first(row, "gtid_binlog_state"), first(row, "gtid_slave_pos")
        if not is_on(row.get("log_bin")) and not replica:
            return None
        return mariadb_position(binlog, replica)
    # Switched off, the server may still show the GTIDs of an earlier time.
    if not first(row, "gtid_mode").startswith("ON"):
        return None
    return mysql_position(first(row, "gtid_executed"))
