"""The daemon before a whole cluster: all nodes are its targets, and who leads it finds out itself."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxy.demo.child import LOOPBACK

from .cluster import Cluster
from .daemon import Section
from .endpoints import EndpointDaemon
from .nodes import CLUSTER_USERS, MONITOR, Node
from .polling import eventually

__all__ = ["READERS", "GroupDaemon"]

TARGET = {"tls": "off", "connect_timeout": 1.0, "probe_interval": 0.2, "probe_timeout": 1.0}
"""Quick questions, with time for the answers on a busy machine."""
POOL = {"connection_borrow_timeout": 40.0}
GROUP = {"monitor_user_name": MONITOR, "slow_start": 0.0}
READERS = {"name": "reader", "target_role": "READ_ONLY"}
"""An endpoint with the defaults of reader endpoints."""


class GroupDaemon(EndpointDaemon):
    """`group` has options of `[target_group]`, `target` those of every target.

    `over_lines`: reach the nodes over their lines, which can be broken, not directly. `nodes`: those of the
    cluster that are targets; all by default.
    """

    def __init__(
        self,
        folder: Path,
        cluster: Cluster,
        *,
        over_lines: bool = False,
        nodes: Sequence[Node] | None = None,
        group: Section | None = None,
        target: Section | None = None,
        pool: Section | None = None,
        **options: Any,
    ) -> None:
        self.cluster = cluster
        self.over_lines = over_lines
        self.nodes = list(cluster.nodes if nodes is None else nodes)
        self.group = {**GROUP, **(group or {})}
        super().__init__(
            folder,
            self.port_of_node(self.nodes[0]),
            CLUSTER_USERS,
            target={**TARGET, **(target or {})},
            pool={**POOL, **(pool or {})},
            **options,
        )

    def port_of_node(self, node: Node) -> int:
        """Where the daemon finds a node."""
        return node.line.port if self.over_lines else node.port

    def name_of(self, node: Node) -> str:
        """What the daemon calls a node."""
        return f"{LOOPBACK}:{self.port_of_node(node)}"

    def address(self, endpoint: str = "") -> tuple[str, int]:
        """Where clients connect, to an endpoint with a name or the default one."""
        return LOOPBACK, self.port_of(endpoint) if endpoint else self.port

    def serves(self) -> None:
        """Wait until a write is served."""
        with self.connect() as client:
            eventually(lambda: _writes(client), "the first write", self.pool["connection_borrow_timeout"])

    def _config_text(self) -> str:
        parts = [super()._config_text(), _table("[target_group]", self.group)]
        for node in self.nodes[1:]:
            parts.append(_table("[[target_group.targets]]", {**self.target, "port": self.port_of_node(node)}))
        return "\n".join(parts)


def _writes(client: Any) -> bool:
    with client.cursor() as cursor:
        cursor.execute("SELECT @@global.read_only")
        return bool(cursor.fetchone() == (0,))


def _table(header: str, options: Section) -> str:
    return "\n".join([header, *(f"{name} = {json.dumps(value)}" for name, value in options.items()), ""])
