"""The suites of drivers and of SQLAlchemy, as their source archives hold them."""

import json
from pathlib import Path

from .pytest_suite import SOURCE, Arrangement, PytestSuite
from .servers import Endpoint

__all__ = ["DRIVER_SUITES"]


def _pymysql(endpoint: Endpoint, source: Path) -> Arrangement:
    account = {"host": endpoint.host, "port": endpoint.port, "user": endpoint.user}
    account["passwd"] = endpoint.password
    databases = [
        {**account, "db": "test1", "use_unicode": True, "local_infile": True},
        {**account, "db": "test2"},
    ]
    (source / "pymysql" / "tests" / "databases.json").write_text(json.dumps(databases))
    (endpoint.folder / ".my.cnf").write_text(_option_file("client", endpoint))
    return Arrangement(environment={"USER": "nobody"})


def _mysqlclient(endpoint: Endpoint, source: Path) -> Arrangement:
    file = endpoint.folder / "tests.cnf"
    text = _option_file("MySQLdb-tests", endpoint)
    file.write_text(f"{text}database = test\ndefault-character-set = utf8mb4\n")
    return Arrangement(environment={"TESTDB": str(file)})


def _aiomysql(endpoint: Endpoint, source: Path) -> Arrangement:
    address = f"--mysql-address={endpoint.host}:{endpoint.port}"
    return Arrangement(
        environment={"MYSQL_ROOT_PASSWORD": endpoint.password},
        arguments=("-p", "no:warnings", address.replace("=", "=tcp=", 1)),
    )


def _option_file(group: str, endpoint: Endpoint) -> str:
    lines = [f"[{group}]", f"host = {endpoint.host}", f"port = {endpoint.port}", f"user = {endpoint.user}"]
    return "\n".join([*lines, f"password = {endpoint.password}", ""])


def _sqlalchemy(name: str, dialect: str, *packages: str) -> PytestSuite:
    def arrange(endpoint: Endpoint, source: Path) -> Arrangement:
        account = f"{endpoint.user}:{endpoint.password}@{endpoint.host}:{endpoint.port}"
        url = f"{dialect}://{account}/test?charset=utf8mb4"
        return Arrangement(arguments=("--dburi", url, "--maxfail=0"))

    return PytestSuite(
        name=name,
        archive="sqlalchemy==2.1.9",
        packages=("sqlalchemy==2.1.9", "pytest==9.2.0", "cryptography", *packages),
        targets=("test/dialect/test_suite.py", "test/dialect/mysql", "test/engine/test_transaction.py"),
        schema=(
            "CREATE DATABASE test CHARACTER SET utf8mb4; CREATE DATABASE test_schema CHARACTER SET utf8mb4;"
        ),
        arrange=arrange,
        has_settings=True,
    )


DRIVER_SUITES = (
    PytestSuite(
        name="pymysql",
        # The last archive with the whole suite in it; the ones after it have the tests of logging in only.
        archive="pymysql==0.10.1",
        packages=("pymysql==0.10.1", "pytest==9.2.0", "cryptography"),
        targets=("pymysql/tests",),
        schema="CREATE DATABASE test1; CREATE DATABASE test2;",
        arrange=_pymysql,
    ),
    PytestSuite(
        name="mysqlclient",
        archive="mysqlclient==2.3.1",
        packages=(SOURCE, "pytest==9.2.0", "sqlalchemy==2.1.9"),
        targets=("tests",),
        schema="CREATE DATABASE test;",
        arrange=_mysqlclient,
    ),
    PytestSuite(
        name="aiomysql",
        archive="aiomysql==0.2.0",
        packages=(SOURCE, "pytest==7.4.4", "pymysql==1.0.3", "sqlalchemy==1.3.24", "uvloop", "cryptography"),
        targets=("tests",),
        schema="",
        arrange=_aiomysql,
    ),
    _sqlalchemy("sqlalchemy-pymysql", "mysql+pymysql", "pymysql==1.2.4"),
    _sqlalchemy("sqlalchemy-mysqldb", "mysql+mysqldb", "mysqlclient==2.3.1"),
)
