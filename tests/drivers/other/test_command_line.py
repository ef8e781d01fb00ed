"""The command-line clients `mariadb` and Oracle's `mysql`: each at both databases, directly and by proxy."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.drivers.counting import CountingForwarder
from tests.drivers.other.command_line import CommandLine, mariadb_client, mysql_client
from tests.drivers.other.expected import big_content
from tests.drivers.other.runs import ATTRIBUTES, DULL, DULL_STATEMENTS, EMOJI, INFILE_LINES
from tests.drivers.other.tables import CLEAR, run_all
from tests.drivers.other.terminal import Terminal
from tests.drivers.servers import DriverServer, Pair
from tests.integration.polling import eventually

BIG = 20_000_000


@pytest.fixture(params=["mariadb", "mysql"])
def line(request: pytest.FixtureRequest, pair: Pair) -> CommandLine:
    """A command-line client; skipped where it is not on this machine."""
    if request.param == "mariadb":
        return mariadb_client()
    client = mysql_client()
    if pair.vendor == "mariadb" and "mysql_native_password" in client.run(pair.direct, "SELECT 1;"):
        pytest.skip("this mysql client has no mysql_native_password, which the users of MariaDB have")
    return client


@pytest.fixture(autouse=True)
def _empty_tables(runs: object, driver_server: DriverServer) -> None:
    run_all(driver_server.connect, CLEAR)


SCRIPT = (
    "SELECT 1, 'two', NULL; START TRANSACTION; INSERT INTO od_item (note) VALUES ('a'); ROLLBACK;"
    " START TRANSACTION; INSERT INTO od_item (note) VALUES ('b'); COMMIT; SELECT note FROM od_item;"
    f" INSERT INTO od_item (note) VALUES ('b'); SELECT '{EMOJI}'; CALL three_results();"
    " CALL doubles(1, @total, @word); SELECT @word; PREPARE p FROM 'SELECT ? + 1'; SET @n = 41;"
    " EXECUTE p USING @n; DEALLOCATE PREPARE p; SELECT nothing; USE other; SELECT name FROM place;"
)
PRINTED = ["1\ttwo\tNULL", "b", EMOJI, "1", "2\ttwo", "3\tthree", "1", "twice 1", "42", "other"]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_script(line: CommandLine, pair: Pair, driver_server: DriverServer, tls: bool) -> None:
    seen = []
    for place in pair:
        run_all(driver_server.connect, CLEAR)
        seen.append(line.run(place, SCRIPT, tls=tls))
    printed, errors = _split(seen[0])
    assert printed == PRINTED
    assert [re.findall(r"ERROR (\d+)", error)[0] for error in errors] == ["1062", "1054"]
    assert seen[1] == seen[0]


def test_every_column_type_and_its_description(line: CommandLine, pair: Pair) -> None:
    script = "SELECT * FROM od_types ORDER BY id;"
    seen = [line.run(place, script, "--column-type-info", "--binary-as-hex") for place in pair]
    assert "9223372036854775807" in seen[0]
    assert seen[1] == seen[0]


def test_authority_that_did_not_sign(line: CommandLine, pair: Pair) -> None:
    for place, other in ((pair.direct, pair.proxy), (pair.proxy, pair.direct)):
        stranger = attrs.evolve(place, authority=other.authority)
        assert "ERROR 2026" in line.run(stranger, "SELECT 1;", tls=True)


def test_big_values(line: CommandLine, pair: Pair, driver_server: DriverServer) -> None:
    content = big_content(BIG)
    script = f"INSERT INTO od_big (content) VALUES (x'{content.hex()}'); SELECT HEX(content) FROM od_big;"
    for place in pair:
        run_all(driver_server.connect, CLEAR)
        printed = line.run(place, script, "--max-allowed-packet=64M")
        back = hashlib.sha256(bytes.fromhex(printed.strip())).hexdigest()
        assert back == hashlib.sha256(content).hexdigest()


def test_local_infile(line: CommandLine, pair: Pair, driver_server: DriverServer, tmp_path: Path) -> None:
    rows = tmp_path / "rows.txt"
    rows.write_text("".join(f"{each}\n" for each in INFILE_LINES))
    load = f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE od_item CHARACTER SET utf8mb4 (note);"
    missing = f"LOAD DATA LOCAL INFILE '{rows}.no' INTO TABLE od_item;"
    script = f"{load} SELECT note FROM od_item ORDER BY id; {missing} SELECT 'after';"
    seen = []
    for place in pair:
        run_all(driver_server.connect, CLEAR)
        seen.append(line.run(place, script))
    printed, errors = _split(seen[0])
    assert printed == [*INFILE_LINES, "after"]
    assert len(errors) == 1
    assert seen[1] == seen[0]


def test_local_infile_that_the_client_did_not_offer(line: CommandLine, pair: Pair, tmp_path: Path) -> None:
    script = f"LOAD DATA LOCAL INFILE '{tmp_path}/x' INTO TABLE od_item; SELECT 'after';"
    seen = [line.run(place, script, "--local-infile=0") for place in pair]
    assert "ERROR" in seen[0]
    assert "after" in seen[0]
    assert seen[1] == seen[0]


def test_compression(line: CommandLine, pair: Pair) -> None:
    script = "SELECT REPEAT('compressible ', 100000); SELECT 'after';"
    for options in line.compressions:
        seen = [line.run(place, script, *options) for place in pair]
        assert _split(seen[0]) == (["compressible " * 100000, "after"], [])
        assert seen[1] == seen[0]


def test_compression_is_really_on(line: CommandLine, pair: Pair) -> None:
    """The bytes on the client's socket tell; no row is so long that the proxy sends it as it is."""
    script = f"SELECT REPEAT('x', {len(DULL)});" * DULL_STATEMENTS
    for options in line.compressions:
        with CountingForwarder(pair.proxy) as forwarder:
            printed = line.run(forwarder.place, script, *options)
            received = forwarder.traffic().received
        assert printed.split() == [DULL] * DULL_STATEMENTS
        assert 0 < received < len(DULL) * DULL_STATEMENTS // 5


def test_query_attributes(line: CommandLine, pair: Pair) -> None:
    """MySQL's client has a command that gives the next statement attributes."""
    if line.name != "mysql" or not pair.shows_attributes:
        pytest.skip("only Oracle's client sends query attributes, only MySQL can show them")
    script = f"query_attributes color blue size 17;\n{ATTRIBUTES};\n{ATTRIBUTES};\n"
    seen = [line.run(place, script, "--commands", "--named-commands") for place in pair]
    assert seen == ["blue\t17\nNULL\tNULL"] * 2


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals that are closed at the end."""
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.close()


@pytest.mark.parametrize("where", ["direct", "proxy"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_ctrl_c_ends_the_statement_and_not_the_session(
    line: CommandLine,
    pair: Pair,
    driver_server: DriverServer,
    terminals: list[Terminal],
    where: str,
    tls: bool,
) -> None:
    """The client sends KILL QUERY with the id of its handshake, on a connection of its own."""
    place = pair.direct if where == "direct" else pair.proxy
    terminal = Terminal(line.command(place, tls, "--skip-column-names", "--unbuffered"))
    terminals.append(terminal)
    terminal.write("SET @kept = 'still here';\n")
    terminal.wait_for("Query OK")
    # On MySQL a SLEEP that is killed is no error; one inside a condition that never ends is, on both.
    terminal.write("SELECT COUNT(*) FROM od_types a, od_types b, od_types c WHERE SLEEP(3) = 0;\n")
    running = (
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT(*) FROM od_types%'"
    )
    eventually(lambda: _count(driver_server, running) == 1, "the statement runs")
    terminal.interrupt()
    assert "ERROR 1317" in terminal.wait_for(r"ERROR \d+")
    terminal.write("SELECT CONCAT('it is ', @kept);\n")
    terminal.wait_for("it is still here")
    eventually(lambda: _count(driver_server, running) == 0, "the statement has ended")


def _count(server: DriverServer, sql: str) -> int:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def _split(text: str) -> tuple[list[str], list[str]]:
    """What was printed, and the errors; MariaDB's client also prints the statement of each error."""
    lines = re.sub(r"(?ms)^-{14}$.*?^-{14}$", "", text).splitlines()
    errors = [each for each in lines if each.startswith("ERROR")]
    return [each for each in lines if each and not each.startswith("ERROR")], errors
