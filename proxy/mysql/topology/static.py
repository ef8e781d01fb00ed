"""Targets whose replication the proxy does not look at: whether one takes writes is all that counts."""

from collections.abc import Sequence

import attrs

from ...targets.observation import Observation
from .facts import Facts
from .kind import Answers, Question
from .server import common_questions, server_of

__all__ = ["Static"]


@attrs.frozen
class Static:
    """For clusters that the proxy does not know, and to leave replication alone."""

    name: str = "static"

    def questions(self, facts: Facts) -> Sequence[Question]:
        """What every server is asked."""
        return common_questions(facts)

    def read(self, answers: Answers, facts: Facts) -> Observation:
        """The role is what ``read_only`` says."""
        return server_of(answers, facts).observed(self.name)
