"""Texts that belong together, so that they meet often.

`$me`, `$too` and `$lock` are explained in `steps`; tables and routines are in `schemas`. Hypothesis shrinks
towards a topic's first text, so it is the plainest.
"""

import attrs

__all__ = ["Topic"]


@attrs.frozen
class Topic:
    """Texts that both vendors know, and those that only one knows."""

    both: tuple[str, ...]
    mariadb: tuple[str, ...] = ()
    mysql: tuple[str, ...] = ()

    def texts(self, vendor: str) -> tuple[str, ...]:
        """Those for `mariadb` or `mysql`."""
        return self.both + (self.mariadb if vendor == "mariadb" else self.mysql)
