"""The one exception of a configuration that cannot be used: it carries every problem, not only the first."""

__all__ = ["ConfigError"]


class ConfigError(Exception):
    """A configuration was refused.

    `source` names where it came from; each of `problems` is one line that starts with an option's full path
    (or says why the whole text cannot be read).
    """

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__(source, problems)
        self.source = source
        self.problems = problems

    def lines(self) -> tuple[str, ...]:
        """One line per problem, each with the source in front."""
        return tuple(f"{self.source}: {problem}" for problem in self.problems)

    def __str__(self) -> str:
        return "\n".join(self.lines())
