"""What a command needs on the connection it runs on, beyond the session's settings."""

import attrs

from .prepared import History, OpenStatement
from .verdict import Diagnostics

__all__ = ["NOTHING", "Need"]


@attrs.frozen
class Need:
    """``reads``: diagnostics of an earlier statement. ``statement``: to be there, with one of ``histories``.

    The first of the histories is what the statement's own executions have led to. ``variables``: names of the
    user variables that are read.
    """

    reads: Diagnostics = Diagnostics.NONE
    statement: OpenStatement | None = None
    histories: tuple[History, ...] = ()
    variables: frozenset[str] = frozenset()


NOTHING = Need()
