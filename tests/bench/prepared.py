"""Prepared point selects: one statement for each connection, executed again and again in the binary protocol.

As C's libraries do it: the type of the parameter goes along with the first execution only. MySQL manual,
"Prepared Statements": COM_STMT_PREPARE, COM_STMT_EXECUTE, "Binary Protocol Resultset Row".
"""

import socket
import struct

from .packets import HEADER, WrongResponse, framed, read_response

__all__ = ["PreparedPoint", "execution", "prepare", "prepared", "row_of"]

PreparedPoint = tuple[int, bytes]
"""The number of a row, and the response to the statement executed with it."""

SQL = "SELECT id, body FROM points WHERE id = ?"
COLUMNS = 2
COM_STMT_PREPARE, COM_STMT_EXECUTE = b"\x16", b"\x17"
UNSIGNED_INT = b"\x03\x80"
NO_CURSOR = 0
NO_NULLS = b"\0"


def prepare(connection: socket.socket, point: PreparedPoint, legacy_eof: bool) -> int:
    """Prepare on a blocking socket, execute once; return the statement's id. Raises WrongResponse."""
    statement = prepared(connection, legacy_eof)
    number, response = point
    if read_response(connection, execution(statement, number, with_type=True), legacy_eof) != response:
        raise WrongResponse("the first execution's answer is not the database's own")
    return statement


def prepared(connection: socket.socket, legacy_eof: bool) -> int:
    """Prepare on a blocking socket; return the statement's id. Raises WrongResponse."""
    connection.sendall(framed(COM_STMT_PREPARE + SQL.encode()))
    with connection.makefile("rb") as stream:

        def packet() -> bytes:
            payload = stream.read(int.from_bytes(stream.read(HEADER)[:3], "little"))
            if not payload or payload[0] == 0xFF:
                raise WrongResponse(f"the statement is not prepared: {payload[3:].decode(errors='replace')}")
            return payload

        statement, columns, parameters = struct.unpack_from("<xIHH", packet())
        if (columns, parameters) != (COLUMNS, 1):
            raise WrongResponse("the statement is prepared as another one")
        for _ in range(columns + parameters + (2 if legacy_eof else 0)):
            packet()
    return int(statement)


def execution(statement: int, number: int, *, with_type: bool = False) -> bytes:
    """Return the COM_STMT_EXECUTE packet that asks for a row."""
    types = b"\x01" + UNSIGNED_INT if with_type else b"\0"
    head = COM_STMT_EXECUTE + struct.pack("<IBI", statement, NO_CURSOR, 1)
    return framed(head + NO_NULLS + types + struct.pack("<I", number))


def row_of(number: int, body: bytes) -> bytes:
    """Return the payload of a row."""
    return b"\0" + NO_NULLS + struct.pack("<IB", number, len(body)) + body
