import io
import json

import pytest
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from proxy.logs import LogLevels, json_line, log_stream, observer, text_line


def event(
    text: str = "[clientConnection={client}] went", level: LogLevel = LogLevel.info, **fields: object
) -> dict:  # type: ignore[type-arg]
    return {
        "log_format": text,
        "log_level": level,
        "log_time": 1.5,
        "log_namespace": "proxy.x",
        "client": 7,
        **fields,
    }


def a_failure() -> Failure:
    try:
        raise ValueError("broken")
    except ValueError:
        return Failure()


def test_a_line_of_text() -> None:
    assert text_line(event()) == (
        "1970-01-01T00:00:01.500Z [INFO] [proxyEndpoint=default] [clientConnection=7] went\n"
    )


def test_a_line_of_json() -> None:
    line = json_line(event(reason=LogLevel.warn))
    assert line is not None
    assert line.endswith("}\n")
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:01.500Z",
        "level": "info",
        "namespace": "proxy.x",
        "endpoint": "default",
        "message": "[clientConnection=7] went",
        "client": 7,
        "reason": str(LogLevel.warn),
    }


def test_an_event_may_be_of_another_endpoint() -> None:
    text, line = text_line(event(endpoint="reader")), json_line(event(endpoint="reader"))
    assert text is not None
    assert "[INFO] [proxyEndpoint=reader] [clientConnection=7] went" in text
    assert line is not None
    assert json.loads(line)["endpoint"] == "reader"


@pytest.mark.parametrize("line", [text_line, json_line])
def test_an_event_without_text_is_no_line(line) -> None:  # type: ignore[no-untyped-def]
    assert line({"log_level": LogLevel.info}) is None


@pytest.mark.parametrize("form", ["text", "json"])
def test_one_event_stays_one_record(form: str) -> None:
    """A line break in a field cannot forge another record."""
    line = (json_line if form == "json" else text_line)(
        event("{name}", name="a\nb [ERROR] forged", log_failure=a_failure())
    )
    assert line is not None
    if form == "json":
        assert line.count("\n") == 1
        assert "ValueError" in json.loads(line)["traceback"]
    else:
        assert not any("forged" in part for part in line.split("\n")[1:])
        assert "ValueError" in line


@pytest.mark.parametrize(("level", "seen"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_levels(level: str, seen: int) -> None:
    stream = io.StringIO()
    levels = LogLevels("error")
    log = Logger(observer=observer(stream, "text", levels))
    levels.set(level)
    log.debug("d")
    log.info("i")
    log.warn("w")
    log.error("e")
    assert len(stream.getvalue().splitlines()) == seen


def test_the_stream_is_standard_output_or_a_file(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    print("x", file=log_stream(None))
    print("y", file=log_stream("-"))
    assert capsys.readouterr().out == "x\ny\n"
    file = log_stream(str(tmp_path / "a.log"))
    file.write("z")
    file.close()
    assert (tmp_path / "a.log").read_text() == "z"
