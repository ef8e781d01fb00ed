"""The statements that the proxy answers about itself: SHOW PROXY PINS, PIN TOTALS, CLIENTS, POOL, HELP.

They are read like SQL: in any case, with comments, with semicolons at the end. Neither server has a statement
that begins with these two words.
"""

import enum

from .lexer import lex

__all__ = ["FORMS", "ProxyView", "WrongProxyStatement", "view_in"]


class ProxyView(enum.Enum):
    """What a statement asks for. The value is the words behind SHOW PROXY."""

    PINS = "PINS"
    PIN_TOTALS = "PIN TOTALS"
    CLIENTS = "CLIENTS"
    POOL = "POOL"
    HELP = "HELP"

    @property
    def statement(self) -> str:
        """The whole statement."""
        return f"SHOW PROXY {self.value}"


#: For an error text.
FORMS = "PINS, PIN TOTALS, CLIENTS, POOL or HELP"

_SHOW_PROXY = [b"SHOW", b"PROXY"]
_VIEWS = {tuple(view.value.encode().split()): view for view in ProxyView}
_CLAUSES = frozenset((b"LIKE", b"WHERE", b"LIMIT", b"ORDER"))


class WrongProxyStatement(Exception):
    """A text that begins with SHOW PROXY and has no meaning; the message is for the client.

    ``unsupported``: it would have one with other SHOW statements.
    """

    def __init__(self, message: str, *, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


def view_in(text: bytes, *, backslash_escapes: bool = True) -> ProxyView:
    """What a text with a SHOW PROXY statement asks for; raises WrongProxyStatement."""
    lexed = lex(text, backslash_escapes=backslash_escapes)
    words = [token.text.upper() for token in lexed.tokens]
    while words and words[-1] == b";":
        words.pop()
    if not lexed.readable or words[:2] != _SHOW_PROXY:
        raise WrongProxyStatement(f"SHOW PROXY is a statement of its own: SHOW PROXY {FORMS}")
    rest = words[2:]
    if b";" in rest:
        raise WrongProxyStatement("SHOW PROXY must be sent alone, without other statements")
    view = _VIEWS.get(tuple(rest))
    if view is not None:
        return view
    clauses = [word for word in rest if word in _CLAUSES]
    if clauses:
        raise WrongProxyStatement(f"{clauses[0].decode()} in SHOW PROXY", unsupported=True)
    raise WrongProxyStatement(f"after SHOW PROXY comes {FORMS}")
