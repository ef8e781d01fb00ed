"""Who may end whom, and what is asked of the database for it."""

from typing import Any, cast

import attrs
import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from proxy.errors import ClientError
from proxy.mysql.backend.connector import PoolKey
from proxy.mysql.backend.errors import ConnectFailed, TargetError
from proxy.mysql.frontend.context import EndpointContext
from proxy.mysql.frontend.killing import kill_client
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.results import ErrorPacket

NUMBER = 1 << 30
DENIED = TargetError(ErrorPacket(1095, "HY000", "no"))


def key_of(tenant: object = None, *, username: str = "app", is_read_only: bool = False) -> PoolKey:
    return PoolKey(username, Capability(0), cast(Any, tenant), is_read_only)


@attrs.frozen
class Running:
    """A connection; what has opened it is asked to KILL."""

    connector: Any


@attrs.define
class Commands:
    """The victim's command phase."""

    username: str = "app"
    statement_count: int = 3
    running_on: object | None = None
    key: PoolKey = attrs.field(factory=key_of)
    interrupted: list[int] = attrs.field(factory=list)

    def interrupt(self, count: int) -> None:
        self.interrupted.append(count)


@attrs.define
class Victim:
    """The victim's connection."""

    commands: Commands | None = attrs.field(factory=Commands)
    killed: bool = False

    def end_by_kill(self) -> None:
        self.killed = True


@attrs.define
class Context:
    """What killing asks of the endpoint."""

    victim: Victim | None = attrs.field(factory=Victim)
    #: What the database answers.
    answer: Deferred[bool] = attrs.field(factory=lambda: succeed(True))
    right: bool = False
    asked: list[str] = attrs.field(factory=list)
    wanted: Any = None
    #: Stands for the options, too.
    admin_users: tuple[str, ...] = ()

    @property
    def options(self) -> "Context":
        return self

    def find_client(self, number: int) -> Victim | None:
        assert number == NUMBER
        return self.victim

    def kill_statement(self, connection: object, username: str, wanted: Any) -> Deferred[bool]:
        assert self.victim is not None
        assert self.victim.commands is not None
        assert connection is self.victim.commands.running_on
        assert isinstance(connection, Running)
        self.asked.append(f"KILL by {username}")
        self.wanted = wanted
        return self.answer

    def may_kill(self, username: str) -> Deferred[bool]:
        self.asked.append(f"right of {username}")
        return succeed(self.right)

    def kill(self, username: str, *, query_only: bool, killer: PoolKey | None = None) -> list[object]:
        """How it ends: nothing yet, None for OK, or what the client is told."""
        ended: list[object] = []
        killing = kill_client(
            cast(EndpointContext, self), username, NUMBER, query_only=query_only, killer=killer
        )
        killing.addBoth(lambda result: ended.append(result.value if isinstance(result, Failure) else result))
        return ended


@pytest.fixture
def context() -> Context:
    return Context()


def running(context: Context) -> Commands:
    assert context.victim is not None
    assert context.victim.commands is not None
    context.victim.commands.running_on = Running(context)
    return context.victim.commands


def errno(ended: list[object]) -> int:
    [problem] = ended
    assert isinstance(problem, ClientError)
    return problem.errno


@pytest.mark.parametrize("query_only", [True, False])
def test_of_nobody(context: Context, query_only: bool) -> None:
    context.victim = None
    assert errno(context.kill("app", query_only=query_only)) == 1094
    assert context.asked == []


class TestOwn:
    def test_statement_that_runs(self, context: Context) -> None:
        commands = running(context)
        assert context.kill("app", query_only=True) == [None]
        assert (context.asked, commands.interrupted) == (["KILL by app"], [])

    def test_statement_that_waits(self, context: Context) -> None:
        assert context.kill("app", query_only=True) == [None]
        assert context.victim is not None
        assert context.victim.commands is not None
        assert (context.asked, context.victim.commands.interrupted) == ([], [3])

    def test_connection(self, context: Context) -> None:
        running(context)
        assert context.kill("app", query_only=False) == [None]
        assert context.victim is not None
        assert (context.asked, context.victim.killed) == ([], True)

    def test_is_wanted_while_the_same_statement_runs(self, context: Context) -> None:
        commands = running(context)
        context.kill("app", query_only=True)
        assert context.wanted()
        commands.statement_count += 1
        assert not context.wanted()
        commands.statement_count -= 1
        commands.running_on = None
        assert not context.wanted()

    def test_victim_leaves_meanwhile(self, context: Context) -> None:
        running(context)
        context.answer = Deferred()
        ended = context.kill("eve", query_only=False)
        context.victim = None
        context.answer.callback(True)
        assert errno(ended) == 1094

    def test_database_is_away(self, context: Context) -> None:
        running(context)
        context.answer = fail(ConnectFailed("unreachable"))
        [problem] = context.kill("app", query_only=True)
        assert isinstance(problem, ConnectFailed)


class TestAnothers:
    @pytest.mark.parametrize("query_only", [True, False])
    @pytest.mark.parametrize("errno_of_target", [1095, 1227])
    def test_the_database_says_no(self, context: Context, query_only: bool, errno_of_target: int) -> None:
        running(context)
        context.answer = fail(TargetError(ErrorPacket(errno_of_target, "HY000", "no")))
        assert errno(context.kill("eve", query_only=query_only)) == 1095
        assert context.victim is not None
        assert not context.victim.killed

    @pytest.mark.parametrize("query_only", [True, False])
    def test_the_database_was_not_asked(self, context: Context, query_only: bool) -> None:
        """The statement had ended before its turn: nothing is proven."""
        commands = running(context)
        context.answer = succeed(False)
        assert errno(context.kill("eve", query_only=query_only)) == 1095
        assert context.victim is not None
        assert (context.victim.killed, commands.interrupted) == (False, [])
        assert context.asked == ["KILL by eve", "right of eve"]

    @pytest.mark.parametrize("query_only", [True, False])
    def test_idle_and_no_right(self, context: Context, query_only: bool) -> None:
        assert errno(context.kill("eve", query_only=query_only)) == 1095
        assert context.victim is not None
        assert not context.victim.killed

    def test_idle_with_the_right(self, context: Context) -> None:
        context.right = True
        assert context.kill("eve", query_only=False) == [None]
        assert context.victim is not None
        assert (context.victim.killed, context.asked) == (True, ["right of eve"])

    def test_running_with_the_right(self, context: Context) -> None:
        running(context)
        assert context.kill("eve", query_only=False) == [None]
        assert context.victim is not None
        assert (context.victim.killed, context.asked) == (True, ["KILL by eve"])

    def test_who_has_not_logged_in_yet(self, context: Context) -> None:
        assert context.victim is not None
        context.victim.commands = None
        assert errno(context.kill("eve", query_only=False)) == 1095
        context.right = True
        assert context.kill("eve", query_only=False) == [None]
        assert context.victim.killed


@pytest.mark.parametrize("query_only", [True, False])
class TestTenants:
    def kill(self, context: Context, killer: PoolKey, *, query_only: bool) -> list[object]:
        return context.kill(killer.username, query_only=query_only, killer=killer)

    def test_those_of_the_same_one(self, context: Context, query_only: bool) -> None:
        one = object()
        running(context).key = key_of(one)
        assert self.kill(context, key_of(one), query_only=query_only) == [None]

    def test_a_users_others_are_not_its_own(self, context: Context, query_only: bool) -> None:
        running(context).key = key_of(object())
        assert errno(self.kill(context, key_of(object()), query_only=query_only)) == 1095
        assert context.asked == []

    def test_admin_users_reach_all(self, context: Context, query_only: bool) -> None:
        context.admin_users = ("app",)
        running(context).key = key_of(object())
        assert self.kill(context, key_of(object()), query_only=query_only) == [None]

    def test_of_another_user_the_database_is_asked(self, context: Context, query_only: bool) -> None:
        running(context).key = key_of(object())
        killer = key_of(object(), username="root")
        assert self.kill(context, killer, query_only=query_only) == [None]
        assert "KILL by root" in context.asked

    @pytest.mark.parametrize("username", ["app", "root"])
    def test_who_may_only_read_ends_no_writer(
        self, context: Context, query_only: bool, username: str
    ) -> None:
        running(context).key = key_of()
        killer = key_of(username=username, is_read_only=True)
        assert errno(self.kill(context, killer, query_only=query_only)) == 1095
        assert context.asked == []

    def test_who_may_only_read_ends_another_reader(self, context: Context, query_only: bool) -> None:
        running(context).key = key_of(is_read_only=True)
        assert self.kill(context, key_of(is_read_only=True), query_only=query_only) == [None]
