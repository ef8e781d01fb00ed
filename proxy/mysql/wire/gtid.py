"""Sets of global transaction identifiers, of MySQL and of MariaDB.

MySQL manual, "GTID Format and Storage": ``uuid:1-5:7:tag:1-3,uuid:9``, exact. MariaDB manual, "Global
Transaction ID": ``domain-server-sequence``, where a position names only the last one and stands for all
before it. Each server numbers what it writes above all that it has seen of the domain, so that a number alone
does not say whose it is.

A text with each server's last (``@@gtid_binlog_state``) says more than one with each domain's last
(``@@gtid_binlog_pos``, ``@@gtid_slave_pos``); several may stand in one text, in any order.

What a MariaDB set does not know it does not claim: see ``covers``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Self

from .intervals import NONE, Intervals, count, difference, includes, normal, union, with_number

__all__ = ["MAX_LISTED", "Gtid", "GtidSet", "MalformedGtid"]

#: How many GTIDs ``gtids`` lists, unless told otherwise.
MAX_LISTED: Final = 1000

_UUID_LENGTH: Final = 36
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII)
_TAG: Final = re.compile(r"[a-z_][a-z0-9_]{0,31}\Z", re.ASCII)
_RANGE: Final = re.compile(r"([0-9]{1,20})(?:\s*-\s*([0-9]{1,20}))?\Z", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,20}\Z", re.ASCII)
_TRIPLE: Final = re.compile(r"([0-9]{1,10})-([0-9]{1,10})-([0-9]{1,20})\Z", re.ASCII)

#: A source with the first and the last of a range of numbers.
_Entry = tuple[str, int, int]


class MalformedGtid(ValueError):
    """A text that is no set of GTIDs."""


class Gtid(NamedTuple):
    """One transaction; ``source`` is ``uuid`` or ``uuid:tag`` with MySQL, ``domain-server`` with MariaDB."""

    source: str
    number: int

    @property
    def server(self) -> str:
        """MySQL's UUID of the server or the group, or MariaDB's number of the server."""
        return server_of(self.source)

    @property
    def domain(self) -> str:
        """MariaDB's domain; for MySQL the same as ``source``, as each is numbered by itself."""
        return domain_of(self.source)

    def __str__(self) -> str:
        return f"{self.source}{':' if _is_mysql(self.source) else '-'}{self.number}"


def _is_mysql(source: str) -> bool:
    return len(source) >= _UUID_LENGTH


def server_of(source: str) -> str:
    """Who has written what is numbered by ``source``."""
    return source[:_UUID_LENGTH] if _is_mysql(source) else source.partition("-")[2]


def domain_of(source: str) -> str:
    """What ``source`` has its numbers in common with."""
    return source if _is_mysql(source) else source.partition("-")[0]


class GtidSet:
    """An immutable set; those of MySQL and of MariaDB have nothing to do with each other."""

    __slots__ = ("_numbers", "is_mariadb")

    def __init__(self, numbers: Mapping[str, Intervals] | None = None, *, is_mariadb: bool) -> None:
        #: By source, none of them empty.
        self._numbers: dict[str, Intervals] = dict(numbers or {})
        self.is_mariadb = is_mariadb

    @classmethod
    def parse(cls, text: str, is_mariadb: bool) -> Self:
        """What a server has executed: a GTID set, or MariaDB's positions. Raises MalformedGtid."""
        return cls(_normal(_entries(text, is_mariadb)), is_mariadb=is_mariadb)

    @classmethod
    def of(cls, texts: Iterable[str], is_mariadb: bool) -> Self:
        """The transactions that a server has named one by one, as in its OK packets. Raises MalformedGtid."""
        entries = (entry for text in texts for entry in _entries(text, is_mariadb))
        if is_mariadb:
            entries = ((source, max(1, last), last) for source, _, last in entries)
        return cls(_normal(entries), is_mariadb=is_mariadb)

    def with_gtid(self, text: str) -> "GtidSet":
        """Add what a server has named as its own transaction. Raises MalformedGtid.

        Each call copies the sources, of which there are few. For many calls, collect the texts for ``of``.
        """
        source, _, number = text.rpartition("-" if self.is_mariadb else ":")
        if source not in self._numbers or not _NUMBER.match(number):
            return self.union(GtidSet.of((text,), self.is_mariadb))
        numbers = self._numbers.copy()
        numbers[source] = with_number(numbers[source], int(number))
        return GtidSet(numbers, is_mariadb=self.is_mariadb)

    def union(self, other: "GtidSet") -> "GtidSet":
        """What is in either."""
        if not other._numbers or other is self:
            return self
        if not self._numbers:
            return other
        numbers = self._numbers.copy()
        for source, each in other._numbers.items():
            numbers[source] = union(numbers.get(source, NONE), each)
        return GtidSet(numbers, is_mariadb=self.is_mariadb)

    def without(self, other: "GtidSet") -> "GtidSet":
        """What the other does not list: it claims nothing but what is in it."""
        left = {
            source: each
            for source, numbers in self._numbers.items()
            if (each := difference(numbers, other._numbers.get(source, NONE)))
        }
        return GtidSet(left, is_mariadb=self.is_mariadb)

    def minus(self, other: "GtidSet") -> "GtidSet":
        """What this has and the other, which is what a server has executed, is not known to have.

        Where a MariaDB position tells nothing of a server, it is taken to have of that one what is not above
        its own highest number in the domain, but never the very last transaction of this one there.
        """
        left = {source: each for source in self._numbers if (each := self._left(source, other))}
        return GtidSet(left, is_mariadb=self.is_mariadb)

    def _left(self, source: str, other: "GtidSet") -> Intervals:
        numbers = self._numbers[source]
        known = other._numbers.get(source)
        if known is not None or not self.is_mariadb:
            return difference(numbers, known or NONE)
        domain = domain_of(source)
        left = difference(numbers, ((0, other.position_in(domain)),))
        last = numbers[-1][1]
        return left or (((last, last),) if last == self.highest(domain) else NONE)

    def covers(self, other: object) -> bool:
        """Whether this has all of the other; False where that is not known, or the kinds differ."""
        if not isinstance(other, GtidSet):
            return False
        return not other or (self.is_mariadb == other.is_mariadb and not other.minus(self))

    def where(self, has_written: Callable[[str], bool]) -> "GtidSet":
        """What the servers (or groups) of certain names have written."""
        found = {source: each for source, each in self._numbers.items() if has_written(server_of(source))}
        return GtidSet(found, is_mariadb=self.is_mariadb)

    def of_server(self, server: str) -> "GtidSet":
        """What one server (or group) has written: MySQL's UUID, MariaDB's server_id."""
        wanted = server.lower()
        return self.where(lambda each: each == wanted)

    def lasts(self) -> "GtidSet":
        """The last transaction of each source, alone."""
        lasts = {source: ((each[-1][1], each[-1][1]),) for source, each in self._numbers.items()}
        return GtidSet(lasts, is_mariadb=self.is_mariadb)

    @property
    def servers(self) -> frozenset[str]:
        """The names of all that have written."""
        return frozenset(map(server_of, self._numbers))

    def sources_in(self, domain: str) -> list[str]:
        """Whose numbers are in a domain, each with the domain."""
        return [source for source in self._numbers if domain_of(source) == domain]

    def highest(self, domain: str) -> int:
        """The highest number in a domain, 0 if there is none."""
        lasts = (each[-1][1] for source, each in self._numbers.items() if domain_of(source) == domain)
        return max(lasts, default=0)

    def position_in(self, domain: str) -> int:
        """Up to which number everything in a MariaDB domain is executed; 0 where no position is known."""
        return max(
            (
                each[0][1]
                for source, each in self._numbers.items()
                if each[0][0] == 1 and domain_of(source) == domain
            ),
            default=0,
        )

    @property
    def domains(self) -> frozenset[str]:
        """All domains in which there is something."""
        return frozenset(map(domain_of, self._numbers))

    def count(self) -> int:
        """How many transactions these are; for MariaDB's positions at most."""
        return sum(map(count, self._numbers.values()))

    def gtids(self, limit: int = MAX_LISTED) -> Iterator[Gtid]:
        """The transactions one by one, not more than ``limit``."""
        for source, numbers in sorted(self._numbers.items()):
            for first, last in numbers:
                for number in range(first, min(last, first + limit - 1) + 1):
                    yield Gtid(source, number)
                limit -= last - first + 1
                if limit <= 0:
                    return

    def ranges(self) -> Mapping[str, Intervals]:
        """The numbers by source."""
        return self._numbers

    def position(self) -> str:
        """MariaDB's ``domain-server-sequence`` of the last transaction in each domain."""
        last: dict[str, Gtid] = {}
        for source, numbers in self._numbers.items():
            here = Gtid(source, numbers[-1][1])
            if here.domain not in last or last[here.domain].number < here.number:
                last[here.domain] = here
        return ",".join(f"{each.source}-{each.number}" for _, each in sorted(last.items()))

    def __contains__(self, gtid: object) -> bool:
        return isinstance(gtid, Gtid) and includes(self._numbers.get(gtid.source, NONE), gtid.number)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GtidSet):
            return NotImplemented
        return self._numbers == other._numbers and (not self._numbers or self.is_mariadb == other.is_mariadb)

    def __hash__(self) -> int:
        return hash(frozenset(self._numbers.items()))

    def __str__(self) -> str:
        if self.is_mariadb:
            return ",".join(f"{source}-{each[-1][1]}" for source, each in sorted(self._numbers.items()))
        return ",".join(f"{source}:{_ranges(each)}" for source, each in sorted(self._numbers.items()))

    def __repr__(self) -> str:
        return f"<GtidSet {self}>"


def _ranges(numbers: Intervals) -> str:
    return ":".join(str(first) if first == last else f"{first}-{last}" for first, last in numbers)


def _normal(entries: Iterable[_Entry]) -> dict[str, Intervals]:
    ranges: dict[str, list[tuple[int, int]]] = {}
    for source, first, last in entries:
        if first <= last:
            ranges.setdefault(source, []).append((first, last))
    return {source: normal(each) for source, each in ranges.items()}


def _entries(text: str, is_mariadb: bool) -> Iterator[_Entry]:
    return _mariadb_entries(text) if is_mariadb else _mysql_entries(text)


def _mysql_entries(text: str) -> Iterator[_Entry]:
    for entry in text.lower().split(","):
        uuid, *parts = (part.strip() for part in entry.split(":"))
        if not uuid and not parts:
            continue
        if not parts or not _UUID.match(uuid):
            raise MalformedGtid("a GTID set begins with something other than a UUID")
        source = uuid
        for part in parts:
            found = _RANGE.match(part)
            if found is not None:
                yield source, max(1, int(found[1])), int(found[2] or found[1])
            elif _TAG.match(part):
                source = f"{uuid}:{part}"
            else:
                raise MalformedGtid("a GTID set with something other than tags and numbers")


def _mariadb_entries(text: str) -> Iterator[_Entry]:
    for entry in filter(None, map(str.strip, text.split(","))):
        found = _TRIPLE.match(entry)
        if found is None:
            raise MalformedGtid("a position with something other than domain-server-sequence")
        yield f"{int(found[1])}-{int(found[2])}", 1, int(found[3])
