"""What a probe asks a target, and what happens to its connection when something goes wrong."""

import re
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from proxy.mysql.backend.probe import Probe, ProbeResult
from proxy.mysql.backend.questions import ASK_AGAIN_AFTER
from proxy.targets.addresses import AddressWatch
from proxy.targets.observation import Observation, Role
from tests.peers import packets as p
from tests.peers.link import Line

FACTS = [["151", "10.11.6-MariaDB-log", "utf8mb4"]]
COLLATIONS = [["45", "utf8mb4_general_ci", "utf8mb4"], ["8", "latin1_swedish_ci", "latin1"]]
VARIABLES = [["autocommit", "ON"], ["statement_id", "3"], ["sql_mode", ""], ["timestamp", "1"]]

READ_ONLY = [["0"]]
UPTIME = [["Uptime", "77"]]
UNTOLD = "its replication and lag cannot be told: the monitor's user lacks {}"
DENIED = p.err(1227, b"Access denied")
WORDS = ("@@version", "autocommit", "COLLATIONS", "VARIABLES", "read_only", "Uptime", "SLAVE")
"""One of them is in each question."""

Rows = Sequence[Sequence[str | None]]


def result_set(rows: Rows, names: Sequence[str] = ()) -> list[bytes]:
    width = len(rows[0]) if rows else 1
    named = [name.encode() for name in (*names, *"x" * width)][:width]
    cells = [p.row([None if cell is None else cell.encode() for cell in row]) for row in rows]
    return [p.number(width), *map(p.column, named), *cells, p.ok(header=0xFE)]


def names_in(sql: str) -> list[str]:
    """As the server names the columns of its answer."""
    return ["Variable_name", "Value"] if "Uptime" in sql else re.findall(r"AS (\w+)", sql)


class Target:
    """Answers questions by a word in them; one that has no answer is left open."""

    def __init__(self, answers: dict[str, Any], names: dict[str, list[str]]) -> None:
        self.line: Any = None
        self.answers, self.names = answers, names
        self.asked: list[str] = []
        self.said_goodbye = self.closed = False

    def received(self, data: bytes) -> None:
        for _, payload in p.split(data):
            if payload == b"\x01":
                self.said_goodbye = True
                self.line.hang_up()
                continue
            sql = payload[1:].decode()
            [word] = [word for word in WORDS if word in sql]
            self.asked.append(word)
            answer = self.answers.get(word)
            if isinstance(answer, bytes):
                self.line.send(p.packets([answer]))
            elif answer is not None:
                names = self.names.get(word, names_in(sql))
                self.line.send(p.packets(result_set(answer, names)))

    def gone(self) -> None:
        self.closed = True


@attrs.define
class Scene:
    """Stands in for the connector; log-ins succeed when ``let_in`` is called, or at once."""

    answers: dict[str, Any] = attrs.field(
        factory=lambda: {
            "@@version": FACTS,
            "COLLATIONS": COLLATIONS,
            "VARIABLES": VARIABLES,
            "read_only": READ_ONLY,
            "Uptime": UPTIME,
            "SLAVE": DENIED,
        }
    )
    names: dict[str, list[str]] = attrs.field(factory=dict)
    greeting: str = "5.5.5-10.11.6-MariaDB-log"
    username: str | None = "app"
    at_once: bool = True
    clock: Clock = attrs.field(factory=Clock)
    targets: list[Target] = attrs.field(factory=list)
    waiting: list[Deferred[BackendConnection]] = attrs.field(factory=list)
    usernames: list[str] = attrs.field(factory=list)
    limits: list[Deferred[Any]] = attrs.field(factory=list)
    target: Any = attrs.field(factory=lambda: SimpleNamespace(host="db.example.com", port=3306))

    def probe(self, *more: Any) -> Probe:
        return Probe(self, lambda: self.username, *more)  # type: ignore[arg-type]

    def open_plain(self, username: str) -> Deferred[BackendConnection]:
        self.usernames.append(username)
        self.waiting.append(Deferred())
        opened = self.waiting[-1]
        if self.at_once:
            self.let_in()
        return opened

    def limited(self, work: Deferred[Any]) -> Deferred[Any]:
        self.limits.append(work)
        return work

    def let_in(self) -> None:
        connection = BackendConnection("key", 1, self.clock)
        self.targets.append(Target(self.answers, self.names))
        Line(connection, self.targets[-1], is_client=True)
        connection.server_version = self.greeting
        connection.status = 0x4002
        connection.connection_ready()
        connection.idle()
        self.waiting.pop().callback(connection)

    def settle(self) -> None:
        while any(target.line.has_work for target in self.targets):
            for target in self.targets:
                target.line.deliver()

    def ask(self, probe: Probe) -> Any:
        """What the question ends with: a result, an exception, or None while it is open."""
        outcome: list[Any] = []
        probe.ask().addBoth(outcome.append)
        self.settle()
        return outcome_of(outcome)

    @property
    def open_connections(self) -> int:
        return sum(not target.closed for target in self.targets)


def outcome_of(outcome: list[Any]) -> Any:
    [result] = outcome or [None]
    return result.value if isinstance(result, Failure) else result


@pytest.fixture
def make() -> Iterator[Callable[..., Scene]]:
    scenes: list[Scene] = []

    def build(**fields: Any) -> Scene:
        scenes.append(Scene(**fields))
        return scenes[-1]

    yield build
    for scene in scenes:
        scene.settle()
        assert not scene.clock.getDelayedCalls()


class TestAnswer:
    def test_of_a_mariadb_server(self, make: Callable[..., Scene]) -> None:
        scene = make()
        assert scene.ask(scene.probe()) == ProbeResult(
            max_connections=151,
            version="5.5.5-10.11.6-MariaDB-log",
            is_mariadb=True,
            fresh_status=0x4002,
            collations={45: ("utf8mb4_general_ci", "utf8mb4"), 8: ("latin1_swedish_ci", "latin1")},
            tracked_variables="*",
            character_set_client="utf8mb4",
            observation=Observation(
                Role.READ_WRITE,
                uptime=77.0,
                topology="replication",
                remark=UNTOLD.format("REPLICATION CLIENT"),
            ),
            address="127.0.0.1",
        )
        assert scene.usernames == ["app"]

    def test_of_a_mysql_server(self, make: Callable[..., Scene]) -> None:
        """It counts every statement in a variable: those that are settings are named."""
        scene = make(greeting="9.7.0")
        scene.answers["@@version"] = [["1000", "9.7.0", "utf8mb4"]]
        answer = scene.ask(scene.probe())
        assert (answer.is_mariadb, answer.version) == (False, "9.7.0")
        assert answer.tracked_variables == "autocommit,sql_mode"

    def test_without_a_version_in_the_greeting(self, make: Callable[..., Scene]) -> None:
        scene = make(greeting="")
        assert scene.ask(scene.probe()).version == "10.11.6-MariaDB-log"

    def test_collations_without_a_character_set_are_left_out(self, make: Callable[..., Scene]) -> None:
        """MariaDB 10.10 lists some that belong to several sets."""
        scene = make()
        scene.answers["COLLATIONS"] = [["7", "uca1400_ai_ci", None], *COLLATIONS]
        assert set(scene.ask(scene.probe()).collations) == {45, 8}

    def test_one_connection_is_kept_and_what_does_not_change_is_asked_once(
        self, make: Callable[..., Scene]
    ) -> None:
        scene = make()
        probe = scene.probe()
        first = scene.ask(probe)
        scene.answers["@@version"] = [["200", "10.11.6-MariaDB-log", "utf8mb4"]]
        assert scene.ask(probe) == attrs.evolve(first, max_connections=200)
        assert scene.targets[0].asked[:2] == ["COLLATIONS", "VARIABLES"]
        assert scene.targets[0].asked.count("@@version") == 2
        assert not {"COLLATIONS", "VARIABLES"} & set(scene.targets[0].asked[2:])
        assert scene.open_connections == 1

    def test_a_lost_connection_is_replaced_and_everything_is_asked_anew(
        self, make: Callable[..., Scene]
    ) -> None:
        scene = make()
        probe = scene.probe()
        scene.ask(probe)
        scene.targets[0].line.hang_up()
        scene.settle()
        scene.answers["COLLATIONS"] = COLLATIONS[:1]
        assert set(scene.ask(probe).collations) == {45}
        assert scene.targets[1].asked == scene.targets[0].asked

    def test_where_nothing_commits_by_itself_the_probe_does(self, make: Callable[..., Scene]) -> None:
        """Otherwise its questions would hold one transaction open as long as it lives."""
        scene = make()
        scene.answers["VARIABLES"] = [["autocommit", "OFF"]]
        scene.answers["autocommit"] = p.ok()
        probe = scene.probe()
        assert not scene.ask(probe).fresh_status & p.AUTOCOMMIT
        assert not scene.ask(probe).fresh_status & p.AUTOCOMMIT
        assert scene.targets[0].asked.count("autocommit") == 1

    def test_every_wait_is_bounded(self, make: Callable[..., Scene]) -> None:
        scene = make()
        scene.ask(scene.probe())
        assert len(scene.limits) == 3


class TestTopology:
    def test_a_round_of_questions_is_one_round_trip(self, make: Callable[..., Scene]) -> None:
        scene = make()
        for word in ("@@version", "read_only", "Uptime", "SLAVE"):
            scene.answers[word] = None
        assert scene.ask(scene.probe()) is None
        assert scene.targets[0].asked[2:] == ["@@version", "read_only", "Uptime", "SLAVE"]
        scene.limits[-1].cancel()

    def test_a_server_that_takes_no_writes(self, make: Callable[..., Scene]) -> None:
        scene = make()
        scene.answers["read_only"] = [["1"]]
        assert scene.ask(scene.probe()).observation.role is Role.READ_ONLY

    def test_a_replica(self, make: Callable[..., Scene]) -> None:
        scene = make()
        probe = scene.probe()
        names = [
            "Master_Host",
            "Master_Port",
            "Slave_IO_Running",
            "Slave_SQL_Running",
            "Seconds_Behind_Master",
        ]
        scene.answers["SLAVE"] = [["primary", "3307", "Yes", "Yes", "4"]]
        scene.names["SLAVE"] = names
        seen = scene.ask(probe).observation
        assert (seen.source, seen.replicates, seen.lag) == ("primary:3307", True, 4.0)

    def test_refused_questions_do_no_harm_and_are_asked_again_much_later(
        self, make: Callable[..., Scene]
    ) -> None:
        scene = make()
        probe = scene.probe()
        for word in ("read_only", "Uptime", "SLAVE"):
            scene.answers[word] = DENIED
        results = [scene.ask(probe) for _ in range(ASK_AGAIN_AFTER)]
        assert {each.observation for each in results} == {
            Observation(Role.READ_WRITE, topology="replication", remark=UNTOLD.format("REPLICATION CLIENT"))
        }
        assert scene.targets[0].asked.count("SLAVE") == 1
        scene.answers["read_only"] = [["1"]]
        scene.ask(probe)
        assert scene.ask(probe).observation.role is Role.READ_ONLY
        assert scene.targets[0].asked.count("SLAVE") == 2
        assert scene.open_connections == 1

    def test_the_option_overrides_what_the_server_looks_like(self, make: Callable[..., Scene]) -> None:
        scene = make()
        topology = ["static"]
        probe = scene.probe(lambda: topology[0])
        assert scene.ask(probe).observation.topology == "static"
        assert "SLAVE" not in scene.targets[0].asked
        topology[0] = "auto"
        assert scene.ask(probe).observation.topology == "replication"

    def test_rows_of_another_width_than_the_columns(self, make: Callable[..., Scene]) -> None:
        scene = make()
        scene.answers["read_only"] = [["1"], ["1", "2"]]
        assert isinstance(scene.ask(scene.probe()), ConnectFailed)
        assert scene.open_connections == 0


class TestAddresses:
    def watched(self, scene: Scene, addresses: dict[str, str]) -> Probe:
        def resolve(host: str) -> Deferred[frozenset[str]]:
            return succeed(frozenset({addresses[host]}))

        return scene.probe(
            lambda: "auto", AddressWatch(lambda: scene.target.host, resolve, scene.clock, interval=5.0)
        )

    def test_a_name_that_stays(self, make: Callable[..., Scene]) -> None:
        scene = make()
        probe = self.watched(scene, {"db.example.com": "127.0.0.1"})
        for _ in range(20):
            scene.ask(probe)
            scene.clock.advance(1.0)
        assert len(scene.targets) == 1

    def test_a_name_that_moves_to_another_server(self, make: Callable[..., Scene]) -> None:
        """The old one may go on answering."""
        scene = make()
        addresses = {"db.example.com": "127.0.0.1"}
        probe = self.watched(scene, addresses)
        scene.ask(probe)
        addresses["db.example.com"] = "127.0.0.2"
        for _ in range(7):
            scene.clock.advance(1.0)
            assert isinstance(scene.ask(probe), ProbeResult)
        assert len(scene.targets) == 2
        assert scene.targets[0].said_goodbye
        assert scene.open_connections == 1


class TestTrouble:
    def test_nobody_to_log_in_as(self, make: Callable[..., Scene]) -> None:
        scene = make(username=None)
        problem = scene.ask(scene.probe())
        assert isinstance(problem, UnfitTarget)
        assert str(problem) == "Proxy does not have any registered credentials"
        assert scene.usernames == []

    def test_a_user_who_comes_later(self, make: Callable[..., Scene]) -> None:
        scene = make(username=None)
        probe = scene.probe()
        scene.ask(probe)
        scene.username = "eve"
        assert isinstance(scene.ask(probe), ProbeResult)
        assert scene.usernames == ["eve"]

    @pytest.mark.parametrize("question", ["COLLATIONS", "VARIABLES", "@@version"])
    @pytest.mark.parametrize("answer", [p.err(1969, b"too long"), b""])
    def test_a_question_that_fails_closes_the_connection(
        self, make: Callable[..., Scene], question: str, answer: Any
    ) -> None:
        scene = make()
        probe = scene.probe()
        good, scene.answers[question] = scene.answers[question], answer
        for _ in range(3):
            assert isinstance(scene.ask(probe), Exception)
            assert scene.open_connections == 0
        scene.answers[question] = good
        assert isinstance(scene.ask(probe), ProbeResult)
        assert scene.open_connections == 1

    @pytest.mark.parametrize("question", ["COLLATIONS", "VARIABLES", "@@version"])
    @pytest.mark.parametrize("answer", [[["many"]], [["many", "cells", "in", "it"]], []])
    def test_an_answer_that_makes_no_sense_leaves_at_most_one_connection(
        self, make: Callable[..., Scene], question: str, answer: Any
    ) -> None:
        scene = make()
        probe = scene.probe()
        good, scene.answers[question] = scene.answers[question], answer
        for _ in range(3):
            assert scene.ask(probe) is not None
            assert scene.open_connections <= 1
        scene.answers[question] = good
        assert isinstance(scene.ask(probe), ProbeResult)
        assert scene.open_connections == 1

    def test_an_error_of_the_target_is_told(self, make: Callable[..., Scene]) -> None:
        scene = make()
        scene.answers["COLLATIONS"] = p.err(1969, b"too long")
        problem = scene.ask(scene.probe())
        assert isinstance(problem, TargetError)
        assert problem.packet.errno == 1969

    @pytest.mark.parametrize("question", ["COLLATIONS", "VARIABLES", "@@version"])
    def test_a_question_that_nobody_answers(self, make: Callable[..., Scene], question: str) -> None:
        scene = make()
        scene.answers[question] = None
        probe = scene.probe()
        assert scene.ask(probe) is None
        scene.limits[-1].cancel()
        scene.settle()
        assert scene.open_connections == 0

    @pytest.mark.parametrize("question", ["COLLATIONS", "VARIABLES", "@@version"])
    def test_a_connection_lost_in_the_middle(self, make: Callable[..., Scene], question: str) -> None:
        scene = make()
        scene.answers[question] = None
        outcome: list[Any] = []
        scene.probe().ask().addBoth(outcome.append)
        scene.settle()
        scene.targets[0].line.hang_up(rudely=True)
        scene.settle()
        assert isinstance(outcome_of(outcome), ConnectFailed)

    def test_a_log_in_that_fails(self, make: Callable[..., Scene]) -> None:
        scene = make(at_once=False)
        probe = scene.probe()
        outcome: list[Any] = []
        probe.ask().addBoth(outcome.append)
        scene.waiting.pop().errback(ConnectFailed("unreachable"))
        assert str(outcome_of(outcome)) == "unreachable"
        scene.at_once = True
        assert isinstance(scene.ask(probe), ProbeResult)


class TestStop:
    def test_it_says_goodbye(self, make: Callable[..., Scene]) -> None:
        scene = make()
        probe = scene.probe()
        scene.ask(probe)
        probe.stop()
        scene.settle()
        assert scene.targets[0].said_goodbye
        assert scene.open_connections == 0

    def test_before_anything_was_asked(self, make: Callable[..., Scene]) -> None:
        scene = make()
        scene.probe().stop()
        assert scene.targets == []

    def test_twice(self, make: Callable[..., Scene]) -> None:
        scene = make()
        probe = scene.probe()
        scene.ask(probe)
        probe.stop()
        probe.stop()
        scene.settle()
        assert scene.open_connections == 0

    def test_while_connecting(self, make: Callable[..., Scene]) -> None:
        scene = make(at_once=False)
        probe = scene.probe()
        outcome: list[Any] = []
        probe.ask().addBoth(outcome.append)
        probe.stop()
        scene.let_in()
        scene.settle()
        assert scene.open_connections == 0
        assert outcome

    @pytest.mark.parametrize("question", ["COLLATIONS", "VARIABLES", "@@version"])
    def test_while_a_question_is_open(self, make: Callable[..., Scene], question: str) -> None:
        scene = make()
        scene.answers[question] = None
        probe = scene.probe()
        outcome: list[Any] = []
        probe.ask().addBoth(outcome.append)
        scene.settle()
        probe.stop()
        scene.targets[0].line.send(p.packets(result_set(FACTS if question == "@@version" else VARIABLES)))
        scene.settle()
        scene.clock.advance(5)
        scene.settle()
        assert scene.open_connections == 0
        assert outcome
