"""Reads a general query log as a server writes it to a file (MySQL manual, "The General Query Log").

An entry is a line with a time, a connection's id, a command and its argument, and the lines behind it that
are no entry: a statement keeps its line breaks. MySQL writes the time of each entry; MariaDB, in another
form, only where it is not that of the entry before. A statement that holds a line of the very form of an
entry cannot be told from two.

Memory is bounded: of a long argument the beginning is kept, and how long it was.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

import attrs

__all__ = ["KEPT_TEXT", "LONGEST_PIECE", "Entry", "LogReader", "RESTART"]

#: Bytes of an argument that are kept.
KEPT_TEXT = 256 * 1024
#: Bytes that are read at a time of a line without an end.
LONGEST_PIECE = 1024 * 1024

#: The command of an entry that stands for the start of a server.
RESTART = "(start)"

_COMMANDS = (
    rb"Query|Prepare|Execute|Close stmt|Reset stmt|Long Data|Fetch|Bulk Execute|Connect Out|Connect|Quit|"
    rb"Init DB|Change user|Reset Connection|Set option|Field List|Statistics|Ping|Kill|Processlist|Refresh|"
    rb"Shutdown|Debug|Daemon|Sleep|Time|Error|Create DB|Drop DB|Delayed insert|Table Dump|Binlog Dump GTID|"
    rb"Binlog Dump|Register Slave|Register Replica|Slave_IO|Slave_SQL|Slave_worker|clone"
)
_TIME = rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)|(\d{6} [ \d]\d:\d\d:\d\d)"
_ENTRY = re.compile(rb"(?:%b|\t)\t *(\d{1,20}) (%b)(?:\t|\r?\n?\Z)(.*)" % (_TIME, _COMMANDS), re.DOTALL)
_MIGHT_BE_ENTRY = b"\t0123456789"
_START = re.compile(rb".{0,4096}, Version: .{0,512}started with:\r?\n?\Z", re.DOTALL)
_HEADING = re.compile(rb"(?:Tcp port: |TCP Port: |Time +Id +Command|Time\t+ *Id +Command)")

#: Commands whose argument is a text that may go over several lines.
_WITH_TEXT = frozenset(("Query", "Prepare", "Execute", "Bulk Execute"))


@attrs.frozen
class Entry:
    """One command: the number of its first line from 1, the connection's id, the command's name.

    ``text`` is the argument or its beginning, ``length`` the bytes of the whole argument; the end of the line
    counts where ``text`` is only the beginning.
    """

    line: int
    connection: int
    command: str
    text: bytes
    length: int


@attrs.define
class LogReader:
    """Reads a log once, in order."""

    #: Lines so far.
    lines: int = 0
    #: Of these, neither an entry nor part of one.
    ignored: int = 0
    first_time: str = ""
    last_time: str = ""
    _entry: Entry | None = None
    #: The time stands in each entry, so that a line without one is none.
    _always_timed: bool = False
    _parts: list[bytes] = attrs.field(factory=list, repr=False)
    _kept: int = 0
    _length: int = 0

    def entries(self, stream: BinaryIO) -> Iterator[Entry]:
        """The entries of a stream; never fails on what stands in it. OSError."""
        starts_line = True
        while piece := stream.readline(LONGEST_PIECE):
            if starts_line:
                self.lines += 1
                yield from self._line(piece)
            else:
                self._add(piece)
            starts_line = piece.endswith(b"\n")
        yield from self._complete()

    def _line(self, line: bytes) -> Iterator[Entry]:
        found = _ENTRY.match(line) if line[0] in _MIGHT_BE_ENTRY else None
        if found is not None and not (self._always_timed and line[:1] == b"\t"):
            yield from self._complete()
            self._begin(found)
        elif _START.match(line):
            yield from self._complete()
            yield Entry(self.lines, 0, RESTART, b"", 0)
        elif _HEADING.match(line) and self._entry is None:
            return
        elif self._entry is not None and self._entry.command in _WITH_TEXT:
            self._add(line)
        elif line.strip():
            self.ignored += 1

    def _begin(self, found: re.Match[bytes]) -> None:
        full_time, short_time, connection, command, argument = found.groups()
        self._always_timed = self._always_timed or bool(full_time)
        time = full_time or short_time
        if time:
            self.last_time = time.decode()
            self.first_time = self.first_time or self.last_time
        self._entry = Entry(self.lines, int(connection), command.decode(), b"", 0)
        self._add(argument)

    def _add(self, piece: bytes) -> None:
        if self._kept < KEPT_TEXT:
            kept = piece[: KEPT_TEXT - self._kept]
            self._parts.append(kept)
            self._kept += len(kept)
        self._length += len(piece)

    def _complete(self) -> Iterator[Entry]:
        entry, text, length = self._entry, b"".join(self._parts), self._length
        self._entry = None
        self._parts.clear()
        self._kept = self._length = 0
        if entry is None:
            return
        if length == len(text):
            text = text.rstrip(b"\r\n")
            length = len(text)
        yield Entry(entry.line, entry.connection, entry.command, text, length)
