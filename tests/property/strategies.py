"""Hypothesis strategies: cases in which clients of a few topics take turns."""

from hypothesis import strategies as st

from . import parameters as p
from .channel import Flags
from .steps import (
    ChangeUser,
    Close,
    Execute,
    Fetch,
    InitDb,
    LongData,
    Ping,
    Prepare,
    Query,
    ResetConnection,
    ResetStatement,
    SetOption,
    Step,
)
from .topics import READS, TOPICS
from .worlds import Case, Turn

__all__ = ["cases"]

MOST_TURNS = 36
WHO = (1, 2, 1, 2, 1, 2, 3, 4)
SLOTS = ("p", "q")
LONG = "l"
WITH_LONG_DATA = (
    "SELECT CONCAT('<', ?, '>')",
    "SELECT HEX(?), ? AS other",
    "INSERT INTO t (v, n) VALUES (?, ?)",
)
PREPARABLE = (
    "SELECT ?",
    "SELECT ? AS x, ? AS y",
    "SELECT id, v FROM k WHERE id <= ?",
    "SELECT v FROM k WHERE id = ? OR v = ?",
    "INSERT INTO t (n, v) VALUES (?, ?)",
    "INSERT INTO t (n) VALUES (LAST_INSERT_ID())",
    "SELECT @a, @b, @c",
    "SELECT @a + ?",
    "SELECT LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS()",
    "SELECT LAST_INSERT_ID() + ?",
    "SELECT ROW_COUNT()",
    "SELECT FOUND_ROWS()",
    "SELECT @@warning_count, @@sql_mode, @@time_zone",
    "SELECT LAST_INSERT_ID(?)",
    "SELECT DATABASE(), COUNT(*) FROM k",
    "SET @a = ?",
    "SET @a = ?, @b = 'bound'",
    "SET time_zone = '+11:00'",
    "SELECT ? INTO @c",
    "UPDATE t SET n = n + ?",
    "DELETE FROM t WHERE n = ?",
    "CALL p_out(?, @a, @b)",
    "CALL p_out(?, ?, ?)",
    "CALL p_rows()",
    "SHOW WARNINGS",
    "SELECT CAST(? AS SIGNED)",
    "SELECT SQL_CALC_FOUND_ROWS id FROM k LIMIT 1",
    "SELECT \"x\", 'a' || 'b'",
    "SELECT * FROM tp",
    "SELECT * FROM nothing",
    "SELEKT ?",
    "BEGIN",
    "COMMIT",
    "CREATE TEMPORARY TABLE tp (x INT)",
    "SELECT 'é', ?",
    "SELECT * FROM k",
    "SELECT 1; SELECT 2",
    "DO ?",
    "PREPARE s FROM 'SELECT 1'",
)
AROUND_PREPARED = (
    "SET @a = 5",
    "USE $too",
    "USE $me",
    "INSERT INTO t (n) VALUES (1), (2)",
    "ALTER TABLE k ADD COLUMN w INT DEFAULT 3",
    "ALTER TABLE k DROP COLUMN w",
    "DROP TABLE IF EXISTS k",
    "SET sql_mode = 'ANSI_QUOTES'",
    "SET sql_mode = 'PIPES_AS_CONCAT'",
    "SET NAMES latin1",
    "BEGIN",
    "COMMIT",
    "SELECT id FROM k LIMIT 3",
    "SELECT CAST('x' AS SIGNED)",
    "CREATE TEMPORARY TABLE k (a INT)",
    "DROP TEMPORARY TABLE IF EXISTS k, tp",
    "SELECT LAST_INSERT_ID(), ROW_COUNT()",
)
PARAMETERS = (
    p.integer(1),
    p.null(),
    p.integer(3),
    p.tiny(-7),
    p.integer((1 << 64) - 1),
    p.integer(-(1 << 63)),
    p.double(1.5),
    p.decimal("12.340"),
    p.string("two"),
    p.string("12x"),
    p.string("é"),
    p.string(""),
    p.blob(b"\x00\xff'"),
    p.date(2020, 2, 3),
)


def cases(vendor: str, most_turns: int = MOST_TURNS) -> st.SearchStrategy[Case]:
    """Cases for `mariadb` or `mysql`."""
    names = (*TOPICS, "prepared", "session")
    topics = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
    turns = topics.flatmap(lambda chosen: _turns(vendor, chosen, most_turns))
    flags = st.sampled_from(
        (
            Flags.DEPRECATE_EOF,
            0,
            Flags.DEPRECATE_EOF | Flags.SESSION_TRACK,
            Flags.DEPRECATE_EOF | Flags.FOUND_ROWS,
        )
    )
    return st.builds(lambda chosen, bits: Case(_sound(chosen), bits), turns, flags)


def _sound(turns: list[Turn]) -> tuple[Turn, ...]:
    """The turns without questions for FOUND_ROWS() before a SELECT of the same session.

    The answer is whatever another session left on the server's thread, even without a proxy.
    """
    found: list[Turn] = []
    selected: set[int] = set()
    for client, step in turns:
        text = step.sql if isinstance(step, (Query, Prepare)) else ""
        if isinstance(step, (ResetConnection, ChangeUser)):
            selected.discard(client)
        elif "FOUND_ROWS()" in text and client not in selected:
            continue
        elif isinstance(step, Query) and text.startswith("SELECT") and "nothing" not in text:
            selected.add(client)
        found.append((client, step))
    return tuple(found)


def _turns(vendor: str, topics: list[str], most: int) -> st.SearchStrategy[list[Turn]]:
    parts: list[st.SearchStrategy[Step]] = []
    for topic in topics:
        parts += [_steps(vendor, topic)] * 2
    parts.append(_queries(READS))
    clients = st.sampled_from(WHO)
    # Three lists, because one is short as a rule however long it may be.
    third = st.lists(st.tuples(clients, st.one_of(parts)), max_size=most // 3)
    return st.tuples(third, third, third).map(lambda thirds: [turn for each in thirds for turn in each])


def _steps(vendor: str, topic: str) -> st.SearchStrategy[Step]:
    if topic == "prepared":
        return _prepared()
    if topic == "session":
        return _session()
    return _queries(TOPICS[topic].texts(vendor))


def _queries(texts: tuple[str, ...]) -> st.SearchStrategy[Step]:
    return st.sampled_from(texts).map(Query)


def _prepared() -> st.SearchStrategy[Step]:
    slots = st.sampled_from(SLOTS)
    values = st.lists(st.sampled_from(PARAMETERS), max_size=3).map(tuple)
    execute = st.builds(Execute, slots, values, st.booleans(), st.sampled_from((False, False, False, True)))
    prepare = st.builds(Prepare, slots, st.sampled_from(PREPARABLE))
    rarely = st.one_of(
        st.builds(Close, slots),
        st.builds(ResetStatement, slots),
        st.builds(Fetch, slots, st.integers(1, 3)),
    )
    return st.one_of(execute, prepare, execute, prepare, rarely, _long_data(), _queries(AROUND_PREPARED))


def _long_data() -> st.SearchStrategy[Step]:
    """In a slot of its own: MariaDB answers nonsense when the parameter was a number before."""
    first = st.sampled_from((p.string("plain"), p.blob(b"raw"), p.null()))
    values = st.tuples(first, st.sampled_from(PARAMETERS))
    return st.one_of(
        st.just(LongData(LONG, b"long ")),
        st.builds(Prepare, st.just(LONG), st.sampled_from(WITH_LONG_DATA)),
        st.builds(Execute, st.just(LONG), values, st.booleans()),
        st.sampled_from((ResetStatement(LONG), Close(LONG))),
    )


def _session() -> st.SearchStrategy[Step]:
    schemas = st.sampled_from(("$me", "$too", "", "nowhere"))
    return st.one_of(
        st.just(ResetConnection()),
        # Not to a schema that is missing: what becomes of the connection depends on the vendor.
        st.builds(ChangeUser, st.sampled_from(("app", "eve")), st.sampled_from(("$me", "$too", ""))),
        st.builds(InitDb, schemas),
        st.builds(SetOption, st.booleans()),
        st.just(Ping()),
        _queries(TOPICS["system variables"].both),
        _queries(TOPICS["user variables"].both),
        _queries(
            ("SELECT CURRENT_USER()", "SET @a = 1", "INSERT INTO t (n) VALUES (1)", "SELECT 1; SELECT 2")
        ),
    )
