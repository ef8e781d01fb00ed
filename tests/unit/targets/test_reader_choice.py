from collections import Counter
from typing import Any

import pytest
from twisted.internet.task import Clock

from proxy.targets.reader_choice import LEAST_SHARE, Reader, ReaderChoice, fit, share
from tests.peers.lenders import Lender


class TestFit:
    @pytest.mark.parametrize(
        ("lag", "max_lag", "expected"),
        [(None, 5.0, True), (5.0, 5.0, True), (5.1, 5.0, False), (1000.0, 0.0, True)],
    )
    def test_by_lag(self, lag: float | None, max_lag: float, expected: bool) -> None:
        assert fit(Reader("r", Lender(Clock()).pool, lag), max_lag) is expected

    def test_not_while_unavailable(self) -> None:
        assert not fit(Reader("r", Lender(Clock()).pool, is_available=False), 0)

    def test_not_with_a_pool_that_stops(self) -> None:
        pool = Lender(Clock()).pool
        pool.stop()
        assert not fit(Reader("r", pool), 0)


class TestShare:
    def test_those_of_the_start_have_all(self) -> None:
        assert share(100.0, 100.0, 100.0, 30.0) == 1
        assert share(104.0, 100.0, 104.0, 30.0) == 1

    def test_grows(self) -> None:
        shares = [share(200.0, 100.0, 200.0 + age, 30.0) for age in (0, 1, 3, 15, 29, 30, 31)]
        assert shares == sorted(shares)
        assert shares[0] == LEAST_SHARE
        assert shares[3] == 0.5
        assert shares[-2:] == [1, 1]

    def test_may_be_off(self) -> None:
        assert share(200.0, 100.0, 200.0, 0.0) == 1


class Readers:
    def __init__(self, *caps: int, since: tuple[float, ...] = ()) -> None:
        clock = Clock()
        self.lenders = [Lender(clock, max_connections=cap) for cap in caps]
        self.choice: ReaderChoice[Any] = ReaderChoice()
        since = since or (0.0,) * len(caps)
        self.readers = [
            Reader("r", lender.pool, available_since=at)
            for lender, at in zip(self.lenders, since, strict=True)
        ]
        self.choice.update(self.readers, 30.0)

    def next(self, preferred: Any = None, now: float = 0.0, key: str = "app") -> int:
        """The index of the one that is chosen."""
        candidate = self.choice.choose(key, preferred, now)
        assert candidate is not None
        self.choice.chosen(candidate)
        return [lender.pool for lender in self.lenders].index(candidate.pool)

    def borrow(self, index: int, times: int = 1) -> None:
        for _ in range(times):
            self.lenders[index].pool.borrow("app", None).addErrback(lambda _: None)


class TestChoice:
    def test_nobody(self) -> None:
        choice: ReaderChoice[Any] = ReaderChoice()
        assert choice.choose("app", None, 0.0) is None
        assert not choice

    def test_equals_take_turns(self) -> None:
        readers = Readers(10, 10, 10)
        assert Counter(readers.next() for _ in range(30)) == {0: 10, 1: 10, 2: 10}

    def test_turns_go_on_through_updates(self) -> None:
        readers = Readers(10, 10, 10)
        seen = Counter()
        for _ in range(30):
            seen[readers.next()] += 1
            readers.choice.update(readers.readers, 30.0)
        assert seen == {0: 10, 1: 10, 2: 10}

    def test_least_work_relative_to_the_cap(self) -> None:
        readers = Readers(10, 100)
        readers.borrow(0, 2)
        readers.borrow(1, 19)
        assert readers.next() == 1
        readers.borrow(1, 2)
        assert readers.next() == 0

    def test_waiters_count(self) -> None:
        readers = Readers(4, 4)
        readers.lenders[0].prompt = False
        readers.borrow(0, 2)
        readers.borrow(1)
        assert readers.next() == 1

    def test_where_somebody_waits_comes_last(self) -> None:
        readers = Readers(1, 100)
        readers.borrow(0, 2)
        readers.borrow(1, 99)
        assert readers.next() == 1

    def test_who_cannot_connect_comes_last_for_that_key(self) -> None:
        readers = Readers(10, 10)
        lender = readers.lenders[0]
        lender.prompt = False
        borrow = lender.pool.borrow("app", None)
        lender.refuse(OSError("refused"))
        borrow.addErrback(lambda _: None)
        borrow.cancel()
        readers.borrow(1, 5)
        assert not lender.pool.is_short
        assert readers.next() == 1
        assert readers.next(lender.pool) == 1
        assert readers.next(key="other") == 0
        assert readers.choice.has_better(lender.pool, "app")
        assert not readers.choice.has_better(lender.pool, "other")

    def test_a_dropped_one_is_chosen_no_more(self) -> None:
        readers = Readers(10, 10)
        readers.choice.drop(readers.lenders[0].pool)
        assert {readers.next() for _ in range(5)} == {1}

    def test_who_comes_back_has_saved_no_turns(self) -> None:
        readers = Readers(10, 10)
        readers.choice.update(readers.readers[:1], 30.0)
        for _ in range(100):
            readers.next()
        readers.choice.update(readers.readers, 30.0)
        assert Counter(readers.next() for _ in range(10)) == {0: 5, 1: 5}


class TestStickiness:
    def test_a_session_returns(self) -> None:
        readers = Readers(10, 10)
        readers.borrow(0, 5)
        readers.borrow(1, 6)
        assert {readers.next(readers.lenders[1].pool) for _ in range(10)} == {1}

    def test_but_not_to_one_with_clearly_more_to_do(self) -> None:
        readers = Readers(10, 10)
        readers.borrow(0, 3)
        readers.borrow(1, 6)
        assert readers.next(readers.lenders[1].pool) == 0

    def test_nor_to_one_that_is_not_there(self) -> None:
        readers = Readers(10, 10)
        pool = readers.lenders[1].pool
        readers.choice.drop(pool)
        assert readers.next(pool) == 0


class TestSlowStart:
    def test_turns_by_share(self) -> None:
        readers = Readers(10, 10, since=(0.0, 100.0))
        seen = Counter(readers.next(now=107.5) for _ in range(100))
        assert seen == {0: 80, 1: 20}
        seen = Counter(readers.next(now=200.0) for _ in range(100))
        assert abs(seen[0] - seen[1]) <= 2

    def test_work_by_share(self) -> None:
        readers = Readers(100, 100, since=(0.0, 100.0))
        for _ in range(90):
            readers.borrow(readers.next(now=103.0))
        assert [lender.pool.borrowed for lender in readers.lenders] == [81, 9]
