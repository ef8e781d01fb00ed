"""Responses as data, and the bytes that a server makes of them for a client with certain capabilities.

The same response is laid out twice: for the proxy, towards which the scripted database has DEPRECATE_EOF and
SESSION_TRACK with every tracker on, and for the client, as a server with default trackers would have done.
Written from the manuals ("Command Phase", "Text Resultset", "OK_Packet", "EOF_Packet"), not from the proxy.
"""

from collections.abc import Sequence
from typing import Protocol

import attrs

from tests.peers import packets as p

from . import bits

#: What session_track_system_variables names by default.
SHOWN = (
    b"autocommit",
    b"character_set_client",
    b"character_set_connection",
    b"character_set_results",
    b"time_zone",
)


@attrs.define
class View:
    """For whom a response is laid out; ``status`` is what the server has said last.

    ``statement`` is the id that the next prepared statement gets, which is another on each side.
    """

    capabilities: int
    all_trackers: bool
    status: int
    statement: int = 0

    @property
    def eof(self) -> bool:
        """EOF packets are wanted."""
        return not self.capabilities & bits.DEPRECATE_EOF

    @property
    def metadata_byte(self) -> bool:
        """The number of columns is followed by a byte that says whether their definitions come."""
        return bool(self.capabilities & bits.OPTIONAL_METADATA)


class Part(Protocol):
    """Something a response consists of."""

    def payloads(self, view: View) -> list[bytes]:
        """Its packets; takes the status it reports into the view."""


@attrs.frozen
class Tracked:
    """One entry of a tracker block: (name, value) pairs for variables, else raw content by its type."""

    variables: tuple[tuple[bytes, bytes], ...] = ()
    kind: int = 0
    content: bytes = b""

    def encode(self, *, everything: bool) -> bytes:
        """The entry, or what is left of it with default trackers."""
        if self.kind:
            shown = everything or self.kind == 1
            return bytes((self.kind,)) + p.text(self.content) if shown else b""
        kept = [pair for pair in self.variables if everything or pair[0] in SHOWN]
        body = b"".join(p.text(name) + p.text(value) for name, value in kept)
        return b"\0" + p.text(body) if body else b""


@attrs.frozen
class Ok:
    """An OK packet; with ``header`` 0xFE, where ``closing`` a result set, an EOF packet for some."""

    affected: int = 0
    insert_id: int = 0
    status: int = bits.AUTOCOMMIT
    warnings: int = 0
    info: bytes = b""
    trackers: tuple[Tracked, ...] = ()
    closing: bool = False

    def payloads(self, view: View) -> list[bytes]:
        """One packet."""
        view.status = self.status
        if self.closing and view.eof:
            return [p.eof(self.status, self.warnings)]
        session = b""
        if view.capabilities & bits.SESSION_TRACK:
            session = b"".join(each.encode(everything=view.all_trackers) for each in self.trackers)
        header = 0xFE if self.closing else 0
        return [p.ok(self.affected, self.insert_id, self.status, self.warnings, self.info, session, header)]


@attrs.frozen
class Raw:
    """Packets that are the same for everybody: errors, progress reports, texts, rows."""

    content: tuple[bytes, ...]

    def payloads(self, view: View) -> list[bytes]:
        """As they are."""
        return list(self.content)


def error(errno: int = 1064, message: bytes = b"no such thing", state: bytes = b"42000") -> Raw:
    """An ERR packet."""
    return Raw((p.err(errno, message, state),))


def progress(stage: int = 1, text: bytes = b"Enabling keys") -> Raw:
    """A progress report of MariaDB: an ERR packet with error number 65535."""
    return Raw((b"\xff\xff\xff\x01" + bytes((stage, 2)) + (500).to_bytes(3, "little") + p.text(text),))


def _definitions(view: View, count: int) -> list[bytes]:
    return [_definition(view, b"c%d" % at) for at in range(count)]


def _definition(view: View, name: bytes) -> bytes:
    plain = p.column(name)
    if not view.capabilities & bits.EXTENDED_METADATA:
        return plain
    # MariaDB's extended type information stands in front of the fixed-length fields.
    return plain[:-13] + p.text(b"\x00\x04json") + plain[-13:]


def _between(view: View, flags: int = 0, warnings: int = 0) -> list[bytes]:
    """The EOF packet behind definitions: the session's status, without what concerned a statement before."""
    return [p.eof(view.status & ~bits.OF_ONE_STATEMENT | flags, warnings)] if view.eof else []


@attrs.frozen
class Rows:
    """A result set; ``end`` is an Ok or an error, ``definitions`` False for a client that has them."""

    columns: int
    rows: Sequence[bytes]
    end: Ok | Raw = Ok(closing=True)
    definitions: bool = True
    out_parameters: bool = False

    def payloads(self, view: View) -> list[bytes]:
        """Number of columns, definitions, rows, end."""
        head = p.number(self.columns)
        if view.metadata_byte:
            head += bytes((self.definitions,))
        out = [head, *(_definitions(view, self.columns) if self.definitions else [])]
        out += _between(view, self._announced())
        out += self.rows
        return out + self.end.payloads(view)

    def _announced(self) -> int:
        """What a server knows before the rows, and says in the EOF packet before them."""
        more = self.end.status & bits.MORE if isinstance(self.end, Ok) else 0
        return more | (bits.OUT_PARAMS if self.out_parameters else 0)


@attrs.frozen
class Cursor:
    """The answer to an execute that opened a cursor: the definitions, and no rows."""

    columns: int
    status: int = bits.AUTOCOMMIT | bits.CURSOR

    def payloads(self, view: View) -> list[bytes]:
        """The one EOF packet is the last."""
        head = p.number(self.columns) + (b"\1" if view.metadata_byte else b"")
        end = Ok(status=self.status, closing=True)
        return [head, *_definitions(view, self.columns), *end.payloads(view)]


@attrs.frozen
class Prepared:
    """The answer to COM_STMT_PREPARE; the id is the view's."""

    parameters: int
    columns: int
    warnings: int = 0
    definitions: bool = True

    def payloads(self, view: View) -> list[bytes]:
        """Header, definitions of parameters, definitions of columns."""
        out = [p.prepared(view.statement, self.columns, self.parameters, self.warnings)]
        if view.capabilities & bits.OPTIONAL_METADATA:
            out[0] += bytes((self.definitions,))
        for count in (self.parameters, self.columns):
            if count:
                out += _definitions(view, count) if self.definitions else []
                out += _between(view, warnings=self.warnings)
        return out


@attrs.frozen
class Fields:
    """The answer to COM_FIELD_LIST."""

    columns: int
    end: Ok | Raw = Ok(closing=True)

    def payloads(self, view: View) -> list[bytes]:
        """Definitions with default values, end."""
        return [each + p.text(b"0") for each in _definitions(view, self.columns)] + self.end.payloads(view)


@attrs.frozen
class File:
    """LOCAL INFILE: the server asks for a file, and the client sends ``content`` in these packets."""

    content: tuple[bytes, ...]
    name: bytes = b"/tmp/rows.csv"

    def payloads(self, view: View) -> list[bytes]:
        """The request."""
        return [b"\xfb" + self.name]


Response = tuple[Part, ...]


def turns(response: Response, view: View) -> list[list[bytes]]:
    """What the server says between the client's files: one list more than there are files."""
    out: list[list[bytes]] = [[]]
    for part in response:
        out[-1] += part.payloads(view)
        if isinstance(part, File):
            out.append([])
    return out


def files(response: Response) -> list[tuple[bytes, ...]]:
    """What the client sends in between, each without the empty packet that ends it."""
    return [part.content for part in response if isinstance(part, File)]
