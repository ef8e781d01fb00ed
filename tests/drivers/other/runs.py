"""What a program is asked to do, and its reports over a direct connection and through the proxy."""

import subprocess
from pathlib import Path
from typing import Any

import attrs

from tests.drivers.counting import CountingForwarder, Traffic
from tests.drivers.other.programs import Mode, Program
from tests.drivers.other.tables import CLEAR, run_all
from tests.drivers.servers import SECOND_ACCOUNT, USERS, DriverServer, Pair, Place

__all__ = [
    "ATTRIBUTES",
    "DULL",
    "DULL_STATEMENTS",
    "EMOJI",
    "INFILE_LINES",
    "MODES",
    "MULTI",
    "BIG_BYTES",
    "Runs",
]

EMOJI = "grüße 😀 漢字"
INFILE_LINES = ("line 1", "line 2 😀", "line 3")
MULTI = (
    "SELECT 1; INSERT INTO od_item (note) VALUES ('multi');"
    " SELECT COUNT(*) FROM od_item WHERE note = 'multi'; SELECT nothing"
)
ATTRIBUTES = "SELECT mysql_query_attribute_string('color'), mysql_query_attribute_string('size')"
BIG_BYTES = 20_000_000
DULL = "x" * 50_000
DULL_STATEMENTS = 20
"""Statements and results that shrink when they are compressed; the proxy sends longer rows as they are."""


MODES = {
    mode.name: mode
    for mode in (
        Mode("plain-text"),
        Mode("plain-binary", prepared=True),
        Mode("tls-text", tls=True),
        Mode("tls-binary", tls=True, prepared=True),
        Mode("compressed", compress=True),
    )
}
DIRECT_MODES = ("plain-text", "tls-binary")
"""What a direct connection is looked at in: between them they have every scenario."""


@attrs.define
class Runs:
    """The reports on one database, each made when it is first asked for."""

    server: DriverServer
    pair: Pair
    folder: Path
    _reports: dict[tuple[str, str, str], dict[str, Any]] = attrs.Factory(dict)

    def directly(self, program: Program, mode: Mode, scenario: str) -> Any:
        """What the program saw in a scenario at the database itself, in the most similar of DIRECT_MODES."""
        names = sorted(DIRECT_MODES, key=lambda name: MODES[name].prepared is not mode.prepared)
        reports = (self.report(program, MODES[name], self.pair.direct) for name in names)
        return next(report[scenario] for report in reports if scenario in report)

    def report(self, program: Program, mode: Mode, place: Place) -> dict[str, Any]:
        """What the program saw at this place."""
        key = (program.name, mode.name, place.name)
        if key not in self._reports:
            run_all(self.server.connect, CLEAR)
            try:
                self._reports[key] = program.run(self._task(mode, place, program.scenarios_in(mode)))
            except (AssertionError, subprocess.TimeoutExpired, ValueError) as error:
                # Not run anew for each scenario.
                self._reports[key] = {each: {"no report": str(error)} for each in program.scenarios_in(mode)}
        return self._reports[key]

    def compressible(self, program: Program) -> tuple[list[Any], Traffic]:
        """The results of long and dull statements through the proxy, and the bytes on the wire."""
        with CountingForwarder(self.pair.proxy) as forwarder:
            task = self._task(MODES["compressed"], forwarder.place, ["multi"])
            statements = [*(f"SELECT '{DULL}'" for _ in range(DULL_STATEMENTS)), "SELECT nothing"]
            report = program.run(task | {"multi": "; ".join(statements)})
            return report["multi"], forwarder.traffic()

    def _task(self, mode: Mode, place: Place, scenarios: list[str]) -> dict[str, Any]:
        rows = self.folder / "rows.txt"
        rows.write_text("".join(f"{line}\n" for line in INFILE_LINES))
        other = self.pair.proxy if place.name == "direct" else self.pair.direct
        return {
            "host": place.host,
            "port": place.port,
            "user": place.user,
            "password": place.password,
            "database": place.schema,
            "second_user": SECOND_ACCOUNT,
            "second_password": USERS[SECOND_ACCOUNT],
            "authority": str(place.authority) if mode.tls else "",
            "wrong_authority": str(other.authority),
            "prepared": mode.prepared,
            "compress": mode.compress,
            "emoji": EMOJI,
            "multi": MULTI,
            "attributes": ATTRIBUTES if self.pair.shows_attributes else "SELECT 'none', 'none'",
            "infile": f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE od_item CHARACTER SET utf8mb4 (note)",
            "big": BIG_BYTES,
            "scenarios": scenarios,
        }
