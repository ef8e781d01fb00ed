"""All rows, with the answers that are computed: RDS Proxy's from its rules, this proxy's from what was seen.

`seen.json` holds what the proxy did with each row's steps, by server: the pins after each step.
"""

import json
from itertools import chain
from pathlib import Path

from proxy.mysql.session.rds_rules import rds_pins

from .case import Answer, Case
from .cases_habits import HABITS
from .cases_locks import LASTING
from .cases_statements import STATEMENTS

__all__ = ["CASES", "SEEN", "Seen", "here", "rds", "read_seen", "write_seen"]

SEEN = Path(__file__).parent / "seen.json"
CASES: tuple[Case, ...] = (*STATEMENTS, *LASTING, *HABITS)

#: By the row's name, then by server: the reasons that hold after each step.
Seen = dict[str, dict[str, list[list[str]]]]


def read_seen() -> Seen:
    """What was seen last."""
    found: Seen = json.loads(SEEN.read_text(encoding="utf-8")) if SEEN.exists() else {}
    return found


def write_seen(seen: Seen) -> None:
    """Keep what was seen, in the order of the rows."""
    ordered = {case.name: seen[case.name] for case in CASES if case.name in seen}
    lines = (f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(by)}" for name, by in ordered.items())
    SEEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def rds(case: Case) -> Answer:
    """What RDS Proxy does; a pin there ends only with the session or its reset."""
    if not any(_pins_under_rds(step) for step in case.steps):
        return Answer.NEVER
    return Answer.UNPINS if case.rds_resets else Answer.PINS


def _pins_under_rds(step: object) -> bool:
    if not isinstance(step, str):
        return step[0].name.startswith(("PREPARE", "EXECUTE"))  # type: ignore[index]
    return bool(rds_pins(step.encode(), exclude_variable_sets=False, backslash_escapes=True))


def here(pins: list[list[str]]) -> tuple[Answer, str]:
    """This proxy's answer and the reasons for it, from the pins after each step."""
    reasons = ", ".join(f"`{reason}`" for reason in dict.fromkeys(chain.from_iterable(pins)))
    if not reasons:
        return Answer.NEVER, ""
    return (Answer.PINS if pins[-1] else Answer.UNPINS), reasons
