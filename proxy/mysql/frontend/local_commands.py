"""Commands the proxy answers without, or not only with, the database."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from ...errors import malformed
from ..wire.commands import Command, ResponseKind
from ..wire.framing import HEADER

if TYPE_CHECKING:
    from .command_phase import CommandPhase

__all__ = ["LOCAL_COMMANDS"]


def _quit(phase: "CommandPhase", _packet: bytes) -> None:
    phase.quit()


def _ping(phase: "CommandPhase", _packet: bytes) -> None:
    """A session without a connection is alive when the proxy is; any other when its connection is."""
    if phase.tenancy.connection is None:
        phase.channel.send_ok(phase.value.status, phase.reply_sequence)
    else:
        phase.run(ResponseKind.RESULT)


def _reset_connection(phase: "CommandPhase", _packet: bytes) -> None:
    phase.start_over()
    phase.channel.send_ok(phase.value.status, phase.reply_sequence)


def _change_user(phase: "CommandPhase", packet: bytes) -> None:
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
        phase.channel.send_eof(phase.value.status, phase.reply_sequence)
    phase.value.settings = phase.value.settings.changed(multi_statements=option == 0)


def _close_statement(phase: "CommandPhase", packet: bytes) -> None:
    phase.close_statement(packet)


def _send_long_data(phase: "CommandPhase", _packet: bytes) -> None:
    """Has no response: without the connection that has the statement there is nothing to be done."""
    if phase.tenancy.connection is not None:
        phase.run(ResponseKind.NONE)
    else:
        phase.skip()


LOCAL_COMMANDS: Final[Mapping[Command, Callable[["CommandPhase", bytes], None]]] = {
    Command.QUIT: _quit,
    Command.PING: _ping,
    Command.RESET_CONNECTION: _reset_connection,
    Command.CHANGE_USER: _change_user,
    Command.SET_OPTION: _set_option,
    Command.STMT_CLOSE: _close_statement,
    Command.STMT_SEND_LONG_DATA: _send_long_data,
}
