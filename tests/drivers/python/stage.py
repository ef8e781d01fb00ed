"""Where a scenario plays: one driver at one place, with or without TLS."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from ..servers import SECOND_ACCOUNT, USERS, Place
from .links import Driver, Link, Wish

__all__ = ["SCENARIOS", "SPEECHES", "Play", "Scenario", "Setting", "Stage", "play", "scenario"]

WAIT_LIMIT = 30.0
"""Seconds until something that has to come about does."""
POLL_INTERVAL = 0.01

Play = Callable[["Stage"], object]
SPEECHES = ("plain", "tls")
"""Without and with TLS."""


@attrs.frozen
class Scenario:
    """A course of events with any driver that has what it `needs`.

    It asserts what has to be so at both places, and returns what has to be the same at both.
    """

    name: str
    needs: frozenset[str]
    play: Play
    speeches: tuple[str, ...]
    """Where it is played: `plain`, `tls` or both."""
    feels_tls: bool
    """Whether what it returns may be another with TLS, also directly."""
    is_counted: bool
    """Whether the bytes on the wire are to be few, because they are compressed."""
    is_complete: bool
    """Whether it asserts all there is to see, so that there is nothing to compare with."""


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *needs: str, only: str = "", feels_tls: bool = False, is_counted: bool = False, is_complete: bool = False
) -> Callable[[Play], Play]:
    """Enter a function among the scenarios, under its own name; `only` one of the SPEECHES, if any."""
    speeches = (only,) if only else SPEECHES

    def enter(function: Play) -> Play:
        assert function.__name__ not in SCENARIOS
        name = function.__name__
        SCENARIOS[name] = Scenario(
            name, frozenset(needs), function, speeches, feels_tls, is_counted, is_complete
        )
        return function

    return enter


@attrs.frozen
class Setting:
    """What is the same at both places."""

    vendor: str
    tls: bool
    folder: Path
    """For files of the client's."""
    strangers_authority: Path
    """An authority that has signed nothing."""
    query_attributes: bool = False
    """Whether the server has the function that shows a statement's attributes."""


class Stage:
    """What a scenario is given: links of one driver to one place, and tables of its own."""

    def __init__(self, driver: Driver, place: Place, setting: Setting) -> None:
        self.driver = driver
        self.place = place
        self.vendor = setting.vendor
        self.tls = setting.tls
        self.folder = setting.folder
        self.strangers_authority = setting.strangers_authority
        self.has_attributes = setting.query_attributes
        self.second_password = USERS[SECOND_ACCOUNT]
        self._opened: list[Link] = []

    def open(self, **wish: Any) -> Link:
        """A link, which is closed when the scenario ends."""
        link = self.driver.connect(self.place, Wish(tls=self.tls, **wish))
        self._opened.append(link)
        return link

    def closed(self, link: Link) -> None:
        """Say that the scenario has closed a link itself, or that the server did."""
        self._opened.remove(link)

    def table(self, link: Link, columns: str, suffix: str = "") -> str:
        """A new, empty table; one that an earlier run left is dropped."""
        name = f"t_{self.driver.name.replace('-', '_')}{suffix}"
        link.run(f"DROP TABLE IF EXISTS {name}")
        link.run(f"CREATE TABLE {name} ({columns}) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4")
        return name

    @contextlib.contextmanager
    def fails(self, number: int, *words: str) -> Iterator[list[str]]:
        """Expect an error of the server; the list gets its text when it has come."""
        texts: list[str] = []
        try:
            yield texts
        except Exception as error:
            found = self.driver.number_of(error)
            texts.append(self.driver.text_of(error))
            if found != number or any(word not in texts[0] for word in words):
                raise AssertionError(f"not error {number} with {words}: {error!r}") from error
        else:
            raise AssertionError(f"no error {number}")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Try again until something holds."""
        deadline = time.monotonic() + WAIT_LIMIT
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(POLL_INTERVAL)

    def close(self) -> None:
        """Close what is still open."""
        for link in reversed(self._opened):
            link.close()


def play(name: str, stage: Stage) -> object:
    """Play a scenario and return what it saw."""
    try:
        return SCENARIOS[name].play(stage)
    finally:
        stage.close()
