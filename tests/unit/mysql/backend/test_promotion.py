"""What a target is told in a switchover when it refuses, restarts, or its answers are lost."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from proxy.mysql.backend import promotion
from proxy.mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from proxy.mysql.backend.own_commands import Answer
from proxy.mysql.backend.promotion import LOOKS, TargetControl
from proxy.mysql.backend.replication_sql import Source
from proxy.mysql.wire.results import ErrorPacket, OkPacket
from proxy.targets.switchover import Fence, PromotionUndone

MARIADB, MYSQL = "10.11.6-MariaDB", "9.7.0"
DENIED, SYNTAX, LOCKED = 1227, 1064, 1205


@attrs.define
class Connection:
    thread_id: int
    opened_at: float
    ended: str = ""

    def close(self, reason: Any) -> None:
        self.ended = "closed"

    def abort(self, reason: str) -> None:
        self.ended = "aborted"


@attrs.define(eq=False)
class Server:
    """A server, and the connector to it. ``plans`` by the beginning of a statement; None for its effect."""

    version: str = MARIADB
    read_only: bool = False
    events: bool = False
    uptime: int = 1000
    clock: Clock = attrs.field(factory=Clock)
    told: list[str] = attrs.field(factory=list)
    connections: list[Connection] = attrs.field(factory=list)
    plans: dict[str, Callable[[], Deferred[Any] | None]] = attrs.field(factory=dict)
    threads: set[int] = attrs.field(factory=set)
    unreachable: bool = False
    grants: list[str] = attrs.field(factory=list)
    name: str = "db1:3306"

    @property
    def target(self) -> "Server":
        return self

    def control(self, username: str | None = "monitor") -> TargetControl:
        return TargetControl(self, lambda: username, self.clock)  # type: ignore[arg-type]

    def open_plain(self, username: str) -> Deferred[Any]:
        if self.unreachable:
            return fail(ConnectFailed("cannot connect"))
        self.connections.append(Connection(len(self.connections) + 1, self.clock.seconds()))
        self.threads.add(self.connections[-1].thread_id)
        return succeed(self.connections[-1])

    def limited(self, work: Deferred[Any]) -> Deferred[Any]:
        return work

    def query(self, connection: Connection, sql: str) -> Deferred[Answer]:
        if not sql.startswith("SHOW GLOBAL VARIABLES"):
            self.told.append(sql)
        for beginning, plan in self.plans.items():
            if sql.startswith(beginning):
                answer = plan()
                if answer is not None:
                    return answer
        return succeed(self.answer(sql))

    def answer(self, sql: str) -> Answer:
        rows: list[tuple[str | None, ...]] = []
        if sql.startswith("SHOW GLOBAL VARIABLES"):
            values = {"version": self.version, "read_only": self.read_only, "event_scheduler": self.events}
            if "MariaDB" not in self.version:
                values["super_read_only"] = self.read_only
            rows = [(key, {True: "ON", False: "OFF"}.get(value, str(value))) for key, value in values.items()]
        elif "read_only =" in sql:
            self.read_only = sql.endswith("1")
        elif "event_scheduler" in sql:
            self.events = sql.endswith("ON")
        elif sql == "SHOW GRANTS":
            rows = [(line,) for line in self.grants]
        elif "CURRENT_USER" in sql:
            rows = [("monitor@10.%",)]
        elif "Uptime" in sql:
            rows = [("Uptime", str(self.uptime))]
        elif "WHERE ID =" in sql:
            number = int(sql.rpartition("=")[2])
            rows = [(str(number),)] if number in self.threads else []
        elif sql.startswith("KILL"):
            self.threads.discard(int(sql.rsplit(maxsplit=1)[-1]))
        return Answer(OkPacket(), (), tuple(rows))

    def refuse(self, beginning: str, errno: int = DENIED, message: str = "no") -> None:
        self.plans[beginning] = lambda: fail(refusal(errno, message))


def refusal(errno: int, message: str = "no") -> TargetError:
    return TargetError(ErrorPacket(errno, "42000", message))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(promotion, "query", server.query)
    return server


def result(work: Deferred[Any]) -> Any:
    """What it has led to; raises what it has failed with."""
    found: list[Any] = []
    work.addBoth(found.append)
    [answer] = found
    if hasattr(answer, "raiseException"):
        answer.raiseException()
    return answer


class TestFence:
    def test_on_both_servers_it_is_one_statement(self, server: Server) -> None:
        assert result(server.control().fence(7.9)) == Fence()
        assert server.told[:2] == ["SET SESSION lock_wait_timeout = 1", "SET GLOBAL read_only = 1"]
        server.version, server.read_only = MYSQL, False
        server.told.clear()
        result(server.control().fence(0.5))
        assert server.told == ["SET SESSION lock_wait_timeout = 1", "SET GLOBAL super_read_only = 1"]
        assert {connection.ended for connection in server.connections} == {"closed"}

    def test_undone_it_leaves_no_trace(self, server: Server) -> None:
        server.events, control = True, server.control()
        fence = result(control.fence(5.0))
        assert fence.runs_events
        assert (server.read_only, server.events) == (True, False)
        result(control.unfence())
        assert (server.read_only, server.events) == (False, True)

    def test_a_refusal_is_passed_on(self, server: Server) -> None:
        server.refuse("SET GLOBAL read_only")
        with pytest.raises(TargetError, match="1227"):
            result(server.control().fence(5.0))

    def test_locks_of_others_are_waited_for_in_turns(self, server: Server) -> None:
        attempts = iter([fail(refusal(LOCKED)), fail(refusal(LOCKED)), None])
        server.plans["SET GLOBAL read_only"] = lambda: next(attempts)
        work = server.control().fence(5.0)
        assert not work.called
        server.clock.pump([0.2] * 2)
        result(work)
        assert server.read_only

    def test_locks_that_stay(self, server: Server) -> None:
        server.refuse("SET GLOBAL read_only", LOCKED)
        work = server.control().fence(1.0)
        server.clock.pump([0.2] * 6)
        with pytest.raises(TargetError, match="1205"):
            result(work)

    def test_events_that_may_not_be_stopped_are_a_note(self, server: Server) -> None:
        server.events = True
        server.refuse("SET GLOBAL event_scheduler")
        [note] = result(server.control().fence(5.0)).notes
        assert "1227" in note

    def test_one_that_says_yes_and_is_not(self, server: Server) -> None:
        server.plans["SET GLOBAL read_only"] = lambda: succeed(Answer(OkPacket(), (), ()))
        with pytest.raises(UnfitTarget, match="still writable"):
            result(server.control().fence(5.0))

    def test_what_was_read_only_before_stays_so(self, server: Server) -> None:
        server.read_only, control = True, server.control()
        result(control.fence(5.0))
        result(control.unfence())
        assert server.read_only
        assert not [sql for sql in server.told if "read_only" in sql]

    def test_the_session_of_a_lost_statement_is_ended_first(self, server: Server) -> None:
        control, lost = server.control(), Deferred[Any]()
        server.plans["SET GLOBAL read_only = 1"] = lambda: lost
        fencing = control.fence(5.0)
        fencing.addErrback(lambda _: None)
        fencing.cancel()
        assert server.connections[0].ended == "aborted"
        work = control.unfence()
        server.clock.pump([0.1] * 5)
        result(work)
        assert server.told.index("KILL CONNECTION 1") < server.told.index("SET GLOBAL read_only = 0")

    def test_one_that_does_not_end_leaves_it_in_doubt(self, server: Server) -> None:
        control = server.control()
        server.plans["SET GLOBAL read_only = 1"] = Deferred
        fencing = control.fence(5.0)
        fencing.addErrback(lambda _: None)
        fencing.cancel()
        server.plans["KILL"] = lambda: succeed(Answer(OkPacket(), (), ()))
        work = control.unfence()
        server.clock.pump([0.1] * (LOOKS + 1))
        with pytest.raises(UnfitTarget, match="does not end"):
            result(work)
        assert "SET GLOBAL read_only = 0" not in server.told

    def test_after_a_restart_nobody_innocent_is_ended(self, server: Server) -> None:
        control = server.control()
        server.plans["SET GLOBAL read_only = 1"] = Deferred
        fencing = control.fence(5.0)
        fencing.addErrback(lambda _: None)
        fencing.cancel()
        server.clock.advance(60)
        server.uptime = 5
        result(control.unfence())
        assert not [sql for sql in server.told if sql.startswith("KILL")]


class TestPromotion:
    def test_replication_is_stopped_before(self, server: Server) -> None:
        server.read_only = True
        result(server.control().promote())
        assert server.told == ["STOP ALL SLAVES", "SET GLOBAL read_only = 0"]

    @pytest.mark.parametrize("refused", ["STOP", "SET GLOBAL read_only"])
    def test_a_refusal_is_undone(self, server: Server, refused: str) -> None:
        server.read_only = True
        server.refuse(refused)
        with pytest.raises(PromotionUndone, match="1227"):
            result(server.control().promote())
        assert server.told[-1] == "START ALL SLAVES"
        assert server.read_only

    def test_one_that_cannot_be_reached_was_not_promoted(self, server: Server) -> None:
        server.unreachable = True
        with pytest.raises(PromotionUndone):
            result(server.control().promote())
        server.unreachable = False
        with pytest.raises(PromotionUndone, match="secret"):
            result(server.control(None).promote())

    @pytest.mark.parametrize("is_done", [False, True])
    def test_a_lost_answer_is_in_doubt_until_it_is_settled(self, server: Server, is_done: bool) -> None:
        def lost() -> Deferred[Any]:
            server.read_only = not is_done
            return fail(ConnectFailed("connection lost"))

        server.read_only, server.version, control = True, MYSQL, server.control()
        server.plans["SET GLOBAL read_only = 0"] = lost
        with pytest.raises(ConnectFailed):
            result(control.promote())
        work = control.settle()
        server.clock.pump([0.1] * 5)
        assert result(work) is is_done
        assert "KILL CONNECTION 1" in server.told
        assert ("START REPLICA" in server.told) is not is_done

    def test_what_is_left_to_do_is_noted_where_it_fails(self, server: Server) -> None:
        server.version = MYSQL
        server.plans["SHOW REPLICA STATUS"] = lambda: succeed(Answer(OkPacket(), (), (("1",),)))
        server.refuse("RESET")
        notes = result(server.control().complete(Fence(semi_synchronous=True)))
        assert "1227" in notes[0]
        assert "semi-synchronously" in notes[1]


class TestFollowing:
    SOURCE = Source("db2", 3306, "repl", b"very secret")

    @pytest.mark.parametrize("errno", [SYNTAX, DENIED])
    def test_an_error_does_not_tell_the_password(self, server: Server, errno: int) -> None:
        server.read_only = True
        message = "near 'ery secret'" if errno == SYNTAX else "more rights"
        server.refuse("CHANGE", errno, message)
        with pytest.raises(UnfitTarget, match=str(errno)) as caught:
            result(server.control().follow(self.SOURCE))
        assert "secret" not in str(caught.value)

    def test_a_former_writer_takes_over_its_position_once(self, server: Server) -> None:
        control = server.control()
        result(control.fence(5.0))
        result(control.follow(self.SOURCE))
        assert [sql for sql in server.told if "gtid_slave_pos" in sql]
        server.told.clear()
        result(control.follow(self.SOURCE))
        assert not [sql for sql in server.told if "gtid_slave_pos" in sql]

    def test_a_writer_follows_nobody(self, server: Server) -> None:
        with pytest.raises(UnfitTarget, match="writable"):
            result(server.control().follow(self.SOURCE))


class TestRehearsal:
    def test_it_changes_nothing(self, server: Server) -> None:
        result(server.control().rehearse_fence())
        assert not server.read_only
        server.read_only = True
        result(server.control().rehearse_promotion())
        assert server.read_only
        assert not [sql for sql in server.told if sql.startswith(("STOP", "RESET"))]

    def test_missing_rights_are_told(self, server: Server) -> None:
        server.refuse("SET GLOBAL")
        with pytest.raises(TargetError, match="1227"):
            result(server.control().rehearse_fence())

    @pytest.mark.parametrize("read_only", [False, True])
    def test_what_it_will_take_later_is_looked_up(self, server: Server, read_only: bool) -> None:
        server.read_only = read_only
        server.grants = ["GRANT PROCESS, CONNECTION ADMIN, READ_ONLY ADMIN ON *.* TO `monitor`@`10.%`"]
        control = server.control()
        with pytest.raises(UnfitTarget) as caught:
            result(control.rehearse_promotion() if read_only else control.rehearse_fence())
        assert str(caught.value) == (
            "on db1:3306 the monitor's user lacks REPLICATION SLAVE ADMIN:"
            " GRANT REPLICATION SLAVE ADMIN ON *.* TO 'monitor'@'10.%'"
        )
        assert not [sql for sql in server.told if sql.startswith("SET")]

    @pytest.mark.parametrize("version", [MARIADB, MYSQL])
    def test_where_they_cannot_be_read_they_are_used(self, server: Server, version: str) -> None:
        server.version = version
        server.refuse("SHOW GRANTS", 1290)
        result(server.control().rehearse_fence())
        assert "SET GLOBAL read_only = 0" in server.told
