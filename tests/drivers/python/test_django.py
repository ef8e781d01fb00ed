"""Django: migrations, its ORM, `atomic` and connections that are kept, directly and through the proxy."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from ..servers import Pair, Place

PROGRAM = Path(__file__).with_name("django_run.py")
TIME_LIMIT = 120
MODULES = {"mysqlclient": "MySQLdb", "pymysql": "pymysql"}


def run(place: Place, driver: str, tls: bool) -> object:
    """What Django saw at a place."""
    wanted = attrs.asdict(place) | {"authority": str(place.authority) if tls else "", "driver": driver}
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("driver", "tls"),
    [("mysqlclient", False), ("mysqlclient", True), ("pymysql", True)],
    ids=["mysqlclient-plain", "mysqlclient-tls", "pymysql-tls"],
)
def test_it_is_the_same_as_directly(pair: Pair, driver: str, tls: bool) -> None:
    for module in ("django", MODULES[driver]):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: it is in the extra `drivers`")
    assert run(pair.proxy, driver, tls) == run(pair.direct, driver, tls)
