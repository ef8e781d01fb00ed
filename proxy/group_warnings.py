"""What an operator must know of the target group at once, and what to do about it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from twisted.logger import Logger

if TYPE_CHECKING:
    from .target_unit import TargetUnit

__all__ = ["GroupWarnings"]


class GroupWarnings:
    """Each is said when it begins to be true, not with every probe."""

    log = Logger()

    def __init__(self) -> None:
        self._split: frozenset[str] = frozenset()
        self._says_no_writer = False

    def note_writer(self, writer: "TargetUnit | None", former: "TargetUnit | None", why: str) -> None:
        """Another target has become the writer, or none is any more."""
        if writer is None:
            self.note_no_writer(why)
            return
        self._says_no_writer = False
        self.log.info("target {target} is the writer", target=writer.name)
        if former is not None and former is not writer:
            self._note_losses(writer, former)

    def note_no_writer(self, why: str) -> None:
        """Clients wait."""
        if not self._says_no_writer:
            self._says_no_writer = True
            self.log.warn("there is no writer, clients wait: {why}", why=why)

    def _note_losses(self, writer: "TargetUnit", former: "TargetUnit") -> None:
        """Say so if what clients were told is done is not there."""
        now, before = writer.position, former.position
        if now is None or now.is_mariadb != former.history.acknowledged().is_mariadb:
            return
        has_all = now.covers(former.history.acknowledged()) and (before is None or now.covers(before))
        if not has_all:
            self.log.error(
                "target {target} is the writer, and lacks writes that {former} had acknowledged:"
                " its position is {now}, that of {former} was {before}",
                target=writer.name,
                former=former.name,
                now=str(now),
                before=str(before),
            )

    def note_split(self, split: frozenset[str], writer: str | None) -> bool:
        """Targets take writes beside the writer, or nobody knows which is the writer; whether that is new."""
        is_new, self._split = bool(split) and split != self._split, split
        if not is_new:
            return False
        others = _listed(split)
        if writer is None:
            self.log.error(
                "split brain: {others} take writes, and nothing tells which of them is meant: none gets"
                " clients. Make all but one read-only, or fence them",
                others=others,
            )
        else:
            self.log.error(
                "split brain: {others} takes writes beside {writer}, and gets no clients; make it read-only",
                others=others,
                writer=writer,
            )
        return True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
