"""What a client gets in reply to one command, as plain values that can be compared and printed.

MySQL manual, "Generic Response Packets", "Text Resultset", "Binary Protocol Resultset", "COM_STMT_PREPARE".
Everything on the wire is kept but what cannot be the same twice: a prepared statement's own number.
"""

import attrs

__all__ = ["LOST", "Answer", "Column", "Error", "Lost", "Ok", "Prepared", "Reply", "Rows", "shown"]


@attrs.frozen
class Ok:
    """An OK packet, or an EOF packet with zeros where it has no room. `tail` is what follows the numbers."""

    affected: int
    insert_id: int
    status: int
    warnings: int
    tail: bytes = b""


@attrs.frozen
class Error:
    """An error packet."""

    number: int
    state: str
    text: str


@attrs.frozen
class Column:
    """A column definition; `rest` holds character set, length, type, flags and decimals as they are sent."""

    schema: str
    table: str
    original_table: str
    name: str
    original_name: str
    rest: bytes


@attrs.frozen
class Rows:
    """A result set: rows of values in the text protocol, whole row packets in the binary one."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[bytes | None, ...], ...]
    end: Ok | Error


@attrs.frozen
class Prepared:
    """The response to COM_STMT_PREPARE."""

    warnings: int
    parameters: tuple[Column, ...]
    columns: tuple[Column, ...]


@attrs.frozen
class Lost:
    """The connection ended instead of an answer."""


LOST = Lost()
Reply = Ok | Error | Rows | Prepared | Lost
Answer = tuple[Reply, ...]
"""All replies to one command; none for a command without a response."""


def shown(answer: Answer) -> str:
    """An answer for the reader of a failure."""
    return "; ".join(_shown(reply) for reply in answer) or "nothing"


def _shown(reply: Reply) -> str:
    match reply:
        case Ok():
            tail = f", {reply.tail!r}" if reply.tail else ""
            return (
                f"OK(affected {reply.affected}, insert id {reply.insert_id}, status {reply.status:#06x},"
                f" warnings {reply.warnings}{tail})"
            )
        case Error():
            return f"ERROR {reply.number} ({reply.state}): {reply.text}"
        case Rows():
            rows = ", ".join("(" + ", ".join(_value(each) for each in row) + ")" for row in reply.rows)
            return f"[{_columns(reply.columns)}] {rows or 'no rows'} {_shown(reply.end)}"
        case Prepared():
            return (
                f"PREPARED(parameters [{_columns(reply.parameters)}], columns [{_columns(reply.columns)}],"
                f" warnings {reply.warnings})"
            )
        case Lost():
            return "CONNECTION LOST"


def _columns(columns: tuple[Column, ...]) -> str:
    return ", ".join(
        f"{each.schema}.{each.table}.{each.name} {each.rest.hex()}".lstrip(".") for each in columns
    )


def _value(value: bytes | None) -> str:
    return "NULL" if value is None else repr(value)[1:]
