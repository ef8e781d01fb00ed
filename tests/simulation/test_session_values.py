"""Sessions whose values move between connections, and what happens when a value cannot be had."""

from collections.abc import Callable, Iterator

import pytest

from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.value import SessionValue
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.server import ServerPeer
from tests.peers.world import World, proxied

ERROR = b"\xff"


@pytest.fixture
def single() -> Iterator[World]:
    """A world with one database connection."""
    with proxied(cap=1, diagnostics_hold_timeout=0) as world:
        yield world


@pytest.fixture
def double() -> Iterator[World]:
    with proxied(cap=2, diagnostics_hold_timeout=0) as world:
        yield world


def payloads(world: World, client: ClientPeer, sql: str) -> list[bytes]:
    return [payload for _, payload in p.split(world.ask(client, sql))]


def run(world: World, client: ClientPeer, sql: str) -> None:
    """A statement that succeeds."""
    answer = payloads(world, client, sql)
    assert answer[-1][:1] in (b"\0", b"\xfe"), answer


def value(world: World, client: ClientPeer, sql: str) -> bytes | None:
    """The one value of a row."""
    row = payloads(world, client, sql)[-2]
    return None if row == b"\xfb" else row[1:]


def errno(world: World, client: ClientPeer, sql: str) -> int:
    answer = payloads(world, client, sql)[-1]
    return int.from_bytes(answer[1:3], "little") if answer[:1] == ERROR else 0


def asked(world: World, start: int = 0) -> list[str]:
    """What the database was asked."""
    return [sql for _, sql in world.database.log[start:]]


def session_of(client: ClientPeer) -> SessionValue:
    session: SessionValue = client.line.protocol.commands.value
    return session


def borrowed(world: World) -> int:
    return world.pool.metrics.database_connections_currently_borrowed


class TestUserVariables:
    def test_go_with_the_session(self, double: World) -> None:
        """From the first connection to the second, and back."""
        client, busy = double.client(), double.client()
        run(double, client, "SET @a = 'one', @n = 7")
        first = double.servers[0]
        run(double, busy, "BEGIN")
        for name, expected in (("a", b"one"), ("n", b"7")):
            assert value(double, client, f"SELECT @{name}") == expected
        assert len(double.servers) == 2, "the other one is in a transaction"
        run(double, client, "SET @a = 'two'")
        again = double.client()
        run(double, again, "BEGIN")
        run(double, busy, "COMMIT")
        start = len(double.database.log)
        assert value(double, client, "SELECT @a") == b"two"
        assert first.session is not None
        assert {thread for thread, _ in double.database.log[start:]} == {first.session.thread}
        run(double, again, "COMMIT")

    @pytest.mark.parametrize(
        "literal", ["7", "-7", "18446744073709551615", "1.50", "1e3", "'text'", "x'ff00'"]
    )
    def test_keep_their_types(self, single: World, literal: str) -> None:
        client, other = single.client(), single.client()
        run(single, client, f"SET @a = {literal}")
        session = single.servers[0].session
        assert session is not None
        made = session.user["a"]
        run(single, other, "SET @a = 'of another'")
        run(single, client, "SELECT 1")
        assert session.user["a"] == made

    def test_are_not_sent_where_they_are(self, single: World) -> None:
        client = single.client()
        run(single, client, "SET @a = 1")
        start = len(single.database.log)
        assert value(single, client, "SELECT @a") == b"1"
        assert asked(single, start) == ["SELECT @a"]

    def test_are_replaced_with_the_settings_in_one_statement(self, single: World) -> None:
        client, other = single.client(), single.client()
        run(single, client, "SET @a = 1")
        run(single, client, "SET sql_mode = 'ANSI'")
        run(single, other, "SET @b = 2")
        start = len(single.database.log)
        assert value(single, client, "SELECT @a") == b"1"
        replay, statement = asked(single, start)
        assert statement == "SELECT @a"
        assert "sql_mode" in replay
        assert "@`a`=1" in replay

    def test_of_another_session_are_cleared_before_its_statement(self, single: World) -> None:
        """Also for one that mentions none: a trigger may read any."""
        client, other = single.client(), single.client()
        run(single, client, "SET @a = 'secret'")
        run(single, other, "SELECT 1")
        session = single.servers[0].session
        assert session is not None
        assert session.user["a"].value is None
        assert value(single, other, "SELECT @a") is None
        assert value(single, client, "SELECT @a") == b"secret"

    def test_one_that_was_never_set_is_as_on_a_fresh_connection(self, single: World) -> None:
        client, other = single.client(), single.client()
        run(single, client, "SET @a = 'secret'")
        assert value(single, other, "SELECT @a") is None
        session = single.servers[0].session
        assert session is not None
        assert "a" not in session.user, "NULL is not the same as never set"

    def test_that_stored_code_sets_are_found(self, single: World) -> None:
        client, other = single.client(), single.client()
        run(single, client, "CALL keeps('it')")
        assert not session_of(client).pins
        assert value(single, other, "SELECT @kept") is None
        assert value(single, client, "SELECT @kept") == b"it"

    def test_where_they_cannot_be_found_it_pins(self, single: World) -> None:
        single.client()
        client = single.client()
        run(single, client, "SELECT 1")
        session = single.servers[0].session
        assert session is not None
        session.variables["performance_schema"] = "0"
        run(single, client, "CALL keeps('it')")
        assert PinReason.UNTRACKED_STATE in session_of(client).pins
        assert value(single, client, "SELECT @kept") == b"it"

    def test_a_reset_forgets_them(self, single: World) -> None:
        client = single.client()
        run(single, client, "SET @a = 1")
        client.send(p.packet(b"\x1f"))
        single.settle()
        client.take()
        assert value(single, client, "SELECT @a") is None


def answers_wrongly(server: ServerPeer) -> None:
    """Its next answer to the proxy's question for variables is an error."""
    session = server.session
    assert session is not None
    right = session.answer

    def answer(command: bytes) -> list[bytes]:
        if b"IF(CHAR_LENGTH(" in command:
            return [p.err(1030, b"Got error from storage engine", b"HY000")]
        return right(command)

    session.answer = answer  # type: ignore[method-assign]


def loses_its_connection(server: ServerPeer) -> None:
    session = server.session
    assert session is not None
    right = session.answer

    def answer(command: bytes) -> list[bytes]:
        if b"IF(CHAR_LENGTH(" in command:
            server.kill()
            return []
        return right(command)

    session.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize("fails", [answers_wrongly, loses_its_connection])
class TestReadingBackFails:
    """The client was told that its statement has succeeded."""

    def set_up(self, world: World, fails: Callable[[ServerPeer], None]) -> ClientPeer:
        client = world.client()
        run(world, client, "SET @a = 'old'")
        fails(world.servers[-1])
        run(world, client, "SELECT @a := 'new'")
        return client

    def test_the_client_is_told(self, single: World, fails: Callable[[ServerPeer], None]) -> None:
        client = self.set_up(single, fails)
        answer = payloads(single, client, "SELECT @a")
        assert answer[-1][:1] == ERROR, "the old value would be wrong"
        assert b"user variables" in answer[-1]

    def test_the_session_goes_on(self, single: World, fails: Callable[[ServerPeer], None]) -> None:
        client = self.set_up(single, fails)
        errno(single, client, "SELECT 1")
        assert value(single, client, "SELECT 1") == b"1"
        assert borrowed(single) == 0

    def test_nobody_else_gets_the_connection(
        self, single: World, fails: Callable[[ServerPeer], None]
    ) -> None:
        self.set_up(single, fails)
        other = single.client()
        assert value(single, other, "SELECT @a") is None
        assert len(single.servers) == 2


class TestNamedLocks:
    def test_a_released_one_is_asked_about(self, single: World) -> None:
        client, other = single.client(), single.client()
        assert value(single, client, "SELECT GET_LOCK('a', 0)") == b"1"
        assert borrowed(single) == 1
        start = len(single.database.log)
        assert value(single, client, "SELECT RELEASE_LOCK('a')") == b"1"
        assert any("IS_USED_LOCK" in sql for sql in asked(single, start))
        assert borrowed(single) == 0
        assert value(single, other, "SELECT IS_FREE_LOCK('a')") == b"1"

    def test_one_that_was_taken_twice_stays(self, single: World) -> None:
        client = single.client()
        for _ in range(2):
            run(single, client, "SELECT GET_LOCK('a', 0)")
        run(single, client, "SELECT RELEASE_LOCK('a')")
        assert borrowed(single) == 1
        run(single, client, "SELECT RELEASE_LOCK('a')")
        assert borrowed(single) == 0

    def test_one_of_two_stays(self, single: World) -> None:
        client = single.client()
        for name in "ab":
            run(single, client, f"SELECT GET_LOCK('{name}', 0)")
        run(single, client, "SELECT RELEASE_LOCK('a')")
        assert session_of(client).names[PinReason.NAMED_LOCK] == {"b"}
        assert borrowed(single) == 1

    def test_one_that_another_session_has_does_not_pin(self, double: World) -> None:
        client, owner = double.client(), double.client()
        run(double, owner, "SELECT GET_LOCK('a', 0)")
        assert value(double, client, "SELECT GET_LOCK('a', 0)") == b"0"
        assert not session_of(client).pins
        assert borrowed(double) == 1

    def test_nobody_asks_in_a_transaction(self, single: World) -> None:
        client = single.client()
        run(single, client, "BEGIN")
        run(single, client, "SELECT GET_LOCK('a', 0)")
        start = len(single.database.log)
        run(single, client, "SELECT RELEASE_LOCK('a')")
        assert asked(single, start) == ["SELECT RELEASE_LOCK('a')"]
        run(single, client, "COMMIT")
        assert borrowed(single) == 0
        assert not session_of(client).pins


class TestSetsFromMemory:
    SET = "SET sql_mode='ANSI'"

    def know(self, world: World) -> None:
        """The database has answered it once."""
        run(world, world.client(), self.SET)

    def test_the_second_session_does_not_ask(self, single: World) -> None:
        self.know(single)
        client = single.client()
        start = len(single.database.log)
        run(single, client, self.SET)
        assert asked(single, start) == []
        assert value(single, client, "SELECT @@sql_mode") == b"ANSI"

    def test_the_answer_is_the_databases(self, single: World) -> None:
        first, second = single.client(), single.client()
        told = single.ask(first, "SET NAMES latin1")
        assert single.ask(second, "SET NAMES latin1") == told

    def test_not_after_other_settings(self, single: World) -> None:
        self.know(single)
        client = single.client()
        run(single, client, "SET time_zone='+01:00'")
        start = len(single.database.log)
        run(single, client, self.SET)
        assert self.SET in asked(single, start)

    @pytest.mark.parametrize("before", ["BEGIN", "SELECT GET_LOCK('a', 0)", "SAVEPOINT a"])
    def test_not_while_the_session_has_a_connection(self, single: World, before: str) -> None:
        self.know(single)
        client = single.client()
        if before == "SAVEPOINT a":
            run(single, client, "SET autocommit=0")
            run(single, single.client(), "SELECT 1")
        run(single, client, before)
        start = len(single.database.log)
        run(single, client, self.SET)
        assert asked(single, start)[0] == self.SET

    @pytest.mark.parametrize("before", ["BEGIN", "SELECT GET_LOCK('a', 0)"])
    def test_nothing_is_learned_there_either(self, single: World, before: str) -> None:
        client = single.client()
        run(single, client, before)
        run(single, client, self.SET)
        client.send(p.packet(b"\x01"))
        single.settle()
        start = len(single.database.log)
        run(single, single.client(), self.SET)
        assert self.SET in asked(single, start)

    def test_an_error_is_not_learned(self, single: World) -> None:
        for _ in range(2):
            assert errno(single, single.client(), "SET nonsense=1") == 1193
        assert asked(single).count("SET nonsense=1") == 2

    def test_one_with_a_user_variable_is_not_learned(self, single: World) -> None:
        for _ in range(2):
            run(single, single.client(), "SET sql_mode=@u")
        assert asked(single).count("SET sql_mode=@u") == 2

    def test_nor_in_rds_mode(self) -> None:
        with proxied(cap=1, diagnostics_hold_timeout=0, pinning="rds") as world:
            for _ in range(2):
                self.know(world)
            assert asked(world).count(self.SET) == 2, "there must be a connection to pin"


class TestSavepoints:
    """Without autocommit SAVEPOINT does not make the server say that there is a transaction."""

    def test_another_clients_statement_does_not_lose_it(self, single: World) -> None:
        client, other = single.client(), single.client()
        run(single, client, "SET autocommit=0")
        run(single, client, "SAVEPOINT a")
        assert borrowed(single) == 1
        other.query("SELECT 1")
        single.settle()
        assert not other.seen
        assert errno(single, client, "ROLLBACK TO a") == 0
        run(single, client, "COMMIT")
        assert other.seen
        assert borrowed(single) == 0

    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK", "SET autocommit=1"])
    def test_it_ends_with_the_transaction(self, single: World, end: str) -> None:
        client = single.client()
        run(single, client, "SET autocommit=0")
        run(single, client, "SAVEPOINT a")
        run(single, client, end)
        assert borrowed(single) == 0

    def test_with_autocommit_it_is_nothing(self, single: World) -> None:
        run(single, single.client(), "SAVEPOINT a")
        assert borrowed(single) == 0


class TestUnreportedSettings:
    """MariaDB's tracker says nothing of `SET @@name = value`."""

    @pytest.fixture
    def silent(self, single: World) -> World:
        single.database.hides_bare_names = True
        return single

    def test_do_not_reach_others(self, silent: World) -> None:
        client, other = silent.client(), silent.client()
        run(silent, client, "SET @@sql_mode = 'ANSI'")
        assert value(silent, other, "SELECT @@sql_mode") == b"STRICT_TRANS_TABLES"
        assert value(silent, client, "SELECT @@sql_mode") == b"ANSI"

    def test_not_even_autocommit(self, silent: World) -> None:
        client, other = silent.client(), silent.client()
        run(silent, client, "SET @@autocommit = 0")
        run(silent, other, "INSERT 1")
        assert silent.database.committed == ["1"]
        assert value(silent, client, "SELECT @@autocommit") == b"OFF"

    def test_an_error_costs_no_connection(self, silent: World) -> None:
        client = silent.client()
        run(silent, client, "SET @@sql_mode = 'ANSI'")
        assert errno(silent, client, "SET @@sql_mode = 'X', @@nonsense = 1") == 1193
        assert value(silent, client, "SELECT @@sql_mode") == b"ANSI"
        assert len(silent.servers) == 1


class TestTrackers:
    def test_the_clients_own_are_not_left_to_others(self, single: World) -> None:
        kind = p.CLIENT_CAPABILITIES | p.SESSION_TRACK
        client, other = single.client(ClientPeer(kind)), single.client(ClientPeer(kind))
        run(single, client, "SET session_track_system_variables='sql_mode'")
        assert not session_of(client).pins
        assert b"ANSI" in single.ask(client, "SET sql_mode='ANSI'")
        assert b"time_zone" not in single.ask(client, "SET time_zone='+01:00'")
        assert b"ANSI" not in single.ask(other, "SET sql_mode='ANSI'")
        assert b"time_zone" in single.ask(other, "SET time_zone='+01:00'")
