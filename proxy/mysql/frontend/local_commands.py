"""Commands the proxy answers without, or not only with, the database."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from ...errors import malformed
from ..session.verdict import Kill
from ..wire.commands import Command, ResponseKind
from ..wire.datatypes import MalformedPacket
from ..wire.framing import HEADER
from .prepared_commands import close_statement, execute, fetch, reset_statement, send_long_data
from .registry import FIRST_CLIENT_NUMBER

if TYPE_CHECKING:
    from .command_phase import CommandPhase

__all__ = ["LOCAL_COMMANDS"]


#: Shorter payloads of these have a response at MySQL, which belongs to nobody: they must not reach it.
_STMT_CLOSE_LENGTH: Final = 5
_STMT_SEND_LONG_DATA_LENGTH: Final = 7


def _quit(phase: "CommandPhase", _packet: bytes) -> None:
    phase.quit()


def _ping(phase: "CommandPhase", _packet: bytes) -> None:
    """A session without a connection is alive when the proxy is; any other when its connection is."""
    if phase.tenancy.connection is None:
        phase.value.diagnostics.after(Command.PING, b"")
        phase.channel.send_ok(phase.value.status, phase.reply_sequence)
    else:
        phase.run(ResponseKind.RESULT)


def _reset_connection(phase: "CommandPhase", _packet: bytes) -> None:
    phase.start_over()
    phase.channel.send_ok(phase.value.status, phase.reply_sequence)


def _change_user(phase: "CommandPhase", packet: bytes) -> None:
    if phase.has_unread:
        # Whose commands would they be?
        phase.broken(MalformedPacket("commands behind COM_CHANGE_USER, which is not answered yet"))
        return
    phase.start_over()
    phase.channel.change_user(packet[HEADER:])


def _set_option(phase: "CommandPhase", packet: bytes) -> None:
    """Multi-statements are part of the session's settings, replayed like the others."""
    option = int.from_bytes(packet[HEADER + 1 :], "little")
    if option not in (0, 1):
        phase.refuse(malformed("unknown option"))
        return
    if phase.tenancy.connection is not None:
        phase.run(ResponseKind.RESULT)
    else:
        phase.value.diagnostics.after(Command.SET_OPTION, b"")
        phase.channel.send_eof(phase.value.status, phase.reply_sequence)
    phase.value.settings = phase.value.settings.changed(multi_statements=option == 0)


def _process_kill(phase: "CommandPhase", packet: bytes) -> None:
    """COM_PROCESS_KILL; a number that no client can have is one of the database's own."""
    if len(packet) != HEADER + 5:
        phase.refuse(malformed("COM_PROCESS_KILL holds one id of four bytes"))
        return
    kill = Kill(int.from_bytes(packet[HEADER + 1 :], "little"), query_only=False)
    if kill.is_for_client(FIRST_CLIENT_NUMBER):
        phase.kill(kill)
    else:
        phase.run(ResponseKind.RESULT)


def _close_statement(phase: "CommandPhase", packet: bytes) -> None:
    if len(packet) < HEADER + _STMT_CLOSE_LENGTH:
        phase.broken(MalformedPacket("COM_STMT_CLOSE without a statement id"))
    else:
        close_statement(phase, packet)


def _send_long_data(phase: "CommandPhase", packet: bytes) -> None:
    if len(packet) < HEADER + _STMT_SEND_LONG_DATA_LENGTH:
        phase.broken(MalformedPacket("COM_STMT_SEND_LONG_DATA without its ids"))
    else:
        send_long_data(phase, packet)


def _with_statement(
    command: Callable[["CommandPhase", bytes], None],
) -> Callable[["CommandPhase", bytes], None]:
    """A command that names a prepared statement; it has a response."""

    def checked(phase: "CommandPhase", packet: bytes) -> None:
        if len(packet) < HEADER + _STMT_CLOSE_LENGTH:
            phase.refuse(malformed("a command without a statement id"))
        else:
            command(phase, packet)

    return checked


LOCAL_COMMANDS: Final[Mapping[int, Callable[["CommandPhase", bytes], None]]] = {
    Command.QUIT: _quit,
    Command.PING: _ping,
    Command.RESET_CONNECTION: _reset_connection,
    Command.CHANGE_USER: _change_user,
    Command.SET_OPTION: _set_option,
    Command.PROCESS_KILL: _process_kill,
    Command.STMT_CLOSE: _close_statement,
    Command.STMT_SEND_LONG_DATA: _send_long_data,
    Command.STMT_EXECUTE: _with_statement(execute),
    Command.STMT_BULK_EXECUTE: _with_statement(execute),
    Command.STMT_FETCH: _with_statement(fetch),
    Command.STMT_RESET: _with_statement(reset_statement),
}
