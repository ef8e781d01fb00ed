"""KILL in the command phase: what a client asks to be killed, and what happens to one that is."""

from typing import Any

from ...errors import ClientError, interrupted
from ..backend.connection import BackendConnection
from ..session.verdict import Kill
from .command_reception import CommandReception, Stage
from .killing import kill_client
from .visible import visible_error

__all__ = ["KillPhase"]


class KillPhase(CommandReception):
    """The part of the command phase that is about KILL."""

    __slots__ = ("_interrupted", "_was_running", "statement_count")

    username: str
    #: Of the connections that it borrows.
    key: Any

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._was_running = False
        #: Counts commands, so that a KILL does not hit a later one than was meant.
        self.statement_count = 0
        #: A KILL came before the present one was sent.
        self._interrupted = False

    @property
    def running_on(self) -> BackendConnection | None:
        """The connection on which the session's statement runs at the database now."""
        return self.tenancy.connection if self._stage in (Stage.RUNNING, Stage.FILE) else None

    def kill(self, kill: Kill) -> None:
        """End a client, its statement, or this one."""
        number = self.channel.number
        if kill.number is None or kill.number == number:
            self.refuse(interrupted())
            if not kill.query_only:
                self.channel.close()
            return
        self._stage = Stage.BUSY
        killing = kill_client(
            self._context, self.username, kill.number, query_only=kill.query_only, killer=self.key
        )
        killing.addCallbacks(
            lambda _: self._killed(None), lambda failure: self._killed(visible_error(failure.value))
        )
        killing.addErrback(lambda failure: self.log.failure("unforeseen failure", failure))

    def _killed(self, refusal: ClientError | None) -> None:
        """The KILL that the session has asked for is done, or was refused."""
        if self._stage is not Stage.BUSY:
            return
        if refusal is not None:
            self.refuse(refusal)
            return
        self._packet = b""
        self._stage = Stage.IDLE
        self.channel.send_ok(self.value.status, self.reply_sequence)
        self._at_rest()
        self._resume_commands()

    def interrupt(self, statement_count: int) -> None:
        """KILL QUERY: end the statement with this number if it has not reached the database."""
        is_waiting = self._stage is Stage.BUSY and self.statement_count == statement_count
        if is_waiting and not self.tenancy.stop_waiting():
            self._interrupted = True

    def end_by_kill(self) -> None:
        """KILL CONNECTION: the statement ends, and like a server the proxy says nothing more.

        After an error packet a client's own pool could take the connection for one that goes on.
        """
        self.stop()
        self.tenancy.end(running=self._was_running, vanished=True, killed=True)

    def stop(self) -> None:
        """What the client sends from now on is no command: it is being closed, or changes its user."""
        if self._stage is not Stage.CLOSED:
            self._was_running = self._stage in (Stage.RUNNING, Stage.FILE)
            self._stage = Stage.CLOSED
