"""The `Condition` of an IAM policy statement: who asks, from where, how, and when.

Known keys: aws:SourceIp, aws:SecureTransport, aws:PrincipalArn, aws:PrincipalAccount, aws:CurrentTime and
aws:EpochTime, each with the operators of its type and these with `IfExists`. Anything else is a problem;
what that means for the statement is not decided here.

As in IAM: all operators and keys of a block have to hold; one of several values is enough, or none of them
may match where the operator is negated; a key without a value satisfies only negated and `IfExists`
operators.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence

import attrs

from .moments import parse_moment
from .patterns import ArnPattern, glob

__all__ = ["Circumstances", "Condition", "parse_conditions"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Predicate = Callable[["Circumstances"], bool]

_VARIABLE = "${"
_PRINCIPAL = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([^:]*):([^:]*):(.*)", re.DOTALL)


class _Problem(Exception):
    """A condition that is not understood; the text says what, in words of the policy."""


@attrs.frozen
class Circumstances:
    """A log-in: the principal's ARN, the client's address (None: it has none), and Unix time in seconds."""

    principal: str
    source: Address | None
    secure: bool
    now: float

    @property
    def account(self) -> str:
        """The principal's account, empty if it is no ARN."""
        matched = _PRINCIPAL.fullmatch(self.principal)
        return matched[4] if matched else ""


@attrs.frozen
class Condition:
    """One operator on one key. `moments` are the Unix times at which the answer may change by itself."""

    holds: Predicate
    moments: tuple[float, ...] = ()


def parse_conditions(block: object) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """Read the value of `Condition`: conditions that are understood, and what is wrong with the others."""
    if not isinstance(block, Mapping):
        return (), ("Condition is not an object",)
    found: list[Condition] = []
    problems: list[str] = []
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            problems.append(f"{_shown(operator)} is not an object")
            continue
        for key, values in keys.items():
            try:
                found.append(_condition(str(operator), str(key), values))
            except _Problem as problem:
                problems.append(str(problem))
    return tuple(found), tuple(problems)


@attrs.frozen
class _Asked:
    """One operator on one key; `name` is the operator's without a negation and IfExists."""

    name: str
    key: str
    values: tuple[str, ...]
    negated: bool
    if_exists: bool


def _condition(operator: str, key: str, values: object) -> Condition:
    name = operator.removesuffix("IfExists")
    known = _OPERATORS.get(name)
    if known is None:
        raise _Problem(f"unknown condition operator {_shown(operator)}")
    build, negated = known
    if key.lower() not in _KEYS[build]:
        raise _Problem(f"unknown condition key {_shown(key)} of {name}")
    texts = _values(values, name)
    return build(_Asked(name.replace("Not", "", 1), key.lower(), texts, negated, name != operator))


def _values(values: object, operator: str) -> tuple[str, ...]:
    listed = values if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    texts: list[str] = []
    for value in listed:
        if isinstance(value, bool):
            texts.append("true" if value else "false")
        elif isinstance(value, (str, int)):
            texts.append(str(value))
        else:
            raise _Problem(f"a value of {operator} is not a string")
    if not texts:
        raise _Problem(f"{operator} has no value")
    if any(_VARIABLE in text for text in texts):
        raise _Problem(f"a policy variable in a value of {operator}")
    return tuple(texts)


def _source(asked: _Asked) -> Condition:
    networks = tuple(_network(text) for text in asked.values)
    negated, missing = asked.negated, asked.negated or asked.if_exists

    def holds(given: Circumstances) -> bool:
        source = given.source
        if source is None:
            return missing
        return any(source in network for network in networks) != negated

    return Condition(holds)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    raise _Problem(f"{_shown(text)} is not a network")


def _secure(asked: _Asked) -> Condition:
    lowered = {text.lower() for text in asked.values}
    if not lowered <= {"true", "false"}:
        raise _Problem("a value of Bool is neither true nor false")
    return Condition(lambda given: ("true" if given.secure else "false") in lowered)


def _principal(asked: _Asked) -> Condition:
    tests = tuple(_text_test(asked.name, text) for text in asked.values)
    negated = asked.negated
    if asked.key == "aws:principalaccount":
        return Condition(lambda given: any(test(given.account) for test in tests) != negated)
    return Condition(lambda given: any(test(given.principal) for test in tests) != negated)


def _text_test(operator: str, value: str) -> Callable[[str], bool]:
    if operator == "StringLike":
        return glob(value)
    if operator == "StringEqualsIgnoreCase":
        folded = value.casefold()
        return lambda text: text.casefold() == folded
    return value.__eq__


def _arn(asked: _Asked) -> Condition:
    tests = tuple(_arn_test(text) for text in asked.values)
    negated = asked.negated
    return Condition(lambda given: any(test(given.principal) for test in tests) != negated)


def _arn_test(value: str) -> Callable[[str], bool]:
    try:
        pattern = ArnPattern(value)
    except ValueError:
        raise _Problem(f"{_shown(value)} is not an ARN") from None

    def test(text: str) -> bool:
        matched = _PRINCIPAL.fullmatch(text)
        return matched is not None and pattern.fits(*matched.groups()[1:])

    return test


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "DateEquals": lambda now, moment: int(now) == int(moment),
    "DateLessThan": lambda now, moment: now < moment,
    "DateLessThanEquals": lambda now, moment: now <= moment,
    "DateGreaterThan": lambda now, moment: now > moment,
    "DateGreaterThanEquals": lambda now, moment: now >= moment,
}


def _time(asked: _Asked) -> Condition:
    compare, negated = _COMPARISONS[asked.name], asked.negated
    moments = tuple(_moment(text) for text in asked.values)
    changes = tuple(moment + after for moment in moments for after in (0.0, 1.0))
    return Condition(lambda given: any(compare(given.now, moment) for moment in moments) != negated, changes)


def _moment(text: str) -> float:
    try:
        return parse_moment(text)
    except ValueError:
        pass
    raise _Problem(f"{_shown(text)} is not a time")


def _shown(text: object) -> str:
    """A name or value of the policy, for a warning."""
    return repr(str(text)[:80])


_Build = Callable[[_Asked], Condition]

_KEYS: dict[_Build, frozenset[str]] = {
    _source: frozenset(["aws:sourceip"]),
    _secure: frozenset(["aws:securetransport"]),
    _principal: frozenset(["aws:principalarn", "aws:principalaccount"]),
    _arn: frozenset(["aws:principalarn"]),
    _time: frozenset(["aws:currenttime", "aws:epochtime"]),
}

# What builds each operator's condition, and whether it is negated.
_OPERATORS: dict[str, tuple[_Build, bool]] = {
    "IpAddress": (_source, False),
    "NotIpAddress": (_source, True),
    "Bool": (_secure, False),
    "DateNotEquals": (_time, True),
    **{
        f"String{negation}{test}": (_principal, bool(negation))
        for test in ("Equals", "EqualsIgnoreCase", "Like")
        for negation in ("", "Not")
    },
    **{
        f"Arn{negation}{test}": (_arn, bool(negation))
        for test in ("Equals", "Like")
        for negation in ("", "Not")
    },
    **dict.fromkeys(_COMPARISONS, (_time, False)),
}
