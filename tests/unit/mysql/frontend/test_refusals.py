"""Lines about clients that are turned away: few, and none is missing from their counts."""

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from proxy.errors import rate_limit_exceeded, too_many_clients, too_many_of_user
from proxy.mysql.frontend.peer import Peer
from proxy.mysql.frontend.refusals import RefusalLog

PEER = Peer("192.0.2.5", 1234)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []

    def note(event: LogEvent) -> None:
        assert event["log_level"] is LogLevel.info
        found.append(formatEvent(event))

    globalLogPublisher.addObserver(note)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(note)  # type: ignore[arg-type]


def test_the_first_is_logged_at_once(lines: list[str]) -> None:
    RefusalLog(Clock()).note(PEER, too_many_clients(5))
    assert lines == [
        "turned away 1 clients, the last one from 192.0.2.5:1234: "
        "1040 (HY000): Number simultaneous connections exceeded (5)"
    ]


def test_a_flood_is_one_line_a_second(lines: list[str]) -> None:
    clock = Clock()
    log = RefusalLog(clock)
    for tenth in range(30):
        for _ in range(100):
            log.note(Peer("192.0.2.5", tenth), rate_limit_exceeded(1))
        clock.advance(0.1)
        log.flush()
    clock.advance(1)
    log.flush()
    assert 3 <= len(lines) <= 5
    assert sum(int(line.split()[2]) for line in lines) == 3000
    assert "192.0.2.5:29" in lines[-1]


def test_each_reason_has_its_line(lines: list[str]) -> None:
    log = RefusalLog(Clock())
    for _ in range(3):
        log.note(PEER, rate_limit_exceeded(1))
        log.note(PEER, too_many_of_user("app"))
        log.note(PEER, "said nothing")
    assert len(lines) == 3


def test_a_later_one_carries_those_before_it(lines: list[str]) -> None:
    clock = Clock()
    log = RefusalLog(clock)
    for _ in range(3):
        log.note(PEER, rate_limit_exceeded(1))
    clock.advance(1)
    log.note(PEER, rate_limit_exceeded(1))
    assert [line.split()[2] for line in lines] == ["1", "3"]


def test_afterwards_it_is_quiet_and_empty(lines: list[str]) -> None:
    clock = Clock()
    log = RefusalLog(clock)
    log.note(PEER, rate_limit_exceeded(1))
    for _ in range(5):
        clock.advance(1)
        log.flush()
    assert len(lines) == 1
    assert not log._reasons
