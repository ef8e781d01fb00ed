"""The memory part of the benchmark: idle crowds, and large data with a slow side. It has its own proxies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from proxy.demo.certificate import write_certificate
from proxy.demo.private_server import PrivateMariaDB
from tests.integration.faults import FaultProxy

from . import crowd, idle, relays, streams
from .database import Address, Expected
from .idle import IdleMemory
from .packets import Account
from .relay import Relay
from .streams import StreamMemory

__all__ = ["MEMORY", "MemoryResults", "kept", "measure", "replaced", "section", "table"]

MEMORY = "memory"
"""What this part is called on the command line."""
HEADING = "## Memory\n"
#: Of what `make bench-failover` has found; written by hand.
FAILOVER = "## Failover\n"
SLOWNESS = 0.0005
"""Seconds the slow database takes for each chunk of 64 KiB: it takes 130 MB/s at the most."""
QUICK_SHARE = 0.02
PERCENT = 2
MEBIBYTE = 1 << 20
KIBIBYTE = 1024

Check = Callable[[], None]
Say = Callable[[str], None]


@attrs.frozen
class MemoryResults:
    """All of this part's figures."""

    idle: list[IdleMemory]
    streams: list[StreamMemory]


def measure(
    server: PrivateMariaDB,
    account: Account,
    expected: Expected,
    folder: Path,
    check: Check,
    say: Say,
    *,
    quick: bool,
) -> MemoryResults:
    """Run it all; `quick` with a fiftieth of everything. Raises WrongResponse, RelayError and OSError."""
    share = QUICK_SHARE if quick else 1.0
    database = (server.host, server.port)
    start = _Proxies(folder, account, check)
    return MemoryResults(
        [
            _idle(start, database, account, expected, check, say, clients=int(clients * share), tls=tls)
            for clients, tls in ((idle.CLIENTS, False), (idle.TLS_CLIENTS, True))
        ],
        list(_streams(start, database, account, check, say, share)),
    )


@attrs.frozen
class _Proxies:
    """Starts a new proxy for each measurement, so that none finds memory that another one has left."""

    folder: Path
    account: Account
    check: Check

    def __call__(self, name: str, database: Address) -> Relay:
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        write_certificate(certificate, key)
        options: dict[str, int | str] = {
            "tls_certificate": str(certificate),
            "tls_private_key": str(key),
            "max_client_connections": 2 * idle.CLIENTS,
            "max_statement_size": 2 * streams.PARAMETER_BYTES,
        }
        return relays.proxy(self.folder / name, database, self.account, PERCENT, self.check, options)


def _idle(
    start: _Proxies,
    database: Address,
    account: Account,
    expected: Expected,
    check: Check,
    say: Say,
    *,
    clients: int,
    tls: bool,
) -> IdleMemory:
    room = crowd.raise_descriptor_limit(clients)
    say(f"{room:,} idle clients{' over TLS' if tls else ''}")
    with start("tls-crowd" if tls else "crowd", database) as relay:
        return idle.measure(relay, account, expected.visit, clients=room, tls=tls, check=check)


def _streams(
    start: _Proxies, database: Address, account: Account, check: Check, say: Say, share: float
) -> Iterator[StreamMemory]:
    with_files = attrs.evolve(account, local_files=True)
    say("a large result that is read slowly")
    with start("result", database) as relay:
        yield streams.large_result(relay, account, check, int(streams.RESULT_BYTES * share))
    say("a large file into a slow database")
    with _slow(database) as slow, start("file", slow) as relay:
        yield streams.large_file(relay, with_files, check, int(streams.FILE_BYTES * share))
    say("a large parameter")
    with start("parameter", database) as relay:
        yield streams.large_parameter(relay, account, check, int(streams.PARAMETER_BYTES * share))


@contextmanager
def _slow(database: Address) -> Iterator[Address]:
    """The database behind a forwarder that takes its time."""
    line = FaultProxy(database[1], database[0])
    line.delay = SLOWNESS
    try:
        yield database[0], line.port
    finally:
        line.close()


def table(results: MemoryResults) -> str:
    """The figures as two Markdown tables."""
    lines = [
        "| Idle clients | After the log-in | After one statement each |",
        "| --- | ---: | ---: |",
    ]
    for crowd_of in results.idle:
        kind = "over TLS" if crowd_of.tls else "without TLS"
        lines.append(
            f"| {crowd_of.clients:,} {kind} | {_kibibytes(crowd_of.logged_in)} each"
            f" | {_kibibytes(crowd_of.after_statement)} each |"
        )
    lines += [
        "",
        "| One session with | Size | Growth of the proxy | Statements of another client meanwhile |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {each.title} | {each.size / 1e6:,.0f} MB | {each.grown / MEBIBYTE:.2f} MiB | {each.answered:,} |"
        for each in results.streams
    ]
    return "\n".join(lines)


def _kibibytes(count: float) -> str:
    return f"{count / KIBIBYTE:.1f} KiB"


def section(results: MemoryResults) -> str:
    """The part of docs/performance.md about memory."""
    return f"""\
{HEADING}
    make bench ARGS="--only {MEMORY}"

{table(results)}

- Memory is the proxy's resident memory (VmRSS in `/proc`), without the kernel's socket buffers. The goals:
  6 KB for an idle client, and less than 1 MiB for a session, however much flows through it.
- Idle: the difference between {idle.FIRST_CLIENTS} clients and so many more, divided by the latter. All of
  them are still connected afterwards, and answered.
- Growth: the highest peak (VmHWM) while the data flowed, beyond what the proxy held before; 0 means that it
  went through memory the proxy had from a twentieth of the size, which goes ahead.
- The reader waits {streams.PAUSE * 1000:.0f} ms after each {streams.BURST >> 20} MiB. The slow database
  takes {SLOWNESS * 1000:g} ms for each 64 KiB.
- The other client asks one short statement after the other and checks the answers.
"""


def replaced(document: str, new_section: str, heading: str = HEADING) -> str:
    """The document with this section instead of the one it has; before the last section if it has none."""
    start = document.find(heading)
    end = document.find("\n## ", start + 1) + 1 if start >= 0 else document.rfind("\n## ") + 1
    if start < 0:
        start = end
    return document[:start] + new_section + "\n" + document[end:]


def kept(before: str, document: str) -> str:
    """A new document with the sections of the one before that are measured apart, if that has them."""
    for heading in (HEADING, FAILOVER):
        start = before.find(heading)
        if start >= 0:
            document = replaced(document, before[start : before.find("\n## ", start + 1)], heading)
    return document
