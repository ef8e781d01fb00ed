"""What became of a write: first by example, then against a made-up history in which the truth is known."""

import attrs
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from proxy.mysql.session.fate import Doubt, Fate, may_be_found
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.settings import settings
from proxy.mysql.session.value import SessionValue
from proxy.mysql.wire.binlog_events import Commit, Commits
from proxy.mysql.wire.gtid import Gtid, GtidSet

OLD = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
NEW = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
THREAD = 70


def mysql(text: str) -> GtidSet:
    return GtidSet.parse(text, is_mariadb=False)


def mariadb(text: str) -> GtidSet:
    return GtidSet.parse(text, is_mariadb=True)


def told(*texts: str) -> GtidSet:
    return GtidSet.of(texts, is_mariadb=True)


def doubt(base: GtidSet, acknowledged: GtidSet, origin: str = OLD) -> Doubt:
    return Doubt(base, acknowledged, origin, THREAD)


#: Somebody was told of it long ago: this is the name under which the old primary writes.
EARLY = mysql(f"{OLD}:3")


def commit(source: str, number: int, thread: int | None, run: int = 0) -> Commit:
    return Commit(Gtid(source, number), 1, thread, run)


class TestMySQL:
    def test_nothing_new_is_there(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), mysql(f"{OLD}:11:13"))
        assert asked.fate(mysql(f"{OLD}:1-11:13,{NEW}:1-5")) is Fate.NOT_COMMITTED
        assert asked.fate(mysql(f"{OLD}:1-9")) is Fate.NOT_COMMITTED

    def test_one_that_nobody_was_told_of(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), mysql(f"{OLD}:11:13"))
        assert asked.suspects(mysql(f"{OLD}:1-13,{NEW}:1-5")) == mysql(f"{OLD}:12")
        assert asked.fate(mysql(f"{OLD}:1-13")) is Fate.UNKNOWN

    def test_the_same_server_under_a_tag(self) -> None:
        assert doubt(mysql(f"{OLD}:1-10"), EARLY).fate(mysql(f"{OLD}:1-10:app:1")) is Fate.UNKNOWN

    def test_the_log_names_the_connection(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), mysql(f"{OLD}:11"))
        executed = mysql(f"{OLD}:1-13")
        found = Commits((commit(OLD, 11, THREAD), commit(OLD, 12, 71), commit(OLD, 13, THREAD)))
        assert asked.fate(executed, found) is Fate.COMMITTED
        assert asked.fate(executed, Commits(found.commits[:2])) is Fate.UNKNOWN
        others = Commits((*found.commits[:2], commit(OLD, 13, 72)))
        assert asked.fate(executed, others) is Fate.NOT_COMMITTED

    def test_a_log_that_does_not_name_all(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), EARLY)
        found = Commits((commit(OLD, 11, None),))
        assert asked.fate(mysql(f"{OLD}:1-11"), found) is Fate.UNKNOWN

    def test_more_than_one_of_that_connection_proves_nothing(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), EARLY)
        found = Commits((commit(OLD, 11, THREAD), commit(OLD, 12, THREAD)))
        assert asked.fate(mysql(f"{OLD}:1-12"), found) is Fate.UNKNOWN

    def test_the_same_number_of_a_connection_to_another_server(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), EARLY)
        found = Commits((commit(NEW, 1, THREAD),))
        executed = mysql(f"{OLD}:1-10,{NEW}:1")
        assert asked.fate(executed, found) is Fate.NOT_COMMITTED
        assert asked.fate(executed) is Fate.NOT_COMMITTED
        nobody_was_told = attrs.evolve(asked, acknowledged=mysql(""))
        assert nobody_was_told.fate(executed, found) is Fate.UNKNOWN

    def test_where_nobody_was_ever_told_of_a_gtid_there_may_be_none(self) -> None:
        asked = attrs.evolve(doubt(mysql(f"{OLD}:1-10"), EARLY), acknowledged=mysql(""))
        assert asked.fate(mysql(f"{OLD}:1-10")) is Fate.UNKNOWN
        assert asked.fate(mysql(f"{OLD}:1-10"), Commits()) is Fate.UNKNOWN
        assert asked.fate(mysql(f"{OLD}:1-11"), Commits((commit(OLD, 11, THREAD),))) is Fate.COMMITTED

    def test_in_a_group_all_write_under_its_name(self) -> None:
        asked = doubt(mysql(f"{NEW}:1-10"), mysql(f"{NEW}:11"))
        executed = mysql(f"{NEW}:1-12")
        assert asked.fate(executed) is Fate.UNKNOWN
        found = Commits((commit(NEW, 12, THREAD),), server_id=1)
        assert asked.fate(executed, found) is Fate.UNKNOWN
        assert attrs.evolve(asked, server_id=1).fate(executed, found) is Fate.COMMITTED
        assert attrs.evolve(asked, server_id=2).fate(executed, found) is Fate.NOT_COMMITTED
        assert asked.fate(mysql(f"{NEW}:1-11")) is Fate.NOT_COMMITTED

    def test_a_number_of_a_connection_has_four_bytes_in_the_log(self) -> None:
        asked = attrs.evolve(doubt(mysql(f"{OLD}:1-10"), EARLY), thread_id=THREAD + (1 << 32))
        assert asked.fate(mysql(f"{OLD}:1-11"), Commits((commit(OLD, 11, THREAD),))) is Fate.COMMITTED

    def test_a_restart_gives_the_numbers_of_connections_anew(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), EARLY)
        executed = mysql(f"{OLD}:1-11")
        for run, runs, expected in (
            (0, 1, Fate.COMMITTED),
            (1, 1, Fate.NOT_COMMITTED),
            (0, 0, Fate.UNKNOWN),
            (1, 2, Fate.UNKNOWN),
        ):
            found = Commits((commit(OLD, 11, THREAD, run),), runs, server_id=1)
            assert asked.fate(executed, found, restarted=True) is expected, (run, runs)

    def test_a_connection_of_an_earlier_life_of_the_server(self) -> None:
        asked = doubt(mysql(f"{OLD}:1-10"), EARLY)
        earlier = Commits((commit(OLD, 11, THREAD, 0),), 1, server_id=1)
        assert asked.fate(mysql(f"{OLD}:1-11"), earlier) is Fate.NOT_COMMITTED
        elsewhere = attrs.evolve(earlier, server_id=2)
        assert asked.fate(mysql(f"{OLD}:1-11"), elsewhere) is Fate.COMMITTED

    def test_more_suspects_than_are_compared(self) -> None:
        asked = doubt(mysql(""), mysql(""))
        assert asked.fate(mysql(f"{OLD}:1-1000000000000"), Commits()) is Fate.UNKNOWN


class TestMariaDB:
    def test_nothing_new_is_there(self) -> None:
        asked = doubt(mariadb("0-1-100"), told("0-1-101"), "1")
        assert asked.fate(mariadb("0-1-101,0-2-105")) is Fate.NOT_COMMITTED
        assert asked.fate(mariadb("0-1-98")) is Fate.NOT_COMMITTED
        assert asked.fate(mariadb("0-1-102")) is Fate.UNKNOWN

    def test_a_position_that_names_only_the_new_primary(self) -> None:
        asked = doubt(mariadb("0-1-100"), told("0-1-7"), "1")
        assert asked.fate(mariadb("0-2-103")) is Fate.UNKNOWN
        assert asked.fate(mariadb("0-2-100")) is Fate.NOT_COMMITTED

    def test_another_domain(self) -> None:
        asked = doubt(mariadb("0-1-100"), told("0-1-99"), "1")
        assert asked.fate(mariadb("0-1-100,5-1-1")) is Fate.UNKNOWN
        assert asked.fate(mariadb("0-1-100,5-2-1")) is Fate.UNKNOWN

    def test_nobody_was_told_under_which_name_it_writes(self) -> None:
        asked = doubt(mariadb("0-1-100"), told(), "1")
        assert asked.fate(mariadb("0-1-100,0-2-101")) is Fate.UNKNOWN
        assert asked.fate(mariadb("0-1-100")) is Fate.UNKNOWN

    def test_what_the_old_primary_wrote_in_an_earlier_life(self) -> None:
        asked = doubt(mariadb("0-5-100"), told("0-1-40"), "1")
        assert asked.fate(mariadb("0-1-50,0-5-100")) is Fate.NOT_COMMITTED

    def test_others_acknowledged_writes_hide_nothing(self) -> None:
        asked = doubt(mariadb("0-1-100"), told("0-2-105"), "1")
        assert asked.fate(mariadb("0-1-103,0-2-105")) is Fate.UNKNOWN

    def test_the_log_names_the_connection(self) -> None:
        asked = doubt(mariadb("0-1-100"), told("0-1-101"), "1")
        found = Commits((commit("0-1", 101, THREAD), commit("0-1", 102, 5), commit("0-2", 103, THREAD)))
        assert asked.fate(mariadb("0-1-102,0-2-103"), found) is Fate.NOT_COMMITTED
        assert asked.fate(mariadb("0-2-103"), found) is Fate.NOT_COMMITTED
        own = Commits((found.commits[0], commit("0-1", 102, THREAD)))
        assert asked.fate(mariadb("0-1-102"), own) is Fate.COMMITTED
        assert asked.fate(mariadb("0-2-103"), own) is Fate.COMMITTED


class TestSessions:
    @pytest.mark.parametrize(
        ("variables", "reason", "expected"),
        [
            ({}, None, True),
            ({"sql_mode": "ANSI"}, PinReason.TEMPORARY_TABLE, True),
            ({"sql_log_bin": "0"}, None, False),
            ({}, PinReason.ONE_SHOT_VARIABLE, False),
        ],
    )
    def test_whose_writes_have_the_usual_gtids(
        self, variables: dict[str, str], reason: PinReason | None, expected: bool
    ) -> None:
        value = SessionValue(settings("app", variables), 2)
        if reason is not None:
            value.pin(reason, 1.0)
        assert may_be_found(value) is expected


@attrs.frozen
class History:
    """The old primary's writes in their order, and what of them the new one has."""

    is_mariadb: bool
    #: Thread and whether its client was told.
    writes: list[tuple[int, bool]]
    #: How many of them were there when the old primary was asked.
    asked_after: int
    #: Which write is the one in doubt; None if it never committed.
    in_doubt: int | None
    arrived: frozenset[int]
    own_writes: int
    whole_state: bool
    names_threads: bool


@st.composite
def histories(draw: st.DrawFn) -> History:
    writes = draw(st.lists(st.tuples(st.sampled_from([THREAD, 71, 72]), st.booleans()), max_size=8))
    asked_after = draw(st.integers(0, len(writes)))
    # The connection had its earlier answers, and has committed nothing after the write in doubt.
    later = list(range(asked_after, len(writes)))
    in_doubt = draw(st.none() | st.sampled_from(later)) if later else None
    for at in later:
        thread, is_told = writes[at]
        if at == in_doubt:
            writes[at] = (THREAD, False)
        elif thread == THREAD and in_doubt is not None and at > in_doubt:
            writes[at] = (71, is_told)
        elif thread == THREAD:
            writes[at] = (THREAD, True)
    is_mariadb = draw(st.booleans())
    everything = range(len(writes))
    if is_mariadb:
        arrived = frozenset(everything[: draw(st.integers(0, len(writes)))])
    else:
        arrived = frozenset(draw(st.sets(st.sampled_from(everything)))) if writes else frozenset()
    flags = (draw(st.booleans()), draw(st.booleans()))
    return History(is_mariadb, writes, asked_after, in_doubt, arrived, draw(st.integers(0, 3)), *flags)


def judged(history: History) -> Fate:
    old, new = ("0-1", "0-2") if history.is_mariadb else (OLD, NEW)
    numbers = [Gtid(old, at + 1) for at in range(len(history.writes))]
    first = max(history.arrived, default=-1) + 2 if history.is_mariadb else 1
    own = [Gtid(new, first + at) for at in range(history.own_writes)]
    there = [numbers[at] for at in sorted(history.arrived)]
    if history.is_mariadb:
        listed = (there[-1:] + own[-1:]) if history.whole_state else (there + own)[-1:]
        executed = mariadb(",".join(map(str, listed)))
        base = mariadb(",".join(map(str, numbers[: history.asked_after][-1:])))
    else:
        executed = mysql(",".join(map(str, there + own)))
        base = mysql(",".join(map(str, numbers[: history.asked_after])))
    known = [numbers[at] for at, (_, is_told) in enumerate(history.writes) if is_told]
    acknowledged = GtidSet.of(map(str, known), history.is_mariadb)
    found = Commits(
        tuple(
            commit(each.source, each.number, history.writes[each.number - 1][0] if each in numbers else 99)
            for each in there + own
            if each not in base
        )
    )
    asked = Doubt(base, acknowledged, "1" if history.is_mariadb else OLD, THREAD)
    return asked.fate(executed, found if history.names_threads else None)


@given(histories())
def test_never_wrong(history: History) -> None:
    found = judged(history)
    is_there = history.in_doubt is not None and history.in_doubt in history.arrived
    assert found in (Fate.UNKNOWN, Fate.COMMITTED if is_there else Fate.NOT_COMMITTED)
    if history.names_threads and any(is_told for _, is_told in history.writes):
        assert found is not Fate.UNKNOWN
    event(f"{found} {history.names_threads}")


@pytest.mark.parametrize("is_mariadb", [False, True])
def test_a_history_where_all_is_lost(is_mariadb: bool) -> None:
    lost = History(is_mariadb, [(71, True), (THREAD, False)], 0, 1, frozenset(), 0, True, False)
    assert judged(lost) is Fate.NOT_COMMITTED
