"""`python -m tests.bench`: run the benchmark, print the ratios, write docs/performance.md."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from proxy.demo.private_server import DatabaseError
from proxy.demo.proxy_process import ProxyError
from proxy.demo.stopping import StopRequest, StopRequestedError

from . import database, relays
from .cases import CAPPED_CONNECTIONS, CASES, Case, Way
from .machine import Machine, describe
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
    cases = [case for case in CASES if not options.only or case.name in options.only]
    with StopRequest() as stop:
        try:
            results, machine = _run(cases, pace, options.legacy_eof, stop)
        except StopRequestedError:
            print("Interrupted; everything is stopped.", flush=True)
            return INTERRUPTED
        except (DatabaseError, ProxyError, RelayError, WrongResponse, OSError) as error:
            print(f"The benchmark failed: {error}", file=sys.stderr)
            return 1
    print(table(results), flush=True)
    if options.absolute:
        print(absolute_lines(results), flush=True)
    if not (options.no_write or options.quick or options.only):
        DOCUMENT.write_text(document(results, machine, pace, options.legacy_eof), encoding="utf-8")
        print(f"Written: {DOCUMENT.relative_to(DOCUMENT.parents[1])}", flush=True)
    return 0


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
        "--only", nargs="+", choices=[case.name for case in CASES], help="only these cases; writes nothing"
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
