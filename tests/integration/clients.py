"""PyMySQL with the commands it has no method for, and the `mariadb` client."""

import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql import _auth as pymysql_auth
from pymysql.connections import MySQLResult
from pymysql.constants import COMMAND, SERVER_STATUS
from pymysql.cursors import Cursor

from proxy.demo.child import LOOPBACK
from proxy.demo.installation import find_server

__all__ = [
    "CommandClient",
    "fetch",
    "in_transaction",
    "mariadb",
    "one",
    "run",
    "seen",
    "server_version",
    "thread_of",
    "vanish",
]

CLIENT_LIMIT = 60
"""Seconds one run of the `mariadb` client may take."""
LONG_STRING = 253
STMT_PREPARE, STMT_EXECUTE, STMT_SEND_LONG_DATA, STMT_CLOSE, STMT_RESET = 0x16, 0x17, 0x18, 0x19, 0x1A
RESET_CONNECTION = 0x1F

Arguments = tuple[object, ...] | None
Row = tuple[str | None, ...]


def run(connection: Any, sql: str, arguments: Arguments = None) -> int:
    """Run a statement; return the number of affected rows."""
    with connection.cursor() as cursor:
        return int(cursor.execute(sql, arguments))


def fetch(
    connection: Any, sql: str, arguments: tuple[object, ...] | None = None
) -> tuple[tuple[Any, ...], ...]:
    """Run a statement; return all rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return tuple(cursor.fetchall())


def one(connection: Any, sql: str, arguments: Arguments = None) -> Any:
    """Run a statement; return the first value of the first row."""
    rows = fetch(connection, sql, arguments)
    return rows[0][0] if rows else None


def seen(connection: Any, sql: str) -> tuple[Any, ...]:
    """All that a client can see of a statement: error, or rows, columns, counts."""
    with connection.cursor() as cursor:
        try:
            affected = cursor.execute(sql)
        except pymysql.MySQLError as error:
            return (type(error), *error.args)
        result = cursor._result
        return (
            cursor.fetchall(),
            cursor.description,
            affected,
            cursor.lastrowid,
            result.warning_count,
            result.message,
        )


def thread_of(connection: Any) -> int:
    """The database's own id of the connection that a session has borrowed for this statement.

    CONNECTION_ID() alone tells the client's id.
    """
    return int(one(connection, "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()"))


def server_version(connection: Any) -> str:
    """As in the greeting."""
    return str(connection.get_server_info())


def in_transaction(connection: Any) -> bool:
    """What the last response's status flags say."""
    return bool(connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)


def vanish(connection: Any) -> None:
    """Close the socket without COM_QUIT."""
    connection._force_close()


if TYPE_CHECKING:
    _Connection = pymysql.Connection[Cursor]
else:
    _Connection = pymysql.Connection


class CommandClient(_Connection):
    """A client that can send any command."""

    @property
    def _raw(self) -> Any:
        # PyMySQL's inner methods, which its stubs leave out or do not type.
        return self

    def command(self, code: int, payload: bytes = b"") -> Any:
        """Send a command and return the first packet of its response; raises the server's error."""
        self._raw._execute_command(code, payload)
        return self._raw._read_packet()

    def last_insert_id(self) -> int:
        """What the last OK packet said."""
        return int(self._raw.insert_id())

    def reset_connection(self) -> None:
        """COM_RESET_CONNECTION."""
        self.command(RESET_CONNECTION)

    def statistics(self) -> str:
        """COM_STATISTICS."""
        return bytes(self.command(COMMAND.COM_STATISTICS).get_all_data()).decode()

    def field_list(self, table: str) -> list[str]:
        """COM_FIELD_LIST: the names of a table's columns."""
        packet = self.command(COMMAND.COM_FIELD_LIST, table.encode() + b"\0")
        names = []
        while not packet.is_eof_packet():
            for _ in range(4):
                packet.read_length_coded_string()
            names.append(packet.read_length_coded_string().decode())
            packet = self._raw._read_packet()
        return names

    def set_option(self, option: int) -> None:
        """COM_SET_OPTION: 0 turns multi-statements on, 1 off."""
        self.command(COMMAND.COM_SET_OPTION, struct.pack("<H", option))

    def change_user(self, user: str, password: str, schema: str = "") -> None:
        """COM_CHANGE_USER; the server must ask for mysql_native_password."""
        scramble = b"\x14" + b"x" * 20
        body = user.encode() + b"\0" + scramble + schema.encode() + b"\0" + struct.pack("<H", 45)
        self._raw._execute_command(COMMAND.COM_CHANGE_USER, body + b"mysql_native_password\0")
        packet = self._raw._read_packet()
        if packet.is_auth_switch_request():
            packet.read_uint8()
            plugin = packet.read_string()
            assert plugin == b"mysql_native_password", plugin
            nonce = packet.read_all()[:20]
            self.write_packet(pymysql_auth.scramble_native_password(password.encode(), nonce))
            packet = self._raw._read_packet()
        assert packet.is_ok_packet()

    def prepare(self, sql: str) -> tuple[int, int, int]:
        """COM_STMT_PREPARE: (statement id, number of columns, number of parameters)."""
        packet = self.command(STMT_PREPARE, sql.encode())
        _, statement, columns, parameters = struct.unpack("<BIHH", packet.get_all_data()[:9])
        for count in (parameters, columns):
            for _ in range(count):
                self._raw._read_packet()
            if count:
                assert self._raw._read_packet().is_eof_packet()
        return statement, columns, parameters

    def execute_prepared(self, statement: int, *texts: str | None, sent: bool = False) -> list[Row]:
        """COM_STMT_EXECUTE with parameters as strings; the result's columns must all be strings, too.

        `sent` says that the values went ahead with COM_STMT_SEND_LONG_DATA.
        """
        payload = struct.pack("<IBI", statement, 0, 1)
        if texts:
            nulls = sum(1 << at for at, text in enumerate(texts) if text is None)
            payload += nulls.to_bytes((len(texts) + 7) // 8, "little") + b"\x01"
            payload += struct.pack("<H", LONG_STRING) * len(texts)
            payload += b"".join(_lenenc(text.encode()) for text in texts if text is not None and not sent)
        packet = self.command(STMT_EXECUTE, payload)
        if packet.is_ok_packet():
            self._read_ok(packet)
            return []
        return self._binary_rows(packet.read_length_encoded_integer())

    def send_long_data(self, statement: int, parameter: int, data: bytes) -> None:
        """COM_STMT_SEND_LONG_DATA, which has no response."""
        self._raw._execute_command(STMT_SEND_LONG_DATA, struct.pack("<IH", statement, parameter) + data)

    def reset_prepared(self, statement: int) -> None:
        """COM_STMT_RESET."""
        self.command(STMT_RESET, struct.pack("<I", statement))

    def close_prepared(self, statement: int) -> None:
        """COM_STMT_CLOSE, which has no response."""
        self._raw._execute_command(STMT_CLOSE, struct.pack("<I", statement))

    def _read_ok(self, packet: Any) -> None:
        self._raw._result = MySQLResult(self)
        self._raw._result._read_ok_packet(packet)

    def _binary_rows(self, columns: int) -> list[Row]:
        for _ in range(columns):
            self._raw._read_packet()
        assert self._raw._read_packet().is_eof_packet()
        rows = []
        while not (packet := self._raw._read_packet()).is_eof_packet():
            packet.read_uint8()
            nulls = int.from_bytes(packet.read((columns + 9) // 8), "little") >> 2
            rows.append(
                tuple(
                    None if nulls >> at & 1 else packet.read_length_coded_string().decode()
                    for at in range(columns)
                )
            )
        return rows


def _lenenc(data: bytes) -> bytes:
    assert len(data) < 1 << 24
    return (bytes((len(data),)) if len(data) < 251 else b"\xfd" + len(data).to_bytes(3, "little")) + data


def mariadb(
    port: int, user: str, password: str, sql: str, *options: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run statements with the `mariadb` client in batch mode; its messages are in `stderr`."""
    server = find_server()
    assert server is not None
    command = [str(server.client), "--no-defaults", f"--host={LOOPBACK}", f"--port={port}", f"--user={user}"]
    command += [f"--password={password}", "--protocol=TCP", "--batch", "--default-character-set=utf8mb4"]
    done = subprocess.run(
        [*command, *options], input=sql, capture_output=True, text=True, timeout=CLIENT_LIMIT, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done
