"""Several questions in one round trip, and answers by the columns' names."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.errors import ConnectFailed, TargetError
from proxy.mysql.backend.questions import ASK_AGAIN_AFTER, MAX_ROWS, Interview
from proxy.mysql.topology.kind import Question, Refusal
from tests.peers import packets as p
from tests.peers.link import Line

ONE, TWO = Question("one", "SELECT 1"), Question("two", "SELECT 2")
MAYBE = Question("maybe", "SHOW MAYBE", optional=True)
DENIED = p.err(1227, b"Access denied")


def table(names: list[bytes], *rows: list[bytes | None]) -> list[bytes]:
    return [p.number(len(names)), *map(p.column, names), *map(p.row, rows), p.ok(header=0xFE)]


class Server:
    """Answers each statement with the packets that are named for it."""

    def __init__(self, **answers: list[bytes]) -> None:
        self.line: Any = None
        self.answers = answers
        self.asked: list[str] = []
        self.trips = 0
        self.connection = BackendConnection("key", 1, Clock())
        Line(self.connection, self, is_client=True)
        self.connection.connection_ready()
        self.connection.idle()
        self.interview = Interview(self.connection)

    def received(self, data: bytes) -> None:
        self.trips += 1
        for _, payload in p.split(data):
            sql = payload[1:].decode()
            self.asked.append(sql)
            self.line.send(p.packets(self.answers[sql.split()[1].lower()]))

    def gone(self) -> None:
        """The proxy has closed it."""

    def ask(self, *questions: Question) -> Any:
        outcome: list[Any] = []
        asked: Deferred[Any] = self.interview.ask(questions)
        asked.addBoth(outcome.append)
        while self.line.has_work:
            self.line.deliver()
        [result] = outcome or [None]
        return result.value if isinstance(result, Failure) else result


def server(**changes: list[bytes]) -> Server:
    answers = {
        "1": table([b"A", b"b"], [b"x", None], [b"y", b"z"]),
        "2": table([b"c"]),
        "maybe": [DENIED],
    }
    return Server(**{**answers, **changes})


def test_answers_by_question_and_column() -> None:
    target = server(maybe=table([b"d"], [b"e"]))
    assert target.ask(ONE, TWO, MAYBE) == {
        "one": ({"a": "x", "b": None}, {"a": "y", "b": "z"}),
        "two": (),
        "maybe": ({"d": "e"},),
    }
    assert target.connection.unanswered == 0


def test_all_go_out_before_the_first_answer() -> None:
    target = server()
    target.ask(ONE, TWO, MAYBE)
    assert target.trips == 1


def test_a_refusal_in_the_middle() -> None:
    target = server()
    answers = target.ask(ONE, MAYBE, TWO)
    assert answers["maybe"] == Refusal(1227)
    assert answers["two"] == ()
    assert target.connection.unanswered == 0
    assert target.connection.lost is None


def test_a_refused_question_waits_its_rounds() -> None:
    target = server()
    for _ in range(ASK_AGAIN_AFTER):
        assert target.ask(ONE, MAYBE)["maybe"] == Refusal(1227)
    assert target.asked.count(MAYBE.sql) == 1
    target.answers["maybe"] = table([b"d"], [b"e"])
    assert target.ask(MAYBE)["maybe"] == ({"d": "e"},)
    assert target.ask(MAYBE)["maybe"] == ({"d": "e"},)


def test_a_refusal_of_what_must_be_known() -> None:
    problem = server(**{"1": [DENIED]}).ask(ONE, TWO)
    assert isinstance(problem, TargetError)
    assert problem.packet.errno == 1227


def test_a_statement_without_a_result_set() -> None:
    assert server(maybe=[p.ok()]).ask(MAYBE) == {"maybe": ()}


def test_reports_of_progress_are_no_answers() -> None:
    progress = b"\xff\xff\xff" + bytes(10)
    head, *rest = table([b"a"], [b"x"])
    target = server(**{"1": [head, *rest[:1], progress, *rest[1:]]})
    assert target.ask(ONE) == {"one": ({"a": "x"},)}


def test_an_error_behind_rows() -> None:
    rows = table([b"d"], [b"e"])[:-1]
    assert server(maybe=[*rows, DENIED]).ask(MAYBE) == {"maybe": Refusal(1227)}


@pytest.mark.parametrize(
    "answer",
    [
        [*table([b"a"], [b"x"]), p.ok()],
        [p.number(1), p.column(b"a"), p.row([b"x", b"y"]), p.ok(header=0xFE)],
        [p.number(1), b"\x03def\x00", p.ok(header=0xFE)],
        [b""],
        table([b"a"], *([[b"x"]] * (MAX_ROWS + 1))),
    ],
)
def test_what_is_no_answer_ends_the_connection(answer: list[bytes]) -> None:
    target = server(**{"1": answer})
    assert isinstance(target.ask(ONE), ConnectFailed)
    assert target.connection.lost is not None
