"""A primary and its replicas as real server processes: followed, promoted, handed over."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from .nodes import Node, Seed
from .polling import eventually

__all__ = ["Cluster", "Promotion"]

NODES = 3


@attrs.frozen
class Promotion:
    """Who led, who leads, and what the new primary had when it began to lead.

    `began` is of time.monotonic(), `took` the seconds until the new primary took writes.
    """

    old: Node
    new: Node
    position: str
    began: float
    took: float


class Cluster:
    """One primary and its replicas; `nodes` in the order of their numbers."""

    def __init__(self, seed: Seed, folder: Path, *, nodes: int = NODES, semi_sync: bool = False) -> None:
        self.seed = seed
        self.semi_sync = semi_sync
        self._replication = seed.replication
        self.nodes: list[Node] = []
        try:
            for number in range(1, nodes + 1):
                self.nodes.append(Node(seed, folder / f"node{number}", number, semi_sync=semi_sync))
            self._replicate()
        except BaseException:
            self.close()
            raise

    def _replicate(self) -> None:
        self.primary = self.nodes[0]
        for node in self.replicas:
            self._replication.follow(node.operator(), self.primary.port)
        self._replication.lead(self.primary.operator(), semi_sync=self.semi_sync)
        for node in self.replicas:
            eventually(lambda node=node: self.replicates(node), f"{node.name} to replicate")  # type: ignore[misc]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.close()

    @property
    def replicas(self) -> list[Node]:
        """All but the primary."""
        return [node for node in self.nodes if node is not self.primary]

    def replicates(self, node: Node) -> bool:
        """Whether both of its threads run."""
        return self._replication.replicates(node.operator())

    def foremost(self, candidates: Sequence[Node]) -> Node:
        """The one that has received most, applied or not; they receive nothing from now on."""
        received = [self._replication.stop_receiving(node.operator()) for node in candidates]
        most = max(received, key=self._replication.progress)
        return candidates[received.index(most)]

    def promote(self, chosen: Node | None = None, followers: Sequence[Node] | None = None) -> Promotion:
        """What a promotion script does when the primary is gone: the foremost replica, or the one named,
        applies what it has received and takes writes, the others follow it.
        """
        began = time.monotonic()
        candidates = self.replicas if followers is None else [*followers, *([chosen] if chosen else [])]
        node = chosen or self.foremost(candidates)
        operator = node.operator()
        self._replication.catch_up(operator, self._replication.stop_receiving(operator))
        position = self._replication.position(operator)
        self._replication.lead(operator, semi_sync=self.semi_sync)
        promotion = Promotion(self.primary, node, position, began, time.monotonic() - began)
        self.primary = node
        for other in candidates:
            if other is not node:
                self.follow(other)
        return promotion

    def follow(self, node: Node) -> None:
        """Have a node replicate from the primary."""
        self._replication.follow(node.operator(), self.primary.port)

    def hand_over(self, chosen: Node) -> Promotion:
        """A planned promotion by a script: the old primary refuses writes, the new one catches up, then leads
        and all others follow it. No write is lost.
        """
        old = self.primary
        self._replication.refuse_writes(old.operator())
        self._replication.catch_up(chosen.operator(), self._replication.position(old.operator()))
        promotion = self.promote(chosen, followers=[node for node in self.replicas if node is not chosen])
        self.follow(old)
        return promotion

    def wait_for_replicas(self) -> None:
        """Until every replica that replicates has executed what the primary has."""
        position = self.primary.position()
        for node in self.replicas:
            if node.server.is_running:
                self._replication.catch_up(node.operator(), position)

    def progress(self, position: str) -> int:
        """How many GTIDs a position has."""
        return self._replication.progress(position)
