import gc
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.settings import FRESH, Settings, assignments, literal, settings


def with_variables(**variables: str) -> Settings:
    return FRESH.changed(variables=tuple(variables.items()))


class TestInterning:
    def test_equal_values_are_one_object(self) -> None:
        one = settings("shop", {"a": "1", "b": "2"}, True)
        assert settings("shop", {"b": "2", "a": "1"}, True) is one

    def test_the_way_to_a_value_does_not_matter(self) -> None:
        there = FRESH.changed(schema="shop").changed(variables=[("sql_mode", "ANSI")])
        back = there.changed(variables=[("sql_mode", "X")]).changed(variables=[("sql_mode", "ANSI")])
        assert back is there
        assert FRESH.changed(variables=[("sql_mode", "ANSI")], schema="shop") is there

    @pytest.mark.parametrize(
        "other",
        [
            settings("", {"a": "1"}, True),
            settings("shop", {"a": "2"}, True),
            settings("shop", {}, True),
            settings("shop", {"a": "1"}, False),
        ],
    )
    def test_different_values_are_different_objects(self, other: Settings) -> None:
        assert settings("shop", {"a": "1"}, True) is not other

    def test_nothing_changed_is_the_same_object(self) -> None:
        value = settings("shop", {"a": "1"})
        assert value.changed() is value
        assert value.changed(schema="shop", variables=[("a", "1")], multi_statements=False) is value

    def test_values_nobody_has_are_forgotten(self) -> None:
        key = id(settings("a schema for this test", {}))
        gc.collect()
        others = [settings(f"filler {number}", {}) for number in range(3)]
        assert settings("a schema for this test", {}).schema == "a schema for this test"
        assert len({*map(id, others), key}) >= 3

    def test_an_empty_schema_means_none(self) -> None:
        assert settings("shop", {}).changed(schema="") is FRESH

    def test_the_mapping_given_may_change_afterwards(self) -> None:
        variables = {"a": "1"}
        value = settings("", variables)
        variables["a"] = "2"
        assert value.variables == {"a": "1"}

    @pytest.mark.parametrize(
        "name",
        [
            "character_set_connection",
            "last_insert_id",
            "session_track_system_variables",
            "session_track_schema",
        ],
    )
    def test_what_is_no_setting_is_left_out(self, name: str) -> None:
        assert FRESH.changed(variables=[(name, "x")]) is FRESH

    def test_values_stay_out_of_logs(self) -> None:
        assert "secret" not in repr(with_variables(init_connect="secret"))


class TestAssignments:
    def test_nothing_to_do_is_no_part(self) -> None:
        value = with_variables(sql_mode="ANSI")
        assert assignments(value, value, {}) == []
        assert assignments(value, value.changed(schema="shop"), {}) == []

    def test_only_the_difference_is_set(self) -> None:
        current = with_variables(a="1", b="2", c="x")
        wanted = with_variables(a="1", b="3", c="y")
        assert assignments(current, wanted, {}) == ["@@session.b=3", "@@session.c='y'"]

    def test_what_is_not_wanted_goes_back_to_the_default(self) -> None:
        assert assignments(with_variables(a="1"), FRESH, {}) == ["@@session.a=DEFAULT"]

    def test_or_to_what_init_query_had_set(self) -> None:
        parts = assignments(with_variables(a="1", b="2"), FRESH, {"a": "9"})
        assert parts == ["@@session.a=9", "@@session.b=DEFAULT"]

    def test_a_wanted_value_is_set_even_if_init_query_had_it(self) -> None:
        assert assignments(FRESH, with_variables(a="9"), {"a": "9"}) == ["@@session.a=9"]

    def test_a_structured_name(self) -> None:
        value = FRESH.changed(variables=[("plugin.option", "1")])
        assert assignments(FRESH, value, {}) == ["@@session.plugin.option=1"]

    @pytest.mark.parametrize(
        "name",
        ["", "a b", "a=1,b", "a;DROP TABLE t", "a'", "a`", "1a", "a.b.c", "a\n", "sql_mode\n", "naïve"],
    )
    def test_a_hostile_name_is_refused(self, name: str) -> None:
        value = FRESH.changed(variables=[(name, "1")])
        with pytest.raises(ValueError, match="cannot be set"):
            assignments(FRESH, value, {})
        with pytest.raises(ValueError, match="cannot be set"):
            assignments(value, FRESH, {})


class TestSetNames:
    """Only SET NAMES gives results the collation, too: all three at once, where they are of one set."""

    NAMES = with_variables(
        character_set_client="utf8mb4",
        character_set_results="utf8mb4",
        collation_connection="utf8mb4_bin",
    )

    def test_they_come_first_and_alone(self) -> None:
        wanted = self.NAMES.changed(variables=[("a", "1")])
        assert assignments(FRESH, wanted, {}) == ["NAMES utf8mb4 COLLATE utf8mb4_bin", "@@session.a=1"]

    @pytest.mark.parametrize(
        "name", ["character_set_client", "character_set_results", "collation_connection"]
    )
    def test_one_that_differs_is_enough(self, name: str) -> None:
        current = self.NAMES.changed(variables=[(name, "latin1")])
        assert assignments(current, self.NAMES, {}) == ["NAMES utf8mb4 COLLATE utf8mb4_bin"]

    def test_nothing_to_do(self) -> None:
        assert assignments(self.NAMES.changed(variables=[("a", "1")]), self.NAMES, {}) == [
            "@@session.a=DEFAULT"
        ]

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("character_set_results", "latin1"),
            ("character_set_results", ""),
            ("character_set_client", "latin1"),
            ("collation_connection", "latin1_bin"),
            ("collation_connection", "utf8mb4_bin;DROP TABLE t"),
        ],
    )
    def test_where_they_are_not_of_one_set_each_is_set(self, name: str, other: str) -> None:
        wanted = self.NAMES.changed(variables=[(name, other)])
        parts = assignments(FRESH, wanted, {})
        assert [part.partition("=")[0] for part in parts] == [
            "@@session.character_set_client",
            "@@session.character_set_results",
            "@@session.collation_connection",
        ]


class TestMeaning:
    """The part that prepared statements depend on."""

    def test_what_matters_only_when_it_runs_is_left_out(self) -> None:
        value = FRESH.changed(schema="shop", variables=[("sql_mode", "ANSI"), ("autocommit", "OFF")])
        assert value.meaning is FRESH.changed(schema="shop", variables=[("sql_mode", "ANSI")])
        assert value.meaning.meaning is value.meaning

    @pytest.mark.parametrize(
        "other",
        [
            {"schema": "crm"},
            {"variables": [("sql_mode", "ANSI")]},
            {"variables": [("collation_connection", "latin1_bin")]},
            {"variables": [("a_variable_of_the_future", "1")]},
        ],
    )
    def test_whatever_else_is_different_has_another(self, other: dict[str, Any]) -> None:
        assert FRESH.changed(**other).meaning is not FRESH.meaning

    def test_multi_statements_do_not_matter(self) -> None:
        assert FRESH.changed(multi_statements=True).meaning is FRESH.meaning

    def test_the_rest_stays_when_it_is_taken_from_another_one(self) -> None:
        own = FRESH.changed(
            schema="shop", multi_statements=True, variables=[("sql_mode", "ANSI"), ("autocommit", "OFF")]
        )
        then = FRESH.changed(schema="crm", variables=[("sql_mode", "X"), ("autocommit", "ON")]).meaning
        mixed = own.with_meaning(then)
        assert mixed is FRESH.changed(
            schema="crm", multi_statements=True, variables=[("sql_mode", "X"), ("autocommit", "OFF")]
        )
        assert mixed.meaning is then

    def test_its_own_changes_nothing(self) -> None:
        value = FRESH.changed(schema="shop", variables=[("sql_mode", "ANSI"), ("autocommit", "OFF")])
        assert value.with_meaning(value.meaning) is value


class TestLiterals:
    @pytest.mark.parametrize("value", ["0", "-1", "18446744073709551615", "10.500000"])
    def test_numbers_stand_as_they_are(self, value: str) -> None:
        assert literal("x", value) == value

    @pytest.mark.parametrize(
        "value", ["", "ON", "STRICT_TRANS_TABLES,NO_ZERO_DATE", "+01:00", "SYSTEM", "a=on,b=off"]
    )
    def test_plain_text_is_quoted(self, value: str) -> None:
        assert literal("x", value) == f"'{value}'"

    @pytest.mark.parametrize(
        "value", ["it's", 'a"b', "back\\slash", "größer", "🐬", "a\nb", "a\0b", "`", "1\n", "ON\n"]
    )
    def test_the_rest_is_hexadecimal(self, value: str) -> None:
        assert literal("x", value) == "_utf8 0x" + value.encode().hex()

    def test_a_byte_that_is_no_utf8_comes_back(self) -> None:
        assert literal("x", "\udcff") == "_utf8 0xff"

    def test_digits_of_other_scripts_are_no_number(self) -> None:
        assert literal("x", "١٢").startswith("_utf8 0x")

    def test_null(self) -> None:
        assert literal("character_set_results", "") == "NULL"
        assert literal("sql_mode", "") == "''"

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def test_no_value_gets_out_of_its_literal(self, value: str) -> None:
        assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?|'[^'\\]*'|_utf8 0x[0-9a-f]+", literal("x", value))
