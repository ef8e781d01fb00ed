"""What is tested with which driver, as data; docs/protocol.md has it as a table.

What can be taken from the tests themselves is taken from them: the protocols, compression and LOCAL INFILE of
a driver, and what it has beyond. The versions are those that the tests have last been seen to pass with; a
driver that is newer here is no failure. Nothing here imports a driver.
"""

from collections.abc import Iterator

import attrs

from .other.programs import PROGRAMS, Program
from .other.runs import MODES
from .python.drivers import DRIVERS
from .python.links import Driver
from .python.scenarios import SCENARIOS

__all__ = ["ALWAYS", "SERVERS", "SUBJECTS", "Subject"]

SERVERS = ("MariaDB 10.11", "MySQL 9.7")
"""What each driver is tested with, unless its Subject says otherwise."""
ALWAYS = (
    "every column type",
    "NULL",
    "characters of four bytes",
    "values of 20 MB",
    "transactions",
    "errors such as a duplicate key",
    "several results",
    "TLS with a certificate that is verified, and without",
)
"""What is tested with each driver."""


@attrs.frozen
class Subject:
    """A driver, in users' words."""

    name: str
    language: str
    version: str
    """The newest that was seen."""
    origin: str
    """Where the tests have it from."""
    is_binary: bool
    """Whether the binary protocol is tested beside the text protocol."""
    compresses: bool
    """Whether compression is, with the bytes on the wire counted."""
    has_local_infile: bool
    beyond: tuple[str, ...] = ()
    """What else is tested, because this driver has it."""
    servers: tuple[str, ...] = SERVERS


PYPI, NPM, DEBIAN, DEBIAN_UNSTABLE = "PyPI", "npm", "Debian 12", "Debian unstable"

# By the name in the tests: the name in users' words, the version and where it is from.
NAMES = {
    "pymysql": ("PyMySQL", "1.2.4", PYPI),
    "mysqlclient": ("mysqlclient", "2.3.1", PYPI),
    "connector-pure": ("mysql-connector-python, pure", "26.10.0", PYPI),
    "connector-c": ("mysql-connector-python, C extension", "26.10.0", PYPI),
    "mariadb": ("MariaDB Connector/Python", "1.1.14", PYPI),
    "aiomysql": ("aiomysql", "0.3.2", PYPI),
    "asyncmy": ("asyncmy", "0.2.18", PYPI),
}
PROGRAM_NAMES = {
    "perl": ("DBD::MariaDB", "Perl", "1.22", DEBIAN),
    "mysqli": ("mysqli", "PHP", "8.2", DEBIAN),
    "pdo": ("PDO", "PHP", "8.2", DEBIAN),
    "mysql2": ("mysql2", "Node", "3.24.6", NPM),
    "mariadb": ("mariadb", "Node", "3.4.7", NPM),
    "go": ("go-sql-driver/mysql", "Go", "1.5.0", DEBIAN),
    "java": ("MariaDB Connector/J", "Java", "2.7.6", DEBIAN),
}

# What drivers may have, by the features of the Python drivers and the scenarios of the programs.
BEYOND = {
    "out_parameters": "OUT parameters",
    "cursor": "cursors",
    "long_data": "long data",
    "bulk": "bulk",
    "batch": "bulk",
    "batch_bulk": "bulk",
    "batch_rewritten": "rewritten batches",
    "pipelined": "pipelining",
    "batch_pipelined": "pipelining",
    "statement_cache": "cache of statements",
    "asynchronous": "asynchronous statements",
    "concurrent": "its pool",
    "two_phase": "XA",
    "change_user": "change of user",
    "reset": "reset",
    "attributes": "query attributes",
    "killed": "KILL",
    "cancelled": "cancelling",
    "cancelled_statement": "cancelling",
    "killed_connection": "KILL",
    "timed_out": "time limits",
    "stream": "streams",
    "unbuffered": "streams",
}


def _beyond(names: set[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words for name, words in BEYOND.items() if name in names))


def _of_python(driver: Driver) -> Subject:
    played = {scenario.name for scenario in SCENARIOS.values() if scenario.needs <= driver.features}
    return Subject(
        *_spread(NAMES[driver.name], "Python"),
        is_binary="every_type_in_binary" in played,
        compresses="compressed_bytes" in played,
        has_local_infile="file_of_the_client" in played,
        beyond=_beyond({*driver.features, "stream", "killed"}),
    )


def _of_program(program: Program) -> Subject:
    name, language, version, origin = PROGRAM_NAMES[program.name]
    scenarios = {scenario for mode in MODES.values() for scenario in program.scenarios_in(mode)}
    return Subject(
        *(name, language, version, origin),
        is_binary=True,
        compresses=program.compresses,
        has_local_infile="infile" in scenarios,
        beyond=_beyond(scenarios),
    )


def _spread(known: tuple[str, str, str], language: str) -> tuple[str, str, str, str]:
    name, version, origin = known
    return name, language, version, origin


def _of_command_line() -> Iterator[Subject]:
    beyond = ("Ctrl-C",)
    yield Subject("`mariadb`", "Command line", "10.11", DEBIAN, False, True, True, beyond)
    # MariaDB's users have a plugin that this client no longer has.
    yield Subject(
        *("`mysql`", "Command line", "9.7", DEBIAN_UNSTABLE, False, True, True),
        beyond=("Ctrl-C", "zstd", "query attributes"),
        servers=SERVERS[1:],
    )


def _of_frameworks() -> Iterator[Subject]:
    over = "over PyMySQL, mysqlclient and mysql-connector-python"
    yield Subject(
        "SQLAlchemy", "Python", "2.1.9", PYPI, False, False, False, (over, "pool", "ORM", "reflection")
    )
    beyond = ("over PyMySQL and mysqlclient", "migrations", "ORM", "kept connections")
    yield Subject("Django", "Python", "5.2.19", PYPI, False, False, False, beyond)


SUBJECTS = (
    *_of_command_line(),
    *map(_of_python, DRIVERS),
    *_of_frameworks(),
    *map(_of_program, sorted(PROGRAMS.values(), key=lambda each: PROGRAM_NAMES[each.name][1])),
)
"""All of them, by language."""
