"""What is known of a log-in while it goes on, for the line that is logged at its end."""

import attrs

__all__ = ["Attempt", "ClientGone"]


class ClientGone(Exception):
    """The client's connection ended before its log-in did."""


@attrs.define
class Attempt:
    """One attempt to log in, or to change the user."""

    #: Empty until the client has said it.
    username: str = ""
    #: accounts.Method, and the plugin that is used for it.
    method: str = ""
    plugin: str = ""
    #: Why it failed; never a part of what the client has said.
    reason: str = ""
    #: For whom or what a token speaks, and by which kind of proof.
    detail: str = ""
    #: Several before it have failed, too.
    is_repeated: bool = False
    #: Its line is in the log.
    is_logged: bool = False
