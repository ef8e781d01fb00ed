"""The log: its two forms, and what must never be in it."""

import json

import pymysql
import pytest

from .clients import fetch, run, thread_of
from .conftest import StartProxy
from .databases import Target


@pytest.mark.parametrize("debug", [False, True], ids=["info", "debug"])
def test_the_json_log_is_one_object_a_line_and_keeps_secrets(
    start_proxy: StartProxy, target: Target, debug: bool
) -> None:
    daemon = start_proxy(target, log={"format": "json"}, proxy={"debug_logging": debug})
    with daemon.connect() as client:
        run(client, "SET @card = 'private-4711'")
        run(client, "CREATE TEMPORARY TABLE fleeting (id INT)")
        for sql in (
            "SELECT * FROM missing_table WHERE note = 'private-4712'",
            "SELECT 'private-4713",
            'SET @x = "private-4714"',
            "INSERT INTO item (id, note) VALUES (1, 'private-4715'), (1, 'private-4715')",
        ):
            try:
                run(client, sql)
            except pymysql.MySQLError:
                continue
        number = thread_of(client)
    with pytest.raises(pymysql.OperationalError):
        daemon.connect(password="private-4716")
    daemon.stop()
    text = daemon.log_text()
    for secret in (*target.users.values(), "private-47", "Traceback"):
        assert json.dumps(secret)[1:-1] not in text
    records = daemon.log_records()
    assert all({"time", "level", "message"} <= set(record) for record in records)
    assert all(record["time"].endswith("Z") for record in records)
    pin = next(record for record in records if "pinned" in record["message"])
    assert pin["number"] == number
    assert pin["reason"] == "temporary_table"
    assert isinstance(pin["client"], int)
    attempts = [record for record in records if "verdict" in record]
    assert [each["verdict"] for each in attempts] == ["granted", "refused"]
    assert attempts[1]["reason"] == "wrong password"
    assert debug == any(record["level"] == "debug" for record in records)


def test_the_text_log_has_the_form_of_rds_proxy(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with daemon.connect() as client:
        run(client, "CREATE TEMPORARY TABLE mine (id INT)")
    line = daemon.wait_for_log("pinned")
    assert line[10] == "T"
    assert "Z [INFO] [proxyEndpoint=default] [clientConnection=" in line
    assert "for the remainder of the session" in line


def test_debug_logging_tells_of_connections(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"debug_logging": True})
    with daemon.connect() as client:
        assert fetch(client, "SELECT 1") == ((1,),)
    daemon.wait_for_log("A new client connected from")
    daemon.wait_for_log("The client connection closed")
