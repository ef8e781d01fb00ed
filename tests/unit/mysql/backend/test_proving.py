"""What a database says of passwords: asked once for all who want to know, a few at a time."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from proxy.credentials.source import Credential
from proxy.mysql.backend import proving
from proxy.mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from proxy.mysql.backend.own_commands import Answer
from proxy.mysql.backend.proving import MAX_PROOFS, Prover, verifier_in
from proxy.mysql.wire.results import ErrorPacket

SQL = "SELECT verifier FROM accounts WHERE name = ?"


def refusal(errno: int) -> TargetError:
    return TargetError(ErrorPacket(errno, "28000", "no"))


class Connection:
    def __init__(self) -> None:
        self.aborted: list[str] = []

    def abort(self, reason: str) -> None:
        self.aborted.append(reason)


class Connector:
    """Its answers come when a test says so."""

    def __init__(self) -> None:
        self.asked: list[Credential] = []
        self.answers: list[Deferred[None]] = []
        self.opened: list[str] = []
        self.connection = Connection()

    def prove(self, credential: Credential) -> Deferred[None]:
        self.asked.append(credential)
        self.answers.append(Deferred())
        return self.answers[-1]

    def open_plain(self, username: str) -> Deferred[Connection]:
        self.opened.append(username)
        return succeed(self.connection)

    def limited(self, work: Deferred[Any]) -> Deferred[Any]:
        return work


class Scene:
    def __init__(self) -> None:
        self.connector = Connector()
        self.prover = Prover()
        self.prover.connector = lambda: self.connector  # type: ignore[assignment, return-value]

    def ask(self, username: str, password: str) -> list[Any]:
        return told(self.prover.prove(username, password.encode()))


def told(fired: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    fired.addBoth(lambda result: found.append(result.value if isinstance(result, Failure) else result))
    return found


class TestPasswords:
    def test_right_and_wrong(self) -> None:
        scene = Scene()
        right, wrong = scene.ask("app", "right"), scene.ask("app", "wrong")
        scene.connector.answers[0].callback(None)
        scene.connector.answers[1].errback(refusal(1045))
        assert (right, wrong) == ([True], [False])
        [first, second] = scene.connector.asked
        assert (first.username, bytes(first.password), bytes(second.password)) == ("app", b"right", b"wrong")
        assert "right" not in repr(first)

    def test_what_is_no_answer(self) -> None:
        scene = Scene()
        locked, away = scene.ask("app", "one"), scene.ask("app", "two")
        scene.connector.answers[0].errback(refusal(3118))
        scene.connector.answers[1].errback(ConnectFailed("away"))
        assert isinstance(locked[0], TargetError)
        assert isinstance(away[0], ConnectFailed)

    def test_a_connector_that_fails_at_once(self) -> None:
        scene = Scene()

        def gone() -> Any:
            raise ConnectFailed("no target")

        scene.prover.connector = gone
        assert isinstance(scene.ask("app", "x")[0], ConnectFailed)
        assert not scene.prover._waiting

    def test_the_same_question_is_asked_once(self) -> None:
        scene = Scene()
        answers = [scene.ask("app", "x") for _ in range(100)]
        assert len(scene.connector.asked) == 1
        scene.connector.answers[0].callback(None)
        assert answers == [[True]] * 100
        scene.ask("app", "x")
        assert len(scene.connector.asked) == 2

    def test_a_failure_is_everybodys(self) -> None:
        scene = Scene()
        answers = [scene.ask("app", "x") for _ in range(3)]
        scene.connector.answers[0].errback(ConnectFailed("away"))
        assert [type(answer[0]) for answer in answers] == [ConnectFailed] * 3

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (("app", "x"), ("app", "y")),
            (("app", "x"), ("ap", "px")),
            (("app", "\\0x\\0y"), ("app\\0x", "y")),
            (("a\\0b", "c"), ("a", "b\\0c")),
        ],
    )
    def test_questions_that_are_not_the_same(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        """What one client has proven says nothing of another, whatever stands in a name."""
        scene = Scene()
        scene.ask(*one)
        scene.ask(*other)
        assert len(scene.connector.asked) == 2

    def test_only_so_many_at_a_time(self) -> None:
        scene = Scene()
        answers = [scene.ask("app", str(number)) for number in range(MAX_PROOFS + 5)]
        assert len(scene.connector.asked) == MAX_PROOFS
        for _ in range(MAX_PROOFS + 5):
            scene.connector.answers.pop(0).callback(None)
        assert answers == [[True]] * (MAX_PROOFS + 5)


class TestLeaving:
    def test_the_others_are_told(self) -> None:
        scene = Scene()
        gone = scene.prover.prove("app", b"x")
        outcome, other = told(gone), scene.ask("app", "x")
        gone.cancel()
        scene.connector.answers[0].callback(None)
        assert other == [True]
        assert outcome != [True]

    def test_who_comes_after_all_have_left(self) -> None:
        """The question is on its way already."""
        scene = Scene()
        gone = scene.prover.prove("app", b"x")
        told(gone)
        gone.cancel()
        late = scene.ask("app", "x")
        assert len(scene.connector.asked) == 1
        scene.connector.answers[0].callback(None)
        assert late == [True]
        assert not scene.prover._waiting

    def test_a_question_that_nobody_has_any_more(self) -> None:
        scene = Scene()
        for number in range(MAX_PROOFS):
            scene.ask("app", str(number))
        gone = [scene.prover.prove("app", b"guess %d" % number) for number in range(20)]
        for each in gone:
            told(each)
            each.cancel()
        kept = scene.ask("app", "kept")
        for answer in list(scene.connector.answers):
            answer.callback(None)
        assert [bytes(each.password) for each in scene.connector.asked[MAX_PROOFS:]] == [b"kept"]
        scene.connector.answers[-1].callback(None)
        assert kept == [True]
        assert not scene.prover._waiting

    def test_one_who_leaves_because_of_the_answer(self) -> None:
        """What follows from it for one may end another."""
        scene = Scene()
        first, second, third = (scene.prover.prove("app", b"x") for _ in range(3))
        first.addCallback(lambda _: second.cancel())
        outcome, last = told(second), told(third)
        scene.connector.answers[0].callback(None)
        assert isinstance(outcome[0], CancelledError)
        assert last == [True]
        assert not scene.prover._waiting


class TestVerifiers:
    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
        """Let the database answer with these rows; the statements that it is sent."""

        def answer(*rows: tuple[str | None, ...]) -> list[str]:
            sent: list[str] = []

            def query(_connection: Connection, sql: str) -> Deferred[Any]:
                sent.append(sql)
                return succeed(type("Found", (), {"rows": list(rows)})())

            monkeypatch.setattr(proving, "query", query)
            return sent

        return answer

    def test_one(self, answers: Callable[..., list[str]]) -> None:
        scene = Scene()
        sent = answers(("*" + "0F" * 20,))
        assert told(scene.prover.verifier("ä'", SQL, "asker")) == [b"\x0f" * 20]
        assert sent == ["SELECT verifier FROM accounts WHERE name = _utf8mb4 X'c3a427' COLLATE utf8mb4_bin"]
        assert scene.connector.opened == ["asker"]
        assert scene.connector.connection.aborted

    @pytest.mark.parametrize("rows", [(), ((None,),), (("",),), (("*0F",),), (("invalid",),), ((),)])
    def test_none(self, answers: Callable[..., list[str]], rows: tuple[Any, ...]) -> None:
        scene = Scene()
        answers(*rows)
        assert told(scene.prover.verifier("app", SQL, "asker")) == [None]

    def test_more_than_one(self, answers: Callable[..., list[str]]) -> None:
        """Of two accounts of a name nobody can tell which is meant."""
        scene = Scene()
        answers(("*" + "00" * 20,), ("*" + "11" * 20,))
        assert isinstance(told(scene.prover.verifier("app", SQL, "asker"))[0], UnfitTarget)
        assert scene.connector.connection.aborted

    def test_the_connection_ends_whatever_happens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_connection: Connection, _sql: str) -> Deferred[Answer]:
            raise refusal(1142)

        monkeypatch.setattr(proving, "query", refuse)
        scene = Scene()
        assert isinstance(told(scene.prover.verifier("app", SQL, "asker"))[0], TargetError)
        assert scene.connector.connection.aborted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("*" + "aB" * 20, b"\xab" * 20),
        ("*" + "AB" * 19, None),
        ("AB" * 20, None),
        ("*" + "AB" * 20 + "\n", None),
        ("$A$005$" + "x" * 40, None),
        ("", None),
        (None, None),
    ],
)
def test_what_is_a_verifier(text: str | None, found: bytes | None) -> None:
    assert verifier_in(text) == found
