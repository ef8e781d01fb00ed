"""`python -m tests.bench.fairness`: what a tenant of three clients gets beside one of a thousand.

The crowd's clients run slow statements without a pause; the few run `SELECT 1` with pauses. In each round the
few are first alone with the proxy, then beside the crowd with each kind of share, then alone again. What they
take beside it is told as a multiple of what they take alone in the same round.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from proxy.demo.child import LOOPBACK
from proxy.demo.private_server import DatabaseError, PrivateMariaDB
from tests.integration.daemon import ProxyDaemon
from tests.integration.databases import Target, prepare
from tests.integration.fair_load import ATTRIBUTE, Endpoint, Part, Party

from .crowd import raise_descriptor_limit
from .statistics import percentile

__all__ = ["Case", "Found", "main", "table"]

ROUNDS = 3
CROWD = 1000
FEW = 3
CONNECTIONS = 20
SLOW = 0.2
"""Seconds a statement of the crowd takes in the middle; between half as long and half as long again."""
PAUSE = 0.02
"""Seconds between two statements of one of the few."""
SECONDS = 4.0
TURNS = 1.5
"""How often all of the crowd has its turn while the few are among it."""
MILLISECONDS = 1e3
ROUNDED_FROM = 20

SLOW_STATEMENT = f"SELECT SLEEP({SLOW} * (0.5 + RAND()))"
SECTIONS: list[dict[str, Any]] = [
    {"name": "crowd", "attribute_values": ["crowd"]},
    {"name": "capped", "attribute_values": ["capped"], "max_connections_percent": 80},
    {"name": "few", "attribute_values": ["few"]},
    {"name": "kept", "attribute_values": ["kept"], "min_connections_percent": 15},
]


@attrs.frozen
class Case:
    """Who is there at the same time: the crowd's tenant, if any, and that of the few."""

    title: str
    few: str
    crowd: str = ""


ALONE = Case("alone", "few")
CASES = (
    Case("beside the crowd, with `min_connections_percent = 15`", "kept", "crowd"),
    Case("beside the crowd, which has `max_connections_percent = 80`", "few", "capped"),
    Case("beside the crowd, without any limit", "few", "crowd"),
    Case("as clients of the crowd's tenant", "crowd", "crowd"),
)


@attrs.frozen
class Found:
    """What the few's statements took, in seconds, and the crowd's statements in a second."""

    median: float
    p99: float
    crowd: float = 0.0


Round = Mapping[Case, Found]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all went well, else 1."""
    options = _parser().parse_args(argv)
    crowd = raise_descriptor_limit(2 * options.crowd) // 2
    with tempfile.TemporaryDirectory(prefix="rds-proxy-fairness-") as folder:
        try:
            rounds = _measure(Path(folder), options.rounds, crowd)
        except (AssertionError, DatabaseError, OSError) as error:
            print(f"The benchmark failed: {error}", file=sys.stderr)
            return 1
    print(table(rounds, crowd), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.fairness", description="Measure how tenants share the connections."
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--crowd", type=int, default=CROWD, help=f"clients of the crowd (default {CROWD})")
    return parser


def _measure(folder: Path, rounds: int, crowd: int) -> list[Round]:
    (folder / "database").mkdir()
    (folder / "proxy").mkdir()
    options = (f"--max-connections={5 * CONNECTIONS}",)
    with PrivateMariaDB(folder / "database", options=options) as server:
        target = prepare(server, folder / "no-authority.pem")
        daemon = _daemon(folder / "proxy", target)
        try:
            daemon.start()
            found = [asyncio.run(_one_round(daemon, crowd, number + 1)) for number in range(rounds)]
            daemon.stop()
        finally:
            daemon.kill()
    return found


def _daemon(folder: Path, target: Target) -> ProxyDaemon:
    return ProxyDaemon(
        folder,
        target.port,
        {"app": target.users["app"]},
        proxy={"tenant_attribute": ATTRIBUTE},
        pool={"max_connections_percent": 20, "connection_borrow_timeout": 300},
        tenants=SECTIONS,
    )


async def _one_round(daemon: ProxyDaemon, crowd: int, number: int) -> Round:
    place = Endpoint(LOOPBACK, daemon.port, daemon.users)
    await asyncio.to_thread(_configure, daemon, ALONE)
    before = await _few(place, ALONE, SECONDS)
    found: dict[Case, Found] = {}
    for tenant in dict.fromkeys(case.crowd for case in CASES):
        party = await Party(Part(tenant, crowd, SLOW_STATEMENT), place).join()
        try:
            party.begin()
            for case in (case for case in CASES if case.crowd == tenant):
                await asyncio.to_thread(_configure, daemon, case)
                await party.reach(2 * CONNECTIONS)
                found[case] = await _beside(place, case, party)
                print(f"Round {number}, {case.title}: {_in_words(found[case])}", flush=True)
        finally:
            await party.leave()
        assert not party.errors, party.errors[0]
    after = await _few(place, ALONE, SECONDS)
    found[ALONE] = Found((before.median + after.median) / 2, (before.p99 + after.p99) / 2)
    print(f"Round {number}, alone: {_in_words(found[ALONE])}", flush=True)
    return found


def _configure(daemon: ProxyDaemon, case: Case) -> None:
    """Leave only the case's own limits in force: a minimum is kept also for a tenant without clients."""
    daemon.tenants = [each for each in SECTIONS if each["name"] in (case.few, "crowd", "capped", "few")]
    daemon.reload()


async def _beside(place: Endpoint, case: Case, party: Party) -> Found:
    turn = party.part.clients / CONNECTIONS * SLOW
    seconds = TURNS * turn if case.few == case.crowd else SECONDS
    party.forget()
    found = await _few(place, case, seconds)
    return attrs.evolve(found, crowd=len(party.latencies) / seconds)


async def _few(place: Endpoint, case: Case, seconds: float) -> Found:
    party = await Party(Part(case.few, FEW, "SELECT 1", PAUSE), place).join()
    try:
        party.begin()
        await asyncio.sleep(seconds)
    finally:
        await party.leave()
    assert not party.errors, party.errors[0]
    assert party.latencies, "the few were never served"
    ordered = sorted(party.latencies)
    return Found(statistics.median(ordered), percentile(ordered, 0.99))


def table(rounds: Sequence[Round], crowd: int) -> str:
    """Return the result as a table of Markdown, without times: they are the machine's."""
    lines = [
        f"{crowd:,} clients of the crowd, whose statements take {SLOW * MILLISECONDS:.0f} ms, {FEW} others,"
        f" {CONNECTIONS} database connections; medians of {len(rounds)} rounds:",
        "",
        "| The few are | their median | 99 % of theirs | connections the crowd uses |",
        "| --- | --- | --- | --- |",
    ]
    for case in (ALONE, *CASES):
        middle = statistics.median(each[case].median / each[ALONE].median for each in rounds)
        p99 = statistics.median(each[case].p99 / each[ALONE].median for each in rounds)
        used = f"{statistics.median(each[case].crowd for each in rounds) * SLOW:.0f}" if case.crowd else "0"
        lines.append(f"| {case.title} | {_multiple(middle)} | {_multiple(p99)} | {used} |")
    return "\n".join(lines)


def _multiple(number: float) -> str:
    return f"{number:.1f}" if number < ROUNDED_FROM else f"{number:,.0f}"


def _in_words(found: Found) -> str:
    middle, p99 = found.median * MILLISECONDS, found.p99 * MILLISECONDS
    return f"median {middle:.1f} ms, p99 {p99:.1f} ms; crowd {found.crowd:.0f} statements a second"


if __name__ == "__main__":
    sys.exit(main())
