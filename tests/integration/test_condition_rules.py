"""What the proxy takes for granted of conditions and row counts, put to the servers themselves.

The proxy answers SHOW WARNINGS, GET DIAGNOSTICS, ROW_COUNT() and FOUND_ROWS() from what it has read and seen.
Here each rule is compared with what MariaDB and MySQL do.
"""

import attrs
import pytest

from proxy.mysql.session.condition_answers import show_answer
from proxy.mysql.session.condition_keeping import Keep, adds, keeps
from proxy.mysql.session.conditions import Conditions, counts_in
from proxy.mysql.session.get_diagnostics import as_set, details_in, forget, parse_get, questions
from proxy.mysql.session.row_counts import RowCounts
from proxy.mysql.session.show_conditions import parse_show
from proxy.mysql.wire.commands import Command

from .databases import Target
from .raw_results import RawResults, Result

SERVERS = ("target", "mysql_target")
SCHEMA = (
    "DROP TABLE IF EXISTS counted, base",
    "CREATE TABLE counted (id INT AUTO_INCREMENT PRIMARY KEY, b INT)",
    "CREATE TABLE base (a INT)",
    "INSERT INTO base VALUES (1), (2), (3), (4), (5), (6), (7), (8)",
)
WARNS = "SELECT 1/0, 2/0"
MADE = (
    WARNS,
    "SELEC",
    "DROP TABLE IF EXISTS missing_one, missing_two",
    "SELECT `é€`",
    "SIGNAL SQLSTATE '01234' SET MESSAGE_TEXT = 'hi', CLASS_ORIGIN = 'me', MYSQL_ERRNO = 77",
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '€x', TABLE_NAME = 'tn'",
)
STATEMENTS = (
    "SELECT 1",
    "SELECT 1 FROM DUAL",
    "SELECT 1 FROM (SELECT 1) d",
    "SELECT * FROM base LIMIT 3",
    "SELECT * FROM base LIMIT 6,5",
    "SELECT * FROM base LIMIT 100,3",
    "SELECT * FROM base ORDER BY a DESC LIMIT 2 OFFSET 3",
    "SELECT DISTINCT a % 3 FROM base ORDER BY 1 LIMIT 1,1",
    "SELECT a % 3, COUNT(*) FROM base GROUP BY a % 3 ORDER BY 2 LIMIT 2",
    "SELECT SQL_CALC_FOUND_ROWS * FROM base LIMIT 3",
    "SELECT 1 UNION SELECT 2",
    "SELECT a FROM base UNION ALL SELECT a FROM base LIMIT 3",
    "(SELECT a FROM base LIMIT 2,4) LIMIT 1",
    "SELECT a, 'limit 3' FROM base LIMIT 2",
    "SELECT * FROM base WHERE 0",
    "SELECT EXISTS(SELECT 1 FROM base)",
    "SELECT @@warning_count",
    "SELECT * FROM base WHERE a = @@warning_count",
    "SELECT FOUND_ROWS()",
    "SELECT ROW_COUNT()",
    "SELECT 1 INTO @v",
    "SELECT a INTO @v FROM base LIMIT 1",
    "SELECT * FROM missing",
    "SELECT a, (SELECT 1 UNION SELECT 2) FROM base",
    "SELEC 1",
    "",
    "-- nothing",
    "SHOW WARNINGS",
    "SHOW ERRORS LIMIT 1",
    "SHOW COUNT(*) WARNINGS",
    "SHOW TABLES",
    "SHOW VARIABLES LIKE 'autocommit'",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW CREATE TABLE base",
    "SHOW ENGINES",
    "DESCRIBE base",
    "EXPLAIN SELECT * FROM base",
    "EXPLAIN SELECT 1",
    "SET @x = 1",
    "SET @x = (SELECT COUNT(*) FROM base)",
    "SET @x = 1/0",
    "SET NAMES utf8mb4",
    "SET autocommit = 1",
    "DO 1",
    "DO (SELECT COUNT(*) FROM base)",
    "USE app",
    "BEGIN",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "CREATE TABLE IF NOT EXISTS base (a INT)",
    "CREATE TABLE again SELECT * FROM base",
    "ALTER TABLE again COMMENT 'x'",
    "RENAME TABLE again TO once_more",
    "TRUNCATE once_more",
    "DROP TABLE once_more",
    "CREATE VIEW seen_one AS SELECT 1",
    "SELECT * FROM seen_one",
    "DROP VIEW seen_one",
    "INSERT INTO counted (b) VALUES (1), (2)",
    "INSERT INTO counted (b) SELECT a FROM base LIMIT 4",
    "INSERT INTO counted VALUES (1, 1)",
    "INSERT IGNORE INTO counted VALUES (1, 1)",
    "INSERT INTO counted VALUES (1, 1) ON DUPLICATE KEY UPDATE b = 77",
    "REPLACE INTO counted VALUES (1, 77)",
    "UPDATE counted SET b = 78 WHERE id = 1",
    "UPDATE counted SET b = b",
    "UPDATE counted SET b = (SELECT MAX(a) FROM base)",
    "UPDATE counted JOIN base ON id = a SET b = 1",
    "DELETE FROM counted WHERE id = 1",
    "DELETE FROM counted WHERE id IN (SELECT a FROM base WHERE a > 100)",
    "DELETE counted FROM counted JOIN base ON id = a",
    "CALL missing()",
    "PREPARE q FROM 'SELECT 1'",
    "EXECUTE missing",
    "KILL QUERY 99999999",
    "CHECK TABLE base",
    "ANALYZE TABLE base",
    "LOCK TABLES base READ",
    "UNLOCK TABLES",
    "GET DIAGNOSTICS @n = NUMBER",
    "GET DIAGNOSTICS CONDITION 9 @n = MYSQL_ERRNO",
    "SIGNAL SQLSTATE '45000'",
    "RESIGNAL",
    "SELECT 1; SELECT 2",
    "SELECT * FROM base; INSERT INTO counted (b) VALUES (1), (2), (3), (4)",
    "SELECT 1; SELEC 2",
    "SELECT 1/0; SELECT 1",
    "XA RECOVER",
    "VALUES (1), (2)",
    "WITH c AS (SELECT 1 UNION SELECT 2) SELECT * FROM c",
)
"""In this order, since some make what others use. Users without rights get errors; that is as good."""

COMMANDS = (
    (Command.PING, b""),
    (Command.INIT_DB, b"app"),
    (Command.INIT_DB, b"no_such_schema"),
    (Command.SET_OPTION, b"\0\0"),
    (Command.PROCESS_INFO, b""),
    (Command.STMT_EXECUTE, b"\x0f\x27\0\0\0\1\0\0\0"),
    (Command.RESET_CONNECTION, b""),
)


@attrs.frozen
class Server:
    """A server at hand."""

    target: Target
    is_mariadb: bool

    def connect(self) -> RawResults:
        """A client of it."""
        return RawResults(self.target.port, self.target.users["app"])


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    """MariaDB, then MySQL, with the tables of this module."""
    server = Server(request.getfixturevalue(request.param), request.param == "target")
    with server.connect() as client:
        for statement in SCHEMA:
            assert client.query(statement)[-1].error is None
    return server


def captured(client: RawResults, made: Result, charset: str, detailed: int = 0) -> Conditions:
    """The conditions on a client's connection, read as the proxy does."""
    first, *gets, last = questions(detailed)
    shown = client.query(first)[0]
    for get in gets:
        assert client.query(get)[0].ok.warnings == 0
    row = client.query(last)[0].texts()[0]
    if detailed:
        assert client.query(forget(detailed))[0].error is None
    error = (made.error.errno, made.error.sqlstate) if made.error else (0, "")
    held = Conditions.captured(
        b"\x03", shown.columns, shown.rows, counts_in(row), charset=charset, error=error
    )
    return attrs.evolve(held, details=details_in(row) if detailed else ())


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1", "utf16", "utf16le", "utf32", "cp932", "binary"])
@pytest.mark.parametrize("made", MADE)
def test_answers_are_those_of_the_server(server: Server, made: str, charset: str) -> None:
    shows = ("SHOW WARNINGS", "SHOW ERRORS", "SHOW WARNINGS LIMIT 1,1", "SHOW WARNINGS LIMIT 0")
    with server.connect() as client:
        client.query(f"SET character_set_results = {charset}")
        for text in (*shows, "SHOW COUNT(*) WARNINGS", "SHOW COUNT(*) ERRORS"):
            show = parse_show(text.encode())
            assert show is not None
            result = client.query(made)[-1]
            status = client.query(text)[0].ok.status
            expected = client.received
            # MySQL has cleared them with the last question.
            held = captured(client, client.query(made)[-1], charset)
            assert held.errno == (result.error.errno if result.error else 0)
            arguments = {"status": int(status), "charset": charset, "is_mariadb": server.is_mariadb}
            assert show_answer(held, show, **arguments) == expected
            if server.is_mariadb:
                statement = client.prepare(text)
                client.query(made)
                client.execute(statement)
                assert show_answer(held, show, **arguments, binary=True) == client.received


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1", "utf16"])
@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize(
    "text",
    [
        "GET DIAGNOSTICS @a = NUMBER, @b = ROW_COUNT",
        "GET CURRENT DIAGNOSTICS CONDITION 1 @a = MYSQL_ERRNO, @b = MESSAGE_TEXT, @c = RETURNED_SQLSTATE",
        "GET DIAGNOSTICS CONDITION 1 @a = CLASS_ORIGIN, @b = SUBCLASS_ORIGIN, @c = TABLE_NAME",
    ],
)
def test_a_set_is_as_good_as_get_diagnostics(server: Server, text: str, made: str, charset: str) -> None:
    look = "SELECT @a, @b, @c, " + ", ".join(
        f"{of}(@{name})" for of in ("COLLATION", "COERCIBILITY") for name in "abc"
    )
    asked = parse_get(text.encode())
    assert asked is not None
    seen = []
    for is_translated in (False, True):
        with server.connect() as client:
            client.query(f"SET character_set_results = {charset}")
            result = client.query(made)[-1]
            new: bytes | None = text.encode()
            if is_translated:
                held = captured(client, result, charset, detailed=max(1, result.ok.warnings))
                assert client.query("SELECT @rds_proxy_condition_1_0")[0].rows == (b"\xfb",)
                row_count = -1 if result.error or result.in_rows else result.ok.affected_rows
                new = as_set(asked, held, row_count)
            assert new is not None
            answers = client.query(new)
            client.query("SET character_set_results = utf8mb4")
            seen.append((answers, client.query(look)[0].texts(), types(client)))
    assert seen[0] == seen[1]


def types(client: RawResults) -> list[tuple[str | None, ...]]:
    """The types of the user variables, as a table made of them has them."""
    client.query("CREATE TEMPORARY TABLE types AS SELECT @a, @b, @c")
    return client.query("SHOW COLUMNS FROM types")[0].texts()


def test_conditions_that_are_kept(server: Server) -> None:
    read = [(Command.QUERY, text.encode()) for text in STATEMENTS]
    wrong, unknown = [], 0
    for command, text in (*read, *COMMANDS):
        with server.connect() as client:
            client.query(WARNS)
            *earlier, result = client.command(command, text)
            warned = any(each.ok.warnings for each in earlier)
            codes = [row[1] for row in client.query("SHOW WARNINGS")[0].texts()]
            are_kept = codes[:2] == ["1365", "1365"]
            rule: object
            if result.error or b"CONDITION 9" in text:
                errno = result.error.errno if result.error else 0
                rule = adds(command, text, errno, is_mariadb=server.is_mariadb)
            elif result.ok.warnings and command == Command.QUERY:
                rule = False
            else:
                kept = keeps(command, text, is_mariadb=server.is_mariadb, warned=warned)
                unknown += kept is Keep.UNKNOWN
                rule = are_kept if kept is Keep.UNKNOWN else kept is Keep.KEEPS
            if rule is not are_kept:
                wrong.append((command, text, codes))
    assert wrong == []
    assert unknown < len(STATEMENTS) / 10


def test_counts(server: Server) -> None:
    read = [(Command.QUERY, text.encode()) for text in STATEMENTS]
    wrong, unknown = [], 0
    for command, text in (*read, *COMMANDS):
        with server.connect() as client:
            counts = RowCounts(server.is_mariadb)
            take(counts, client, Command.QUERY, b"SELECT * FROM base LIMIT 7")
            take(counts, client, Command.QUERY, b"INSERT INTO counted (b) VALUES (0), (0), (0)")
            take(counts, client, command, text)
            row = client.query("SELECT ROW_COUNT(), FOUND_ROWS()")[0].texts()[0]
            unknown += counts.found_rows is None
            found_rows = row[1] if counts.found_rows is None else str(counts.found_rows)
            if (str(counts.row_count), found_rows) != row:
                wrong.append((command, text, counts, row))
    assert wrong == []
    assert unknown < len(STATEMENTS) / 2


def take(counts: RowCounts, client: RawResults, command: int, text: bytes) -> None:
    """Run a command, and have the counts take it in."""
    results = client.command(command, text)
    last = results[-1]
    sets = [len(result.rows) for result in results if result.columns]
    counts.take(
        command,
        text,
        errno=last.error.errno if last.error else 0,
        in_rows=last.in_rows,
        affected_rows=last.ok.affected_rows,
        warnings=last.ok.warnings,
        rows=sets[-1] if sets else None,
    )
