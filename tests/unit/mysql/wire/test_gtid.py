"""GTID sets of both makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.gtid import Gtid, GtidSet, MalformedGtid

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
B = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"


def mysql(text: str) -> GtidSet:
    return GtidSet.parse(text, is_mariadb=False)


def mariadb(text: str) -> GtidSet:
    return GtidSet.parse(text, is_mariadb=True)


SETS = st.sets(st.tuples(st.sampled_from([A, B, f"{A}:tag"]), st.integers(1, 9))).map(
    lambda found: GtidSet.of((f"{source}:{number}" for source, number in found), is_mariadb=False)
)


class TestMySQL:
    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("", ""),
            (f"{A}:1", f"{A}:1"),
            (f"{A}:5:1-3:4", f"{A}:1-5"),
            (f"{A.upper()}:1-3,\n{B}:7", f"{A}:1-3,{B}:7"),
            (f" {A} : 1 - 3 : 9 , ", f"{A}:1-3:9"),
            (f"{A}:1-2:Deploy_1:4:7:x:1,{A}:3", f"{A}:1-3,{A}:deploy_1:4:7,{A}:x:1"),
            (f"{A}:5-3", ""),
        ],
    )
    def test_texts(self, text: str, canonical: str) -> None:
        assert str(mysql(text)) == canonical
        assert mysql(canonical) == mysql(text)

    @pytest.mark.parametrize(
        "text", ["x", A, f"{A}:", f"{A}:1:-", f"{A}:1-2-3", "0-1-5", f"{A}1:1", f"{A}:1x", f"{A}:" + "9" * 21]
    )
    def test_what_is_no_set(self, text: str) -> None:
        with pytest.raises(MalformedGtid):
            mysql(text)

    @given(SETS, SETS)
    def test_as_sets(self, one: GtidSet, other: GtidSet) -> None:
        ones, others = set(one.gtids()), set(other.gtids())
        assert set(one.union(other).gtids()) == ones | others
        assert set(one.minus(other).gtids()) == set(one.without(other).gtids()) == ones - others
        assert one.covers(other) == (ones >= others)
        assert (one == other) == (ones == others)
        assert bool(one) == bool(ones)
        assert one.count() == len(ones)
        assert all((each in one) == (each in ones) for each in ones | others)
        assert mysql(str(one)) == one
        assert hash(mysql(str(one))) == hash(one)

    @given(SETS, st.sampled_from([A, B, f"{B}:tag"]), st.integers(1, 12))
    def test_one_more(self, numbers: GtidSet, source: str, number: int) -> None:
        more = numbers.with_gtid(f"{source}:{number}")
        assert set(more.gtids()) == set(numbers.gtids()) | {Gtid(source, number)}

    def test_a_statement_that_has_committed_twice(self) -> None:
        assert mysql(f"{A}:1-4").with_gtid(f"{A}:5-6").with_gtid(f"{A}:7,{B}:1") == mysql(f"{A}:1-7,{B}:1")

    @pytest.mark.parametrize("text", [f"{A}:x y", f"{A}:", "", "no", f"{A}:-1"])
    def test_what_is_no_gtid_is_malformed_or_nothing(self, text: str) -> None:
        known = mysql(f"{A}:1")
        try:
            assert known.with_gtid(text) == known
        except MalformedGtid:
            assert text

    def test_what_a_server_has_written_has_all_its_tags(self) -> None:
        assert mysql(f"{A}:1:tag:2,{B}:3").of_server(A.upper()) == mysql(f"{A}:1:tag:2")

    def test_the_last_ones(self) -> None:
        found = mysql(f"{A}:1-3:7,{A}:tag:2-5,{B}:9")
        assert found.lasts() == mysql(f"{A}:7,{A}:tag:5,{B}:9")
        assert found.servers == {A, B}

    def test_the_list_is_bounded(self) -> None:
        many = mysql(f"{A}:1-3:8-1000000000000,{B}:1")
        assert [each.number for each in many.gtids(5)] == [1, 2, 3, 8, 9]
        assert many.count() == 3 + 10**12 - 7 + 1


class TestMariaDB:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("", ""),
            ("0-1-100", "0-1-100"),
            (" 1-2-7 ,0-1-100", "0-1-100,1-2-7"),
            ("0-1-5,0-1-9,0-2-7", "0-1-9,0-2-7"),
        ],
    )
    def test_texts(self, text: str, shown: str) -> None:
        assert str(mariadb(text)) == shown
        assert mariadb(shown) == mariadb(text)

    @pytest.mark.parametrize("text", ["x", "0-1", "0-1-x", f"{A}:1", "0-1-2-3", "-1-2", "0-1-" + "9" * 21])
    def test_what_is_no_position(self, text: str) -> None:
        with pytest.raises(MalformedGtid):
            mariadb(text)
        with pytest.raises(MalformedGtid):
            mariadb("0-1-5").with_gtid(text)

    def test_a_position_stands_for_all_before_it(self) -> None:
        assert mariadb("0-1-100").covers(mariadb("0-1-99"))
        assert not mariadb("0-1-99").covers(mariadb("0-1-100"))
        assert mariadb("0-1-100,1-1-5").covers(mariadb("0-1-100"))
        assert not mariadb("0-1-100").covers(mariadb("1-1-1"))

    def test_a_number_is_not_who_has_written_it(self) -> None:
        assert not mariadb("0-1-101").covers(mariadb("0-2-101"))
        assert not mariadb("0-1-105").covers(mariadb("0-2-101"))
        assert mariadb("0-1-105,0-2-101").covers(mariadb("0-2-101"))

    def test_what_a_replica_does_not_know_of_long_ago(self) -> None:
        """It was made from a copy: its log begins after what server 5 wrote."""
        assert mariadb("0-1-200").covers(mariadb("0-5-50,0-1-200"))

    def test_a_server_that_has_not_all_of_another_that_it_knows(self) -> None:
        assert not mariadb("0-1-90,0-2-200").covers(mariadb("0-1-95,0-2-150"))

    def test_transactions_one_by_one(self) -> None:
        named = GtidSet.of(["0-1-101", "0-1-103"], is_mariadb=True)
        assert list(named.gtids()) == [Gtid("0-1", 101), Gtid("0-1", 103)]
        assert named.with_gtid("0-1-102").with_gtid("0-2-104").count() == 4
        assert list(mariadb("0-1-103").minus(mariadb("0-1-100")).without(named).gtids()) == [Gtid("0-1", 102)]
        assert mariadb("0-1-103").covers(named)
        assert not mariadb("0-1-102").covers(named)

    def test_what_is_listed_claims_nothing_of_other_servers(self) -> None:
        named = GtidSet.of(["0-2-105"], is_mariadb=True)
        assert mariadb("0-1-103").without(named) == mariadb("0-1-103")

    def test_the_head_of_each_domain(self) -> None:
        found = mariadb("0-1-90,0-2-200,7-1-3")
        assert found.position() == "0-2-200,7-1-3"
        assert (found.highest("0"), found.highest("7"), found.highest("9")) == (200, 3, 0)
        assert found.domains == {"0", "7"}

    def test_the_parts_of_a_gtid(self) -> None:
        assert (Gtid("3-7", 9).server, Gtid("3-7", 9).domain, str(Gtid("3-7", 9))) == ("7", "3", "3-7-9")
        assert (Gtid(f"{A}:tag", 9).server, str(Gtid(f"{A}:tag", 9))) == (A, f"{A}:tag:9")


def test_the_two_makes_have_nothing_in_common() -> None:
    assert not mysql(f"{A}:1").covers(mariadb("0-1-1"))
    assert not mariadb("0-1-1").covers(object())
    assert mysql("") == mariadb("")
    assert mysql("").covers(mariadb(""))


@given(st.text(alphabet="0123456789-:, abcdefg_\n", max_size=60), st.booleans())
def test_any_text_is_a_set_or_malformed(text: str, is_mariadb: bool) -> None:
    try:
        found = GtidSet.parse(text, is_mariadb)
    except MalformedGtid:
        return
    assert GtidSet.parse(str(found), is_mariadb) == found
