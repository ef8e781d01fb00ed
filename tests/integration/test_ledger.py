"""The ledger's own tests: each kind of broken promise is found, and honest books pass."""

from collections import Counter

import pytest

from .ledger import ACCOUNTS, BALANCE, Books, Failure, Fate, Report, Write, audit, fate_of

ROLLED_BACK = (1213, "40001", "rds-proxy: the database connection was lost; try restarting transaction")
UNKNOWN = (2013, "HY000", "Lost (rds-proxy: lost; it is unknown whether the write was committed)")
COMMITTED = (
    2013,
    "HY000",
    "Lost (rds-proxy: lost; the write was committed, what it has reported is not known)",
)
BORROW = (9501, "HY000", "Timed-out waiting to acquire database connection")
ENTRY, TRANSFER = ("entry", 1, 1), ("transfer", 2, 1)


def report(*events: Write | Failure, problems: tuple[str, ...] = ()) -> Report:
    writes = [each for each in events if isinstance(each, Write)]
    failures = [each for each in events if isinstance(each, Failure)]
    return Report(writes, failures, list(problems), {}, 0, 0)


def written(key: tuple[str, int, int] = ENTRY) -> Write:
    return Write(*key, 0.0, 1.0)


def failed(error: tuple[int, str, str], stage: str = "insert") -> Failure:
    return Failure(*(ENTRY if stage == "insert" else TRANSFER), stage, *error, 1.0)


def books(*keys: tuple[str, int, int], balances: dict[int, int] | None = None) -> Books:
    fair = dict.fromkeys(range(ACCOUNTS), BALANCE)
    return Books(Counter(keys), {**fair, **(balances or {})}, dict.fromkeys(range(ACCOUNTS), 0))


@pytest.mark.parametrize(
    ("seen", "stands"),
    [
        (written(), (ENTRY,)),
        (failed(ROLLED_BACK), ()),
        (failed(BORROW), ()),
        (failed(UNKNOWN), ()),
        (failed(UNKNOWN), (ENTRY,)),
        (failed(COMMITTED), (ENTRY,)),
        (failed(UNKNOWN, "update"), ()),
        (failed(UNKNOWN, "commit"), (TRANSFER,)),
    ],
)
def test_what_is_allowed(seen: Write | Failure, stands: tuple[tuple[str, int, int], ...]) -> None:
    assert audit(report(seen), books(*stands)) == []


@pytest.mark.parametrize(
    ("seen", "stands", "words"),
    [
        (written(), (), "acknowledged and not there"),
        (written(), (ENTRY, ENTRY), "more than once"),
        (failed(UNKNOWN), (ENTRY, ENTRY), "more than once"),
        (failed(ROLLED_BACK), (ENTRY,), "refused with 1213"),
        (failed(BORROW), (ENTRY,), "refused with 9501"),
        (failed(COMMITTED), (), "committed, says the error"),
        (failed(UNKNOWN, "update"), (TRANSFER,), "refused with 2013 at update"),
        (failed((1290, "HY000", "read only")), (), "undocumented"),
        (failed((2013, "HY000", "Lost connection")), (), "undocumented"),
        (failed((2013, "HY000", "Lost (rds-proxy: the database connection was lost)")), (), "undocumented"),
        (written(), (ENTRY, TRANSFER), "never answered"),
    ],
)
def test_what_is_not(seen: Write | Failure, stands: tuple[tuple[str, int, int], ...], words: str) -> None:
    (problem,) = audit(report(seen), books(*stands))
    assert words in problem


def test_what_the_database_lost_is_excused() -> None:
    assert audit(report(written()), books(), frozenset({ENTRY})) == []


def test_money_and_broken_promises_are_told() -> None:
    found = audit(report(problems=("a socket was lost",)), books(balances={3: BALANCE + 1}))
    assert found[0] == "a socket was lost"
    assert "account 3" in found[1]


def test_the_gap_is_the_longest_pause_after_the_fault() -> None:
    times = [Write("entry", 1, number, at, at) for number, at in enumerate((0.0, 9.0, 10.0, 12.0, 12.5))]
    assert report(*times).gap(since=9.5) == 2.0


def test_a_client_that_lost_its_own_connection_knows_nothing() -> None:
    assert fate_of(failed((0, "", "the socket was lost"))) is Fate.UNKNOWN
