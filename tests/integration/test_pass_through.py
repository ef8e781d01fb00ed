"""Users whose secret the proxy does not hold: which accounts come in, and what becomes of their passwords."""

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pymysql
import pytest

from tests.mysql_server.server import MySQLServer

from .certificates import KeyFiles
from .clients import mariadb, one, run
from .conftest import StartProxy, _stop_all
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually
from .test_login import tls_options, trusting

PAGE = (Path(__file__).parents[2] / "docs" / "credentials.md").read_text(encoding="utf-8")
FIRST, SECOND, WRONG = "the first 'secret'", "the second secret", "a made-up secret"
WHO = "SELECT CURRENT_USER()"
PROVEN, REMEMBERED = 'detail="proven at the target"', 'detail="remembered"'

VERIFIERS = re.findall(r'^auth_query = "(SELECT authentication_string .*)"$', PAGE, flags=re.MULTILINE)[0]
"""The query of docs/credentials.md."""

NO_DELAY = {"failed_login_delay": 0.0}
"""Options of [proxy] with which the failed log-ins of one test do not slow down the next."""

MARIADB, MYSQL = "MariaDB", "MySQL"


@attrs.frozen
class Case:
    """A kind of account; ``how`` stands in CREATE USER."""

    server: str
    plugin: str
    how: str
    #: Whether a client gets in if it is asked for its password, and if the database is asked for a verifier.
    asked: bool
    queried: bool


NATIVE = Case(
    MARIADB,
    "mysql_native_password",
    "VIA mysql_native_password USING PASSWORD({0})",
    asked=True,
    queried=True,
)
ED25519 = Case(MARIADB, "ed25519", "VIA ed25519 USING PASSWORD({0})", asked=True, queried=False)
CACHING_SHA2 = Case(
    MYSQL, "caching_sha2_password", "WITH caching_sha2_password BY {0}", asked=True, queried=False
)
BOTH = Case(
    MARIADB,
    "ed25519 OR mysql_native_password",
    f"{ED25519.how} OR mysql_native_password USING PASSWORD({{0}})",
    asked=True,
    queried=False,
)
CASES = (
    NATIVE,
    ED25519,
    BOTH,
    Case(
        MARIADB,
        "mysql_native_password OR ed25519",
        f"{NATIVE.how} OR ed25519 USING PASSWORD({{0}})",
        asked=True,
        queried=True,
    ),
    CACHING_SHA2,
    Case(MYSQL, "sha256_password", "WITH sha256_password BY {0}", asked=False, queried=False),
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def account(target: Target, name: str, case: Case, more: str = "") -> Iterator[str]:
    """An account of the database, with FIRST as its password, that no secret holds."""
    how = case.how.format(quoted(FIRST))
    target.server.execute(
        f"CREATE USER `{name}`@'%' IDENTIFIED {how} {more}; GRANT ALL ON app.* TO `{name}`@'%'"
    )
    try:
        yield name
    finally:
        target.server.execute(f"DROP USER IF EXISTS `{name}`@'%'")


def change_password(target: Target, name: str, more: str = "") -> None:
    """SECOND is the password from now on."""
    target.server.execute(f"ALTER USER `{name}`@'%' IDENTIFIED BY {quoted(SECOND)} {more}")


def kill_connections(target: Target, name: str) -> None:
    """End the user's connections at the database."""
    for number, *_ in target.threads(f"USER = '{name}'"):
        target.server.execute(f"KILL {number}")
    eventually(lambda: not target.threads(f"USER = '{name}'"), "the end of the connections")


def both_ways(target: Target, key: KeyFiles) -> dict[str, Any]:
    """Options of [proxy] that let in whoever the database lets in; `app`, the first user, asks it."""
    target.server.execute("GRANT SELECT ON mysql.* TO app@'%'")
    return {**tls_options(key), "pass_through_users": "password", "auth_query": VERIFIERS, **NO_DELAY}


@contextmanager
def passing_daemon(target: Target, key: KeyFiles, folder: Path) -> Iterator[ProxyDaemon]:
    daemon = ProxyDaemon(folder, target.port, target.users, proxy=both_ways(target, key))
    try:
        yield daemon.start()
        for secret in (FIRST, SECOND, WRONG):
            assert secret not in daemon.log_text()
        _stop_all([daemon])
    finally:
        daemon.kill()
        # Other modules' tests share the server, and count on its not being allowed.
        target.server.execute("REVOKE SELECT ON mysql.* FROM app@'%'")


@pytest.fixture(scope="module")
def passing(
    target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyDaemon]:
    """A proxy before MariaDB that lets other users in in both ways."""
    with passing_daemon(target, proxy_key, tmp_path_factory.mktemp("proxy")) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def passing_mysql(
    mysql_target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyDaemon]:
    """The same before MySQL."""
    with passing_daemon(mysql_target, proxy_key, tmp_path_factory.mktemp("proxy")) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def tls(proxy_key: KeyFiles) -> dict[str, Any]:
    """A client's options: over TLS it is asked for its password, else it goes by the query."""
    return {"ssl": trusting(proxy_key)}


def refusal(daemon: ProxyDaemon, name: str, password: str, **options: Any) -> int:
    """The number of the error a client gets on its way to the database; 0 if it gets there as this user."""
    try:
        with daemon.connect(name, password=password, **options) as client:
            assert one(client, WHO) == f"{name}@%"
            return 0
    except pymysql.MySQLError as error:
        return int(error.args[0])


def reason_of(daemon: ProxyDaemon, name: str, mark: int) -> str:
    """Why a log-in of the user was refused since ``mark``."""
    line = daemon.wait_for_log(f'log-in refused: user="{name}"', mark)
    return line.partition('reason="')[2].removesuffix('"')


# Kinds of accounts


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.server} {case.plugin}")
def test_each_kind_of_account(
    case: Case, request: pytest.FixtureRequest, ed25519_options: tuple[str, ...], tls: dict[str, Any]
) -> None:
    if "ed25519" in case.plugin and not ed25519_options:
        pytest.skip("this MariaDB does not have the plugin ed25519")
    is_mysql = case.server == MYSQL
    target = request.getfixturevalue("mysql_target" if is_mysql else "target")
    daemon = request.getfixturevalue("passing_mysql" if is_mysql else "passing")
    ways = (("asked", tls, case.asked), ("queried", {}, case.queried))
    for way, options, expected in ways:
        with account(target, f"{way}_{CASES.index(case)}", case) as name:
            for _ in ("proven", "remembered"):
                assert (refusal(daemon, name, FIRST, **options) == 0) is expected, way
            assert refusal(daemon, name, WRONG, **options) == 1045


def test_the_table_of_the_page() -> None:
    rows = re.findall(r"^\| (MariaDB|MySQL) \| `(.*?)` \| (yes|no) \| (yes|no) \|$", PAGE, flags=re.MULTILINE)
    words = {True: "yes", False: "no"}
    assert rows == [(case.server, case.plugin, words[case.asked], words[case.queried]) for case in CASES]


def test_the_mariadb_client(passing: ProxyDaemon, target: Target, proxy_key: KeyFiles) -> None:
    with account(target, "commandline", NATIVE) as name:
        options = (f"--ssl-ca={proxy_key.authority}", "--ssl-verify-server-cert")
        assert f"{name}@%" in mariadb(passing.port, name, FIRST, WHO, *options).stdout
        assert f"{name}@%" in mariadb(passing.port, name, FIRST, WHO, "--skip-ssl").stdout


@pytest.mark.parametrize("plugin", ["caching_sha2_password", "mysql_clear_password"])
def test_the_mysql_client(
    plugin: str, passing_mysql: ProxyDaemon, mysql_target: Target, proxy_key: KeyFiles
) -> None:
    server = mysql_target.server
    assert isinstance(server, MySQLServer)
    with account(mysql_target, "commandline", CACHING_SHA2) as name:
        command = [*server.installation.client, "--host=127.0.0.1", "--protocol=TCP"]
        command += [f"--port={passing_mysql.port}", f"--user={name}", f"--execute={WHO}"]
        command += [f"--ssl-ca={proxy_key.authority}", "--ssl-mode=VERIFY_IDENTITY"]
        command += [f"--default-auth={plugin}", "--enable-cleartext-plugin"]
        done = subprocess.run(
            command, env={**os.environ, "MYSQL_PWD": FIRST}, capture_output=True, text=True, check=False
        )
        assert f"{name}@%" in done.stdout, done.stderr


def test_a_password_is_never_asked_for_without_tls(
    mysql_target: Target, proxy_key: KeyFiles, start_proxy: StartProxy
) -> None:
    options = {**tls_options(proxy_key), "pass_through_users": "password"}
    daemon = start_proxy(mysql_target, proxy=options)
    with account(mysql_target, "plain", CACHING_SHA2) as name:
        assert refusal(daemon, name, FIRST) == 3159


# What becomes of a password


@pytest.mark.parametrize("way", ["asked", "queried"])
def test_a_new_password(way: str, passing: ProxyDaemon, target: Target, tls: dict[str, Any]) -> None:
    options = tls if way == "asked" else {}
    with (
        account(target, f"rotates_{way}", NATIVE) as name,
        passing.connect(name, password=FIRST, **options) as client,
    ):
        assert one(client, WHO) == f"{name}@%"
        change_password(target, name)
        assert refusal(passing, name, SECOND, **options) == 0
        assert refusal(passing, name, FIRST, **options) == 1045
        # The session that was there goes on, also on a new connection.
        kill_connections(target, name)
        assert one(client, WHO) == f"{name}@%"


def test_both_of_two_passwords(passing_mysql: ProxyDaemon, mysql_target: Target, tls: dict[str, Any]) -> None:
    with account(mysql_target, "dual", CACHING_SHA2) as name:
        assert refusal(passing_mysql, name, FIRST, **tls) == 0
        change_password(mysql_target, name, "RETAIN CURRENT PASSWORD")
        for password in (SECOND, FIRST, SECOND):
            assert refusal(passing_mysql, name, password, **tls) == 0
        mysql_target.server.execute(f"ALTER USER `{name}`@'%' DISCARD OLD PASSWORD")
        assert refusal(passing_mysql, name, SECOND, **tls) == 0
        assert refusal(passing_mysql, name, FIRST, **tls) == 1045


@pytest.mark.parametrize("way", ["asked", "queried"])
def test_who_is_gone_is_found_out(
    way: str, target: Target, proxy_key: KeyFiles, start_proxy: StartProxy, tls: dict[str, Any]
) -> None:
    daemon = start_proxy(target, proxy={**both_ways(target, proxy_key), "pass_through_cache_time": 2})
    options = tls if way == "asked" else {}
    with (
        account(target, f"gone_{way}", NATIVE) as name,
        daemon.connect(name, password=FIRST, **options) as open_,
    ):
        assert one(open_, WHO) == f"{name}@%"
        target.server.execute(f"DROP USER `{name}`@'%'")
        # However often it is tried, a proof has its time.
        eventually(lambda: refusal(daemon, name, FIRST, **options) == 1045, "the end of the proof")
        daemon.wait_for_log(f"user {name}: the target refuses the password that it has taken before")
        eventually(lambda: not target.threads(f"USER = '{name}'"), "the end of its connections")
        with pytest.raises(pymysql.MySQLError):
            run(open_, "SELECT 1")


def test_a_reload_makes_every_proof_old(passing: ProxyDaemon, target: Target, tls: dict[str, Any]) -> None:
    with account(target, "reloaded", NATIVE) as name:
        for _ in range(2):
            assert refusal(passing, name, FIRST, **tls) == 0
        mark = passing.mark()
        passing.reload()
        assert refusal(passing, name, FIRST, **tls) == 0
        assert PROVEN in passing.wait_for_log(f'log-in granted: user="{name}"', mark)
        target.server.execute(f"DROP USER `{name}`@'%'")
        passing.reload()
        assert refusal(passing, name, FIRST, **tls) == 1045


def test_it_is_kept_for_who_is_connected(
    target: Target, proxy_key: KeyFiles, start_proxy: StartProxy, tls: dict[str, Any]
) -> None:
    daemon = start_proxy(target, proxy={**both_ways(target, proxy_key), "pass_through_cache_time": 1})
    with (
        account(target, "stays", NATIVE) as stays,
        account(target, "leaves", NATIVE) as leaves,
        daemon.connect(stays, password=FIRST, **tls) as client,
    ):
        assert one(client, WHO) == f"{stays}@%"
        assert refusal(daemon, leaves, FIRST, **tls) == 0
        mark = daemon.mark()

        def is_proven_anew() -> bool:
            assert refusal(daemon, leaves, FIRST, **tls) == 0
            return PROVEN in daemon.log_since(mark)

        eventually(is_proven_anew, "the end of the time")
        kill_connections(target, stays)
        assert one(client, WHO) == f"{stays}@%"


def test_many_at_once_are_few_proofs(passing: ProxyDaemon, target: Target, tls: dict[str, Any]) -> None:
    def denied() -> int:
        return int(target.server.execute("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'")[0][1])

    with account(target, "burst", NATIVE) as name, ThreadPoolExecutor(30) as pool:
        before = denied()
        assert list(pool.map(lambda _: refusal(passing, name, WRONG, **tls), range(30))) == [1045] * 30
        assert 1 <= denied() - before < 30
        assert list(pool.map(lambda _: refusal(passing, name, FIRST, **tls), range(30))) == [0] * 30


def test_a_database_that_is_away(
    plain_target: Target, proxy_key: KeyFiles, start_proxy: StartProxy, tls: dict[str, Any]
) -> None:
    pool = {"connection_borrow_timeout": 1}
    daemon = start_proxy(plain_target, proxy=both_ways(plain_target, proxy_key), pool=pool)
    with account(plain_target, "known", NATIVE) as known, account(plain_target, "new", NATIVE) as new:
        assert refusal(daemon, known, FIRST, **tls) == 0
        plain_target.server.stop()
        try:
            daemon.reload()
            mark = daemon.mark()
            assert refusal(daemon, known, FIRST, database=None, **tls) == 9501
            line = daemon.wait_for_log(f'log-in granted: user="{known}"', mark)
            assert 'detail="remembered: the target could not be asked: ' in line
            assert refusal(daemon, new, FIRST, database=None, **tls) == 2013
            assert reason_of(daemon, new, mark).startswith("the target could not be asked: ")
        finally:
            plain_target.server.start()
        assert refusal(daemon, new, FIRST, **tls) == 0


# What the database does against guessing


def test_an_account_that_the_database_locks(
    passing_mysql: ProxyDaemon, mysql_target: Target, tls: dict[str, Any]
) -> None:
    policy = "FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME 1"
    with (
        account(mysql_target, "guessed", CACHING_SHA2, policy) as name,
        passing_mysql.connect(name, password=FIRST, **tls) as client,
    ):
        for _ in range(2):
            assert refusal(passing_mysql, name, WRONG, **tls) == 1045
        mark = passing_mysql.mark()
        assert refusal(passing_mysql, name, SECOND, **tls) == 1045
        assert "Account is blocked" in reason_of(passing_mysql, name, mark)
        # Whose password is remembered comes in, and shares the connection that there is.
        assert one(client, WHO) == f"{name}@%"
        assert refusal(passing_mysql, name, FIRST, **tls) == 0


# auth_query


def test_a_query_that_is_a_function(target: Target, proxy_key: KeyFiles, start_proxy: StartProxy) -> None:
    (script,) = re.findall(r"^```sql\n(CREATE SCHEMA proxy_users.*?)^```$", PAGE, flags=re.M | re.S)
    target.server.execute(f"{script.replace('monitor@', 'eve@')}")
    (query,) = re.findall(r"`auth_query = \"(SELECT proxy_users.*?)\"`", PAGE)
    options = {"auth_query": query, "auth_query_user_name": "eve", **NO_DELAY}
    auth = {name: {"user_name": name} for name in target.users}
    daemon = start_proxy(target, proxy=options, auth=auth)
    try:
        with account(target, "shop_1", NATIVE) as shop, account(target, "other_1", NATIVE) as other:
            assert refusal(daemon, shop, FIRST) == 0
            assert refusal(daemon, other, FIRST) == 1045
            assert refusal(daemon, shop.upper(), FIRST) == 1045
            assert reason_of(daemon, "SHOP_1", 0) == "auth_query knows no such user"
    finally:
        target.server.execute("DROP SCHEMA proxy_users")


def test_a_query_does_not_spoil_what_is_known(
    passing: ProxyDaemon, target: Target, tls: dict[str, Any], ed25519_options: tuple[str, ...]
) -> None:
    if not ed25519_options:
        pytest.skip("this MariaDB does not have the plugin ed25519")
    with account(target, "mixed", BOTH) as name:
        assert refusal(passing, name, FIRST, **tls) == 0
        kill_connections(target, name)
        # Alone, what the query tells is of no use for this account.
        assert refusal(passing, name, FIRST) == 0


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT nothing FROM app.item WHERE note = ?", "auth_query failed: 1054"),
        ("SELECT ? UNION SELECT 'b'", "auth_query failed: auth_query has more than one row"),
        ("SELECT ?", "auth_query knows no such user"),
        ("SELECT NULL FROM DUAL WHERE ? = ''", "auth_query knows no such user"),
    ],
)
def test_a_query_that_is_no_good(query: str, reason: str, passing: ProxyDaemon, target: Target) -> None:
    passing.proxy["auth_query"] = query
    passing.reload()
    try:
        with account(target, "queried", NATIVE) as name:
            mark = passing.mark()
            assert refusal(passing, name, FIRST) == 1045
            assert reason_of(passing, name, mark).startswith(reason)
    finally:
        passing.proxy["auth_query"] = VERIFIERS
        passing.reload()


@pytest.mark.parametrize("name", ["x' OR '1'='1", "`", "?", "a\\", "\u540d"])
def test_a_name_is_nothing_but_a_name(passing: ProxyDaemon, name: str) -> None:
    assert refusal(passing, name, FIRST, charset="utf8mb4") == 1045
