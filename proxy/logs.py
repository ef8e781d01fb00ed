"""Log lines: readable text in the form RDS Proxy's have, or one JSON object per line.

Fields of an event become keys of the JSON object. Events hold no password, token or SQL literal; that is kept
where they are made.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

__all__ = ["LogLevels", "json_line", "log_stream", "observer", "text_line"]

#: What a terminal or a log reader could take for the end of a line or a command; clients choose user names.
_CONTROLS = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
}

_PLAIN = (str, int, float, bool, type(None))


@implementer(ILogFilterPredicate)
class LogLevels:
    """The level in force; may change while the proxy runs."""

    def __init__(self, level: str) -> None:
        self._predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))

    def __call__(self, event: LogEvent) -> Any:
        """Twisted's filter predicate."""
        return self._predicate(event)

    def set(self, level: str) -> None:
        """``debug``, ``info``, ``warn`` or ``error`` from now on."""
        self._predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))


def observer(stream: IO[Any], form: str, levels: LogLevels) -> Any:
    """A log observer that writes events of the level in force in ``form`` ("text" or "json")."""
    writer = FileLogObserver(stream, json_line if form == "json" else text_line)
    filtered = FilteringLogObserver(writer, [levels])
    assert ILogObserver.providedBy(filtered)
    return filtered


def log_stream(logfile: str | None) -> IO[Any]:
    """Where twistd was told to log; standard output unless a file is named."""
    if not logfile or logfile == "-":
        return sys.stdout
    return LogFile.fromFullPath(str(Path(logfile).absolute()))  # type: ignore[no-any-return]


def _time(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _level(event: LogEvent) -> str:
    level = event.get("log_level")
    return "info" if level is None else str(level.name)


def _endpoint(event: LogEvent) -> str:
    """The event's own; the default one stands for the whole proxy."""
    return str(event.get("endpoint", "default"))


def text_line(event: LogEvent) -> str | None:
    """As in the log group /aws/rds/proxy/NAME: time, level, endpoint, message."""
    text = formatEvent(event)
    if not text:
        return None
    text = text.translate(_CONTROLS)
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + failure.getTraceback().replace("\n", "\n\t")
    endpoint = _endpoint(event).translate(_CONTROLS)
    return f"{_time(event)} [{_level(event).upper()}] [proxyEndpoint={endpoint}] {text}\n"


def json_line(event: LogEvent) -> str | None:
    """One object: time, level, namespace, message, and the event's own fields."""
    text = formatEvent(event)
    if not text:
        return None
    line: dict[str, Any] = {
        "time": _time(event),
        "level": _level(event),
        "namespace": event.get("log_namespace", ""),
        "endpoint": _endpoint(event),
        "message": text,
    }
    for key, value in event.items():
        if not key.startswith("log_") and key not in ("time", "message", "format", "system", "isError"):
            line.setdefault(key, value if isinstance(value, _PLAIN) else str(value))
    failure = event.get("log_failure")
    if failure is not None:
        line["traceback"] = failure.getTraceback()
    return json.dumps(line, ensure_ascii=False) + "\n"
