"""A connection out of a world's pool, for tests of what the proxy does on it by itself."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.connector import PoolKey
from proxy.mysql.session.settings import FRESH
from proxy.mysql.wire.capabilities import Capability

from .server import Session
from .world import World

__all__ = ["NAMES", "Borrowed"]

#: What a session of the world has that has said nothing yet.
NAMES = FRESH.changed(
    variables=[
        ("autocommit", "ON"),
        ("character_set_client", "utf8mb4"),
        ("character_set_results", "utf8mb4"),
        ("collation_connection", "utf8mb4_general_ci"),
    ]
)


class Borrowed:
    """One connection out of the pool of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connection: BackendConnection = self.result(
            world.pool.borrow(PoolKey("app", Capability(0)), NAMES)
        )
        self.server = world.servers[-1]

    @property
    def session(self) -> Session:
        assert self.server.session is not None
        return self.server.session

    def result(self, work: "Deferred[Any]") -> Any:
        outcome: list[Any] = []
        work.addBoth(outcome.append)
        self.world.settle()
        assert outcome, "still waiting"
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    def statements(self) -> list[str]:
        return [sql for _, sql in self.world.database.log]
