"""The whole table, case by case, each with all its capabilities and in every manner of delivery."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers import packets as p
from tests.peers.cutting import pieces

from .case import Case
from .responses import files
from .stage import Stages, stages
from .table import CASES, profiles_of
from .walk import Delivery, walk

#: What stands in for 16 MiB - 1 in the cases that are scaled down.
SMALL = 0xFF
_LIMITS = (
    "eof_scanner",
    "execute_packets",
    "framing",
    "intake",
    "prepare_response",
    "renumbering",
    "scanner",
    "scanner_states",
    "shifting",
)

_random = random.Random(20_240_101)


def _bytes(data: bytes) -> list[bytes]:
    """Single bytes; what is long in pieces that end everywhere, if not each time."""
    step = 1 + len(data) // 1000
    return [data[at : at + step] for at in range(0, len(data), step)]


def _anywhere(data: bytes) -> list[bytes]:
    return pieces(data, [_random.randrange(len(data)) for _ in range(1 + len(data) // 40)]) if data else []


_STRAY = p.packet(p.ok(affected=99, info=b"stolen"), 1)
DELIVERIES = [
    Delivery("whole"),
    Delivery("byte by byte", _bytes),
    Delivery("cut anywhere", _anywhere),
    Delivery("with the next command at once", pipelined=True),
    Delivery("with a packet behind it", extra=_STRAY),
    Delivery("with a packet in the same chunk", extra=_STRAY, together=True),
    Delivery("cut anywhere, with a packet and a byte", _anywhere, extra=_STRAY + b"\0", together=True),
]
BRIEFLY = [DELIVERIES[2], DELIVERIES[5]]


def _may_be_pipelined(case: Case) -> bool:
    """Whether the next command may be sent before this one is answered: no file or password is asked for."""
    return not (case.closes or case.password or files(case.step.response))


@pytest.fixture(scope="module")
def worlds() -> Iterator[Stages]:
    with stages() as worlds:
        yield worlds


def _parameter(case: Case) -> Any:
    marks = [pytest.mark.xfail(reason=case.awaits, strict=True)] if case.awaits else []
    return pytest.param(case, id=f"{case.code:02x}-{case.name}", marks=marks)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    """For scaled cases a full packet has 255 bytes."""
    if request.getfixturevalue("case").scaled:
        monkeypatch.setattr("tests.peers.packets.LIMIT", SMALL)
        for module in _LIMITS:
            monkeypatch.setattr(f"proxy.mysql.wire.{module}.MAX_PAYLOAD", SMALL)


@pytest.mark.parametrize("case", [_parameter(case) for case in CASES])
def test_the_client_gets_what_the_database_said(case: Case, worlds: Stages, limits: None) -> None:
    for profile in profiles_of(case):
        for delivery in BRIEFLY if profile.briefly else DELIVERIES:
            if delivery.pipelined and not _may_be_pipelined(case):
                continue
            try:
                walk(worlds.stage(profile), case, profile, delivery)
            except BaseException as problem:
                worlds.drop(profile)
                problem.add_note(f"{profile.name}; delivered {delivery.name}")
                raise
