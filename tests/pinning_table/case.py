"""The form of a row of the table."""

import enum

import attrs

__all__ = ["ANY", "MARIADB", "MYSQL", "Act", "Answer", "Case", "Peer", "Step"]

MARIADB, MYSQL = "mariadb", "mysql"
ANY = (MARIADB, MYSQL)


class Answer(enum.Enum):
    """What a proxy does with a session that does what the row says. The value is the table's word."""

    NEVER = "never"
    #: It ends with what the row's last statements do.
    UNPINS = "un-pins"
    PINS = "pins"
    #: The client gets an error instead of its answer.
    ERROR = "error"
    #: The documentation does not tell.
    UNKNOWN = "?"


@attrs.frozen
class Peer:
    """One rule of another proxy and where it stands."""

    answer: Answer
    source: str


class Act(enum.Enum):
    """A command that is no SQL text; what it means is said by the step's text."""

    PREPARE = "COM_STMT_PREPARE"
    EXECUTE = "COM_STMT_EXECUTE"
    EXECUTE_WITH_CURSOR = "COM_STMT_EXECUTE with a cursor"
    FETCH_ALL = "COM_STMT_FETCH to the end"
    LONG_DATA = "COM_STMT_SEND_LONG_DATA"
    EXECUTE_LONG_DATA = "COM_STMT_EXECUTE with the data sent before"
    CLOSE = "COM_STMT_CLOSE"
    RESET_CONNECTION = "COM_RESET_CONNECTION"


Step = str | tuple[Act, str]


@attrs.frozen
class Case:
    """One row.

    name: Markdown.
    steps: SQL texts and other commands, in order, all of which succeed.
    multi: the client turns multi-statements on.
    servers: where the steps can run.
    rds_resets: under RDS Proxy the last step ends every pin.
    """

    name: str
    steps: tuple[Step, ...]
    proxysql: Peer
    router: Peer
    multi: bool = False
    servers: tuple[str, ...] = ANY
    rds_resets: bool = False
