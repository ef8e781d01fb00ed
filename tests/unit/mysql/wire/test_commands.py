"""The table of commands covers every byte, and no command is in two places."""

import pytest

from proxy.mysql.frontend.local_commands import LOCAL_COMMANDS
from proxy.mysql.wire.commands import REFUSED, RESPONSES, Command, ResponseKind


def test_no_command_is_both_refused_and_served() -> None:
    assert not set(REFUSED) & (set(RESPONSES) | set(LOCAL_COMMANDS))


@pytest.mark.parametrize("command", [Command.STMT_SEND_LONG_DATA, Command.STMT_CLOSE])
def test_commands_without_response(command: Command) -> None:
    assert RESPONSES[command] is ResponseKind.NONE


def test_exactly_two_commands_have_no_response() -> None:
    assert [code for code, kind in RESPONSES.items() if kind is ResponseKind.NONE] == [0x18, 0x19]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0x02, ResponseKind.RESULT),
        (0x03, ResponseKind.RESULT),
        (0x04, ResponseKind.FIELDS),
        (0x09, ResponseKind.STRING),
        (0x0E, ResponseKind.RESULT),
        (0x16, ResponseKind.PREPARE),
        (0x17, ResponseKind.RESULT),
        (0x1A, ResponseKind.RESULT),
        (0x1B, ResponseKind.RESULT),
        (0x1C, ResponseKind.ROWS),
    ],
)
def test_responses_are_the_manuals(code: int, kind: ResponseKind) -> None:
    assert RESPONSES[code] is kind


@pytest.mark.parametrize(
    "command", [Command.SHUTDOWN, Command.BINLOG_DUMP, Command.REGISTER_SLAVE, Command.CLONE]
)
def test_refusals_name_their_reason(command: Command) -> None:
    assert "RDS Proxy" in REFUSED[command]
