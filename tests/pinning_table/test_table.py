"""The table is complete, says where its answers come from, and docs/pinning.md has it."""

from pathlib import Path

import pytest

from .case import ANY, Act, Answer, Case
from .document import BEGIN, END, differences, page
from .peers import ProxySql, Router
from .table import CASES, here, rds


def test_the_document_is_fresh() -> None:
    assert not differences(), "run `python -m tests.pinning_table --write`"


def test_rows_have_names_of_their_own() -> None:
    names = [case.name for case in CASES]
    assert len(names) >= 40
    assert len(set(names)) == len(names)
    assert not any("|" in name for name in names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_row_can_run_somewhere(case: Case) -> None:
    assert case.steps
    assert set(case.servers) <= set(ANY)
    assert case.servers


@pytest.mark.parametrize("peer", [ProxySql, Router], ids=lambda peer: peer.__name__)
def test_every_rule_of_a_peer_has_a_source_and_a_row(peer: type) -> None:
    rules = {name: rule for name, rule in vars(peer).items() if name.isupper()}
    used = {id(each) for case in CASES for each in (case.proxysql, case.router)}
    assert all(rule.source for rule in rules.values())
    assert [name for name, rule in rules.items() if id(rule) not in used] == []


def made(*steps: object, resets: bool = False) -> Case:
    return Case("a row", steps, ProxySql.NEVER, Router.NEVER, rds_resets=resets)  # type: ignore[arg-type]


def test_the_column_of_rds() -> None:
    assert rds(made("SELECT 1")) is Answer.NEVER
    assert rds(made("CREATE TEMPORARY TABLE t (a INT)", "DROP TEMPORARY TABLE t")) is Answer.PINS
    assert rds(made((Act.PREPARE, "SELECT 1"), (Act.CLOSE, ""))) is Answer.PINS
    assert rds(made("SET @x = 1", (Act.RESET_CONNECTION, ""), resets=True)) is Answer.UNPINS


def test_the_column_of_this_proxy() -> None:
    assert here([[], []]) == (Answer.NEVER, "")
    assert here([["handler"], []]) == (Answer.UNPINS, "`handler`")
    assert here([["handler"], ["handler", "named_lock"]]) == (Answer.PINS, "`handler`, `named_lock`")


def test_only_the_table_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    fresh = page(path)
    assert fresh.startswith(f"before\n{BEGIN}\n\n| What a session does |")
    assert fresh.endswith(f"|\n\n{END}\nafter\n")
    assert "old" not in fresh
    path.write_text("no marks")
    with pytest.raises(ValueError, match="marks"):
        page(path)
