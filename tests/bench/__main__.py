"""`python -m tests.bench`: run the benchmark, print what it found, write docs/performance.md."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from proxy.demo.private_server import DatabaseError
from proxy.demo.proxy_process import ProxyError
from proxy.demo.stopping import StopRequest, StopRequestedError

from . import database, memory, relays
from .cases import CAPPED_CONNECTIONS, CASES, Case, Way
from .machine import Machine, describe
from .memory import MEMORY, MemoryResults
from .packets import WrongResponse
from .relay import RelayError
from .report import absolute_lines, document, table
from .rounds import Pace, Results, Setup, measure_all

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
FULL = Pace(rounds=5, seconds=1.5, warm_up=0.3)
QUICK = Pace(rounds=2, seconds=0.3, warm_up=0.1)
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all went well, 1 when something did not, 130 when it was interrupted."""
    options = _parser().parse_args(argv)
    if sys.platform != "linux":
        print("The benchmark needs Linux (epoll, processor time of other processes).", file=sys.stderr)
        return 1
    pace = QUICK if options.quick else FULL
    pace = Pace(options.rounds or pace.rounds, options.seconds or pace.seconds, pace.warm_up)
    with StopRequest() as stop:
        try:
            _measure(options, pace, stop)
        except StopRequestedError:
            print("Interrupted; everything is stopped.", flush=True)
            return INTERRUPTED
        except (DatabaseError, ProxyError, RelayError, WrongResponse, OSError) as error:
            print(f"The benchmark failed: {error}", file=sys.stderr)
            return 1
    return 0


def _measure(options: argparse.Namespace, pace: Pace, stop: StopRequest) -> None:
    """Run what was asked for, print it, and write it unless there is a reason not to."""
    wanted = options.only or [MEMORY, *(case.name for case in CASES)]
    cases = [case for case in CASES if case.name in wanted]
    writes = not (options.no_write or options.quick)
    text = DOCUMENT.read_text(encoding="utf-8")
    if cases:
        results, machine = _run(cases, pace, options.legacy_eof, stop)
        print(table(results), flush=True)
        if options.absolute:
            print(absolute_lines(results), flush=True)
        text = memory.kept(text, document(results, machine, pace, options.legacy_eof))
    if MEMORY in wanted:
        found = _run_memory(options.quick, stop)
        print(memory.table(found), flush=True)
        text = memory.replaced(text, memory.section(found))
    if writes and (not options.only or wanted == [MEMORY]):
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"Written: {DOCUMENT.relative_to(DOCUMENT.parents[1])}", flush=True)


def _run_memory(quick: bool, stop: StopRequest) -> MemoryResults:
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="rds-proxy-bench-")))
        _say("memory: starting the database")
        server = running.enter_context(database.server(folder / "database"))
        account = database.fill(server, legacy_eof=False)
        expected = database.expect((server.host, server.port), account)
        return memory.measure(server, account, expected, folder, stop.check, _say, quick=quick)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure the proxy against a direct connection and HAProxy."
    )
    parser.add_argument(
        "--quick", action="store_true", help="a short run to see that it works; writes nothing"
    )
    parser.add_argument("--no-write", action="store_true", help="do not write docs/performance.md")
    parser.add_argument("--absolute", action="store_true", help="also print the numbers behind the ratios")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*(case.name for case in CASES), MEMORY],
        help=f"only these cases; writes nothing, but for `{MEMORY}` alone its section",
    )
    parser.add_argument("--rounds", type=int, help=f"number of rounds (default {FULL.rounds})")
    parser.add_argument("--seconds", type=float, help=f"length of a measurement (default {FULL.seconds})")
    parser.add_argument("--legacy-eof", action="store_true", help="clients without CLIENT_DEPRECATE_EOF")
    return parser


def _run(cases: Sequence[Case], pace: Pace, legacy_eof: bool, stop: StopRequest) -> tuple[Results, Machine]:
    haproxy = relays.ensure_haproxy()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="rds-proxy-bench-")))
        _say("starting the database, HAProxy and the proxy")
        server = running.enter_context(database.server(folder / "database"))
        account = database.fill(server, legacy_eof=legacy_eof)
        address = (server.host, server.port)
        few = CAPPED_CONNECTIONS * 100 // database.MAX_CONNECTIONS
        started = [
            running.enter_context(relay)
            for relay in (
                relays.haproxy(haproxy, folder, address, stop.check),
                relays.proxy(folder / "proxy", address, account, 100, stop.check),
                relays.proxy(folder / "capped-proxy", address, account, few, stop.check),
            )
        ]
        setup = Setup(
            database=address,
            account=account,
            expected=database.expect(address, account),
            relays={Way.HAPROXY: started[0], Way.PROXY: started[1]},
            capped=started[2],
            check=stop.check,
        )
        results = measure_all(setup, cases, pace, _say)
        return results, describe(server.binaries.mariadbd, haproxy)


def _say(what: str) -> None:
    print(f"{what} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
