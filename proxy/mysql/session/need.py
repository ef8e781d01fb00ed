"""What a command needs on the connection it runs on, beyond the session's settings."""

import attrs

from .given_numbers import NO_NUMBERS, GivenNumbers
from .prepared import OpenStatement, ServerState
from .verdict import Diagnostics

__all__ = ["JUST_A_READ", "NOTHING", "Need"]


@attrs.frozen
class Need:
    """``reads``: diagnostics of an earlier statement. ``statement``: to be there, in one of the ``states``.

    ``variables``: names of the user variables that are read. ``real``: text statements that are to be there
    by the client's own names. ``given``: numbers that the statement finds in variables of the proxy.
    ``alone``: no other session has used the connection since it was reset.
    ``is_read``: a reader may run it; ``from_writer``: only the writer, as no reader has the session's writes;
    ``is_fresh``: the reader is known to have them. ``guarded``: it must not write, whatever a view may hide.
    ``calls``: it calls a procedure, perhaps. ``no_rows``: the statement before it is to have counted no rows.
    """

    reads: Diagnostics = Diagnostics.NONE
    statement: OpenStatement | None = None
    states: tuple[ServerState, ...] = ()
    variables: frozenset[str] = frozenset()
    real: tuple[OpenStatement, ...] = ()
    given: GivenNumbers = NO_NUMBERS
    calls: bool = False
    no_rows: bool = False
    alone: bool = False
    is_read: bool = False
    from_writer: bool = False
    is_fresh: bool = False
    guarded: bool = False


NOTHING = Need()
JUST_A_READ = Need(is_read=True)
