"""What can go wrong between the proxy and a target."""

from ..wire.results import ErrorPacket

__all__ = ["ConnectFailed", "NothingToShow", "TargetError", "UnfitTarget"]

#: Errors after which trying again with the same credentials and settings cannot help.
_FATAL_ERRNOS = frozenset(
    {
        1044,  # ER_DBACCESS_DENIED_ERROR
        1045,  # ER_ACCESS_DENIED_ERROR
        1130,  # ER_HOST_NOT_PRIVILEGED
        1524,  # ER_PLUGIN_IS_NOT_LOADED
        1698,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
        1820,  # ER_MUST_CHANGE_PASSWORD
        1862,  # ER_MUST_CHANGE_PASSWORD_LOGIN
        3118,  # ER_ACCOUNT_HAS_BEEN_LOCKED
        4151,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR (MariaDB: account locked)
    }
)


class TargetError(Exception):
    """An ERR packet from the target; ``fatal`` when another attempt to log in cannot succeed either."""

    def __init__(self, packet: ErrorPacket) -> None:
        super().__init__(f"{packet.errno} ({packet.sqlstate}): {packet.message}")
        self.packet = packet
        self.fatal = packet.errno in _FATAL_ERRNOS


class ConnectFailed(Exception):
    """The target could not be reached, did not answer in time, or broke the protocol."""

    fatal = False


class NothingToShow(ConnectFailed):
    """What the proxy logs in with cannot be had at the moment, which says nothing of the target."""


class UnfitTarget(Exception):
    """The target lacks what the proxy needs, or refuses what its configuration demands; says what."""

    fatal = True
