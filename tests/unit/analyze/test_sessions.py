"""Sessions of a log under both rules: who pins, for how long, and what is told apart."""

import pytest

from proxy.analyze import sessions, tally
from proxy.analyze.log_entries import RESTART, Entry
from proxy.analyze.sessions import Analysis
from proxy.mysql.session.rds_rules import LONGEST_UNPINNED_TEXT


def analysis(*commands: tuple[int, str, str], exclude: bool = False) -> Analysis:
    found = Analysis(exclude_variable_sets=exclude)
    for line, (connection, command, text) in enumerate(commands, 1):
        found.take(Entry(line, connection, command, text.encode(), len(text)))
    return found


def queries(*texts: str, connection: int = 7) -> list[tuple[int, str, str]]:
    return [(connection, "Connect", "app@h on d"), *((connection, "Query", text) for text in texts)]


def rds(found: Analysis) -> dict[str, int]:
    return {reason: each.runs for reason, each in found.rds.reasons.items()}


def here(found: Analysis) -> dict[str, int]:
    return {reason: each.runs for reason, each in found.here.reasons.items()}


def test_a_session_that_pins_nowhere() -> None:
    found = analysis(*queries("SET NAMES utf8mb4", "SELECT 1", "BEGIN", "COMMIT"), (7, "Quit", ""))
    assert (found.sessions, found.statements) == (1, 4)
    assert (found.rds.pinned_sessions, found.here.pinned_sessions) == (0, 0)
    assert (found.rds.pinned_statements, found.here.pinned_statements) == (0, 0)


def test_under_rds_a_pin_lasts_and_here_a_user_variable_is_none() -> None:
    found = analysis(*queries("SELECT 1", "SET @x = 1", "SELECT @x", "SELECT 2"))
    assert (found.rds.pinned_sessions, found.rds.pinned_statements) == (1, 3)
    assert (found.here.pinned_sessions, found.here.pinned_statements) == (0, 0)
    assert rds(found) == {"user_variable": 1}


def test_a_new_connection_of_the_same_id_is_another_session() -> None:
    found = analysis(*queries("SET @x = 1"), *queries("SELECT 1"), (7, "Quit", ""), *queries("SET @x = 1"))
    assert (found.sessions, found.rds.pinned_sessions, found.rds.pinned_statements) == (3, 2, 2)


def test_sessions_and_runs_of_a_statement() -> None:
    found = analysis(
        *queries("SET @x = 1", "SET @x = 2", "SET @y = 3", connection=1), *queries("SET @x = 4", connection=2)
    )
    reason = found.rds.reasons["user_variable"]
    assert (reason.sessions, reason.runs) == (2, 4)
    first, second = reason.ranked()
    assert (first.sessions, first.runs, first.line) == (2, 3, 2)
    assert (second.sessions, second.runs, second.line) == (1, 1, 4)


def test_a_binary_prepared_statement() -> None:
    found = analysis(
        (7, "Prepare", "SELECT ?"),
        (7, "Execute", "SELECT 1"),
        (7, "Execute", "SELECT 2"),
        (7, "Close stmt", ""),
    )
    assert found.statements == 2
    assert found.rds.pinned_statements == 2
    assert rds(found) == {"prepared_statement": 1}
    assert here(found) == {}


def test_a_statement_prepared_before_the_log_began() -> None:
    assert rds(analysis((7, "Execute", "SELECT 1"))) == {"prepared_statement": 1}


@pytest.mark.parametrize("spelling", ["PREPARE s FROM 'SELECT ?'", "/* a */ execute s USING @a"])
def test_what_a_text_prepared_statement_logs_besides_is_not_counted(spelling: str) -> None:
    found = analysis((7, "Query", spelling), (7, "Prepare", "SELECT ?"), (7, "Execute", "SELECT 1"))
    assert found.statements == 1
    assert rds(found) == {"prepared_statement": 1}
    later = analysis(
        (7, "Query", spelling), (7, "Prepare", "a"), (7, "Query", "SELECT 1"), (7, "Prepare", "b")
    )
    assert rds(later) == {"prepared_statement": 2}


def test_what_a_text_prepared_statement_runs_counts_here() -> None:
    found = analysis((7, "Query", "EXECUTE s"), (7, "Execute", "CREATE TEMPORARY TABLE t (a INT)"))
    assert here(found) == {"temporary_table": 1}
    assert found.here.pinned_sessions == 1


def test_a_failed_login_is_no_session() -> None:
    found = analysis((7, "Connect", "app@h on d"), (7, "Connect", "Access denied for user 'app'@'h'"))
    assert (found.sessions, found.failed_logins) == (0, 1)


def test_a_changed_user_starts_over() -> None:
    found = analysis(*queries("SET @x = 1"), (7, "Change user", "app@h on d"), (7, "Query", "SELECT 1"))
    assert (found.sessions, found.rds.pinned_statements) == (1, 1)


def test_a_restart_ends_all_sessions() -> None:
    found = analysis(*queries("SET @x = 1"), (0, RESTART, ""), (7, "Query", "SELECT 1"))
    assert (found.sessions, found.rds.pinned_sessions, found.rds.pinned_statements) == (2, 1, 1)


def test_the_server_itself_is_no_session() -> None:
    assert analysis((0, "Execute", "CREATE TABLE t (a INT)")).sessions == 0


def test_a_long_statement_counts_by_its_length() -> None:
    found = Analysis()
    found.take(Entry(1, 7, "Query", b"SELECT 1", LONGEST_UNPINNED_TEXT + 1))
    assert rds(found) == {"statement_size": 1}


def test_the_filter_of_rds() -> None:
    assert rds(analysis(*queries("SET @x = 1"), exclude=True)) == {}


def test_no_literal_gets_into_the_report() -> None:
    found = analysis(*queries("SET @x = 'secret'", "SET @password = 4711"))
    shapes = [each.digest for each in found.rds.reasons["user_variable"].ranked()]
    assert len(shapes) == 2
    assert not any("secret" in shape or "4711" in shape for shape in shapes)


def test_open_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "KEPT_SESSIONS", 2)
    found = analysis(*((number, "Query", "SELECT 1") for number in (1, 2, 1, 3, 1)))
    assert (found.sessions, found.dropped) == (3, 1)


def test_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "KEPT_SHAPES", 2)
    found = analysis(*queries(*(f"SET @v{number} = 1" for number in range(5))))
    reason = found.rds.reasons["user_variable"]
    assert (len(reason.shapes), reason.other_runs, reason.runs, reason.sessions) == (2, 3, 5, 1)
