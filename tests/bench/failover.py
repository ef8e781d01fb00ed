"""`python -m tests.bench.failover`: how long clients go without a writer, through the proxy and without it.

Each round makes a new cluster of one primary and two replicas and breaks it under two loads at a time: one
through the proxy, one of clients that know all servers' addresses, connect directly, and retry. Both see the
same fault and the same promotion, which a script begins at once: nobody has to notice the fault first.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from proxy.demo.child import LOOPBACK
from proxy.demo.stopping import StopRequest, StopRequestedError
from tests.integration.cluster import Cluster, Promotion
from tests.integration.failover import judge, now
from tests.integration.group_daemon import GroupDaemon
from tests.integration.ledger import Report
from tests.integration.load import Load, Mix
from tests.integration.nodes import CLUSTER_USERS, Seed

__all__ = ["FAULTS", "Fault", "Round", "main", "table"]

ROUNDS = 5
CLIENTS = 4
THINK = 0.01
"""Seconds between two writes of a client."""
BEFORE, AFTER = 100, 100
"""Acknowledged writes of each load before the fault, and after it."""
DIRECT_LIMIT = 1.0
"""Seconds without an answer after which a direct client looks for another server."""
SECOND_LOAD = 1000
"""The number of its first client."""
INTERRUPTED = 130
MILLISECONDS = 1e3

# The proxy's own defaults, not those of the tests.
TARGET = {"probe_interval": 1.0, "probe_timeout": 1.0, "connect_timeout": 5.0}


@attrs.frozen
class Fault:
    """What is done to the primary; then a replica is promoted, unless the fault is that already."""

    name: str
    title: str
    act: Callable[[Cluster], Promotion]
    over_lines: bool = False


@attrs.frozen
class Round:
    """What one fault came to, in seconds. `promoted`: from the fault until the new primary took writes."""

    promoted: float
    proxy: float
    direct: float
    proxy_errors: int
    direct_errors: int


def _killed(cluster: Cluster) -> Promotion:
    cluster.primary.kill()
    return cluster.promote()


def _frozen(cluster: Cluster) -> Promotion:
    cluster.primary.freeze()
    return cluster.promote()


def _cut_off(cluster: Cluster) -> Promotion:
    cluster.primary.line.drop()
    return cluster.promote()


def _handed_over(cluster: Cluster) -> Promotion:
    return cluster.hand_over(cluster.replicas[0])


FAULTS = (
    Fault("kill", "killed (SIGKILL)", _killed),
    Fault("freeze", "frozen (SIGSTOP)", _frozen),
    Fault("drop", "its packets are dropped", _cut_off, over_lines=True),
    Fault("planned", "planned promotion", _handed_over),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all went well, 1 when a promise was broken, 130 when it was interrupted."""
    options = _parser().parse_args(argv)
    faults = [each for each in FAULTS if not options.only or each.name in options.only]
    with StopRequest() as stop, tempfile.TemporaryDirectory(prefix="rds-proxy-failover-") as folder:
        try:
            results = _measure(Path(folder), faults, options.rounds, stop.check)
        except StopRequestedError:
            print("Interrupted; everything is stopped.", flush=True)
            return INTERRUPTED
        except AssertionError as broken:
            print(f"The benchmark failed: {broken}", file=sys.stderr)
            return 1
    print(table(results), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.failover",
        description="Measure how long a failover keeps clients waiting.",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each fault (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in FAULTS], help="only these faults")
    return parser


def _measure(
    folder: Path, faults: Sequence[Fault], rounds: int, check: Callable[[], None]
) -> dict[Fault, list[Round]]:
    seed = Seed(folder / "seed")
    results: dict[Fault, list[Round]] = {fault: [] for fault in faults}
    for number in range(1, rounds + 1):
        for fault in faults:
            check()
            place = folder / f"{fault.name}{number}"
            place.mkdir()
            with Cluster(seed, place) as cluster:
                found = _one_round(fault, cluster, place / "proxy")
            results[fault].append(found)
            print(f"Round {number} of {rounds}, {fault.title}: {_in_words(found)}", flush=True)
    return results


def _one_round(fault: Fault, cluster: Cluster, folder: Path) -> Round:
    folder.mkdir()
    daemon = GroupDaemon(folder, cluster, over_lines=fault.over_lines, target=TARGET).start()
    try:
        daemon.serves()
        found = _break(fault, cluster, daemon)
    finally:
        daemon.stop()
        daemon.kill()
    return found


def _break(fault: Fault, cluster: Cluster, daemon: GroupDaemon) -> Round:
    ports = [daemon.port_of_node(node) for node in cluster.nodes]
    mix = Mix(writers=CLIENTS, think=THINK)
    account = ("app", CLUSTER_USERS["app"])
    direct = Load(
        [(LOOPBACK, port) for port in ports],
        *account,
        mix,
        retry=True,
        statement_limit=DIRECT_LIMIT,
        first=SECOND_LOAD,
    )
    with Load([daemon.address()], *account, mix) as through, direct:
        for load in (through, direct):
            load.works(BEFORE)
        began = now()
        promotion = fault.act(cluster)
        for load in (through, direct):
            load.works(AFTER)
        reports = through.finish(), direct.finish()
    _check(cluster, reports, promotion)
    return Round(
        promotion.began - began + promotion.took,
        reports[0].served_after(began),
        reports[1].served_after(began),
        len(reports[0].failures),
        len(reports[1].failures),
    )


def _check(cluster: Cluster, reports: tuple[Report, Report], promotion: Promotion) -> None:
    """AssertionError when the books do not agree with what the clients of either were told."""
    both = Report(
        reports[0].writes + reports[1].writes,
        reports[0].failures + reports[1].failures,
        reports[0].problems,
        {},
        0,
        0,
    )
    judge(cluster, both, promotion, may_lose=True)


def table(results: dict[Fault, list[Round]]) -> str:
    """The results as text: medians with the lowest and the highest round, in ms."""
    rows = [("The primary is …", "promotion", "rds-proxy", "on top", "errors", "direct", "on top", "errors")]
    for fault, rounds in results.items():
        promoted = [each.promoted for each in rounds]
        row = [fault.title, _spread(promoted)]
        for times, errors in (
            ([each.proxy for each in rounds], [each.proxy_errors for each in rounds]),
            ([each.direct for each in rounds], [each.direct_errors for each in rounds]),
        ):
            on_top = [time - script for time, script in zip(times, promoted, strict=True)]
            row += [_spread(times), f"{statistics.median(on_top) * MILLISECONDS:.0f}"]
            row.append(f"{statistics.median(errors):g}")
        rows.append(tuple(row))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([_EXPLANATION, *(line.rstrip() for line in lines)])


_EXPLANATION = f"""\
From the fault to the first write served, in ms: median (lowest to highest round).
"promotion" is the script's own time until the new primary takes writes, "on top" what comes on top of it:
the fault and the promotion are noticed, and a write is committed. "errors": those that {CLIENTS} clients got.
A direct client gives up after {DIRECT_LIMIT:g} s without an answer and tries all servers in turn.
"""


def _spread(seconds: Sequence[float]) -> str:
    low, middle, high = (
        each * MILLISECONDS for each in (min(seconds), statistics.median(seconds), max(seconds))
    )
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def _in_words(found: Round) -> str:
    promoted, proxy, direct = (each * MILLISECONDS for each in (found.promoted, found.proxy, found.direct))
    return (
        f"promotion {promoted:.0f} ms; rds-proxy {proxy:.0f} ms and {found.proxy_errors} errors;"
        f" direct {direct:.0f} ms and {found.direct_errors} errors"
    )


if __name__ == "__main__":
    sys.exit(main())
