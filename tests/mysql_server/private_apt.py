"""apt in a folder of its own: another suite's packages without a change to the system, and without root."""

import os
import re
import subprocess
from pathlib import Path

__all__ = ["AptFailed", "PrivateApt"]

UPDATE_LIMIT = 300.0
DOWNLOAD_LIMIT = 1200.0
"""Seconds one apt command may take before it counts as failed."""
QUERY_LIMIT = 60.0
RETRIES = 2
"""How often apt itself tries a file again."""
NETWORK_TIMEOUT = 20
"""Seconds without an answer from the archive."""

# The system's own configuration stays in force: it may name a network proxy that is needed. Its commands for
# after an update are about the system's lists, and may need root.
CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/empty";
Dir::Etc::preferences "{folder}/empty/none";
Dir::Etc::preferencesparts "{folder}/empty";
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "{retries}";
Acquire::http::Timeout "{timeout}";
Acquire::https::Timeout "{timeout}";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
"""
_PLANNED = re.compile(r"^Inst (\S+) ", re.MULTILINE)
_ERROR = re.compile(r"^[EW]: (.+)$", re.MULTILINE)


class AptFailed(Exception):
    """An apt command failed; the text ends with apt's own words."""


class PrivateApt:
    """One apt root with one source."""

    def __init__(self, folder: Path, source: str) -> None:
        self._configuration = folder / "apt.conf"
        for part in ("empty", "state/lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "state/status").touch()
        (folder / "sources.list").write_text(source)
        self._configuration.write_text(
            CONFIGURATION.format(folder=folder, retries=RETRIES, timeout=NETWORK_TIMEOUT)
        )
        self._folder = folder

    def update(self) -> None:
        """Fetch the list of packages. Raises AptFailed."""
        self._run("apt-get", "-qq", "update", limit=UPDATE_LIMIT)

    def closure(self, *packages: str) -> list[str]:
        """Return the packages and all that they depend on. Raises AptFailed when one is unknown."""
        return _PLANNED.findall(
            self._run("apt-get", "-qq", "--simulate", "install", *packages, limit=QUERY_LIMIT)
        )

    def download(self, packages: list[str], folder: Path) -> list[Path]:
        """Fetch the files of packages into a folder. Raises AptFailed."""
        self._run("apt-get", "-qq", "download", *packages, limit=DOWNLOAD_LIMIT, folder=folder)
        return sorted(folder.glob("*.deb"))

    def _run(self, program: str, *words: str, limit: float, folder: Path | None = None) -> str:
        command = [program, "-c", str(self._configuration), *words]
        try:
            done = subprocess.run(
                command,
                cwd=folder or self._folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit,
                env={**os.environ, "LC_ALL": "C"},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AptFailed(f"`{program} {words[1]}` took over {limit:.0f} s") from None
        if done.returncode != 0:
            said = _ERROR.findall(done.stderr) or done.stderr.strip().splitlines() or ["no message"]
            raise AptFailed(f"`{program} {words[1]}` failed: {said[0]}")
        return done.stdout
