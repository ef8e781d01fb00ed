"""A driver's suite that pytest runs in a virtual environment of its own."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from proxy.demo.child import die_with_parent

from .fetching import environment, sdist
from .outcomes import Results, Unavailable, read_log
from .servers import Endpoint

__all__ = ["Arrangement", "PytestSuite"]

RUN_LIMIT = 1500.0
"""Seconds one run of a suite may take; tests that did not begin by then are missing from its results."""
TEST_LIMIT = 90
"""Seconds one test may take."""
INSIDE = Path(__file__).parent / "inside"
TAIL = 3000


@attrs.frozen
class Arrangement:
    """What a suite is told about its database: variables of the environment and arguments of pytest."""

    environment: Mapping[str, str] = attrs.field(factory=dict)
    arguments: Sequence[str] = ()


@attrs.frozen
class PytestSuite:
    """A suite in a source archive. `arrange` writes the suite's configuration and says how to call it."""

    name: str
    #: The source archive that holds the tests, as a requirement.
    archive: str
    #: What the tests run with. SOURCE in it stands for the unpacked archive.
    packages: tuple[str, ...]
    #: What pytest is given, from the archive's top folder.
    targets: tuple[str, ...]
    #: SQL that makes what the suite expects in its database.
    schema: str
    arrange: Callable[[Endpoint, Path], Arrangement]
    server_options: tuple[str, ...] = ()
    #: Whether the archive has settings for pytest.
    has_settings: bool = False

    def fetch(self, cache: Path) -> None:
        """See `Suite`."""
        source = sdist(self.archive, self._folder(cache) / "source")
        environment(self._requirements(source), self._folder(cache) / "environment")

    def run(self, cache: Path, endpoint: Endpoint, only: tuple[str, ...] = ()) -> Results:
        """See `Suite`."""
        source = sdist(self.archive, self._folder(cache) / "source")
        python = environment(self._requirements(source), self._folder(cache) / "environment")
        endpoint.execute(self.schema)
        arranged = self.arrange(endpoint, source)
        log = endpoint.folder / "outcomes.jsonl"
        log.unlink(missing_ok=True)
        command = [str(python), "-m", "pytest", "-q", "-p", "outcome_log", "-p", "no:cacheprovider"]
        if not self.has_settings:
            command += ["-c", str(INSIDE / "pytest.ini"), "--rootdir", str(source)]
        command += [*arranged.arguments, *(only or self.targets)]
        output = self._call(command, source, endpoint, arranged, log)
        results = read_log(log)
        if not results:
            raise Unavailable(f"the suite ran no test; the end of its output:\n{output[-TAIL:]}")
        return results

    def _call(
        self, command: list[str], source: Path, endpoint: Endpoint, arranged: Arrangement, log: Path
    ) -> str:
        variables = {
            **os.environ,
            # Files of the caller's own, such as ~/.my.cnf, are none of the suite's business.
            "HOME": str(endpoint.folder),
            "PYTHONPATH": str(INSIDE),
            "SUITE_LOG": str(log),
            "SUITE_TEST_LIMIT": str(TEST_LIMIT),
            **arranged.environment,
        }
        output = endpoint.folder / "output.txt"
        with output.open("wb") as file, suppress(subprocess.TimeoutExpired):
            subprocess.run(
                command,
                cwd=source,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=RUN_LIMIT,
                check=False,
                preexec_fn=die_with_parent(),
            )
        return output.read_text(errors="replace")

    def _folder(self, cache: Path) -> Path:
        return cache / self.name

    def _requirements(self, source: Path) -> list[str]:
        return [str(source) if each == SOURCE else each for each in self.packages]


SOURCE = "SOURCE"
