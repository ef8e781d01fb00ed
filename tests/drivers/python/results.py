"""Scenarios about what comes back: errors, warnings, counts and ids, several results, streams, files."""

from .stage import Stage, scenario

THREE = [((1,),), ((2, "two"), (3, "three")), ()]
"""The rows of the procedure `three_results`."""
STREAMED = 3000


@scenario()
def duplicate_key(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(
        link, "id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20), UNIQUE KEY by_name (name)"
    )
    link.run(f"INSERT INTO {table} (name) VALUES ('one')")
    with stage.fails(1062, "Duplicate entry 'one' for key") as texts:
        link.run(f"INSERT INTO {table} (name) VALUES ('one')")
    assert link.one(f"SELECT COUNT(*) FROM {table}") == 1
    return texts


@scenario("prepared")
def duplicate_key_in_binary(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "name VARCHAR(20) PRIMARY KEY")
    with stage.fails(1062, "Duplicate entry 'one' for key") as texts:
        link.prepared(f"INSERT INTO {table} VALUES ({stage.driver.marker})", ("one",), ("two",), ("one",))
    assert link.one(f"SELECT COUNT(*) FROM {table}") == 2
    return texts


@scenario()
def errors(stage: Stage) -> object:
    link = stage.open()
    seen = []
    for number, sql in (
        (1064, "SELECT FROM nothing"),
        (1146, "SELECT * FROM no_such_table"),
        (1054, "SELECT no_such_column FROM place"),
        (1305, "CALL no_such_procedure()"),
        (1644, "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'größer 😀'"),
        (1690, "SELECT 18446744073709551615 + 1"),
    ):
        with stage.fails(number) as texts:
            link.run(sql)
        seen += texts
    assert link.one("SELECT 1") == 1
    return seen


@scenario()
def warnings(stage: Stage) -> object:
    link = stage.open()
    found = link.warnings("SELECT CAST('12 pieces' AS SIGNED), 1 / 0")
    assert sorted(int(row[1]) for row in found) == [1292, 1365]
    # Without a table MariaDB would keep those of the statement before.
    assert list(link.warnings("SELECT name FROM place")) == []
    return found


@scenario()
def counts_and_ids(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "id BIGINT AUTO_INCREMENT PRIMARY KEY, n INT")
    first = link.run(f"INSERT INTO {table} (n) VALUES (1)")
    several = link.run(f"INSERT INTO {table} (n) VALUES (2), (3), (4)")
    assert [(each.affected, each.insert_id) for each in (first, several)] == [(1, 1), (3, 2)]
    assert link.one("SELECT LAST_INSERT_ID()") == 2
    given = link.run(f"INSERT INTO {table} VALUES (100, 5)")
    beyond = link.run(f"INSERT INTO {table} VALUES (5000000000, 5)")
    changed = link.run(f"UPDATE {table} SET n = 5 WHERE n >= 4")
    assert changed.affected == 1
    replaced = link.run(f"INSERT INTO {table} VALUES (1, 1) ON DUPLICATE KEY UPDATE n = 9")
    gone = link.run(f"DELETE FROM {table}")
    assert gone.affected == 6
    return first, several, given, beyond, changed, replaced, gone


@scenario()
def counts_of_found_rows(stage: Stage) -> object:
    link = stage.open(found_rows=True)
    table = stage.table(link, "n INT")
    link.run(f"INSERT INTO {table} VALUES (1), (1), (2)")
    changed = link.run(f"UPDATE {table} SET n = 1")
    assert changed.affected == 3
    return changed


@scenario()
def many_rows_at_once(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "id INT AUTO_INCREMENT PRIMARY KEY, n INT, word VARCHAR(20)")
    rows = [(n, None if n % 7 == 0 else f"wörd {n}") for n in range(200)]
    seen = [link.run_many(f"INSERT INTO {table} (n, word) VALUES (%s, %s)", rows)]
    assert seen[0][0] == 200
    seen.append(link.run_many(f"UPDATE {table} SET n = %s WHERE n = %s", [(1000 + n, n) for n in range(20)]))
    assert link.rows(f"SELECT COUNT(*), COUNT(word), MAX(n) FROM {table}") == [(200, 171, 1019)]
    read = link.run(f"SELECT id, n, word FROM {table} ORDER BY id")
    return seen, read


@scenario("bulk")
def bulk_with_indicators(stage: Stage) -> object:
    """MariaDB's COM_STMT_BULK_EXECUTE: whole columns of NULL and DEFAULT, and an error in the middle."""
    link = stage.open()
    table = stage.table(link, "id INT PRIMARY KEY, word VARCHAR(20) DEFAULT 'default', raw VARBINARY(20)")
    rows = [(1, "one", b"\x00"), (2, None, None), (3, "😀", b"\xff")]
    seen = [link.run_many(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)]
    with stage.fails(1062):
        link.run_many(f"INSERT INTO {table} VALUES (?, ?, ?)", [(4, "", b""), (1, "", b""), (5, "", b"")])
    read = link.run(f"SELECT * FROM {table} WHERE id < 4 ORDER BY id")
    assert list(read.rows) == rows
    return seen, read, link.one(f"SELECT COUNT(*) FROM {table}")


@scenario()
def results_of_a_procedure(stage: Stage) -> object:
    link = stage.open()
    outcomes = link.results("CALL three_results()")
    assert [each.rows for each in outcomes if each.columns] == THREE
    assert link.one("SELECT 7") == 7
    return outcomes


@scenario()
def several_statements(stage: Stage) -> object:
    link = stage.open(multi_statements=True)
    table = stage.table(link, "id INT AUTO_INCREMENT PRIMARY KEY, n INT")
    outcomes = link.results(
        f"INSERT INTO {table} (n) VALUES (1), (2); SELECT n FROM {table} ORDER BY n; DELETE FROM {table};"
        " CALL three_results(); SELECT ';'"
    )
    assert [each.rows for each in outcomes if each.columns] == [((1,), (2,)), *THREE, ((";",),)]
    return outcomes


@scenario("late_errors")
def several_statements_and_an_error(stage: Stage) -> object:
    link = stage.open(multi_statements=True)
    with stage.fails(1146) as texts:
        link.results("SELECT 1; SELECT 2; SELECT * FROM no_such_table; SELECT 3")
    return texts


@scenario("single")
def several_statements_are_not_allowed(stage: Stage) -> object:
    link = stage.open()
    with stage.fails(1064):
        link.results("SELECT 1; SELECT 2")
    return link.one("SELECT 3")


@scenario("late_errors")
def procedure_that_fails_late(stage: Stage) -> object:
    link = stage.open()
    with stage.fails(1644, "late") as texts:
        link.results("CALL fails_late()")
    return texts


@scenario("out_parameters")
def procedure_with_out_parameters(stage: Stage) -> object:
    link = stage.open()
    outcomes, after = link.call("doubles", (21, 100, None))
    if stage.vendor == "mysql" and stage.driver.name == "mariadb":
        # Directly the library takes MySQL's result of parameters for one like the others.
        return True
    assert [each.rows for each in outcomes if each.columns] == [((21,),)]
    assert list(after) in ([21, 142, "twice 21"], [142, "twice 21"])
    return outcomes, after


@scenario()
def stream_of_rows(stage: Stage) -> object:
    link = stage.open()
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    limit = "cte_max_recursion_depth" if stage.vendor == "mysql" else "max_recursive_iterations"
    link.run(f"SET SESSION {limit} = 9999")
    rows = list(link.stream(numbers.format(STREAMED) + "SELECT i, REPEAT('x', i) FROM n"))
    assert [(number, len(text)) for number, text in rows] == [(n, n) for n in range(1, STREAMED + 1)]
    assert link.one("SELECT 7") == 7
    return True


@scenario("cursor")
def cursor_at_the_server(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "n INT PRIMARY KEY, word VARCHAR(20)")
    link.run_many(f"INSERT INTO {table} VALUES (?, ?)", [(n, f"w{n}") for n in range(100)])
    rows = link.fetched_by_cursor(f"SELECT n, word FROM {table} ORDER BY n", 7)
    assert rows == [(n, f"w{n}") for n in range(100)]
    return link.one("SELECT 7")


@scenario("infile")
def file_of_the_client(stage: Stage) -> object:
    link = stage.open(local_infile=True)
    table = stage.table(link, "n INT PRIMARY KEY, word VARCHAR(40)")
    path = stage.folder / "rows.csv"
    path.write_text("".join(f"{n},wörd {n} 😀\n" for n in range(20_000)))
    load = f"LOAD DATA LOCAL INFILE '%s' INTO TABLE {table} CHARACTER SET utf8mb4 FIELDS TERMINATED BY ','"
    outcome = link.run(load % path)
    assert outcome.affected == 20_000
    assert link.rows(f"SELECT COUNT(*), MAX(word) FROM {table}") == [(20_000, "wörd 9999 😀")]
    empty = stage.folder / "empty.csv"
    empty.write_text("")
    return outcome, link.run(load % empty), link.one("SELECT 7")


@scenario("infile")
def file_that_is_not_there(stage: Stage) -> object:
    link = stage.open(local_infile=True)
    table = stage.table(link, "n INT PRIMARY KEY")
    try:
        link.run(f"LOAD DATA LOCAL INFILE '{stage.folder}/nothing.csv' INTO TABLE {table}")
    except Exception as error:
        failed = type(error).__name__, stage.driver.number_of(error)
    else:
        raise AssertionError("a file that is not there was loaded")
    return failed


@scenario("infile")
def file_that_the_client_does_not_give(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "n INT PRIMARY KEY")
    path = stage.folder / "secret.csv"
    path.write_text("1\n")
    try:
        link.run(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table}")
    except Exception as error:
        return type(error).__name__, stage.driver.number_of(error), stage.driver.text_of(error)
    raise AssertionError("the driver gave away a file without being told to")
