"""The table is complete: every command and capability of the proxy is in it, and nothing else."""

import pytest

from proxy.mysql.wire.capabilities import (
    DEPENDS_ON_TARGET,
    OFFERED_TO_CLIENTS,
    WIRE_FORMAT,
    Capability,
    offered_to_clients,
)
from proxy.mysql.wire.commands import REFUSED, RESPONSES
from proxy.mysql.wire.commands import Command as WireCommand

from .capability_table import CAPABILITIES, Offer
from .case import Answerer, Case
from .document import PAGE, differences
from .table import CASES, COMMANDS, profiles_of

_BY_CODE = {command.code: command for command in COMMANDS}


def cases(code: int) -> list[Case]:
    return [case for case in CASES if case.code == code]


def test_the_table_has_the_commands_of_the_proxy() -> None:
    assert set(_BY_CODE) == {int(command) for command in WireCommand}
    for command in WireCommand:
        assert _BY_CODE[command].name == f"COM_{command.name}"


def test_commands_are_answered_by_whom_the_table_says() -> None:
    for command in COMMANDS:
        assert (command.code in RESPONSES) == (command.by is Answerer.DATABASE), command.name
        if command.code in REFUSED:
            assert command.by is Answerer.REFUSED, command.name


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_cases(command: object) -> None:
    code, by = command.code, command.by  # type: ignore[attr-defined]
    assert by in {case.step.by for case in cases(code)}


def test_every_byte_that_is_no_command_is_refused_like_those_in_the_table() -> None:
    unknown = {case.code for case in CASES if case.step.by is Answerer.REFUSED}
    assert unknown - set(_BY_CODE), "no case with a byte that nobody knows"


@pytest.mark.parametrize("code", [code for code in RESPONSES if RESPONSES[code].name != "NONE"])
def test_every_command_of_the_database_may_fail(code: int) -> None:
    assert any("ERR" in case.name or "fail" in case.name for case in cases(code)), hex(code)


def test_names_are_unique() -> None:
    names = [(case.code, case.name) for case in CASES]
    assert len(set(names)) == len(names)


def test_every_case_is_walked_with_and_without_eof_packets() -> None:
    for case in CASES:
        assert len({profile.client >> 24 & 1 for profile in profiles_of(case)}) == 2, case.name


def test_there_are_well_over_a_thousand_combinations() -> None:
    assert sum(len(profiles_of(case)) for case in CASES) > 2000


class TestCapabilities:
    def test_every_bit_is_described_once(self) -> None:
        assert [entry.bit for entry in CAPABILITIES] == list(range(38))

    def test_the_names_are_the_proxys(self) -> None:
        names = {entry.bit: entry.name for entry in CAPABILITIES}
        for capability in Capability:
            name = (capability.name or "").removeprefix("MARIADB_")
            assert names[capability.value.bit_length() - 1].startswith(name)

    def test_what_is_offered(self) -> None:
        offered = {
            Offer.ALWAYS: OFFERED_TO_CLIENTS,
            Offer.TARGET: DEPENDS_ON_TARGET,
            Offer.CONFIGURED: Capability.COMPRESS | Capability.SSL | Capability.ZSTD_COMPRESSION,
        }
        for offer, capabilities in offered.items():
            described = sum(1 << entry.bit for entry in CAPABILITIES if entry.offer is offer)
            assert described == int(capabilities), offer

    def test_what_keeps_connections_apart(self) -> None:
        described = sum(1 << entry.bit for entry in CAPABILITIES if entry.target == "as the client")
        assert described == int(WIRE_FORMAT)

    def test_a_target_without_them_gives_clients_none_of_mariadbs(self) -> None:
        assert not offered_to_clients(Capability(0)).high


def test_the_document_is_fresh() -> None:
    """Otherwise `make docs` makes it anew."""
    assert not differences(PAGE)
