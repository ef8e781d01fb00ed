"""MariaDB's own test programs from Debian's packages: the C API's tests, and mysqltest on the server's files.

Each test is one process with an exit status. The packages are unpacked, not installed.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from proxy.demo.child import die_with_parent
from proxy.demo.private_server import DatabaseError

from .fetching import unpacked_packages
from .outcomes import Outcome, Results, Test, Unavailable
from .servers import PASSWORD, Endpoint

__all__ = ["ClientTests", "ServerTests", "tidy"]

PACKAGES = ("mariadb-test", "mariadb-test-data", "libpcre2-posix3")
FOLDER = "mariadb-test"
TEST_LIMIT = 60.0
"""Seconds one test may take."""
SKIPPED = 62
"""The exit status with which mysqltest says that a test does not fit the server."""
TAIL = 3000
TCP = "--protocol=tcp"
"""For tests that connect to "localhost", which else means the database's own socket."""
KEPT_SCHEMAS = ("information_schema", "mysql", "performance_schema", "sys", "mtr")
KEPT_USERS = ("root", "mariadb.sys", "mysql", "PUBLIC", "")
# The framework around mysqltest looks through the error log; the tests tell it what to expect there.
FRAMEWORK = "CREATE DATABASE mtr; CREATE PROCEDURE mtr.add_suppression(pattern VARCHAR(255)) DO 0;"
ROOT_WITHOUT = re.compile(
    rb"""(?mx)
    ( (?: connect \s* \(? \s* [\w$]+ \s* , \s* localhost \s* , | ^(?:--)? \s* change_user ) \s* root )
    (?: \s* , (?= \s* [,;)\n]) | (?= \s* [;)\n]) )"""
)
"""Where a test logs root in without a password; behind the group belongs ",password"."""
TIME_ZONES = Path("/usr/share/mysql/mysql_test_data_timezone.sql")
SERVER_OPTIONS = (
    "--character-set-server=latin1",
    "--default-storage-engine=myisam",
    "--general-log",
    "--slow-query-log",
    "--log-output=TABLE,FILE",
    "--log-bin",
    "--log-bin-trust-function-creators=1",
    # The expected results call the client root@localhost.
    "--skip-name-resolve=0",
    "--max-heap-table-size=1M",
    "--sort-buffer-size=256K",
    "--use-stat-tables=preferably",
)


@attrs.frozen
class ClientTests:
    """The tests of the C API, most of them of prepared statements, by name."""

    name: str = "mariadb-client-test"
    server_options: tuple[str, ...] = SERVER_OPTIONS

    def fetch(self, cache: Path) -> None:
        """See `Suite`."""
        unpacked_packages(PACKAGES, cache / FOLDER)

    def run(self, cache: Path, endpoint: Endpoint, only: tuple[str, ...] = ()) -> Results:
        """See `Suite`."""
        program = cache / FOLDER / "usr" / "bin" / "mariadb-client-test"
        command = [str(program), *_account(endpoint), f"--vardir={endpoint.folder}", "--silent"]
        command += ["--getopt-ll-test=25600M", "--testcase"]

        def one(name: str) -> Test:
            return _outcome([*command, name], endpoint, _libraries(cache))

        return _each(only or _listed(program), endpoint, one)


@attrs.frozen
class ServerTests:
    """mysqltest on a choice of the server's tests; `protocol` has its options on how to send statements."""

    name: str
    tests: tuple[str, ...]
    protocol: tuple[str, ...] = ()
    server_options: tuple[str, ...] = SERVER_OPTIONS

    def fetch(self, cache: Path) -> None:
        """See `Suite`."""
        unpacked_packages(PACKAGES, cache / FOLDER)

    def run(self, cache: Path, endpoint: Endpoint, only: tuple[str, ...] = ()) -> Results:
        """See `Suite`."""
        packages = cache / FOLDER / "usr"
        tests = _with_password(packages / "share" / "mysql" / "mysql-test", endpoint.folder / "mysql-test")
        program = packages / "bin" / "mariadb-test"
        endpoint.execute(FRAMEWORK)
        if TIME_ZONES.exists():
            endpoint.execute(f"USE mysql;\n{TIME_ZONES.read_text(encoding='utf-8')}")
        temporary = endpoint.folder / "tmp"
        temporary.mkdir()
        # The server writes there as well, as a user of its own.
        temporary.chmod(0o777)
        environment = {**_environment(endpoint, tests), **_libraries(cache)}
        command = [
            str(program),
            *_account(endpoint),
            "--database=test",
            f"--basedir={tests}/",
            "--silent",
            TCP,
        ]
        command += [f"--tmpdir={endpoint.folder}", f"--logdir={endpoint.folder}", "--tail-lines=20"]

        def one(name: str) -> Test:
            files = [f"--test-file=main/{name}.test", f"--result-file=main/{name}.result"]
            return _outcome([*command, *self.protocol, *files], endpoint, environment, tests)

        return _each(only or self.tests, endpoint, one)


def tidy(endpoint: Endpoint) -> None:
    """Remove what the previous test left in the database, be it that it failed, and make `test` anew."""
    kept = ", ".join(f"'{name}'" for name in KEPT_SCHEMAS)
    names = endpoint.execute(
        f"SELECT Schema_name FROM information_schema.SCHEMATA WHERE Schema_name NOT IN ({kept})"
    )
    for (name,) in names:
        try:
            endpoint.execute(f"DROP DATABASE `{name}`")
        except DatabaseError:
            # Its tables are gone now. What is in the way are files that no server made.
            shutil.rmtree(endpoint.database.folder / "data" / name)
    _drop_users(endpoint)
    endpoint.execute("CREATE DATABASE test CHARACTER SET latin1")


def _drop_users(endpoint: Endpoint) -> None:
    kept = ", ".join(f"'{name}'" for name in KEPT_USERS)
    for user, host, is_role in endpoint.execute(
        f"SELECT User, Host, is_role FROM mysql.user WHERE User NOT IN ({kept})"
    ):
        endpoint.execute(f"DROP ROLE `{user}`" if is_role == "Y" else f"DROP USER `{user}`@`{host}`")


def _with_password(tests: Path, copy: Path) -> Path:
    """Copy the tests and their expected results such that root, who has no password there, gives one.

    The proxy lets nobody in without a password.
    """
    for part in ("include", "main"):
        (copy / part).mkdir(parents=True)
        for file in (tests / part).iterdir():
            if file.suffix in (".test", ".inc", ".result"):
                text = file.read_bytes()
                (copy / part / file.name).write_bytes(ROOT_WITHOUT.sub(rb"\1," + PASSWORD.encode(), text))
    (copy / "std_data").symlink_to(tests / "std_data")
    (copy / "suite").symlink_to(tests / "suite")
    return copy


def _each(names: tuple[str, ...], endpoint: Endpoint, one: Callable[[str], Test]) -> Results:
    results: dict[str, Test] = {}
    for name in names:
        tidy(endpoint)
        results[name] = one(name)
        if results[name].outcome is Outcome.FAILED:
            # It may have left anything: sessions, global variables, a prepared transaction, no server at all.
            endpoint.database.restart()
    return results


def _account(endpoint: Endpoint) -> list[str]:
    place = ["--no-defaults", f"--host={endpoint.host}", f"--port={endpoint.port}"]
    return [*place, f"--user={endpoint.user}", f"--password={endpoint.password}"]


def _environment(endpoint: Endpoint, tests: Path) -> dict[str, str]:
    """What the framework around mysqltest, which would start servers of its own, tells the tests."""
    account = " ".join(_account(endpoint))
    clients = {"MYSQL": "mariadb", "MYSQL_DUMP": "mariadb-dump", "MYSQLADMIN": "mariadb-admin"}
    found = {name: shutil.which(program) or "false" for name, program in clients.items()}
    return {
        **{name: f"{program} {account} {TCP}" for name, program in found.items()},
        "LC_ALL": "C",
        "MASTER_MYPORT": str(endpoint.port),
        "MASTER_MYSOCK": str(endpoint.database.socket),
        "MYSQLTEST_VARDIR": str(endpoint.folder),
        "MYSQL_TEST_DIR": str(tests),
        "MYSQL_TMP_DIR": str(endpoint.folder / "tmp"),
        "SECURE_LOAD_PATH": str(tests / "std_data"),
        "USE_RUNNING_SERVER": "1",
    }


def _libraries(cache: Path) -> dict[str, str]:
    folders = (cache / FOLDER / "usr" / "lib").glob("*-linux-*")
    return {"LD_LIBRARY_PATH": ":".join(str(each) for each in folders)}


def _outcome(
    command: list[str], endpoint: Endpoint, environment: Mapping[str, str], folder: Path | None = None
) -> Test:
    try:
        done = subprocess.run(
            command,
            cwd=folder or endpoint.folder,
            env={**os.environ, "HOME": str(endpoint.folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TEST_LIMIT,
            check=False,
            preexec_fn=die_with_parent(),
        )
    except subprocess.TimeoutExpired:
        return Test(Outcome.FAILED, f"over {TEST_LIMIT:.0f} s")
    text = done.stdout.decode(errors="replace")[-TAIL:]
    if done.returncode == SKIPPED:
        return Test(Outcome.SKIPPED, text)
    return Test(Outcome.PASSED if done.returncode == 0 else Outcome.FAILED, text)


def _listed(program: Path) -> tuple[str, ...]:
    try:
        done = subprocess.run(
            [program, "--no-defaults", "--show-tests"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"{program.name} does not run: {error}") from error
    return tuple(re.findall(r"(?m)^(test_\w+)$", done.stdout))
