"""From TOML 1.0 text to a checked `Config`, with every problem found in one go."""

import tomllib
from pathlib import Path
from typing import Any

import attrs

from .errors import ConfigError
from .model import Config
from .options import Option, TableList, spec_of
from .rules import RULES
from .suggestions import suggestion
from .values import problem_with, toml_type

__all__ = ["MAX_CONFIG_SIZE", "load", "loads"]

#: Largest configuration file that is read, in bytes.
MAX_CONFIG_SIZE = 4 * 1024 * 1024


def load(path: str | Path) -> Config:
    """Read the file `path`; relative paths in it are relative to its directory.

    Raises ConfigError when the file cannot be read or any option in it is wrong.
    """
    file = Path(path).absolute()
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_CONFIG_SIZE + 1)
    except OSError as error:
        raise ConfigError(str(path), (f"cannot be read: {error.strerror}",)) from error
    if len(content) > MAX_CONFIG_SIZE:
        raise ConfigError(str(path), (f"is larger than {MAX_CONFIG_SIZE} bytes",))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), (f"is not UTF-8 text (byte {error.start})",)) from error
    return loads(text, str(path), file.parent)


def loads(text: str, source: str = "<text>", directory: Path | None = None) -> Config:
    """Check the TOML `text`; errors name it as `source`.

    Relative paths in it are taken relative to `directory`, or left alone when that is None.
    Raises ConfigError with all problems.
    """
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(source, (f"is not valid TOML: {error}",)) from error
    reading = _Reading(directory)
    config: Config = reading.table(Config, raw, "")
    if reading.problems:
        raise ConfigError(source, tuple(reading.problems))
    return config


class _Reading:
    """One walk over a parsed file. A wrong option is noted and stands in at its default meanwhile."""

    def __init__(self, directory: Path | None) -> None:
        self.problems: list[str] = []
        self._wrong: set[str] = set()
        self._directory = directory

    def table(self, section: type, raw: object, path: str) -> Any:
        """Build `section` from the TOML table `raw` that stands at `path`."""
        if not isinstance(raw, dict):
            self._note(path, f"must be a table, not {toml_type(raw)}")
            raw = {}
        fields = attrs.fields_dict(section)
        for name in raw:
            if name not in fields:
                self._note(_join(path, name), suggestion(section, path, name))
        values: dict[str, Any] = {}
        for name, attribute in fields.items():
            self._field(attribute, raw, _join(path, name), values)
        built = section(**values)
        self._apply_rules(built, path)
        return built

    def _field(
        self, attribute: "attrs.Attribute[Any]", raw: dict[str, Any], path: str, values: dict[str, Any]
    ) -> None:
        name = attribute.name
        spec = spec_of(attribute)
        if isinstance(spec, Option):
            if name in raw:
                self._given_option(attribute, spec, raw[name], path, values)
            elif attribute.default is attrs.NOTHING:
                self._note(path, "is required")
                values[name] = spec.example
        elif isinstance(spec, TableList):
            values[name] = self._tables(spec, raw.get(name, []), path)
        else:
            values[name] = self.table(spec.section, raw.get(name, {}), path)

    def _given_option(
        self, attribute: "attrs.Attribute[Any]", option: Option, value: Any, path: str, values: dict[str, Any]
    ) -> None:
        wrong = problem_with(option, attribute.type, value)
        if wrong is None:
            values[attribute.name] = self._stored(option, attribute.type, value)
            return
        self._note(path, wrong)
        if attribute.default is attrs.NOTHING:
            values[attribute.name] = option.example

    def _stored(self, option: Option, kind: Any, value: Any) -> Any:
        if option.is_path and value and self._directory is not None:
            return str(self._directory / value)
        if kind is float:
            return float(value)
        return tuple(value) if isinstance(value, list) else value

    def _tables(self, spec: TableList, raw: object, path: str) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            self._note(path, f"must be an array of tables, not {toml_type(raw)}")
            return ()
        if not spec.minimum <= len(raw) <= spec.maximum:
            self._note(path, _wrong_count(spec, len(raw)))
        entries = raw[: spec.maximum]
        return tuple(
            self.table(spec.section, entry, f"{path}[{index}]") for index, entry in enumerate(entries)
        )

    def _apply_rules(self, built: Any, path: str) -> None:
        for rule in RULES:
            if type(built) is not rule.section:
                continue
            if any(self._is_wrong(_join(path, name)) for name in rule.options):
                continue
            broken = rule.broken(built)
            if broken is not None:
                where, message = (rule.options[0], broken) if isinstance(broken, str) else broken
                self._note(_join(path, where), message)

    def _is_wrong(self, path: str) -> bool:
        return any(wrong == path or wrong.startswith(f"{path}[") for wrong in self._wrong)

    def _note(self, path: str, message: str) -> None:
        self._wrong.add(path)
        self.problems.append(f"{path}: {message}")


def _wrong_count(spec: TableList, count: int) -> str:
    if spec.minimum == spec.maximum:
        return f"needs exactly {spec.minimum}, {count} given"
    if count < spec.minimum:
        return f"needs at least {spec.minimum}, {count} given"
    return f"allows at most {spec.maximum}, {count} given"


def _join(path: str, name: str) -> str:
    # A quoted TOML key may hold anything, also a line break.
    shown = name if name.isprintable() else repr(name)
    return f"{path}.{shown}" if path else shown
