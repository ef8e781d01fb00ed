"""Scenarios about a session: transactions, settings, the commands beside statements, compression, log-in."""

import contextlib

import pytest

from .links import Link
from .stage import WAIT_LIMIT, Stage, scenario

COUNT = "SELECT COUNT(*) FROM {}"
ROUNDS = 30
COMPRESSIBLE = "abc 😀 " * 150_000
COMPRESSIBLE_BYTES = len(COMPRESSIBLE.encode())
"""Bytes that a driver sends and fetches when it compresses."""
COMPRESSIBLE_PIECE = 5000
"""Characters of a row."""


@scenario()
def commit_and_roll_back(stage: Stage) -> object:
    link, other = stage.open(autocommit=False), stage.open()
    table = stage.table(other, "n INT PRIMARY KEY")
    seen = []
    for number, finish in enumerate((link.commit, link.rollback, link.commit)):
        link.run(f"INSERT INTO {table} VALUES ({number})")
        seen.append((link.one(COUNT.format(table)), other.one(COUNT.format(table))))
        finish()
        seen.append((link.one(COUNT.format(table)), other.one(COUNT.format(table))))
        link.commit()
    assert seen == [(1, 0), (1, 1), (2, 1), (1, 1), (2, 1), (2, 2)]
    return seen


@scenario()
def autocommit_on_and_off(stage: Stage) -> object:
    link, other = stage.open(), stage.open()
    table = stage.table(other, "n INT")
    seen = []
    for number, on in enumerate((True, False, True, False)):
        link.autocommit(on)
        link.run(f"INSERT INTO {table} VALUES ({number})")
        seen.append((link.one("SELECT @@autocommit"), other.one(COUNT.format(table))))
        link.rollback()
    # Turning it on commits; turning it off again begins anew.
    assert seen == [(1, 1), (0, 1), (1, 2), (0, 2)]
    return seen


@scenario()
def transaction_in_statements(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "n INT PRIMARY KEY")
    link.run("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    link.run(f"INSERT INTO {table} VALUES (1)")
    link.run("SAVEPOINT here")
    link.run(f"INSERT INTO {table} VALUES (2)")
    link.run("ROLLBACK TO here")
    with stage.fails(1062) as texts:
        link.run(f"INSERT INTO {table} VALUES (1)")
    link.run("COMMIT")
    assert link.rows(f"SELECT n FROM {table}") == [(1,)]
    with stage.fails(1792):
        link.run("START TRANSACTION READ ONLY")
        link.run(f"INSERT INTO {table} VALUES (3)")
    link.run("ROLLBACK")
    return texts


@scenario()
def deadlock(stage: Stage) -> object:
    """Two transactions that wait for each other: one of them fails and is rolled back, the other goes on."""
    links = stage.open(), stage.open()
    table = stage.table(links[0], "n INT PRIMARY KEY, v INT")
    links[0].run(f"INSERT INTO {table} VALUES (0, 7), (1, 7)")
    ended: dict[int, tuple[int, str]] = {}

    def takes(at: int, row: int) -> None:
        try:
            links[at].run(f"UPDATE {table} SET v = {at} WHERE n = {row}")
            ended[at] = (0, "")
        except Exception as error:
            ended[at] = (stage.driver.number_of(error), stage.driver.text_of(error))
            links[at].rollback()

    for at in (0, 1):
        links[at].run("BEGIN")
        takes(at, at)
    assert ended == {0: (0, ""), 1: (0, "")}
    threads = [links[at].call_blocking(lambda at=at: takes(at, 1 - at)) for at in (0, 1)]
    for thread in threads:
        thread.join(WAIT_LIMIT)
    victim = max(ended, key=ended.__getitem__)
    assert [number for number, _ in sorted(ended.values())] == [0, 1213]
    links[1 - victim].commit()
    assert links[victim].rows(f"SELECT v FROM {table} ORDER BY n") == [(1 - victim,), (1 - victim,)]
    return ended[victim]


@scenario("two_phase")
def two_phase_commit(stage: Stage) -> object:
    link, other = stage.open(autocommit=False), stage.open()
    table = stage.table(other, "n INT PRIMARY KEY")
    seen = []
    for number, finish in enumerate((link.raw.tpc_commit, link.raw.tpc_rollback)):
        link.raw.tpc_begin(link.raw.xid(1, f"branch {number} {stage.place.name}", "test"))
        link.run(f"INSERT INTO {table} VALUES ({number})")
        link.raw.tpc_prepare()
        finish()
        seen.append(other.one(COUNT.format(table)))
    assert seen == [1, 1]
    return seen


@scenario()
def settings_of_a_session(stage: Stage) -> object:
    link, other = stage.open(), stage.open()
    link.run("SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+03:00'")
    link.run("SET @kept = 'kept', @größe = 17")
    charset = stage.driver.second_charset or "utf8mb4"
    if stage.driver.second_charset:
        link.run(f"SET NAMES {charset}")
    seen = [link.rows("SELECT @@sql_mode, @@time_zone, @@character_set_client, @kept") for _ in range(2)]
    assert seen[0] == seen[1] == [("ANSI_QUOTES", "+03:00", charset, "kept")]
    assert other.rows("SELECT @@time_zone, @@character_set_client, @kept") == [("SYSTEM", "utf8mb4", None)]
    return seen


@scenario()
def schema_is_changed(stage: Stage) -> object:
    link, other = stage.open(), stage.open(schema="other")
    seen = [link.one("SELECT name FROM place"), other.one("SELECT name FROM place")]
    link.select_schema("other")
    seen += [link.one("SELECT name FROM place"), link.one("SELECT DATABASE()")]
    link.run("USE app")
    seen.append(link.one("SELECT name FROM place"))
    assert seen == ["app", "other", "other", "other", "app"]
    with stage.fails(1049):
        link.select_schema("no_such_schema")
    return seen


@scenario()
def temporary_table(stage: Stage) -> object:
    link, other = stage.open(), stage.open()
    link.run("CREATE TEMPORARY TABLE brief (n INT)")
    link.run("INSERT INTO brief VALUES (1)")
    with stage.fails(1146):
        other.run("SELECT * FROM brief")
    assert link.rows("SELECT * FROM brief") == [(1,)]
    return True


@scenario()
def ping(stage: Stage) -> object:
    link = stage.open()
    link.ping()
    link.run("BEGIN")
    link.ping()
    return link.one("SELECT 1")


@scenario("statistics")
def statistics(stage: Stage) -> object:
    assert "Uptime" in stage.open().statistics()
    return True


def _marked(link: Link) -> None:
    link.run("SET @left = 1, SESSION time_zone = '+05:00'")
    link.run("CREATE TEMPORARY TABLE left_over (n INT)")
    link.run("BEGIN")


def _is_fresh(stage: Stage, link: Link) -> bool:
    with stage.fails(1146):
        link.run("SELECT * FROM left_over")
    return link.rows("SELECT @left, @@time_zone") == [(None, "SYSTEM")]


@scenario("reset")
def reset(stage: Stage) -> object:
    link = stage.open()
    _marked(link)
    link.reset()
    assert _is_fresh(stage, link)
    return link.rows("SELECT DATABASE(), USER() LIKE 'app@%', @@autocommit")


@scenario("change_user")
def change_user(stage: Stage) -> object:
    link = stage.open()
    _marked(link)
    link.change_user("eve", stage.second_password, "other")
    assert _is_fresh(stage, link)
    seen = link.rows("SELECT DATABASE(), SUBSTRING_INDEX(USER(), '@', 1), CURRENT_USER()")
    assert seen == [("other", "eve", "eve@%")]
    link.change_user("app", stage.place.password, "app")
    assert link.one("SELECT CURRENT_USER()") == "app@%"
    return seen


def _denied(stage: Stage, user: str) -> tuple[int, str]:
    if stage.driver.hides_password_errors and stage.vendor == "mysql" and not stage.tls:
        return 2061, "requires secure connection"
    return 1045, f"Access denied for user '{user}'@"


@scenario("change_user", feels_tls=True)
def change_user_with_a_wrong_password(stage: Stage) -> object:
    link = stage.open()
    with stage.fails(*_denied(stage, "eve")):
        link.change_user("eve", "wrong", "app")
    with contextlib.suppress(Exception):
        link.close()
    stage.closed(link)
    return True


@scenario(feels_tls=True)
def wrong_password(stage: Stage) -> object:
    with stage.fails(*_denied(stage, "app")):
        stage.open(password="wrong")
    return True


@scenario()
def schema_that_is_not_there(stage: Stage) -> object:
    with stage.fails(1049, "no_such_schema") as texts:
        stage.open(schema="no_such_schema")
    return texts


@scenario()
def own_connection_id(stage: Stage) -> object:
    first, second = stage.open(), stage.open()
    for link in (first, second):
        assert link.one("SELECT CONNECTION_ID()") == link.thread_id()
    assert first.thread_id() != second.thread_id()
    return True


@scenario()
def kill_another(stage: Stage) -> object:
    victim, killer = stage.open(), stage.open()
    victim.run("BEGIN")
    if stage.vendor == "mysql":
        # MySQL 9 has no COM_PROCESS_KILL any more, which some drivers still send.
        killer.run(f"KILL {victim.thread_id()}")
    else:
        killer.kill(victim.thread_id())
    # What a driver says of a connection that ends depends on how far the end has come.
    with pytest.raises(
        Exception, match=r"(?i)lost|tls|kill|gone|closed|not available|not connected|interrupted|0 bytes"
    ):
        victim.run("SELECT 1")
    with contextlib.suppress(Exception):
        victim.close()
    stage.closed(victim)
    return killer.one("SELECT 1")


@scenario()
def kill_a_statement(stage: Stage) -> object:
    """As the command-line client does it on Ctrl-C: KILL QUERY with the id of the greeting."""
    victim, killer = stage.open(), stage.open()
    number = victim.thread_id()
    statement = f"SELECT SLEEP(6.{number:010})"
    ended: list[object] = []

    def sleeps() -> None:
        try:
            ended.append(victim.one(statement))
        except Exception as error:
            ended.append(stage.driver.number_of(error))

    thread = victim.call_blocking(sleeps)
    # MySQL calls this statement deprecated, and some drivers ask for such warnings by themselves.
    stage.wait_until(lambda: any(statement in row for row in killer.rows("SHOW FULL PROCESSLIST")))
    killer.run(f"KILL QUERY {number}")
    thread.join(30)
    assert ended in ([1317], [1]), ended
    return ended, victim.one("SELECT 1")


@scenario("attributes")
def query_attributes(stage: Stage) -> object:
    link = stage.open()
    cursor = link.raw.cursor(prepared=True)
    cursor.add_attribute("color", "größer 😀")
    cursor.add_attribute("size", 17)
    sql = "SELECT mysql_query_attribute_string('color'), %s" if stage.has_attributes else "SELECT 'none', %s"
    cursor.execute(sql, (5,))
    prepared = cursor.fetchall()
    cursor.close()
    cursor = link.raw.cursor()
    cursor.add_attribute("color", "größer 😀")
    cursor.execute(sql.replace("%s", "5"))
    seen = prepared, cursor.fetchall()
    if stage.has_attributes:
        assert seen == ([("größer 😀", 5)], [("größer 😀", 5)])
    return seen


@scenario("compressed_change_user")
def change_user_on_a_compressed_link(stage: Stage) -> object:
    link = stage.open(compress=True)
    for user, password, schema in (
        ("eve", stage.second_password, "other"),
        ("app", stage.place.password, "app"),
    ):
        link.change_user(user, password, schema)
        assert link.rows("SELECT DATABASE(), CURRENT_USER()") == [(schema, f"{user}@%")]
        assert link.one("SELECT REPEAT('x', 200000)") == "x" * 200_000
    return True


@scenario("compress", is_counted=True)
def compressed_bytes(stage: Stage) -> object:
    """The same number of bytes in each direction, which is too large if they are not compressed."""
    link = stage.open(compress=True)
    table = stage.table(link, "content LONGTEXT")
    link.run(f"INSERT INTO {table} VALUES (%s)", (COMPRESSIBLE,))
    # No packet of the result is long: the proxy sends long ones as they are.
    pieces = [
        COMPRESSIBLE[at : at + COMPRESSIBLE_PIECE] for at in range(0, len(COMPRESSIBLE), COMPRESSIBLE_PIECE)
    ]
    selects = [
        f"SELECT SUBSTR(content, {at * COMPRESSIBLE_PIECE + 1}, {COMPRESSIBLE_PIECE}) FROM {table}"
        for at in range(len(pieces))
    ]
    assert [row[0] for row in link.rows(" UNION ALL ".join(selects))] == pieces
    return True


@scenario("compress")
def compression(stage: Stage) -> object:
    link = stage.open(compress=True)
    on = link.rows("SHOW SESSION STATUS LIKE 'Compression'")
    text = COMPRESSIBLE
    table = stage.table(link, "id INT AUTO_INCREMENT PRIMARY KEY, content LONGTEXT")
    for length in (0, 1, 49, 50, 51, 7_000, len(text)):
        link.run(f"INSERT INTO {table} (content) VALUES (%s)", (text[:length],))
    read = link.rows(f"SELECT content FROM {table} ORDER BY id")
    assert [row[0] for row in read] == [text[:length] for length in (0, 1, 49, 50, 51, 7_000, len(text))]
    for number in range(ROUNDS):
        assert link.one(f"SELECT {number}") == number
    if stage.place.name == "direct":
        assert on[0][1] == "ON"
    return True


@scenario(only="tls")
def authority_that_is_a_strangers(stage: Stage) -> object:
    """Whether the driver verifies the certificate at all, which is what the runs with TLS rely on."""
    assert stage.open().is_encrypted()
    try:
        stage.open(authority=stage.strangers_authority)
    except Exception as error:
        return type(error).__name__
    raise AssertionError("took a certificate of somebody else's")
