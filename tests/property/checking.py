"""Plays a case in both worlds and compares."""

from collections import Counter
from typing import Any

import attrs

from .answers import Answer, shown
from .comparison import Tolerated, normal, tolerated
from .schemas import Schemas
from .worlds import Case, World, concurrent_answers, direct_answers, proxied

__all__ = ["Checker", "Difference"]


class Difference(AssertionError):
    """A client of the proxy got something else than on a connection of its own."""


@attrs.define
class Checker:
    """One database, and proxies before it by the number of their connections."""

    vendor: str
    direct: World
    proxies: dict[int, World]
    schemas: Schemas
    refused: Counter[Tolerated] = attrs.Factory(Counter)
    """Cases that ended early, by what ended them."""

    def check(self, case: Case, connections: int) -> None:
        """Raise Difference, or Hung, where a client of the proxy can tell that it is one."""

        try:
            expected = direct_answers(self.direct, case)
        finally:
            self._put_back(case)
        try:
            comparison = _Comparison(self, case, connections, expected)
            proxied(self.proxies[connections], case, comparison.seen)
        finally:
            self._put_back(case)

    def check_at_once(self, case: Case, connections: int) -> None:
        """The same with all clients at the same time, each in a thread of its own."""

        try:
            expected = direct_answers(self.direct, case)
        finally:
            self._put_back(case)
        try:
            found = concurrent_answers(self.proxies[connections], case)
        finally:
            self._put_back(case)
        for client, answers in found.items():
            comparison = _Comparison(self, case, connections, expected)
            for index, answer in enumerate(answers):
                if not comparison.seen(client, index, answer):
                    break

    def _put_back(self, case: Case) -> None:
        self.schemas.end_sessions()
        for client in case.clients():
            self.schemas.put_back(client, case.steps(client))


@attrs.define
class _Comparison:
    checker: Checker
    case: Case
    connections: int
    expected: dict[int, list[Answer]]
    order: list[Any] = attrs.Factory(list)

    def seen(self, client: int, index: int, answer: Answer) -> bool:
        step = self.case.steps(client)[index]
        self.order.append(f"c{client}> {step}")
        flags = self.case.flags
        wanted, got = (normal(step, each, flags) for each in (self.expected[client][index], answer))
        if wanted == got:
            return True
        refusal = tolerated(answer)
        if refusal is not None:
            self.checker.refused[refusal] += 1
            return False
        raise Difference(
            f"{self.checker.vendor}, {self.connections} connection(s), flags {flags:#x}; as answered:\n"
            + "\n".join(self.order)
            + f"\n  direct: {shown(wanted)}\n  proxy:  {shown(got)}\nas planned:\n{self.case}"
        )
