"""Several clients share one or two database connections; each must see what it would see alone.

Next to each client runs a session of the same model server that it has to itself. Statements, the order in
which clients speak, and the order in which bytes arrive are random; every response is compared byte for byte.
"""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.server import Database, Session
from tests.peers.world import World, proxied

KINDS = [
    p.CLIENT_CAPABILITIES,
    p.CLIENT_CAPABILITIES | p.DEPRECATE_EOF,
    p.CLIENT_CAPABILITIES | p.DEPRECATE_EOF | p.SESSION_TRACK,
    p.CLIENT_CAPABILITIES | p.SESSION_TRACK | p.MULTI_STATEMENTS,
]


def sql(text: str) -> bytes:
    return b"\x03" + text.encode()


READS = [
    *(sql(f"SELECT {each}") for each in ("1", "DATABASE()", "LAST_INSERT_ID()", "PENDING()", "@u")),
    *(sql(f"SELECT @@{each}") for each in ("autocommit", "sql_mode", "time_zone", "collation_connection")),
    sql("SELECT @@character_set_client"),
]
CHANGES = [
    *(sql(f"SET sql_mode='{each}'") for each in ("ANSI", "STRICT_TRANS_TABLES", "")),
    *(sql(f"SET time_zone='{each}'") for each in ("+01:00", "SYSTEM")),
    *(sql(f"SET NAMES {each}") for each in ("utf8mb4", "latin1 COLLATE latin1_german1_ci", "latin1")),
    sql("SET @@session.net_write_timeout=DEFAULT, time_zone='-05:00'"),
    sql("SET nonsense=1"),
    *(sql(f"USE {each}") for each in ("shop", "crm", "nowhere")),
    b"\x02shop",
    b"\x02nowhere",
    b"\x0e",
    b"\x1b\x00\x00",
    b"\x1b\x01\x00",
]
TRANSACTIONS = [
    *map(sql, ("BEGIN", "COMMIT", "ROLLBACK", "SET autocommit=0", "SET autocommit=1", "INSERT BAD")),
    sql("nonsense"),
    sql("CALL broken()"),
]
HEAVY = [sql("SET @u='mine'"), b"\x1f"]
INSERTS = st.builds(lambda n: sql(f"INSERT {n}"), st.integers(1, 250))
COMMAND = st.one_of(
    st.sampled_from(READS),
    st.sampled_from(CHANGES),
    st.sampled_from(TRANSACTIONS),
    INSERTS,
    st.sampled_from(HEAVY),
)
SCRIPT = st.lists(COMMAND, min_size=1, max_size=8)


def _told(response: bytes) -> list[tuple[int, bytes]]:
    """Without the status of an EOF in the middle, which the proxy makes before it knows the server's."""
    found = p.split(response)
    return [
        (
            sequence,
            payload[:3]
            if payload[:1] == b"\xfe" and len(payload) == 5 and each is not found[-1]
            else payload,
        )
        for each in found
        for sequence, payload in [each]
    ]


class Actor:
    """One client with its script, and the server it would have had to itself."""

    def __init__(self, world: World, capabilities: int, schema: str, script: list[bytes]) -> None:
        self.script = [*script, sql("ROLLBACK"), sql("SELECT PENDING()"), b"\x01"]
        self.alone = Session(Database(), capabilities, schema)
        self.peer = world.client(ClientPeer(capabilities, database=schema.encode()))
        self.done: list[bytes] = []
        self._expected: bytes | None = None

    @property
    def can_speak(self) -> bool:
        return self._expected is None and bool(self.script)

    def speak(self) -> None:
        command = self.script.pop(0)
        self.done.append(command)
        self.peer.send(p.packet(command))
        if command != b"\x01":
            self._expected = p.packets(self.alone.answer(command))

    def check(self) -> None:
        if self._expected is None:
            assert not self.peer.seen, f"an answer nobody asked for after {self.done}"
        elif len(self.peer.seen) >= len(self._expected):
            seen = self.peer.take()
            assert _told(seen) == _told(self._expected), f"after {self.done}"
            self._expected = None

    @property
    def finished(self) -> bool:
        return not self.script and self._expected is None


def play(world: World, actors: list[Actor], chance: random.Random) -> None:
    """Random steps until every script is over."""
    idle = 0
    for _ in range(20_000):
        if all(actor.finished for actor in actors):
            return
        world.clock.advance(0)
        speakers = [actor.speak for actor in actors if actor.can_speak]
        deliveries = [line.deliver for line in world.lines if line.has_work]
        steps = speakers + deliveries
        if steps:
            chance.choice(steps)()
            idle = 0
        else:
            idle += 1
            assert idle < 50, f"stuck: {[actor.done for actor in actors]}"
            world.clock.advance(0.1)
        for actor in actors:
            actor.check()
    raise AssertionError("never ends")


def run(cap: int, clients: list[tuple[int, str, list[bytes]]], seed: int) -> None:
    with proxied(cap=cap) as world:
        actors = [Actor(world, *each) for each in clients]
        play(world, actors, random.Random(seed))
        world.settle()
        written = sorted(row for actor in actors for row in actor.alone.database.committed)
        assert sorted(world.database.committed) == written


CLIENT = st.tuples(st.sampled_from(KINDS), st.sampled_from(["", "shop"]), SCRIPT)


@pytest.mark.parametrize("cap", [1, 2])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(clients=st.lists(CLIENT, min_size=1, max_size=4), seed=st.integers(0, 1 << 16))
def test_everybody_sees_what_it_would_see_alone(
    cap: int, clients: list[tuple[int, str, list[bytes]]], seed: int
) -> None:
    run(cap, clients, seed)


def scripted(cap: int, *scripts: list[str]) -> None:
    """The same with fixed texts, in several orders."""
    for seed in range(20):
        run(cap, [(KINDS[2], "", [sql(text) for text in script]) for script in scripts], seed)


def test_insert_ids_do_not_cross() -> None:
    scripted(
        1,
        ["INSERT 7", "SELECT 1", "SELECT LAST_INSERT_ID()", "SELECT 1", "SELECT LAST_INSERT_ID()"],
        ["INSERT 9", "SELECT LAST_INSERT_ID()", "INSERT 50", "SELECT LAST_INSERT_ID()"],
        ["SELECT LAST_INSERT_ID()", "SELECT 1", "SELECT LAST_INSERT_ID()"],
    )


def test_insert_ids_do_not_cross_while_one_is_being_saved() -> None:
    scripted(
        2,
        ["INSERT 7", "SELECT 1", "SELECT LAST_INSERT_ID()"],
        ["INSERT 9", "SELECT 1", "SELECT LAST_INSERT_ID()"],
        ["SELECT 1", "SELECT LAST_INSERT_ID()", "SELECT 1", "SELECT LAST_INSERT_ID()"],
        ["INSERT 3", "SELECT LAST_INSERT_ID()"],
    )


@pytest.mark.parametrize("seed", [43, 83, 112, 157, 223, *range(20)])
def test_an_id_that_is_told_late_does_not_undo_a_newer_one(seed: int) -> None:
    """One connection is slow to tell the session's former id, while its newer one is told by another."""
    scripts = (
        [
            "INSERT 7",
            "INSERT 8",
            "SELECT 1",
            "SELECT LAST_INSERT_ID()",
            "INSERT 10",
            "SELECT LAST_INSERT_ID()",
        ],
        ["INSERT 20", "SELECT 1", "INSERT 21", "SELECT LAST_INSERT_ID()"],
        ["INSERT 30", "INSERT 31", "SELECT LAST_INSERT_ID()", "SELECT 1"],
        ["SELECT 1", "INSERT 40", "SELECT LAST_INSERT_ID()"],
    )
    run(3, [(KINDS[2], "", [sql(text) for text in script]) for script in scripts], seed)


def test_an_explicit_id_does_not_show_somebody_elses() -> None:
    """The server reports an explicit value for an AUTO_INCREMENT column, and LAST_INSERT_ID() stays."""
    scripted(
        1,
        ["INSERT 7", "SELECT 1", "SELECT LAST_INSERT_ID()"],
        ["SELECT 1", "INSERT EXPLICIT 50", "SELECT LAST_INSERT_ID()"],
        ["INSERT EXPLICIT 3", "SELECT LAST_INSERT_ID()"],
    )


def test_settings_do_not_cross() -> None:
    scripted(
        1,
        ["SET sql_mode='ANSI'", "SELECT @@sql_mode", "SELECT @@time_zone", "SELECT @@sql_mode"],
        ["SET time_zone='+01:00'", "SELECT @@sql_mode", "SELECT @@time_zone"],
        ["SELECT @@sql_mode", "SELECT @@time_zone", "SELECT @@sql_mode"],
    )


def test_schemas_do_not_cross() -> None:
    scripted(
        2,
        ["USE shop", "SELECT DATABASE()", "SELECT 1", "SELECT DATABASE()"],
        ["USE crm", "SELECT DATABASE()", "USE nowhere", "SELECT DATABASE()"],
        ["SELECT DATABASE()", "SELECT 1", "SELECT DATABASE()"],
    )


def test_transactions_do_not_cross() -> None:
    scripted(
        1,
        ["BEGIN", "INSERT 1", "SELECT PENDING()", "ROLLBACK", "SELECT PENDING()"],
        ["INSERT 2", "SELECT PENDING()", "BEGIN", "INSERT 3", "COMMIT", "SELECT PENDING()"],
        ["SET autocommit=0", "INSERT 4", "SELECT PENDING()", "COMMIT", "SELECT @@autocommit"],
    )


@pytest.mark.parametrize("text", ["CALL broken()", "SET autocommit=0", "nonsense"])
def test_a_transaction_that_an_error_hides_does_not_cross(text: str) -> None:
    scripted(
        1,
        [text, "INSERT BAD", "SELECT PENDING()", "SELECT 1"],
        ["INSERT 5", "SELECT PENDING()", "SELECT @@autocommit"],
        ["SELECT PENDING()", "INSERT 6", "SELECT PENDING()"],
    )


def test_user_variables_do_not_cross() -> None:
    scripted(
        1, ["SET @u='a'", "SELECT @u", "SELECT 1", "SELECT @u"], ["SELECT @u", "SELECT @u"], ["SELECT @u"]
    )
