"""The clients' reports after a failover, held against the books of the primary and of the old one."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .cluster import Cluster, Promotion
from .group_daemon import GroupDaemon
from .ledger import Books, Key, Report, audit
from .load import CROWD, Load, Mix
from .nodes import CLUSTER_USERS, Node
from .polling import eventually

__all__ = ["crowd", "gets_nothing", "judge", "lost_writes", "now", "tell"]

USER = "app"
SILENCE = 100
"""Writes that go by while a node that must be left alone is watched."""


@contextmanager
def crowd(daemon: GroupDaemon, mix: Mix = CROWD, *, reader: str = "") -> Iterator[Load]:
    """The clients of a proxy at work; those that read are at the endpoint `reader` if one is named."""
    read_address = daemon.address(reader) if reader else None
    with Load([daemon.address()], USER, CLUSTER_USERS[USER], mix, read_address=read_address) as load:
        yield load


def now() -> float:
    """The clock of the reports."""
    return time.monotonic()


def tell(what: str, report: Report, fault: float, promotion: Promotion | None = None) -> None:
    """What clients saw of a fault, for the log of the tests; nothing is asserted about times."""
    script = "" if promotion is None else f", of which the promotion took {promotion.took * 1e3:.0f} ms"
    print(f"{what}: {report.summary(fault)}{script}", file=sys.stderr)


def gets_nothing(node: Node, load: Load) -> None:
    """Clients go on writing; a node that takes writes, too, has no connection and no write of theirs."""
    eventually(lambda: node.threads_of(USER) == 0, f"{node.name} to be left")
    before = node.position()
    load.works(SILENCE)
    assert node.threads_of(USER) == 0
    assert node.position() == before


def judge(
    cluster: Cluster, report: Report, promotion: Promotion | None = None, *, may_lose: bool = False
) -> frozenset[Key]:
    """Assert that the primary's books agree with what the clients were told; return what the database lost.

    `may_lose`: replication is asynchronous, so a promotion leaves behind what the old primary alone had. That
    is excused only as far as the old primary's own books and position prove it.
    """
    books = Books.of(cluster.primary)
    lost = frozenset[Key]()
    if may_lose and promotion is not None and any(not books.rows[write.key] for write in report.writes):
        lost = lost_writes(cluster, report, promotion, books)
    problems = audit(report, books, lost)
    assert not problems, "\n".join(problems)
    return lost


def lost_writes(cluster: Cluster, report: Report, promotion: Promotion, books: Books) -> frozenset[Key]:
    """Acknowledged writes that only the old primary has, and had before somebody else took its place.

    An acknowledgement that came later is no loss of the database: the proxy must not have passed it on.
    """
    old = promotion.old
    if not old.server.is_running:
        old.start_aside()
    behind = cluster.progress(old.position()) - cluster.progress(promotion.position)
    left = {key for key in Books.of(old).rows if not books.rows[key]}
    assert len(left) <= behind, f"{len(left)} writes are gone, though the old primary was {behind} ahead"
    return frozenset(
        write.key for write in report.writes if write.key in left and write.acknowledged < promotion.began
    )
