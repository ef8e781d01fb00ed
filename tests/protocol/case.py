"""One row of the table: a command, the response to it, and what comes of the database connection."""

import enum

import attrs

from . import bits
from .responses import Ok, Prepared, Response

__all__ = ["BEGIN", "Answerer", "Case", "Effect", "Profile", "Step", "query"]


class Answerer(enum.Enum):
    """Who answers a command."""

    DATABASE = "the database"
    PROXY = "the proxy"
    REFUSED = "refused"


class Effect(enum.Enum):
    """What comes of the session's database connection."""

    NONE = "none was borrowed"
    RETURNED = "returned"
    KEPT = "kept"
    GONE = "closed"


@attrs.frozen
class Step:
    """A command and its response. ``payload`` of COM_QUERY is the text alone, see ``encoded``."""

    payload: bytes
    response: Response
    attributes: bytes = b""
    by: Answerer = Answerer.DATABASE
    #: What the database gets in its place, but for the id of a prepared statement; None for the same.
    at_database: bytes | None = None

    def encoded(self, capabilities: int) -> bytes:
        """The payload as sent with these capabilities: with the query attributes in front of the text."""
        if self.payload[:1] != b"\x03" or not capabilities & bits.QUERY_ATTRIBUTES:
            return self.payload
        return b"\x03" + (self.attributes or b"\0\1") + self.payload[1:]

    @property
    def prepares(self) -> bytes | None:
        """The text of which the client gets a statement; None where it gets none."""
        is_prepared = any(isinstance(each, Prepared) for each in self.response)
        return self.payload[1:] if is_prepared else None


@attrs.frozen
class Profile:
    """A client's capabilities and those of the database."""

    name: str
    client: int
    target: int
    #: Compression towards the client and towards the database: zlib, zstd, or empty for none.
    squeezed: tuple[str, str] = ("", "")
    #: Walked in the two manners that tell most.
    briefly: bool = False

    @property
    def agreed(self) -> int:
        """What client and server have in common; there is no TLS."""
        return self.client & self.target


@attrs.frozen
class Case:
    """What happens when ``step`` comes after ``before``.

    ``needs`` and ``lacks``: capabilities with and without which this response exists.
    """

    name: str
    step: Step
    effect: Effect = Effect.RETURNED
    pins: frozenset[str] = frozenset()
    before: tuple[Step, ...] = ()
    needs: int = 0
    lacks: int = 0
    #: Walked with packets of 255 bytes in the place of 16 MiB.
    scaled: bool = False
    #: COM_CHANGE_USER: the password for the challenge that comes first.
    password: bytes | None = None
    #: The database connection of ``before`` is closed, and what comes now finds another one.
    elsewhere: bool = False
    #: The client is disconnected afterwards.
    closes: bool = False
    #: What is wrong with it as yet; the test fails when it is not any more.
    awaits: str = ""

    @property
    def code(self) -> int:
        """The command's byte."""
        return self.step.payload[0]

    @property
    def is_in_transaction(self) -> bool:
        """Whether the command comes in one."""
        return BEGIN in self.before

    def fits(self, profile: Profile) -> bool:
        """Whether this can happen with these capabilities."""
        return self.needs & ~profile.agreed == 0 and not self.lacks & profile.agreed


def query(sql: bytes, *response: object, attributes: bytes = b"") -> Step:
    """COM_QUERY."""
    return Step(b"\x03" + sql, response, attributes)  # type: ignore[arg-type]


#: A session in a transaction keeps its connection.
BEGIN = query(b"BEGIN", Ok(status=bits.AUTOCOMMIT | bits.IN_TRANS))
