"""What a failure prints is what the scripts of `found` are made of."""

from hypothesis import given, settings

from tests.property.script import case_from
from tests.property.strategies import cases
from tests.property.worlds import Case


@settings(max_examples=50)
@given(cases("mariadb"))
def test_a_case_can_be_copied_from_its_text(case: Case) -> None:
    assert case_from(str(case), case.flags) == case


def test_other_lines_are_left_out() -> None:
    case = case_from("as answered:\n c1> SELECT 1;\n  direct: OK\nc2> COM_PING")
    assert str(case) == "c1> SELECT 1;\nc2> COM_PING"
