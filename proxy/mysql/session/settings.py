"""The settings of a session as one immutable, interned value, and the shortest way from one to another.

A session and a database connection that hold the same ``Settings`` object agree on the schema, on
multi-statements and on every system variable the session tracker has reported; comparing is ``is``.
Variables that are not in ``variables`` have the value a fresh connection has.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from weakref import WeakValueDictionary

from ..wire.status import Status

__all__ = [
    "FRESH",
    "ONE_SHOT_VARIABLES",
    "Settings",
    "assignments",
    "autocommit_of",
    "literal",
    "never_replay",
    "settings",
]

#: Variables that are for one statement, or change by themselves; a session that sets one is pinned.
ONE_SHOT_VARIABLES: Final = frozenset(
    {
        "gtid_next",
        "gtid_seq_no",
        "insert_id",
        "pseudo_replica_mode",
        "pseudo_slave_mode",
        "pseudo_thread_id",
        "rand_seed1",
        "rand_seed2",
        "timestamp",
    }
)

#: Variables the tracker reports that are no settings: derived from another one, or the proxy's own.
_NOT_SETTINGS: Final = frozenset(
    {
        "character_set_connection",  # follows from collation_connection
        "last_insert_id",
        "identity",
        *ONE_SHOT_VARIABLES,
        "statement_id",
        "last_gtid",
        "session_track_system_variables",
        "session_track_schema",
        "session_track_state_change",
        "session_track_transaction_info",
        "session_track_gtids",
    }
)

#: MySQL turns these off when they are set to DEFAULT, whatever their global value.
_WRONG_DEFAULT: Final = frozenset({"foreign_key_checks", "unique_checks"})

#: Variables that matter when a statement runs, not when it is prepared. A wrong one here would let it mean
#: what it meant to somebody else.
_WITHOUT_MEANING: Final = frozenset(
    {
        "autocommit",
        "foreign_key_checks",
        "innodb_lock_wait_timeout",
        "interactive_timeout",
        "lock_wait_timeout",
        "long_query_time",
        "max_execution_time",
        "max_statement_time",
        "net_read_timeout",
        "net_write_timeout",
        "transaction_isolation",
        "transaction_read_only",
        "tx_isolation",
        "tx_read_only",
        "unique_checks",
        "wait_timeout",
    }
)

#: What SET NAMES sets.
_NAMES_SETS: Final = ("character_set_client", "character_set_results", "collation_connection")

#: Variables whose value is a name even where it looks like a number.
_NAMES: Final = frozenset({"default_master_connection"})

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
_WORD = re.compile(r"[a-z0-9_]+\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_ ,:;.+\-/=()%*]*\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?\Z")


#: Found to be read-only at a target: state of the server that the tracker reports, not a setting.
_read_only: set[str] = set()


def never_replay(name: str) -> None:
    """The target refuses to set this variable: it is no setting, whatever the tracker reports."""
    _read_only.add(name)


class Settings:
    """Do not construct: ``settings`` and ``changed`` return the one object for a value."""

    __slots__ = ("__weakref__", "_meaning", "multi_statements", "schema", "variables")

    schema: str
    multi_statements: bool
    variables: Mapping[str, str]
    _meaning: "Settings | None"

    @property
    def meaning(self) -> "Settings":
        """The part that preparing a statement depends on; sessions that agree on it share statements."""
        if self._meaning is None:
            kept = {n: value for n, value in self.variables.items() if n not in _WITHOUT_MEANING}
            self._meaning = settings(self.schema, kept)
        return self._meaning

    def with_meaning(self, meaning: "Settings") -> "Settings":
        """This value with the part that statements are prepared under taken from another one."""
        if self.meaning is meaning:
            return self
        own = {name: value for name, value in self.variables.items() if name in _WITHOUT_MEANING}
        return settings(meaning.schema, {**meaning.variables, **own}, self.multi_statements)

    def changed(
        self,
        *,
        schema: str | None = None,
        multi_statements: bool | None = None,
        variables: Iterable[tuple[str, str]] = (),
    ) -> "Settings":
        """This value with some parts replaced; an empty ``schema`` means that none is selected."""
        merged = {**self.variables, **dict(variables)}
        for name in (_NOT_SETTINGS | _read_only).intersection(merged):
            del merged[name]
        return settings(
            self.schema if schema is None else schema,
            merged,
            self.multi_statements if multi_statements is None else multi_statements,
        )

    def __repr__(self) -> str:
        return f"<Settings schema={self.schema!r} variables={sorted(self.variables)}>"


_interned: "WeakValueDictionary[tuple[object, ...], Settings]" = WeakValueDictionary()


def settings(schema: str, variables: Mapping[str, str], multi_statements: bool = False) -> Settings:
    """The ``Settings`` object for this value."""
    key = (schema, multi_statements, tuple(sorted(variables.items())))
    found = _interned.get(key)
    if found is None:
        found = Settings()
        found.schema = schema
        found.multi_statements = multi_statements
        found.variables = dict(variables)
        found._meaning = None
        _interned[key] = found
    return found


def autocommit_of(status: int) -> tuple[str, str]:
    """The variable as status flags tell it.

    It is part of every session's settings: clients are told it when they log in and go by it, while DEFAULT
    means the global value of the moment.
    """
    return "autocommit", "ON" if status & Status.AUTOCOMMIT else "OFF"


#: A session that has said nothing yet.
FRESH: Final = settings("", {})


def assignments(current: Settings, wanted: Settings, baseline: Mapping[str, str]) -> list[str]:
    """Parts of a SET statement that turn ``current``'s variables into ``wanted``'s; none if they are equal.

    ``baseline`` holds what init_query set on a fresh connection: a variable ``wanted`` does not have goes
    back to that, or to the target's default. Raises ValueError for a variable that has no settable name.
    """
    parts = []
    names = _set_names(current, wanted)
    for name, value in wanted.variables.items():
        if current.variables.get(name) != value and not (names and name in _NAMES_SETS):
            parts.append((name, literal(name, value)))
    for name in current.variables:
        if name not in wanted.variables:
            before = baseline.get(name)
            parts.append((name, _default(name) if before is None else literal(name, before)))
    # Setting character_set_client changes how later text is read only after this statement.
    return [*names, *(f"@@session.{_checked(name)}={value}" for name, value in sorted(parts))]


def _set_names(current: Settings, wanted: Settings) -> list[str]:
    """The character sets all at once where they are one: only so the results get the collation, too.

    Servers tell its number in column definitions.
    """
    client, results, collation = map(wanted.variables.get, _NAMES_SETS)
    if not client or client != results or not collation or not collation.startswith(client + "_"):
        return []
    if all(current.variables.get(name) == wanted.variables[name] for name in _NAMES_SETS):
        return []
    if not _WORD.match(client) or not _WORD.match(collation):
        return []
    return [f"NAMES {client} COLLATE {collation}"]


def literal(name: str, value: str) -> str:
    """A tracked value as SQL, safe under every sql_mode and character set."""
    if _NUMBER.match(value) and name not in _NAMES:
        return value
    if not value and name == "character_set_results":
        return "NULL"
    if _PLAIN.match(value):
        return f"'{value}'"
    return "_utf8 0x" + value.encode("utf-8", "surrogateescape").hex()


def _default(name: str) -> str:
    return f"@@global.{name}" if name in _WRONG_DEFAULT else "DEFAULT"


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError("the target reported a variable whose name cannot be set")
    return name
