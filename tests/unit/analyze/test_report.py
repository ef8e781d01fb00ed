"""The report: what it says, in which order, and that it lines up."""

import json

from proxy.analyze.log_entries import Entry
from proxy.analyze.report import Report
from proxy.analyze.sessions import Analysis


def report(*texts: str, sessions: int = 1, top: int = 5) -> Report:
    analysis = Analysis()
    for number in range(1, sessions + 1):
        for line, text in enumerate(texts, 1):
            analysis.take(Entry(line, number, "Query", text.encode(), len(text)))
    return Report("app.log", analysis, lines=1000, ignored=3, first_time="then", last_time="now", top=top)


def test_nothing_pins() -> None:
    text = report("SELECT 1", sessions=1200).text()
    assert text.startswith(
        "app.log: 1,200 statements in 1,200 sessions\nfrom then to now\n3 lines of 1,000 not"
    )
    assert "Pins under RDS Proxy: none" in text
    assert text.endswith("Pins here: none\n")


def test_the_heaviest_reason_and_statement_come_first() -> None:
    analysis = report("SET @a = 1", "SET @b = 1", "SET @b = 2", "SELECT GET_LOCK('l', 1)", sessions=2)
    analysis.analysis.take(Entry(9, 1, "Query", b"LOCK TABLES t READ", 18))
    text = analysis.text()
    under_rds = text[text.index("Pins under") : text.index("Pins here")]
    assert [word for word in ("user_variable", "named_lock", "table_lock") if word in under_rds] == sorted(
        ("user_variable", "named_lock", "table_lock"), key=under_rds.index
    )
    assert under_rds.index("@b") < under_rds.index("@a")


def test_columns_line_up() -> None:
    lines = report("SET @a = 1", sessions=1500).text().splitlines()
    heading = next(line for line in lines if line.endswith("  statement"))
    row = lines[lines.index(heading) + 1]
    assert row.index("SET") == heading.index("statement")
    assert row[: heading.index("runs") + 4].endswith("1,500")
    titles = next(line for line in lines if line.endswith("here"))
    assert all(len(line) == len(titles) for line in lines if line.endswith(" %"))


def test_the_rest_is_summed_up() -> None:
    text = report("SET @a = 1", "SET @b = 1", "SET @c = 1", top=1).text()
    assert text.count("SET@") == 1
    assert "2              others" in text


def test_a_long_digest_is_cut_in_the_text_only() -> None:
    made = report("SET @a = f(" + ", ".join(f"column_{number}" for number in range(20)) + ")")
    assert "…" in made.text()
    (reason,) = json.loads(made.json())["rds"]["reasons"]
    assert "column_19" in reason["statements"][0]["digest"]


def test_the_object() -> None:
    found = json.loads(report("SET @a = 1", "CREATE TEMPORARY TABLE t (a INT)", sessions=2).json())
    assert (found["sessions"], found["statements"], found["ignored_lines"]) == (2, 4, 3)
    assert found["rds"]["pinned_sessions"] == found["here"]["pinned_sessions"] == 2
    assert (found["rds"]["statements_while_pinned"], found["here"]["statements_while_pinned"]) == (4, 2)
    (temporary,) = found["here"]["reasons"]
    assert temporary["reason"] == "temporary_table"
    assert temporary["statements"] == [
        {"digest": "CREATE TEMPORARY TABLE t(a INT)", "line": 2, "runs": 2, "sessions": 2}
    ]
