"""The rules of a fuzzed session, and the table it is played on.

Whatever one side does: nothing unforeseen is logged, no Deferred ends unhandled, the buffers stay within
their bounds, and at the end the pool's books balance and nobody waits.
"""

import gc
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from proxy.demo.certificate import write_certificate
from proxy.mysql.frontend.tls import ServerTls
from proxy.mysql.wire.intake import WHOLE_COMMAND
from proxy.pool.limits import PoolLimits
from tests.fuzz.choices import Choices
from tests.peers.link import HIGH_WATER, Line
from tests.peers.world import OPTIONS, World, proxied

__all__ = ["Step", "play", "server_tls", "table"]

#: The most that a read from a socket brings, as in Twisted.
CHUNK = 65_536
#: Steps after which a session is taken to go in circles.
MOST_STEPS = 20_000
#: Steps in which only time passes before a session is taken to be stuck.
MOST_PAUSES = 100
ROUNDS_OF_TIMEOUTS = 4

Step = Callable[[], None]


@cache
def server_tls() -> ServerTls:
    """A certificate for the listener, made once."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        write_certificate(certificate, key)
        return ServerTls(certificate, key)


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Collects what was logged that nobody foresaw; unhandled Deferreds are logged when they are freed."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None or event.get("log_level") in (LogLevel.error, LogLevel.critical):
            trace = failure.getTraceback() if failure is not None else ""
            found.append(f"{formatEvent(event)}\n{trace}")

    globalLogPublisher.addObserver(observe)
    try:
        yield found
        gc.collect()
    finally:
        globalLogPublisher.removeObserver(observe)


@contextmanager
def table(server: Callable[..., Any], **options: Any) -> Iterator[World]:
    """A whole proxy in memory before databases made by ``server``; the end is checked."""
    with _watched() as unforeseen:
        with patch("tests.peers.world.ServerPeer", server), proxied(**options) as world:
            yield world
            _wait_for_all_timeouts(world)
        del world
    assert not unforeseen, "\n".join(unforeseen)


def _wait_for_all_timeouts(world: World) -> None:
    """Whoever is left is let go by a limit, or by the limit on what that set going."""
    world.settle()
    for _ in range(ROUNDS_OF_TIMEOUTS):
        for seconds in (OPTIONS.handshake_timeout, PoolLimits().borrow_timeout, OPTIONS.idle_client_timeout):
            world.advance(seconds + 1.0)
        # The first sweep may be the end of a round.
        world.registry.sweep()
        world.registry.sweep()
    world.advance(OPTIONS.handshake_timeout + 1.0)
    assert not len(world.registry), "a client outlives all timeouts"
    assert not world.pool.waiting, "somebody still waits for a connection"


def play(world: World, choices: Choices, steps: Callable[[], list[Step]], over: Callable[[], bool]) -> None:
    """Random steps, of the players and of the network, until it is over."""
    chance = random.Random(choices.number(2))
    pauses = 0
    for _ in range(MOST_STEPS):
        if over():
            return
        world.clock.advance(0)
        deliveries = [_delivery(line, chance) for line in world.lines if line.has_work]
        moves = [*steps(), *deliveries]
        if moves:
            chance.choice(moves)()
            pauses = 0
        else:
            pauses += 1
            assert pauses < MOST_PAUSES, "nothing moves any more"
            world.clock.advance(0.1)
        _check_bounds(world)
        world.lines = [line for line in world.lines if line.connected]
    raise AssertionError("never ends")


def _delivery(line: Line, chance: random.Random) -> Step:
    """The next chunk, cut anywhere."""
    size = chance.choice((CHUNK, CHUNK, 1, 3, 5, 20))

    def deliver() -> None:
        whole = b"".join(line.incoming)
        line.incoming[:] = [whole[at : at + CHUNK] for at in range(0, len(whole), CHUNK)]
        # A long command byte by byte would take for ever.
        line.deliver_in(size if len(whole) < 4096 else CHUNK)
        line.deliver()

    return deliver


def _check_bounds(world: World) -> None:
    for line in world.lines:
        if line.is_client:
            continue
        assert len(line.outgoing) <= 2 * HIGH_WATER, "output piles up for a client that does not read"
        commands = getattr(line.protocol, "commands", None)
        if commands is not None:
            assert commands._intake.buffered <= WHOLE_COMMAND + 2 * CHUNK, "input piles up"
