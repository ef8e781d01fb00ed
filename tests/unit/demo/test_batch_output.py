from proxy.demo.batch_output import parse_rows


def test_fields_are_split_at_tabs_and_rows_at_line_ends() -> None:
    assert parse_rows("1\tone\n2\ttwo\n") == [["1", "one"], ["2", "two"]]


def test_no_output_is_no_row() -> None:
    assert parse_rows("") == []


def test_an_empty_line_is_a_row_with_one_empty_field() -> None:
    assert parse_rows("\n") == [[""]]


def test_escapes_are_undone_once_and_from_the_left() -> None:
    assert parse_rows("a\\tb\\nc\\0d\\\\n\n") == [["a\tb\nc\0d\\n"]]
