"""The interleaved rounds: each case over each way, one after the other, in an order that changes by round."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import attrs

from . import load
from .cases import Case, Kind, Way
from .database import Address, Expected, connect
from .packets import Account
from .prepared import prepare
from .relay import Relay
from .statistics import Measurement, from_latencies

__all__ = ["Pace", "Results", "Setup", "measure_all"]

Results = dict[Case, dict[Way, list[Measurement]]]
Say = Callable[[str], None]


@attrs.frozen
class Pace:
    """How long it all takes. `seconds` for one case over one way in one round, after `warm_up` seconds."""

    rounds: int
    seconds: float
    warm_up: float


@attrs.frozen
class Setup:
    """What is running. `capped` is the proxy with few database connections; the others have enough."""

    database: Address
    account: Account
    expected: Expected
    relays: Mapping[Way, Relay]
    capped: Relay
    check: Callable[[], None]

    def relay(self, case: Case, way: Way) -> Relay | None:
        """The relay on this way; None for the direct one."""
        return self.capped if case.capped and way is Way.PROXY else self.relays.get(way)


def measure_all(setup: Setup, cases: Sequence[Case], pace: Pace, say: Say) -> Results:
    """Run all rounds. Raises WrongResponse when an answer is not the database's own."""
    results: Results = {case: {way: [] for way in Way} for case in cases}
    ways = list(Way)
    for number in range(pace.rounds):
        for case in cases:
            say(f"round {number + 1} of {pace.rounds}: {case.name}")
            shift = number % len(ways)
            for way in ways[shift:] + ways[:shift]:
                with _load(setup, case, way, first=number == 0) as run:
                    run(pace.warm_up)
                    results[case][way].append(_measured(run, setup.relay(case, way), pace.seconds))
    return results


Run = Callable[[float], list[float]]


def _measured(run: Run, relay: Relay | None, seconds: float) -> Measurement:
    relay_before = 0.0 if relay is None else relay.processor_seconds()
    generator_before = time.process_time()
    began = time.perf_counter()
    latencies = run(seconds)
    elapsed = time.perf_counter() - began
    generator = time.process_time() - generator_before
    spent = None if relay is None else relay.processor_seconds() - relay_before
    return from_latencies(latencies, elapsed, spent, generator)


@contextmanager
def _load(setup: Setup, case: Case, way: Way, *, first: bool) -> Iterator[Run]:
    """Give the load of a case as a function of seconds; its connections are new, and closed at the end."""
    relay = setup.relay(case, way)
    address = setup.database if relay is None else relay.address
    expected, check = setup.expected, setup.check
    if case.kind in (Kind.VISIT, Kind.SESSION):
        exchanges = [expected.visit] if case.kind is Kind.VISIT else expected.session
        yield lambda seconds: load.visits(address, setup.account, exchanges, case.clients, seconds, check)
        return
    connections: list[socket.socket] = []
    try:
        for _ in range(case.clients):
            check()
            connections.append(connect(address, setup.account))
        if case.kind is Kind.POINT_SELECT:
            yield lambda seconds: load.point_selects(connections, expected.points, seconds, check)
        elif case.kind is Kind.PREPARED_SELECT:
            yield _prepared_load(setup, connections)
        else:
            if first:
                load.check_large_result(connections[0], expected.large)
            yield lambda seconds: load.large_results(connections[0], expected.large, seconds, check)
    finally:
        load.hang_up(connections)


def _prepared_load(setup: Setup, connections: Sequence[socket.socket]) -> Run:
    points = setup.expected.prepared
    statements: list[tuple[socket.socket, int]] = []
    for connection in connections:
        setup.check()
        statements.append((connection, prepare(connection, points[0], setup.account.legacy_eof)))
    return lambda seconds: load.prepared_selects(statements, points, seconds, setup.check)
