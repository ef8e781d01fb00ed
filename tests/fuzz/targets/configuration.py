"""Configuration files: a Config, or a ConfigError whose problems are one line each; never anything else."""

import re
from pathlib import Path

from proxy.config import Config, ConfigError, loads
from tests.fuzz.choices import Choices

_SAMPLE = (Path(__file__).parents[3] / "etc" / "rds-proxy.toml").read_text(encoding="utf-8")
#: Each option of the sample, with the table it stands in.
_SECTIONS = re.findall(r"^(?:# ?)?(?:(\[{1,2}[\w.]+\]{1,2})$|(\w+) = )", _SAMPLE, re.MULTILINE)
_OPTIONS: list[tuple[str, str]] = []
_table = ""
for _heading, _name in _SECTIONS:
    if _name:
        _OPTIONS.append((_table, _name))
    else:
        _table = _heading

_VALUES = (
    '""', "0", "-1", "1", "true", "1.5", "nan", "-inf", "1e308", "9" * 400, "0x7fffffffffffffff", '"x"',
    "[]", '[""]', "[1]", "{}", '[{"a"=1}]', "1979-05-27", '"\\u0000"', '"\\n"', '"/"',
    '"127.0.0.1"', '"::/0"',
    '["10.0.0.0/8", "localhost"]', '["10.0.0.1/8"]', '["::1%lo"]', '"0777"', '"9999"', '"' + "a" * 300 + '"',
    '"arn:aws:secretsmanager"', '"é"', '"a..b"', '"-"', "07:32:00", '"' + "a" * 60 + '_"', "1_000", "[[1]]",
)  # fmt: skip


def _composed(choices: Choices) -> str:
    lines = []
    while choices.left:
        table, name = choices.pick(_OPTIONS)
        if choices.below(8) == 0:
            name = choices.text().decode("utf-8", "replace")
            name = f'"{name}"'
        lines.append(f"{table}\n{name} = {choices.pick(_VALUES)}")
    return "\n".join(lines)


def _changed(choices: Choices) -> str:
    """The sample with the values of some options replaced."""
    text = _SAMPLE
    while choices.left:
        _, name = choices.pick(_OPTIONS)
        value = choices.pick(_VALUES)
        text = re.sub(
            rf"^#? ?{name} = .*$", lambda _, n=name, v=value: f"{n} = {v}", text, flags=re.MULTILINE
        )
    return text


def fuzz(data: bytes) -> None:
    """The first byte decides whether the rest is the text, or decides about options."""
    choices = Choices(data[1:])
    way = data[0] % 3 if data else 0
    if way == 0:
        text = data[1:].decode("utf-8", "replace")
    else:
        text = _composed(choices) if way == 1 else _changed(choices)
    try:
        config = loads(text, "fuzz", Path("/nowhere") if len(data) & 1 else None)
    except ConfigError as error:
        problems = error.problems
        str(error)
    else:
        assert isinstance(config, Config)
        return
    assert problems
    for problem in problems:
        assert len(problem.splitlines()) == 1, problem
