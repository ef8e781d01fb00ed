"""IAM policies, as far as they decide `rds-db:connect` on arn:aws:rds-db:REGION:ACCOUNT:dbuser:RESOURCE/USER.

What is not denied and allowed by no statement is denied; one that denies wins over any that allows. What is
not understood in a statement that allows makes it allow nothing, in one that denies it counts as fitting, and
is warned of when the policy is read. A document whose statements cannot be told apart is refused as a whole.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from .conditions import Circumstances, Condition, parse_conditions
from .patterns import ArnPattern, glob

__all__ = ["CONNECT", "Decision", "Policy", "PolicyError", "Resource", "decide", "parse_policy"]

#: The action that logs in to a database.
CONNECT = "rds-db:connect"

_VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT = frozenset(["Version", "Id", "Statement"])
_STATEMENT = frozenset(
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"],
)


class PolicyError(Exception):
    """A document is no policy; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@attrs.frozen
class Resource:
    """The database user that somebody wants to be; `name` is dbuser:RESOURCE/USER."""

    region: str
    account: str
    name: str

    @property
    def arn(self) -> str:
        """As a policy may name it; other partitions than aws would do as well."""
        return f"arn:aws:rds-db:{self.region}:{self.account}:{self.name}"


@attrs.frozen
class Statement:
    """One statement about CONNECT."""

    allows: bool
    concerns: Callable[[Resource], bool]
    conditions: tuple[Condition, ...]

    def applies(self, resource: Resource, given: Circumstances) -> bool:
        """Whether it decides this log-in."""
        return self.concerns(resource) and all(condition.holds(given) for condition in self.conditions)


@attrs.frozen
class Policy:
    """The statements of one document that are about CONNECT; `warnings` name those not understood."""

    statements: tuple[Statement, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def deny_all(cls) -> "Policy":
        """What stands in the place of a policy that cannot be read."""
        return cls((Statement(False, _anything, ()),))


@attrs.frozen
class Decision:
    """Whether policies allow a log-in, why not, and until when (Unix seconds) that stays so by itself."""

    allowed: bool
    reason: str
    until: float


def decide(policies: Iterable[Policy], resource: Resource, given: Circumstances) -> Decision:
    """Apply all policies of a principal."""
    allowed = False
    until = float("inf")
    for policy in policies:
        for statement in policy.statements:
            for condition in statement.conditions:
                until = min([until, *(moment for moment in condition.moments if moment > given.now)])
            if not statement.applies(resource, given):
                continue
            if not statement.allows:
                return Decision(False, "a policy denies it", until)
            allowed = True
    return Decision(allowed, "" if allowed else "no policy allows it", until)


def parse_policy(document: object) -> Policy:
    """Read a policy document: its JSON text, or what that text holds. Raises PolicyError."""
    content = _loaded(document) if isinstance(document, str) else document
    if not isinstance(content, Mapping):
        raise PolicyError("is not an object")
    _check_names(content, _DOCUMENT, "")
    if content.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise PolicyError("has an unknown Version")
    listed = content.get("Statement")
    if isinstance(listed, Mapping):
        listed = [listed]
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        raise PolicyError("has no Statement")
    statements: list[Statement] = []
    warnings: list[str] = []
    for number, each in enumerate(listed, 1):
        _read_statement(number, each, statements, warnings)
    return Policy(tuple(statements), tuple(warnings))


def _loaded(text: str) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        loaded: object = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        pass
    else:
        return loaded
    raise PolicyError("is not valid JSON, or has a name twice")


def _check_names(content: Mapping[str, object], known: frozenset[str], where: str) -> None:
    for name in content:
        if name not in known:
            raise PolicyError(f"{where}has an unknown element {str(name)[:80]!r}")


def _read_statement(number: int, content: object, statements: list[Statement], warnings: list[str]) -> None:
    where = f"statement {number} "
    if not isinstance(content, Mapping):
        raise PolicyError(f"{where}is not an object")
    _check_names(content, _STATEMENT, where)
    effect = content.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"{where}has no Effect of Allow or Deny")
    actions, actions_excluded = _either(content, "Action", where)
    resources, resources_excluded = _either(content, "Resource", where)
    if any(glob(action.lower())(CONNECT) for action in actions) == actions_excluded:
        return
    allows = effect == "Allow"
    concerns, problems = _concerns(resources, resources_excluded)
    conditions, further = parse_conditions(content.get("Condition", {}))
    problems += further
    if problems:
        meaning = "allows nothing" if allows else "denies whatever that may mean"
        warnings.append(f"{where}{meaning}: {', '.join(problems)}")
    if not problems or not allows:
        statements.append(Statement(allows, concerns, conditions))


def _either(content: Mapping[str, object], name: str, where: str) -> tuple[tuple[str, ...], bool]:
    """The texts of an element or of its opposite, and whether it is the opposite."""
    given = [each for each in (name, f"Not{name}") if each in content]
    if len(given) != 1:
        raise PolicyError(f"{where}needs either {name} or Not{name}")
    value = content[given[0]]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not texts or not all(isinstance(text, str) for text in texts):
        raise PolicyError(f"{where}{given[0]} is not a list of strings")
    return tuple(texts), given[0] != name


def _concerns(
    resources: tuple[str, ...], excluded: bool
) -> tuple[Callable[[Resource], bool], tuple[str, ...]]:
    """A test for what the resources stand for, the wider one where that is not understood; what that was."""
    tests: list[Callable[[Resource], bool]] = []
    problems: list[str] = []
    for text in resources:
        try:
            tests.append(_resource_test(text))
        except ValueError as error:
            problems.append(f"resource {text[:80]!r} {error}")
    if problems and not excluded:
        return _anything, tuple(problems)
    return lambda resource: any(test(resource) for test in tests) != excluded, tuple(problems)


def _resource_test(text: str) -> Callable[[Resource], bool]:
    if text == "*":
        return _anything
    pattern = ArnPattern(text)
    if "${" in text:
        raise ValueError("holds a policy variable")
    return lambda resource: pattern.fits("rds-db", resource.region, resource.account, resource.name)


def _anything(_: Resource) -> bool:
    return True
