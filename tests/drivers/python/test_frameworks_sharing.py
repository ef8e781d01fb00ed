"""Frameworks with fifty clients on two database connections: each sees its own data, and nobody is pinned."""

import importlib.util
import sys
from pathlib import Path

import pytest

from ..sharing import Crossing, play

PROGRAMS = Path(__file__).parent
MODULES = {"mysqlclient": "MySQLdb", "mysqldb": "MySQLdb", "mysqlconnector": "mysql.connector"}


def run(crossing: Crossing, program: str, needs: tuple[str, ...], **task: object) -> None:
    """Play a program of this folder, or skip where a module is missing."""
    for name in needs:
        module = MODULES.get(name, name)
        if importlib.util.find_spec(module.split(".")[0]) is None:
            pytest.skip(f"{module} is not installed: it is in the extra `drivers`")
    play(crossing, [sys.executable, str(PROGRAMS / program)], task)


@pytest.mark.parametrize(
    ("driver", "keep"), [("mysqlclient", False), ("mysqlclient", True)], ids=["anew", "kept"]
)
def test_django(crossing: Crossing, driver: str, keep: bool) -> None:
    run(crossing, "django_sharing.py", ("django", driver), driver=driver, keep=keep)


@pytest.mark.parametrize("driver", ["mysqldb", "pymysql", "mysqlconnector"])
def test_sqlalchemy(crossing: Crossing, driver: str) -> None:
    run(crossing, "sqlalchemy_sharing.py", ("sqlalchemy", driver), driver=driver)


def test_the_pool_of_mysql_connector(crossing: Crossing) -> None:
    run(crossing, "connector_sharing.py", ("mysqlconnector",))
