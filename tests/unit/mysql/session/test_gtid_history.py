"""What a target had executed before a write was sent."""

from proxy.mysql.session.gtid_history import MAX_BASES, MAX_UNSORTED, GtidHistory
from proxy.mysql.wire.gtid import GtidSet

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
SERVER = f"{A}@database:3306"


def mysql(text: str) -> GtidSet:
    return GtidSet.parse(text, is_mariadb=False)


def history(*answers: tuple[float, str]) -> GtidHistory:
    found = GtidHistory()
    for at, text in answers:
        found.executed(at, SERVER, mysql(text))
    return found


def test_the_last_answer_before_the_write_counts() -> None:
    asked = history((10.0, f"{A}:1-5"), (11.0, f"{A}:1-7"), (12.0, f"{A}:1-9"))
    for sent, base in ((10.5, f"{A}:1-5"), (11.0, f"{A}:1-7"), (99.0, f"{A}:1-9")):
        known = asked.before(sent)
        assert known is not None
        assert known.base == mysql(base)
    assert asked.before(9.9) is None


def test_nothing_is_known_without_an_answer() -> None:
    assert GtidHistory().before(5.0) is None


def test_an_answer_that_stays_the_same_is_as_old_as_its_first() -> None:
    asked = history((10.0, f"{A}:1-5"), *((11.0 + at, f"{A}:1-5") for at in range(MAX_BASES)))
    assert asked.before(10.0) is not None


def test_what_sessions_were_told() -> None:
    asked = history((10.0, f"{A}:1-5"))
    for text in (f"{A}:6", "not a gtid", f"{A}:8-9"):
        asked.acknowledge(text)
    known = asked.before(10.0)
    assert known is not None
    assert known.acknowledged == mysql(f"{A}:6:8-9")


def test_it_is_bounded_and_forgets_the_oldest_first() -> None:
    asked = history()
    for number in range(1, MAX_BASES + 11):
        asked.executed(float(number), SERVER, mysql(f"{A}:1-{number}"))
        asked.acknowledge(f"{A}:{number}")
    assert asked.before(10.0) is None
    known = asked.before(11.0)
    assert known is not None
    assert known.base == mysql(f"{A}:1-11")
    assert known.acknowledged == mysql(f"{A}:12-{MAX_BASES + 10}")


def test_many_reports_between_two_answers() -> None:
    asked = history((1.0, f"{A}:1-5"))
    for number in range(6, 2 * MAX_UNSORTED):
        asked.acknowledge(f"{A}:{number}")
    known = asked.before(1.0)
    assert known is not None
    assert known.acknowledged == mysql(f"{A}:6-{2 * MAX_UNSORTED - 1}")


def test_a_server_that_has_less_than_before_is_another_one() -> None:
    asked = history((1.0, f"{A}:1-5"), (2.0, f"{A}:1-9"))
    asked.acknowledge(f"{A}:7")
    asked.executed(3.0, SERVER, mysql(f"{A}:1-2"))
    assert asked.before(2.5) is None
    known = asked.before(3.0)
    assert known is not None
    assert not known.acknowledged


def test_another_server_behind_the_same_name() -> None:
    asked = history((1.0, f"{A}:1-5"))
    asked.acknowledge(f"{A}:6")
    asked.executed(2.0, f"{A}@standby:3306", mysql(f"{A}:1-9"))
    assert asked.before(1.5) is None
    known = asked.before(2.0)
    assert known is not None
    assert (known.identity, known.acknowledged) == (f"{A}@standby:3306", mysql(""))
    assert asked.identity == known.identity


def test_a_server_without_gtids() -> None:
    asked = history((1.0, f"{A}:1-5"))
    asked.executed(2.0, SERVER, None)
    assert asked.before(9.0) is None


def test_positions_of_mariadb() -> None:
    asked = GtidHistory()
    for at, text in ((1.0, "0-1-5"), (2.0, "0-1-7")):
        asked.executed(at, "1@database:3306", GtidSet.parse(text, is_mariadb=True))
    asked.acknowledge("0-1-8")
    known = asked.before(1.5)
    assert known is not None
    assert (str(known.base), str(known.acknowledged)) == ("0-1-5", "0-1-8")


def test_the_last_of_what_was_told_is_never_forgotten() -> None:
    """It shows under which name the server writes."""
    asked = history()
    for number in range(1, 2 * MAX_BASES):
        asked.executed(float(number), SERVER, mysql(f"{A}:1-{number}"))
        if number == 1:
            asked.acknowledge(f"{A}:1")
    assert asked.acknowledged() == mysql(f"{A}:1")


class TestLag:
    """What a reader lacks tells how long it has been behind, whatever it says of itself."""

    @staticmethod
    def history() -> GtidHistory:
        history = GtidHistory()
        for at, number in ((10.0, 5), (20.0, 6), (30.0, 9)):
            history.executed(at, "1@a:1", GtidSet.parse(f"0-1-{number}", True))
        return history

    def test_of_one_that_has_all(self) -> None:
        assert self.history().lag_of(GtidSet.parse("0-1-9", True), 31.0) == 0.0

    def test_of_one_that_lacks_the_last(self) -> None:
        assert self.history().lag_of(GtidSet.parse("0-1-6", True), 34.0) == 4.0

    def test_of_one_that_follows_somebody_else(self) -> None:
        assert self.history().lag_of(GtidSet.parse("0-2-4", True), 34.0) == 24.0

    def test_what_was_seen_after_its_word_does_not_count(self) -> None:
        assert self.history().lag_of(GtidSet.parse("0-1-6", True), 29.0) == 0.0
