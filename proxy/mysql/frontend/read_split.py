"""Which commands of a session that may also write are for a reader (routing = "read_write_split").

Only what certainly reads, says the same on every server, and leaves nothing at its connection: a session that
keeps a reader's connection could not write any more.
"""

from typing import Final

from ..session.rds_rules import LONGEST_UNPINNED_TEXT
from ..session.statement_kind import StatementKind
from ..session.value import SessionValue, Tie
from ..wire.commands import Command
from ..wire.framing import HEADER
from ..wire.status import Status
from .context import EndpointContext
from .prepared_commands import EXECUTIONS
from .screening import Screening

__all__ = ["is_for_readers"]

_QUERY: Final = int(Command.QUERY)
_AUTOCOMMIT: Final = int(Status.AUTOCOMMIT)
#: Where COM_STMT_EXECUTE asks for a cursor.
_FLAGS: Final = HEADER + 5


def is_for_readers(
    context: EndpointContext, value: SessionValue, packet: bytes, screening: Screening
) -> bool:
    """Whether a reader may run a whole command of a session that has no connection."""
    kinds, code = context.kinds, packet[HEADER]
    if kinds is None or (code != _QUERY and code not in EXECUTIONS) or not value.status & _AUTOCOMMIT:
        return False
    if value.tie() is not Tie.NONE or value.is_doubtful or _will_pin(context, value, packet):
        return False
    traits = kinds.traits(screening.text, screening.dialect())
    return traits.kind is StatementKind.READ and traits.anywhere


def _will_pin(context: EndpointContext, value: SessionValue, packet: bytes) -> bool:
    """Whether the session will keep the connection, whatever the text is."""
    if packet[HEADER] in EXECUTIONS and packet[_FLAGS : _FLAGS + 1] != b"\0":
        return True
    is_long = context.options.pinning == "rds" and len(packet) > LONGEST_UNPINNED_TEXT
    return value.wants_diagnostics or is_long
