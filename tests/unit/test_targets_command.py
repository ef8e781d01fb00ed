"""`rds-proxy targets` and `rds-proxy switchover`: what they ask, how long they wait, and what they print."""

import pytest

from proxy import query_command
from proxy.cli import main
from proxy.mysql.session.show_proxy import MAX_TIMEOUT, SwitchoverRequest, request_in
from proxy.query_client import Address, Answer, NoAnswer

Capture = pytest.CaptureFixture[str]
Asked = list[tuple[str, float]]
WHERE = ["--socket", "/run/p.sock", "--user", "boss"]
STEPS = Answer(("step", "seconds", "detail"), (False, True, False), (("hold", "0.010", "new ones wait"),))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Statement and patience of what would have been asked."""
    calls: Asked = []

    def pretend(address: Address, username: str, _password: bytes, statement: str, patience: float) -> Answer:
        assert (address.path, username) == ("/run/p.sock", "boss")
        calls.append((statement, patience))
        return STEPS

    monkeypatch.setattr(query_command, "ask", pretend)
    return calls


@pytest.fixture
def where(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    file = tmp_path_factory.mktemp("password") / "password"
    file.write_text("s3cret\n")
    return [*WHERE, "--password-file", str(file)]


class TestSwitchover:
    def test_it_asks_for_it_and_prints_the_steps(
        self, asked: Asked, where: list[str], capsys: Capture
    ) -> None:
        assert main(["switchover", "--to", "db2:3306", *where]) == 0
        assert asked[0][0] == "PROXY SWITCHOVER TO 'db2:3306'"
        # The configured timeout is not known here.
        assert asked[0][1] > 2 * MAX_TIMEOUT
        assert capsys.readouterr().out.splitlines() == [
            "step  seconds  detail",
            "hold    0.010  new ones wait",
        ]

    def test_a_timeout_is_passed_on_and_waited_for(self, asked: Asked, where: list[str]) -> None:
        assert main(["switchover", "--timeout", "2.5", "--to", "db2:3306", *where]) == 0
        [(statement, patience)] = asked
        assert request_in(statement.encode()) == SwitchoverRequest("db2:3306", 2.5)
        assert 5 < patience < 2 * MAX_TIMEOUT

    def test_a_name_stays_a_name(self, asked: Asked, where: list[str]) -> None:
        assert main(["switchover", "--to", "x' TIMEOUT 1; '", *where]) == 0
        assert request_in(asked[0][0].encode()) == SwitchoverRequest("x' TIMEOUT 1; '")

    @pytest.mark.parametrize(
        "arguments", [[], ["--to"], ["--to", "a", "--timeout", "-1"], ["--to", "a", "--timeout", "4000"]]
    )
    def test_wrong_usage(self, asked: Asked, arguments: list[str], capsys: Capture) -> None:
        assert main(["switchover", *arguments]) == 2
        assert "usage: rds-proxy switchover" in capsys.readouterr().err
        assert not asked

    def test_one_that_failed_is_one_line_and_a_status(
        self, monkeypatch: pytest.MonkeyPatch, where: list[str], capsys: Capture
    ) -> None:
        def refuse(*_: object) -> Answer:
            raise NoAnswer("p: 1105 (HY000): rds-proxy: switchover to b REFUSED: it is the writer already")

        monkeypatch.setattr(query_command, "ask", refuse)
        assert main(["switchover", "--to", "b", *where]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "it is the writer already" in line


class TestTargets:
    def test_positions_stand_below_the_table(
        self, monkeypatch: pytest.MonkeyPatch, where: list[str], capsys: Capture
    ) -> None:
        answer = Answer(
            ("target", "lag", "position", "connections"),
            (False, True, False, True),
            (("a:1", None, "0-1-7", "3"), ("b:1", "0.500", "", "0")),
        )
        monkeypatch.setattr(query_command, "ask", lambda *_: answer)
        assert main(["targets", *where]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "target    lag  connections",
            "a:1         -            3",
            "b:1     0.500            0",
            "",
            "a:1     0-1-7",
        ]

    def test_it_asks_for_the_view(self, asked: Asked, where: list[str]) -> None:
        assert main(["targets", *where]) == 0
        assert [statement for statement, _ in asked] == ["SHOW PROXY TARGETS"]
