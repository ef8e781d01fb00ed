"""Transactions in a stream of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.binlog_dump import BinlogScanner, TooMuchLog, dump_command
from proxy.mysql.wire.binlog_events import Commit, Commits, UnreadableEvent
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.gtid import Gtid, GtidSet
from tests.peers import binlog
from tests.peers import packets as p

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
OWNER, OTHER = 1, 2


def scanned(*events: bytes, end: bytes | None = None) -> BinlogScanner:
    scanner = BinlogScanner()
    scanner.feed(binlog.stream((binlog.description(OWNER), *events), end=end))
    return scanner


def found(*events: bytes) -> list[tuple[int, int | None, int]]:
    """Number, thread and run of each transaction."""
    commits = scanned(*events).found.commits
    return [(each.gtid.number, each.thread_id, each.run) for each in commits]


MYSQL = (
    *(binlog.mysql_gtid(A, 5), binlog.query(70, b"BEGIN"), binlog.rows(), binlog.commit()),
    *(binlog.mysql_gtid(A, 6), binlog.query(71, b"DROP TABLE t")),
)


class TestTransactions:
    def test_of_mysql(self) -> None:
        scanner = scanned(*MYSQL)
        assert scanner.done
        first, second = Commit(Gtid(A, 5), OWNER, 70), Commit(Gtid(A, 6), OWNER, 71)
        assert scanner.found == Commits((first, second), server_id=OWNER)

    def test_of_mariadb(self) -> None:
        events = (
            *(binlog.mariadb_gtid(0, 1, 5), binlog.query(70, b"INSERT INTO t VALUES (1)"), binlog.commit()),
            *(binlog.mariadb_gtid(0, 1, 6), binlog.rows(), binlog.commit()),
            *(binlog.mariadb_gtid(0, 1, 7, more=b"\x10\x47\0\0\0"), binlog.rows(), binlog.commit()),
        )
        assert found(*events) == [(5, 70, 0), (6, None, 0), (7, 71, 0)]

    def test_a_replica_has_only_statements_of_the_right_connection(self) -> None:
        """MySQL was seen to give BEGIN the number of its own thread, or of an earlier transaction."""
        events = (
            *(binlog.mysql_gtid(A, 5, OTHER), binlog.query(70, b"BEGIN", OTHER), binlog.rows()),
            *(binlog.mysql_gtid(A, 6, OTHER), binlog.query(71, b"DROP TABLE t", OTHER)),
            *(binlog.mariadb_gtid(0, OTHER, 7), binlog.query(72, b"garbage", OTHER, kind=165)),
            *(binlog.mysql_gtid(A, 8, OTHER), binlog.event(40, b"\0", OTHER)),
        )
        assert found(*events) == [(5, None, 0), (6, 71, 0), (7, None, 0), (8, None, 0)]

    def test_two_connections_in_one_transaction(self) -> None:
        events = (binlog.mysql_gtid(A, 5), *(binlog.query(thread, b"INSERT") for thread in (70, 71, 70)))
        assert found(*events) == [(5, None, 0)]

    def test_a_statement_before_any_transaction(self) -> None:
        assert found(binlog.query(70, b"INSERT")) == []

    @pytest.mark.parametrize("kind", [34, 42])
    def test_what_cannot_be_named_is_not_passed_over(self, kind: int) -> None:
        with pytest.raises(UnreadableEvent):
            found(binlog.event(kind, b"\x04" + bytes(60)))


class TestRuns:
    def test_a_file_that_goes_on_in_another(self) -> None:
        events = (*MYSQL, binlog.rotate(), binlog.rotate(is_artificial=True), binlog.description(), *MYSQL)
        assert {run for _, _, run in found(*events)} == {0}

    @pytest.mark.parametrize("before", [(), (binlog.rotate(is_artificial=True),), (binlog.event(3, b""),)])
    def test_a_file_that_nothing_has_led_to(self, before: tuple[bytes, ...]) -> None:
        scanner = scanned(*MYSQL, *before, binlog.description(), *MYSQL)
        assert [each.run for each in scanner.found.commits] == [0, 0, 1, 1]
        assert scanner.found.runs == 1

    def test_a_file_that_says_it_was_begun_at_a_start(self) -> None:
        scanner = scanned(*MYSQL, binlog.rotate(), binlog.description(created=1_700_000_000))
        assert scanner.found.runs == 1


class TestStream:
    @given(st.lists(st.integers(1, 500), max_size=10), st.integers(1, 3000))
    def test_however_it_is_cut(self, sizes: list[int], large: int) -> None:
        events = (*MYSQL, binlog.rows(large), *MYSQL)
        data = binlog.stream((binlog.description(OWNER), *events))
        whole = scanned(*events).found
        scanner = BinlogScanner()
        at = 0
        for size in (*sizes, len(data)):
            scanner.feed(data[at : at + size])
            at += size
        assert scanner.done
        assert scanner.found == whole

    def test_an_event_of_more_than_one_packet(self) -> None:
        begun = binlog.mysql_gtid(A, 9)
        assert found(binlog.rows(20 << 20), begun) == [(9, None, 0)]

    def test_an_error_ends_it(self) -> None:
        scanner = scanned(end=p.err(1236, b"purged"))
        assert scanner.done
        assert scanner.error is not None
        assert scanner.error.errno == 1236

    def test_packets_out_of_order(self) -> None:
        with pytest.raises(MalformedPacket):
            BinlogScanner().feed(p.packet(b"\0" + binlog.description(), 2))

    def test_what_is_no_event(self) -> None:
        with pytest.raises(MalformedPacket):
            BinlogScanner().feed(p.packet(b"\5no", 1))

    def test_limits(self) -> None:
        data = binlog.stream((binlog.description(), *MYSQL))
        with pytest.raises(TooMuchLog):
            BinlogScanner(max_bytes=len(data) - 1).feed(data)
        with pytest.raises(TooMuchLog):
            BinlogScanner(max_commits=1).feed(data)
        BinlogScanner(max_bytes=len(data), max_commits=2).feed(data)

    @given(st.binary(max_size=200))
    def test_garbage(self, data: bytes) -> None:
        try:
            BinlogScanner().feed(data)
        except MalformedPacket:
            return


class TestCommands:
    def test_mariadb_is_told_apart(self) -> None:
        base = GtidSet.parse("0-1-5", is_mariadb=True)
        assert dump_command(base, 9).hex() == "12" + "04000000" + "0100" + "09000000"

    def test_mysql_is_told_what_is_there(self) -> None:
        base = GtidSet.parse(f"{A}:1-5:9", is_mariadb=False)
        known = f"{1:02x}{'00' * 7}" + A.replace("-", "") + f"02{'00' * 7}"
        known += "".join(f"{number:02x}{'00' * 7}" for number in (1, 6, 9, 10))
        head = "1e" + "0500" + "00000000" + "00000000" + f"04{'00' * 7}" + "40000000"
        assert dump_command(base, 0).hex() == head + known

    def test_tags_change_the_form(self) -> None:
        base = GtidSet.parse(f"{A}:1:tag1:2", is_mariadb=False)
        uuid, one = A.replace("-", ""), f"01{'00' * 7}"
        first = uuid + "00" + one + one + f"02{'00' * 7}"
        second = uuid + "0874616731" + one + f"02{'00' * 7}" + f"03{'00' * 7}"
        assert dump_command(base, 0).hex().endswith("0102000000000001" + first + second)
