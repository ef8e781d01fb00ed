"""The table of ratios and the document around it: pure functions, the same layout for each run."""

from collections.abc import Callable, Mapping, Sequence

from .cases import CAPPED_CONNECTIONS, START_UP, Case, Way
from .machine import Machine
from .rounds import Pace, Results
from .statistics import Measurement, Ratio, ratio

__all__ = ["absolute_lines", "document", "table"]

HEAD = (
    "Case",
    "Throughput, HAProxy",
    "Throughput, rds-proxy",
    "p50, HAProxy",
    "p50, rds-proxy",
    "p99, HAProxy",
    "p99, rds-proxy",
    "Processor time, rds-proxy : HAProxy",
)
NOTHING = "-"
RELAYED = (Way.HAPROXY, Way.PROXY)


def table(results: Results) -> str:
    """Return the ratios as a Markdown table whose columns are aligned."""
    lines = [HEAD] + [_cells(case, ways) for case, ways in results.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    lines.insert(1, ("-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])))
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cells[0].ljust(widths[0])]
    padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join(padded)} |"


def _cells(case: Case, ways: Mapping[Way, Sequence[Measurement]]) -> tuple[str, ...]:
    def against_direct(value: Callable[[Measurement], float | None], way: Way) -> Ratio | None:
        return ratio([value(each) for each in ways[way]], [value(each) for each in ways[Way.DIRECT]])

    cost = ratio(
        [each.relay_cost for each in ways[Way.PROXY]], [each.relay_cost for each in ways[Way.HAPROXY]]
    )
    return (
        case.title,
        *(_with_range(against_direct(lambda each: each.throughput, way)) for way in RELAYED),
        *(_plain(against_direct(lambda each: each.p50, way)) for way in RELAYED),
        *(_plain(against_direct(lambda each: each.p99, way)) for way in RELAYED),
        _with_range(cost),
    )


def _plain(value: Ratio | None) -> str:
    return NOTHING if value is None else _number(value.median)


def _with_range(value: Ratio | None) -> str:
    if value is None:
        return NOTHING
    return f"{_number(value.median)} ({_number(value.low)} to {_number(value.high)})"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def absolute_lines(results: Results) -> str:
    """Return the numbers behind the ratios, medians over the rounds, for whoever works on the proxy."""
    lines = []
    for case, ways in results.items():
        for way, measurements in ways.items():
            middle = sorted(measurements, key=lambda each: each.throughput)[len(measurements) // 2]
            cost = "" if middle.relay_cost is None else f", relay {middle.relay_cost * 1e6:.1f} us each"
            lines.append(
                f"{case.name:12} {way.value:9} {middle.throughput:9.1f}/s, p50 {middle.p50 * 1e3:.2f} ms"
                f"{cost}, generator {middle.generator_share:.0%} of a core"
            )
    return "\n".join(lines)


def document(results: Results, machine: Machine, pace: Pace, legacy_eof: bool) -> str:
    """Return docs/performance.md."""
    eof = "without" if legacy_eof else "with"
    command = 'make bench ARGS="--legacy-eof"' if legacy_eof else "make bench"
    return f"""\
# Performance

<!-- Written by `make bench`; edit tests/bench/report.py, not this page. -->

What the proxy costs, as ratios within one run. Absolute numbers say more about a machine than about a proxy,
so there are none here.

## The run

    {command}

| | |
| --- | --- |
| Processor | {machine.processor}, {machine.cores} cores for everything: database, relay and load generator |
| Kernel | {machine.kernel} |
| Database | MariaDB {machine.mariadb}, private, on the loopback interface |
| HAProxy | {machine.haproxy}, TCP mode, one thread |
| rds-proxy | {machine.python}, Twisted {machine.twisted}; default options, but no TLS, no limit on new \
connections per second, log level `warn` |
| Rounds | {pace.rounds}, with {pace.seconds:g} s for each case and way, after {pace.warm_up:g} s of warm-up |
| Load generator | one process, at the most {_generator_share(results):.0%} of one core |

## Ratios

{table(results)}

## How to read it

- **Throughput**, **p50** and **p99** (latencies) are divided by those of a direct connection: 1.00 is as good
  as direct, a throughput of 0.50 is half, a latency of 2.00 is twice as long. In brackets: the lowest and the
  highest round; they are far apart where something else kept the machine busy.
- **Processor time** is that of the relay's process, user and system, for one operation: the proxy's divided
  by HAProxy's. It tells more than throughput where the cores are shared, as they are here.
- Each number is the median over the rounds of a ratio within the round. In a round each case runs over the
  direct way, HAProxy and the proxy right after one another, in an order that changes from round to round.
- An operation is one statement (`SELECT` of one row by primary key, text protocol, {eof}
  `CLIENT_DEPRECATE_EOF`), one visit (connect, log in, `SELECT 1`, quit, wait for the close) or one result of
  50 MB in rows of 1 kB. Each client waits for its answer before it sends the next statement.
- A prepared point select is `COM_STMT_EXECUTE` with an integer. Each client has prepared its statement once,
  and sent the parameter's type once, as C's libraries do; that is not in the numbers.
- A session with {len(START_UP)} `SET` statements is a visit with them before its `SELECT`: character set,
  `autocommit`, `sql_mode`, isolation level, time zone and others that drivers and frameworks send at their
  start, each of which waits for its answer.
- Every answer to a point select and to a visit is compared byte for byte with the database's own; the large
  result is compared by checksum in the first round, by length and end in all.
- In the cases of 200 clients the proxy has {CAPPED_CONNECTIONS} database connections; the direct clients and
  HAProxy's have 200. In all other cases the proxy may open as many as it likes.
- HAProxy passes bytes on without looking at them. It cannot share connections, hold a session or keep a
  client over a failover: it marks what a relay has to cost, and is no alternative.

## What is not measured

- Network: all is on the loopback interface, so the share of the relay in a latency is larger than in reality.
- More than one core for the relay. Clients, relay and database compete for the cores of one machine, and the
  database is given the time that the relay leaves.
- TLS, transactions, pinned sessions, sessions with different settings side by side, large statements.
- Statements that a client prepares anew for each execution, and more of them than a connection keeps.
- Writes, and statements that keep the database busy: both make the relay's share smaller.
- Behaviour over hours.
"""


def _generator_share(results: Results) -> float:
    """How busy the load generator was where it was busiest."""
    return max(
        measurement.generator_share
        for ways in results.values()
        for measurements in ways.values()
        for measurement in measurements
    )
