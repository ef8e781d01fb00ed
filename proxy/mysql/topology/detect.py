"""Which kind of topology a target is of: as configured, or by what the server says of itself."""

from collections.abc import Mapping

from .aurora import Aurora
from .facts import Facts
from .galera import Galera
from .group_replication import GroupReplication
from .kind import Kind
from .replication import Replication
from .static import Static

__all__ = ["AUTO", "KINDS", "kind_for"]

#: The option's value that leaves it to the servers.
AUTO = "auto"

_STATIC, _REPLICATION, _AURORA = Static(), Replication(), Aurora()
_GROUP_REPLICATION, _GALERA = GroupReplication(), Galera()

#: The other values.
KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (_STATIC, _REPLICATION, _AURORA, _GROUP_REPLICATION, _GALERA)
}


def kind_for(topology: str, facts: Facts) -> Kind:
    """The kind that the option ``topology`` means for a server; a name that is none counts as "auto".

    A server that gives no hint of anything is asked as a replica is: it may become one while it runs.
    """
    chosen = KINDS.get(topology)
    if chosen is not None:
        return chosen
    provider = facts.value("wsrep_provider")
    if facts.value("wsrep_on").upper() == "ON" and provider.lower() not in ("", "none"):
        return _GALERA
    if facts.knows("aurora_version"):
        return _AURORA
    if facts.value("group_replication_group_name"):
        return _GROUP_REPLICATION
    return _REPLICATION
