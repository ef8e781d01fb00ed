"""The table of the fairness benchmark."""

from tests.bench.fairness import ALONE, CASES, SLOW, Found, table


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_are_multiples_of_alone_in_the_same_round() -> None:
    slow = {ALONE: Found(0.010, 0.020), **{case: Found(0.030, 0.5, 100.0) for case in CASES}}
    quick = {ALONE: Found(0.001, 0.003), **{case: Found(0.003, 0.05, 100.0) for case in CASES}}
    lines = table([slow, quick, quick], 1000).splitlines()
    assert lines[0].startswith("1,000 clients of the crowd")
    rows = [cells(line) for line in lines[4:]]
    assert rows[0] == ["alone", "1.0", "3.0", "0"]
    assert [row[0] for row in rows[1:]] == [case.title for case in CASES]
    assert all(row[1:] == ["3.0", "50", f"{100 * SLOW:.0f}"] for row in rows[1:])
