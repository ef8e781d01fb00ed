"""What a client can do: each step is one command, and prints as something to copy.

A text may name its client's two schemas as `$me` and `$too`; `$lock` begins the names of its own named locks.
"""

import attrs

from .parameters import Parameter

__all__ = [
    "ChangeUser",
    "Close",
    "Execute",
    "Fetch",
    "InitDb",
    "LongData",
    "Ping",
    "Prepare",
    "Query",
    "ResetConnection",
    "ResetStatement",
    "SetOption",
    "Step",
]


@attrs.frozen
class Query:
    """COM_QUERY."""

    sql: str

    def __str__(self) -> str:
        return f"{self.sql};"


@attrs.frozen
class Prepare:
    """COM_STMT_PREPARE; later steps name the statement by its slot."""

    slot: str
    sql: str

    def __str__(self) -> str:
        return f"COM_STMT_PREPARE {self.slot}: {self.sql}"


@attrs.frozen
class Execute:
    """COM_STMT_EXECUTE with as many of the values as the statement has parameters, NULL for those that lack.

    Types are sent at the first time and when they change, and always with `again`.
    """

    slot: str
    values: tuple[Parameter, ...] = ()
    again: bool = False
    cursor: bool = False

    def __str__(self) -> str:
        values = ", ".join(str(value) for value in self.values)
        words = [f"COM_STMT_EXECUTE {self.slot} ({values})"]
        words += ["types again"] * self.again + ["with a cursor"] * self.cursor
        return " ".join(words)


@attrs.frozen
class LongData:
    """COM_STMT_SEND_LONG_DATA for the first parameter; skipped where the statement has none."""

    slot: str
    data: bytes

    def __str__(self) -> str:
        return f"COM_STMT_SEND_LONG_DATA {self.slot}: {self.data!r}"


@attrs.frozen
class Fetch:
    """COM_STMT_FETCH."""

    slot: str
    rows: int

    def __str__(self) -> str:
        return f"COM_STMT_FETCH {self.slot}: {self.rows} rows"


@attrs.frozen
class ResetStatement:
    """COM_STMT_RESET."""

    slot: str

    def __str__(self) -> str:
        return f"COM_STMT_RESET {self.slot}"


@attrs.frozen
class Close:
    """COM_STMT_CLOSE."""

    slot: str

    def __str__(self) -> str:
        return f"COM_STMT_CLOSE {self.slot}"


@attrs.frozen
class ResetConnection:
    """COM_RESET_CONNECTION."""

    def __str__(self) -> str:
        return "COM_RESET_CONNECTION"


@attrs.frozen
class ChangeUser:
    """COM_CHANGE_USER with the password of that user."""

    user: str
    schema: str

    def __str__(self) -> str:
        return f"COM_CHANGE_USER {self.user}, schema {self.schema}"


@attrs.frozen
class InitDb:
    """COM_INIT_DB."""

    schema: str

    def __str__(self) -> str:
        return f"COM_INIT_DB {self.schema}"


@attrs.frozen
class SetOption:
    """COM_SET_OPTION: multi-statements on or off."""

    multi_statements: bool

    def __str__(self) -> str:
        return f"COM_SET_OPTION multi-statements {'on' if self.multi_statements else 'off'}"


@attrs.frozen
class Ping:
    """COM_PING."""

    def __str__(self) -> str:
        return "COM_PING"


Step = (
    Query
    | Prepare
    | Execute
    | LongData
    | Fetch
    | ResetStatement
    | Close
    | ResetConnection
    | ChangeUser
    | InitDb
    | SetOption
    | Ping
)
