"""What a client's command may do to its session, before it is sent."""

import re
from collections.abc import Mapping

from ..session.screen import LONGEST_TRIGGER, Dialect, Screen, dialect_of
from ..session.substitution import Ask, substituted
from ..session.value import SessionValue
from ..session.verdict import PLAIN, Verdict
from ..wire.commands import Command
from ..wire.datatypes import MalformedPacket
from ..wire.framing import HEADER, frame
from ..wire.query_attributes import text_start
from ..wire.status import Status
from .statements import LARGE, NAMES_ONLY, UNKNOWN_STATEMENT, verdict_of_piece

__all__ = ["Screening"]

#: Bytes of a long statement that are kept.
_DIGESTED = 4096

_ALL_COMMENT = re.compile(rb"(?:\s+|#[^\n]*+\n|--\s[^\n]*+\n|/\*.*?\*/)*+(?:/\*|#|--|\Z)", re.DOTALL)
_NO_BACKSLASH_ESCAPES = int(Status.NO_BACKSLASH_ESCAPES)


class Screening:
    """Judges the commands of one session; a long statement piece by piece."""

    __slots__ = (
        "_charset",
        "_has_attributes",
        "_is_text",
        "_overlap",
        "_screen",
        "_value",
        "is_whole",
        "text",
    )

    def __init__(
        self, screen: Screen, value: SessionValue, *, has_attributes: bool = False, charset: str = ""
    ) -> None:
        """``has_attributes``: the client's capability QUERY_ATTRIBUTES. ``charset``: the server's own."""
        self._charset = charset
        self._screen = screen
        self._value = value
        self._has_attributes = has_attributes
        #: The text of the present command, or its beginning.
        self.text = b""
        #: That text is all of it.
        self.is_whole = True
        #: The end of the piece of a long statement that was seen last.
        self._overlap = b""
        #: What follows the beginning of the present command is SQL, not the values of parameters.
        self._is_text = False

    def statement(self, packet: bytes, is_beginning: bool) -> Verdict:
        """The verdict on the text of COM_QUERY; of a long one it may be only the beginning.

        Raises MalformedPacket where the text cannot be found behind its attributes.
        """
        start = HEADER + 1
        if self._has_attributes:
            try:
                start = text_start(packet, start)
            except MalformedPacket:
                if not is_beginning:
                    raise
                # Attributes so long that the text is not there yet: then nothing of it is known.
                self._is_text = self.is_whole = False
                return UNKNOWN_STATEMENT
        return self._verdict(packet[start:], is_beginning)

    def text_of(self, packet: bytes) -> bytes | None:
        """The text of a whole COM_QUERY or COM_STMT_PREPARE, which is not kept; None if it has none."""
        start = HEADER + 1
        if self._has_attributes and packet[HEADER] == Command.QUERY:
            try:
                start = text_start(packet, start)
            except MalformedPacket:
                return None
        return packet[start:]

    def _verdict(self, text: bytes, is_beginning: bool) -> Verdict:
        self._is_text = True
        self.is_whole = not is_beginning
        if is_beginning:
            # For the digest; the statement is not held while the rest of it arrives.
            self.text = text[:_DIGESTED]
            self._overlap = text[-LONGEST_TRIGGER:]
            # A comment that hides the first word hides what kind of statement follows.
            return UNKNOWN_STATEMENT if _ALL_COMMENT.match(text) else verdict_of_piece(text, LARGE)
        self.text = text
        return self._screen.verdict(text, self.dialect())

    def piece(self, piece: bytes, so_far: Verdict) -> Verdict:
        """The verdict when the next piece of a long statement has come."""
        if not self._is_text:
            return so_far
        text = self._overlap + piece
        self._overlap = text[-LONGEST_TRIGGER:]
        return verdict_of_piece(text, so_far)

    def command(self, code: int, packet: bytes, is_beginning: bool) -> Verdict:
        """The verdict on any other command that goes to the database."""
        if code == Command.STMT_PREPARE:
            return self._verdict(packet[HEADER + 1 :], is_beginning)
        self._is_text = False
        self.text = packet[HEADER + 1 :] if code == Command.INIT_DB else b""
        if code == Command.INIT_DB:
            return NAMES_ONLY
        return PLAIN

    def backslash_escapes(self) -> bool:
        """Whether a backslash in a string is an escape."""
        return self.dialect() is not Dialect.NO_BACKSLASH_ESCAPES

    def with_constants(self, packet: bytes, constants: Mapping[Ask, bytes]) -> bytes:
        """The command with these in the places where its text asks for them."""
        new = substituted(self.text, constants, backslash_escapes=self.backslash_escapes())
        return self.with_text(packet, new)

    def verdict_of(self, text: bytes) -> Verdict:
        """The verdict on a text that takes the place of the client's."""
        return self._screen.verdict(text, self.dialect())

    def with_text(self, packet: bytes, new: bytes) -> bytes:
        """The command with another text, which only the database gets to see."""
        text = self.text
        return packet if new is text else frame(packet[HEADER : len(packet) - len(text)] + new)

    def dialect(self) -> Dialect:
        """How the session's texts are to be read."""
        variables = self._value.settings.variables
        sql_mode = variables.get("sql_mode")
        if sql_mode is None:
            no_backslash_escapes = bool(self._value.status & _NO_BACKSLASH_ESCAPES)
        else:
            # MariaDB leaves the flag set when a stored function's sql_mode ends.
            no_backslash_escapes = "NO_BACKSLASH_ESCAPES" in sql_mode
        return dialect_of(variables.get("character_set_client", self._charset), no_backslash_escapes)
