"""What became of a write whose answer was lost: proof, or no claim at all.

The write is one transaction (a COMMIT, or one statement outside a transaction) that a connection had sent to
a server of known name, its *origin*, which gives each transaction a GTID when it commits. What the write may
have got is what the origin has written and the server that is asked has executed, less what was executed
before the write was sent, less what is known to be others'.

The caller sees to it that

- the write cannot run any more when ``executed`` is read: the server that is asked is another one that no
  longer replicates from the origin, has applied all it received and is the one that clients use from now on;
  or it is the origin itself, started again or without that connection;
- a MariaDB's ``executed`` is read from ``@@gtid_binlog_state`` only where log_slave_updates is on;
- the session had not set gtid_next, gtid_seq_no, server_id, pseudo_thread_id or sql_log_bin (see
  ``may_be_found``);
- where the origin itself is asked, its binary log leaves out no schema (binlog-do-db, binlog-ignore-db);
- nothing is asked about what may commit more than once (several statements, CALL).

A statement that has changed nothing has no GTID, and counts as not committed.
"""

import enum

import attrs

from ..wire.binlog_events import Commit, Commits
from ..wire.gtid import Gtid, GtidSet
from .pins import PinReason
from .value import SessionValue

__all__ = ["MAX_SUSPECTS", "Doubt", "Fate", "may_be_found"]

#: How many transactions are compared with the binary log one by one.
MAX_SUSPECTS = 10_000

#: Binary logs have a connection's number in four bytes.
_THREAD_BITS = 0xFFFFFFFF

#: What keeps a session's writes from having the GTIDs that its server gives by itself.
_UNUSUAL = frozenset({"sql_log_bin", "server_id"})
_UNCERTAIN = frozenset({PinReason.ONE_SHOT_VARIABLE, PinReason.UNTRACKED_STATE, PinReason.UNREADABLE})


class Fate(enum.Enum):
    """What is known of a write."""

    COMMITTED = "committed"
    NOT_COMMITTED = "not committed"
    UNKNOWN = "unknown"


def may_be_found(value: SessionValue) -> bool:
    """Whether nothing that this session has set speaks against asking for the fate of its write."""
    return _UNCERTAIN.isdisjoint(value.pins) and _UNUSUAL.isdisjoint(value.settings.variables)


@attrs.frozen
class Doubt:
    """A write whose answer was lost.

    ``base`` is what the origin had executed, as it answered before the write was sent. ``acknowledged`` holds
    transactions that are others': those that sessions were told of. ``origin`` is MySQL's server_uuid or
    MariaDB's server_id; ``thread_id`` is the origin's number of the connection. ``server_id``, where it is
    given, helps in a group, whose members all write under the group's name.
    """

    base: GtidSet
    acknowledged: GtidSet
    origin: str
    thread_id: int
    server_id: int | None = None

    def is_origins(self, server: str) -> bool:
        """Whether a server's name in a GTID may be the origin's.

        What sessions were told shows under which name the origin writes: in a group that is not its own.
        """
        return self.acknowledged.servers != {self.origin.lower()} or server == self.origin.lower()

    def suspects(self, executed: GtidSet) -> GtidSet:
        """Which of the executed transactions may be the write."""
        new, base = executed.where(self.is_origins), self.base
        if executed.is_mariadb:
            for domain in executed.domains:
                if f"{domain}-{self.origin}" not in new.sources_in(domain):
                    # A position names the last writer only: any number since may be the origin's.
                    new = new.union(self._up_to(domain, executed.highest(domain)))
                # The origin numbers above all that it has seen.
                for source in new.sources_in(domain):
                    base = base.union(GtidSet.parse(f"{source}-{base.position_in(domain)}", True))
        return new.minus(base).without(self.acknowledged)

    def _up_to(self, domain: str, number: int) -> GtidSet:
        return GtidSet.parse(f"{domain}-{self.origin}-{number}", True)

    def fate(self, executed: GtidSet, found: Commits | None = None, *, restarted: bool = False) -> Fate:
        """What is known of the write, by what the server that is asked has executed.

        ``found`` is all that its binary log has from ``base`` on, read after ``executed``; without it the
        answer is never COMMITTED. ``restarted``: it is the origin itself, and was started again after the
        connection had been opened, so that numbers of connections have been given anew.
        """
        suspects = self.suspects(executed)
        # Nobody was ever told of a transaction: perhaps what is written there gets no GTIDs.
        absent = Fate.NOT_COMMITTED if self.acknowledged else Fate.UNKNOWN
        if found is None:
            return Fate.UNKNOWN if suspects else absent
        own = [each for each in found.commits if self._is_own(each, found, restarted)]
        if own:
            is_proof = len(own) == 1 and own[0].gtid in suspects
            is_proof = is_proof and self._is_certain(own[0], found, restarted)
            return Fate.COMMITTED if is_proof else Fate.UNKNOWN
        if suspects.count() > MAX_SUSPECTS:
            return Fate.UNKNOWN
        others = {
            (each.gtid.domain, each.gtid.number)
            for each in found.commits
            if each.thread_id is not None or not self.is_origins(each.gtid.server)
        }
        named = all((each.domain, each.number) in others for each in suspects.gtids(MAX_SUSPECTS))
        return absent if named else Fate.UNKNOWN

    def _is_own(self, commit: Commit, found: Commits, restarted: bool) -> bool:
        """Whether a transaction may be of that connection, and neither older nor one that was answered."""
        if commit.thread_id != self.thread_id & _THREAD_BITS or not self.is_origins(commit.gtid.server):
            return False
        if self.server_id not in (None, commit.server_id):
            return False
        if commit.server_id == found.server_id and found.runs and (commit.run == found.runs) is restarted:
            # The origin's own log: it is of another life of the server than the connection.
            return False
        return commit.gtid not in self.acknowledged and not self._is_older(commit.gtid)

    def _is_certain(self, commit: Commit, found: Commits, restarted: bool) -> bool:
        """Whether there is no other server, and no other life of it, that it may be of as well."""
        is_named = commit.gtid.server == self.origin.lower() or commit.server_id == self.server_id
        return is_named and (not restarted or commit.run == 0 < found.runs)

    def _is_older(self, gtid: Gtid) -> bool:
        return not GtidSet.of((str(gtid),), self.base.is_mariadb).minus(self.base)
