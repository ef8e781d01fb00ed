"""The daemon with further endpoints."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from .daemon import ProxyDaemon, Section

__all__ = ["EndpointDaemon"]


class EndpointDaemon(ProxyDaemon):
    """`endpoints` are the entries of `[[proxy.endpoints]]`; one without a port takes any."""

    def __init__(self, *arguments: Any, endpoints: Sequence[Section] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.endpoints = [{"port": 0, **endpoint} for endpoint in endpoints]

    def port_of(self, name: str) -> int:
        """The TCP port of an endpoint."""
        line = rf"rds-proxy listens on \S+:(\d+) \({name}\) for "
        found = re.findall(line, self.log_text())
        assert found, f"no port of {name} in the log:\n{self.log_tail()}"
        return int(found[-1])

    def connect_to(self, name: str, **options: Any) -> "pymysql.Connection[Cursor]":
        """A PyMySQL client of an endpoint, by TCP."""
        return self.connect(**{"port": self.port_of(name), **options})

    def _config_text(self) -> str:
        tables = [
            ["[[proxy.endpoints]]", *(f"{name} = {json.dumps(value)}" for name, value in entry.items())]
            for entry in self.endpoints
        ]
        return "\n".join([super()._config_text(), *("\n".join([*lines, ""]) for lines in tables)])
