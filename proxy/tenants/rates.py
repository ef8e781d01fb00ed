"""How many statements a tenant may begin: a token bucket, filled as time goes by."""

import attrs

__all__ = ["StatementRate"]


@attrs.define(eq=False)
class StatementRate:
    """At most `per_second` statements in the long run, and `burst` of them at once after a pause.

    With `per_second` 0 all are allowed. A tenant begins with a full burst.
    """

    per_second: float = 0.0
    burst: float = 1.0
    refused: int = 0
    """How many statements were not allowed."""
    _tokens: float = attrs.field(default=0.0, init=False)
    _counted_at: float | None = attrs.field(default=None, init=False)

    def allows(self, now: float) -> bool:
        """Take one statement at `now`, in seconds of a clock that never goes back; false if there is none."""
        if not self.per_second:
            return True
        tokens = self._filled(now)
        if tokens < 1.0:
            self._tokens = tokens
            self.refused += 1
            return False
        self._tokens = tokens - 1.0
        return True

    def change(self, per_second: float, burst: float) -> None:
        """Go on with another rate; what has been taken stays taken."""
        if not self.per_second:
            self._counted_at = None
        self.per_second, self.burst = per_second, burst

    def _filled(self, now: float) -> float:
        before, self._counted_at = self._counted_at, now
        if before is None:
            return self.burst
        return min(self.burst, self._tokens + max(0.0, now - before) * self.per_second)
