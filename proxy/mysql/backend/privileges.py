"""What a user may do at a target by its own word, and what of that a switchover takes.

MySQL manual, "SHOW GRANTS Statement" and "Privileges Provided by MySQL"; MariaDB's documentation, "GRANT".
Without a user's name the statement tells the privileges of his active roles, too, and no others have effect.
What it says in another form than these is not judged: a right is missing only where that is certain.
"""

import re
from collections.abc import Sequence
from typing import Final

from .replication_sql import ServerState

__all__ = ["MAY_KILL", "SHOW_GRANTS", "global_privileges", "grant_statement", "missing_for_switchover"]

#: Read it with the functions of this module.
SHOW_GRANTS: Final = "SHOW GRANTS"
_ALL: Final = "ALL PRIVILEGES"
#: Each of them lets a user end what others run.
MAY_KILL: Final = frozenset({"SUPER", "CONNECTION ADMIN", _ALL})

_KNOWN_LINE: Final = re.compile("GRANT |REVOKE |SET DEFAULT ROLE ")
_GLOBAL_GRANT: Final = re.compile(r"GRANT ([A-Z0-9_, ]+) ON \*\.\* TO ")
_GLOBAL_SCOPE: Final = " ON *.* TO "

#: Some versions write the first without the underscore.
_MARIADB: Final = ("READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "CONNECTION ADMIN")
_MYSQL: Final = ("SYSTEM_VARIABLES_ADMIN", "REPLICATION_SLAVE_ADMIN", "CONNECTION_ADMIN")
#: Since these versions there is more than SUPER.
_MARIADB_HAS_THEM: Final = (10, 5, 2)
_MYSQL_HAS_THEM: Final = (8, 0, 4)
#: Since this one SUPER does not let anybody change read_only.
_READ_ONLY_APART: Final = (10, 11, 0)

_Rows = Sequence[Sequence[str | None]]


def global_privileges(rows: _Rows) -> frozenset[str]:
    """Those on all schemas, of the user and of his active roles; all with blanks between their words."""
    found: set[str] = set()
    for line in _lines(rows):
        grant = _GLOBAL_GRANT.match(line)
        if grant is not None:
            found.update(_words(name) for name in grant[1].split(","))
    return frozenset(found)


def missing_for_switchover(state: ServerState, rows: _Rows) -> tuple[str, ...]:
    """The privileges that a switchover takes and the user lacks, as GRANT names them; none in doubt.

    The same ones on both servers, which change places.
    """
    held = global_privileges(rows)
    if not held or _ALL in held or not all(map(_is_understood, _lines(rows))):
        return ()
    return tuple(name for name in _needed(state, has_super="SUPER" in held) if _words(name) not in held)


def grant_statement(names: Sequence[str], account: str) -> str:
    """Gives them to an account, written as CURRENT_USER() does."""
    user, _, host = account.rpartition("@")
    return f"GRANT {', '.join(names)} ON *.* TO {_quoted(user)}@{_quoted(host)}"


def _needed(state: ServerState, *, has_super: bool) -> tuple[str, ...]:
    if not state.is_mariadb:
        if has_super:
            return ()
        return _MYSQL if state.version >= _MYSQL_HAS_THEM else ("SUPER",)
    # Who may write to a MariaDB although it is read-only is ended there, and to be seen for that.
    if state.version < _MARIADB_HAS_THEM:
        return ("SUPER", "PROCESS")
    if not has_super:
        return (*_MARIADB, "PROCESS")
    return ("READ_ONLY ADMIN", "PROCESS") if state.version >= _READ_ONLY_APART else ("PROCESS",)


def _lines(rows: _Rows) -> list[str]:
    return [row[0] or "" for row in rows if row]


def _is_understood(line: str) -> bool:
    if _KNOWN_LINE.match(line) is None:
        return False
    return _GLOBAL_SCOPE not in line or _GLOBAL_GRANT.match(line) is not None


def _words(name: str) -> str:
    return name.strip().replace("_", " ")


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
