import shlex
from pathlib import Path

from proxy.demo.advice import PasteLines, Target, welcome

LINES = PasteLines(3310, "shop", Path("/tmp/certificate.pem"))


def test_a_shell_gives_back_an_awkward_password() -> None:
    password = "it's $HOME; \"#"
    for line in (LINES.mariadb("app", password), LINES.mysql("app", password)):
        assert f"--password={password}" in shlex.split(line)
    assert repr(password) in shlex.split(LINES.pymysql("app", password))[-1]


def test_the_pymysql_line_is_python() -> None:
    code = shlex.split(LINES.pymysql("app", "it's"))[-1]
    compile(code, "line", "exec")


def test_without_a_database_the_clients_name_none() -> None:
    lines = PasteLines(3310, "", Path("/tmp/certificate.pem"))
    assert shlex.split(lines.mysql("app", "1"))[-1].startswith("--")
    assert "database=None" in lines.pymysql("app", "1")


def test_the_welcome_has_lines_for_each_user_and_the_crowd() -> None:
    target = Target("127.0.0.1", 3311, "shop", "a database", (("app", "pw1"), ("report", "pw2")))
    text = welcome(LINES, target, Path("/tmp/proxy.log"))
    for username, password in target.logins:
        assert LINES.mariadb(username, password) in text
        assert LINES.pymysql(username, password) in text
    assert LINES.crowd("app", "pw1") in text
    assert "pw1" not in repr(target)


def test_the_crowd_needs_a_database() -> None:
    target = Target("127.0.0.1", 3311, "", "a database", (("app", "pw1"),))
    assert "crowd" not in welcome(PasteLines(3310, "", Path("/c")), target, Path("/l"))
