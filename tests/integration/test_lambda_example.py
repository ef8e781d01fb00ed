"""The Lambda function of docs/lambda.md: 500 of them at once share 50 database connections."""

import importlib.util
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import ModuleType
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK
from tests.unit.iam.signing import LONG_LIVED, REGION

from .certificates import KeyFiles
from .databases import Target
from .iam import IAM, IamDaemon, allowing, keys_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
HANDLER = DOCS / "examples" / "lambda_handler.py"
FUNCTIONS = 500
INVOCATIONS = 3
CONNECTIONS = 50
CUSTOMERS = 10


@pytest.fixture
def daemon(
    plain_target: Target, proxy_key: KeyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[IamDaemon]:
    """A proxy with 50 database connections, and the environment of a Lambda function."""
    server = plain_target.server
    server.execute("SET GLOBAL max_connections = 100")
    server.execute(
        "CREATE OR REPLACE TABLE app.orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT, KEY (customer))"
    )
    daemon = IamDaemon(
        tmp_path,
        plain_target.port,
        plain_target.users,
        proxy_key,
        keys_of(LONG_LIVED, policies=(allowing("app"),)),
        auth={"app": IAM},
        pool={"max_connections_percent": CONNECTIONS},
        proxy={"iam_authentication_rate_limit": 0},
    ).start()
    settings = {
        "AWS_ACCESS_KEY_ID": LONG_LIVED.access_key_id,
        "AWS_SECRET_ACCESS_KEY": LONG_LIVED.secret,
        "AWS_DEFAULT_REGION": REGION,
        "PROXY_HOST": "localhost",
        "PROXY_PORT": str(daemon.port),
        "DB_USER": "app",
        "DB_NAME": "app",
        "CA_FILE": str(daemon.authority),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield daemon
    daemon.stop()
    server.execute("SET GLOBAL max_connections = DEFAULT")


def environment(number: int) -> ModuleType:
    """An execution environment: the module, loaded anew."""
    spec = importlib.util.spec_from_file_location(f"lambda_{number}", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.alone
def test_500_functions_share_50_database_connections(daemon: IamDaemon, plain_target: Target) -> None:
    environments = [environment(number) for number in range(FUNCTIONS)]
    together = Barrier(FUNCTIONS)

    def invoke(number: int) -> list[dict[str, Any]]:
        together.wait()
        function = environments[number]
        return [function.handler({"customer": number % CUSTOMERS}, None) for _ in range(INVOCATIONS)]

    plain_target.server.execute("FLUSH STATUS")
    with ThreadPoolExecutor(FUNCTIONS) as functions:
        answers = [answer for each in functions.map(invoke, range(FUNCTIONS)) for answer in each]

    assert len({answer["order"] for answer in answers}) == FUNCTIONS * INVOCATIONS
    client = pymysql.connect(
        host=LOOPBACK, port=plain_target.port, user="app", password=plain_target.users["app"]
    )
    with client, client.cursor() as cursor:
        cursor.execute("SELECT customer, COUNT(*) FROM app.orders GROUP BY customer")
        assert Counter(dict(cursor.fetchall())) == dict.fromkeys(
            range(CUSTOMERS), FUNCTIONS * INVOCATIONS // CUSTOMERS
        )
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Max_used_connections'")
        [(_, most)] = cursor.fetchall()
    # Besides the pool's: the proxy's probe, and this test.
    assert int(most) <= CONNECTIONS + 3
    for each in environments:
        each.connection.close()


def test_a_function_that_was_frozen_connects_again(daemon: IamDaemon) -> None:
    function = environment(FUNCTIONS)
    assert function.handler({"customer": 1}, None)["orders"] == 1
    first = function.connection
    assert function.handler({"customer": 1}, None)["orders"] == 2
    assert function.connection is first
    daemon.proxy["idle_client_timeout"] = 1
    daemon.reload()
    daemon.wait_for_log("Reason: idle_client_timeout", 0)
    assert function.handler({"customer": 1}, None)["orders"] == 3
    assert function.connection is not first
    function.connection.close()


def test_the_document_shows_the_file() -> None:
    assert f"```python\n{HANDLER.read_text()}```" in (DOCS / "lambda.md").read_text()
