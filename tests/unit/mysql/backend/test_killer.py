"""KILLs one at a time, over connections that a test opens when it likes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.errors import ConnectFailed, TargetError
from proxy.mysql.backend.killer import MAX_ATTEMPTS, RETRY_PAUSE, Killer
from proxy.mysql.wire.results import ErrorPacket
from tests.peers import packets as p
from tests.peers.link import Line

IDENTITY = ("database-1", "7")


def rows(*values: str) -> list[bytes]:
    columns = [p.column()] * len(values)
    return [p.number(len(values)), *columns, p.row([v.encode() for v in values]), p.ok(header=0xFE)]


NO_ROWS = [p.number(1), p.column(), p.ok(header=0xFE)]


class Target:
    """Says at once which server it is; notes the KILLs and answers them when it is told to."""

    def __init__(self) -> None:
        self.line: Any = None
        self.statements: list[str] = []
        self.closed = False
        self.identity: tuple[str, ...] = IDENTITY
        self.uptime = "86400"
        self.has_procedure = False
        self.grant = "GRANT USAGE ON *.* TO `app`@`%`"

    def received(self, data: bytes) -> None:
        for _, payload in p.split(data):
            statement = payload[1:].decode()
            if "ROUTINES" in statement:
                self.line.send(p.packets(rows("1") if self.has_procedure else NO_ROWS))
            elif statement.startswith("SELECT"):
                self.line.send(p.packets(rows(*self.identity)))
            elif statement == "SHOW GRANTS":
                self.line.send(p.packets(rows(self.grant)))
            elif statement.startswith("SHOW"):
                self.line.send(p.packets(rows("Uptime", self.uptime)))
            else:
                self.statements.append(statement)

    def gone(self) -> None:
        self.closed = True


class Opened:
    """A log-in that was asked for."""

    def __init__(self, username: str) -> None:
        self.username = username
        self.done: Deferred[BackendConnection] = Deferred()
        self.target = Target()
        self.line: Any = None


class Scene:
    """A Killer, the log-ins it asks for, and how its jobs end."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.logins: list[Opened] = []
        self.limits = 0
        self.ended: list[str] = []
        self.problems: dict[str, BaseException] = {}
        self.results: dict[str, object] = {}
        self.killer = Killer(self._open, self._limited, self.clock)

    def _open(self, username: str) -> Deferred[BackendConnection]:
        self.logins.append(Opened(username))
        return self.logins[-1].done

    def _limited(self, work: Deferred[Any]) -> Deferred[Any]:
        self.limits += 1
        return work

    def kill(self, name: str, thread: int = 7, username: str = "app") -> BackendConnection:
        """Ask for the end of a connection; it is noted under ``name``."""
        victim = BackendConnection("key", 1, self.clock)
        victim.thread_id = thread
        victim.server_identity = IDENTITY
        self.killer.kill(victim, username).addBoth(self._note, name)
        return victim

    def kill_statement(
        self, name: str, wanted: Callable[[], bool] = lambda: True, username: str = "app"
    ) -> BackendConnection:
        """Ask for the end of the statement that thread 7 runs."""
        victim = BackendConnection("key", 1, self.clock)
        victim.thread_id = 7
        victim.server_identity = IDENTITY
        Line(victim, Target(), is_client=True)
        self.killer.kill_statement(victim, username, wanted).addBoth(self._note, name)
        return victim

    def _note(self, result: object, name: str) -> None:
        self.ended.append(name)
        self.results[name] = result
        if isinstance(result, Failure):
            assert result.value is not None
            self.problems[name] = result.value

    @property
    def login(self) -> Opened:
        return self.logins[-1]

    def let_in(self, *, identity: tuple[str, ...] = IDENTITY, uptime: str = "86400") -> Target:
        """The last log-in succeeds, at this server."""
        login = self.login
        login.target.identity, login.target.uptime = identity, uptime
        connection = BackendConnection("key", 2, self.clock)
        login.line = login.target.line = Line(connection, login.target, is_client=True)
        connection.idle()
        login.done.callback(connection)
        self.settle()
        return login.target

    def refuse(self, errno: int) -> None:
        """The last log-in is answered with an error."""
        self.login.done.errback(TargetError(ErrorPacket(errno, "08004", "no")))

    def answer(self, payload: bytes | None = None) -> None:
        """The target answers the KILL."""
        self.login.line.send(p.packet(p.ok() if payload is None else payload, 1))
        self.settle()

    def settle(self) -> None:
        lines = [login.line for login in self.logins if login.line is not None]
        while any(line.has_work for line in lines):
            for line in lines:
                line.deliver()

    @property
    def open_connections(self) -> int:
        return sum(login.line is not None and not login.target.closed for login in self.logins)


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.settle()
    assert scene.open_connections == 0
    assert not scene.clock.getDelayedCalls()


def test_a_kill(scene: Scene) -> None:
    scene.kill("one", thread=42)
    assert scene.login.username == "app"
    target = scene.let_in()
    assert target.statements == ["KILL CONNECTION 42"]
    assert (scene.ended, scene.limits) == ([], 3)
    scene.answer()
    assert (scene.ended, scene.problems) == (["one"], {})
    assert target.closed


def test_all_go_over_one_connection_in_their_order(scene: Scene) -> None:
    for name, thread in (("one", 1), ("two", 2), ("three", 3)):
        scene.kill(name, thread)
    target = scene.let_in()
    assert target.statements == ["KILL CONNECTION 1"]
    scene.answer()
    assert target.statements[1:] == ["KILL CONNECTION 2"]
    scene.kill("four", 4)
    scene.answer()
    scene.answer()
    scene.answer()
    assert target.statements == [f"KILL CONNECTION {thread}" for thread in (1, 2, 3, 4)]
    assert scene.ended == ["one", "two", "three", "four"]
    assert len(scene.logins) == 1


def test_one_that_comes_later_gets_a_new_connection(scene: Scene) -> None:
    for name in ("one", "two"):
        scene.kill(name)
        scene.let_in()
        scene.answer()
    assert scene.ended == ["one", "two"]
    assert len(scene.logins) == 2


def test_one_that_is_asked_for_at_the_end_of_another(scene: Scene) -> None:
    def ask_again(_: object) -> None:
        scene.kill("next", 9)

    victim = BackendConnection("key", 1, scene.clock)
    victim.server_identity = IDENTITY
    scene.killer.kill(victim, "app").addCallback(ask_again)
    target = scene.let_in()
    scene.answer()
    assert target.statements == ["KILL CONNECTION 0", "KILL CONNECTION 9"]
    scene.answer()
    assert scene.ended == ["next"]


def test_each_is_killed_with_the_rights_of_its_user(scene: Scene) -> None:
    scene.kill("one", 1, "app")
    scene.kill("two", 2, "eve")
    first = scene.let_in()
    scene.answer()
    scene.settle()
    assert (first.closed, scene.login.username) == (True, "eve")
    second = scene.let_in()
    assert (first.statements, second.statements) == (["KILL CONNECTION 1"], ["KILL CONNECTION 2"])
    assert scene.open_connections == 1
    scene.answer()
    assert scene.ended == ["one", "two"]


class TestVictimThatIsGone:
    """The server may have given its id to somebody else."""

    def test_while_the_connection_is_opened(self, scene: Scene) -> None:
        scene.kill("one").lost = "closed"
        target = scene.let_in()
        assert target.statements == []
        assert (scene.ended, scene.problems) == (["one"], {})

    def test_while_others_are_killed(self, scene: Scene) -> None:
        scene.kill("one", 1)
        victim = scene.kill("two", 2)
        scene.kill("three", 3)
        target = scene.let_in()
        victim.lost = "closed"
        scene.answer()
        assert target.statements == ["KILL CONNECTION 1", "KILL CONNECTION 3"]
        scene.answer()
        assert scene.ended == ["one", "two", "three"]

    def test_in_the_pause_before_another_attempt(self, scene: Scene) -> None:
        victim = scene.kill("one")
        scene.refuse(1040)
        victim.lost = "closed"
        scene.clock.advance(RETRY_PAUSE)
        assert len(scene.logins) == 1
        assert (scene.ended, scene.problems) == (["one"], {})


class TestNoConnectionLeft:
    @pytest.mark.parametrize("errno", [1040, 1203, 1226])
    def test_it_is_tried_again_after_a_pause(self, scene: Scene, errno: int) -> None:
        scene.kill("one", 5)
        scene.refuse(errno)
        assert len(scene.logins) == 1
        scene.clock.advance(RETRY_PAUSE * 0.9)
        assert len(scene.logins) == 1
        scene.clock.advance(RETRY_PAUSE * 0.2)
        assert len(scene.logins) == 2
        assert scene.let_in().statements == ["KILL CONNECTION 5"]
        scene.answer()
        assert (scene.ended, scene.problems) == (["one"], {})

    def test_until_the_last_attempt_then_the_next_has_its_turn(self, scene: Scene) -> None:
        scene.kill("one", 1)
        scene.kill("two", 2)
        for _ in range(MAX_ATTEMPTS - 1):
            scene.refuse(1040)
            assert scene.ended == []
            scene.clock.advance(RETRY_PAUSE)
        assert len(scene.logins) == MAX_ATTEMPTS
        scene.refuse(1040)
        assert scene.ended == ["one"]
        problem = scene.problems["one"]
        assert isinstance(problem, TargetError)
        assert problem.packet.errno == 1040
        assert scene.let_in().statements == ["KILL CONNECTION 2"]
        scene.answer()
        assert scene.ended == ["one", "two"]
        assert list(scene.problems) == ["one"]

    def test_one_that_comes_in_the_pause_waits(self, scene: Scene) -> None:
        scene.kill("one", 1)
        scene.refuse(1040)
        scene.kill("two", 2)
        assert len(scene.logins) == 1
        scene.clock.advance(RETRY_PAUSE)
        target = scene.let_in()
        scene.answer()
        scene.answer()
        assert target.statements == ["KILL CONNECTION 1", "KILL CONNECTION 2"]

    def test_other_errors_are_final(self, scene: Scene) -> None:
        scene.kill("one")
        scene.refuse(1045)
        assert list(scene.problems) == ["one"]
        assert len(scene.logins) == 1


class TestFailure:
    def test_of_the_connect_belongs_to_the_one_it_was_for(self, scene: Scene) -> None:
        for name, thread in (("one", 1), ("two", 2), ("three", 3)):
            scene.kill(name, thread)
        scene.let_in()
        scene.answer()
        scene.login.line.hang_up()
        scene.settle()
        assert (scene.ended, list(scene.problems)) == (["one", "two"], ["two"])
        scene.login.done.errback(ConnectFailed("unreachable"))
        assert str(scene.problems["three"]) == "unreachable"
        assert isinstance(scene.problems["two"], ConnectFailed)

    def test_of_a_kill_leaves_the_others_alone(self, scene: Scene) -> None:
        scene.kill("one", 1)
        scene.kill("two", 2)
        killer = scene.let_in()
        scene.answer(p.err(1105, b"Unknown error", b"HY000"))
        scene.settle()
        assert killer.statements[-1] == "KILL CONNECTION 2"
        scene.answer()
        problem = scene.problems.pop("one")
        assert isinstance(problem, TargetError)
        assert problem.packet.errno == 1105
        assert (scene.ended, scene.problems) == (["one", "two"], {})

    def test_of_whoever_listens_does_not_stop_the_others(self, scene: Scene) -> None:
        def burst(_: object) -> None:
            raise RuntimeError("the session's own mistake")

        heard: list[Failure] = []
        victim = BackendConnection("key", 1, scene.clock)
        scene.killer.kill(victim, "app").addCallback(burst).addErrback(heard.append)
        scene.kill("two", 2)
        scene.let_in()
        scene.answer()
        assert heard[0].check(RuntimeError)
        scene.answer()
        assert (scene.ended, scene.problems) == (["two"], {})


def test_another_server_is_left_alone(scene: Scene) -> None:
    scene.kill("one", thread=42)
    assert scene.let_in(identity=("database-2", "8")).statements == []
    assert scene.ended == ["one"]


def test_a_server_that_started_after_the_connection_is_left_alone(scene: Scene) -> None:
    victim = scene.kill("one", thread=42)
    assert victim.opened_at == 0
    scene.clock.advance(100)
    assert scene.let_in(uptime="98").statements == []
    assert scene.ended == ["one"]


class TestStatement:
    """KILL QUERY: while it is not answered, nothing else may run on the victim's connection."""

    def test_is_ended(self, scene: Scene) -> None:
        victim = scene.kill_statement("one", username="eve")
        assert (scene.login.username, victim.is_being_killed) == ("eve", False)
        target = scene.let_in()
        assert (target.statements, victim.is_being_killed) == (["KILL QUERY 7"], True)
        waited: list[str] = []
        victim.when_not_killed(lambda: waited.append("gone on"))
        scene.answer()
        assert (scene.results, victim.is_being_killed, waited) == ({"one": True}, False, ["gone on"])
        assert victim.lost is None

    def test_that_ended_before_its_turn(self, scene: Scene) -> None:
        scene.kill("first", 1)
        still = [True]
        victim = scene.kill_statement("one", lambda: still[0])
        target = scene.let_in()
        still[0] = False
        scene.answer()
        assert target.statements == ["KILL CONNECTION 1"]
        assert (scene.results["one"], victim.is_being_killed) == (False, False)

    def test_that_ended_while_the_connection_was_opened(self, scene: Scene) -> None:
        still = [True]
        scene.kill_statement("one", lambda: still[0])
        still[0] = False
        assert scene.let_in().statements == []
        assert scene.results == {"one": False}

    def test_of_a_thread_that_is_gone(self, scene: Scene) -> None:
        scene.kill_statement("one")
        scene.let_in()
        scene.answer(p.err(1094, b"Unknown thread id: 7", b"HY000"))
        assert scene.results == {"one": False}

    @pytest.mark.parametrize("errno", [1095, 1227])
    @pytest.mark.parametrize("works", [True, False])
    def test_as_rds_does_where_it_is_refused(self, scene: Scene, errno: int, works: bool) -> None:
        victim = scene.kill_statement("one")
        target = scene.let_in()
        scene.answer(p.err(errno, b"not the owner", b"HY000"))
        assert target.statements == ["KILL QUERY 7", "CALL mysql.rds_kill_query(7)"]
        assert victim.is_being_killed
        scene.answer(p.ok() if works else p.err(1370, b"execute command denied", b"42000"))
        assert not victim.is_being_killed
        if works:
            assert scene.results == {"one": True}
        else:
            problem = scene.problems["one"]
            assert isinstance(problem, TargetError)
            assert problem.packet.errno == errno

    def test_whose_kill_is_not_answered_has_no_connection_any_more(self, scene: Scene) -> None:
        victim = scene.kill_statement("one")
        scene.let_in()
        scene.login.line.hang_up()
        scene.settle()
        assert isinstance(scene.problems["one"], ConnectFailed)
        assert (victim.lost is not None, victim.is_being_killed) == (True, False)


def test_a_connection_as_rds_does(scene: Scene) -> None:
    scene.kill("one", 7)
    target = scene.let_in()
    scene.answer(p.err(1095, b"not the owner", b"HY000"))
    assert target.statements[-1] == "CALL mysql.rds_kill(7)"
    scene.answer()
    assert (scene.ended, scene.problems) == (["one"], {})


@pytest.mark.parametrize(
    ("grant", "has_procedure", "expected"),
    [
        ("GRANT SUPER ON *.* TO `app`@`%`", False, True),
        ("GRANT SELECT, CONNECTION_ADMIN ON *.* TO `app`@`%`", False, True),
        ("GRANT CONNECTION_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO `app`@`%`", False, True),
        ("GRANT PROCESS, CONNECTION ADMIN ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*1'", False, True),
        ("GRANT ALL PRIVILEGES ON *.* TO `app`@`%`", False, True),
        ("GRANT ALL PRIVILEGES ON `app`.* TO `app`@`%`", False, False),
        ("GRANT SELECT, PROCESS ON *.* TO `super`@`%`", False, False),
        ("GRANT SELECT ON *.* TO `app`@`%`", True, True),
    ],
)
def test_who_has_the_right(scene: Scene, grant: str, has_procedure: bool, expected: bool) -> None:
    scene.killer.may_kill("app").addBoth(scene._note, "asked")
    scene.login.target.has_procedure = has_procedure
    scene.login.target.grant = grant
    scene.let_in()
    assert scene.results == {"asked": expected}
