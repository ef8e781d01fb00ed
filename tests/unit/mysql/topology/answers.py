"""Servers' answers as the kinds of topology get them, for tests."""

from collections.abc import Mapping
from typing import Any

from proxy.mysql.topology.facts import Facts
from proxy.mysql.topology.kind import Kind, Refusal, Row
from proxy.targets.observation import Observation

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

MYSQL = {
    "version": "8.0.36",
    "hostname": "db1",
    "port": "3306",
    "server_id": "1",
    "server_uuid": UUID,
    "read_only": "OFF",
    "super_read_only": "OFF",
    "innodb_read_only": "OFF",
    "offline_mode": "OFF",
    "gtid_mode": "ON",
    "gtid_executed": "",
    "basedir": "/usr/",
}
MARIADB = {
    "version": "10.11.6-MariaDB-log",
    "hostname": "db1",
    "port": "3306",
    "server_id": "1",
    "read_only": "OFF",
    "innodb_read_only": "OFF",
    "log_bin": "ON",
    "gtid_binlog_state": "",
    "gtid_slave_pos": "",
}


def facts(variables: Mapping[str, str], host: str = "db1.example.com", /, **more: str) -> Facts:
    """Of a server with these variables."""
    return Facts.learn(({**variables, **more}).items(), host, 3306)


def row(**values: str | None) -> Row:
    """One row; the names come as the interview gives them."""
    return {name.lower(): value for name, value in values.items()}


def read(kind: Kind, about: Facts, **answers: Any) -> Observation:
    """What the kind makes of answers by question; a number stands for a refusal with it."""
    names = {question.name for question in kind.questions(about)}
    assert answers.keys() <= names, "nobody asks that"
    given = {name: (row(Variable_name="Uptime", Value="100"),) if name == "uptime" else () for name in names}
    for name, answer in answers.items():
        if isinstance(answer, int):
            given[name] = Refusal(answer)  # type: ignore[assignment]
        else:
            given[name] = (answer,) if isinstance(answer, Mapping) else tuple(answer)
    return kind.read(given, about)
