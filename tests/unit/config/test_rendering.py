"""Values as TOML."""

import tomllib

import pytest

from proxy.config.rendering import toml_value


@pytest.mark.parametrize(
    "value", [True, False, 0, 3306, 0.25, 'quote " and \\ backslash', "tab\tline\nend", "é😀", ""]
)
def test_a_value_reads_back(value: object) -> None:
    back = tomllib.loads(f"a = {toml_value(value)}")["a"]
    assert back == value
    assert type(back) is type(value)


def test_a_whole_time_has_no_fraction() -> None:
    assert toml_value(1800.0) == "1800"


def test_a_tuple_is_an_array() -> None:
    assert tomllib.loads(f"a = {toml_value(('x', 'y'))}")["a"] == ["x", "y"]
