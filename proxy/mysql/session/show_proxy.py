"""The statements that the proxy answers: SHOW PROXY PINS and the like, and PROXY SWITCHOVER.

They are read like SQL: in any case, with comments, with semicolons at the end. Neither server has a statement
that begins with SHOW PROXY or with PROXY.
"""

import enum
import re
from collections.abc import Sequence

import attrs

from .lexer import Kind, Token, lex

__all__ = [
    "FORMS",
    "MAX_TIMEOUT",
    "SWITCHOVER_FORM",
    "ProxyView",
    "SwitchoverRequest",
    "WrongProxyStatement",
    "request_in",
    "view_in",
]

#: Seconds; the longest timeout of a switchover.
MAX_TIMEOUT = 300


class ProxyView(enum.Enum):
    """What a statement asks for. The value is the words behind SHOW PROXY."""

    PINS = "PINS"
    PIN_TOTALS = "PIN TOTALS"
    CLIENTS = "CLIENTS"
    POOL = "POOL"
    TARGETS = "TARGETS"
    TENANTS = "TENANTS"
    SECRETS = "SECRETS"
    HELP = "HELP"

    @property
    def statement(self) -> str:
        """The whole statement."""
        return f"SHOW PROXY {self.value}"


#: For error texts.
FORMS = "PINS, PIN TOTALS, CLIENTS, POOL, TARGETS, TENANTS, SECRETS or HELP"
SWITCHOVER_FORM = "PROXY SWITCHOVER TO 'host:port' [TIMEOUT seconds]"

_SHOW_PROXY = [b"SHOW", b"PROXY"]
_VIEWS = {tuple(view.value.encode().split()): view for view in ProxyView}
_CLAUSES = frozenset((b"LIKE", b"WHERE", b"LIMIT", b"ORDER"))


_SWITCHOVER = [b"PROXY", b"SWITCHOVER", b"TO"]
_SECONDS = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{0,9})?")
_QUOTED = frozenset((Kind.STRING, Kind.DOUBLE_QUOTED))


@attrs.frozen
class SwitchoverRequest:
    """PROXY SWITCHOVER: the target's name, and the timeout in seconds if there is one."""

    target: str
    timeout: float | None = None


class WrongProxyStatement(Exception):
    """A text that begins with SHOW PROXY or PROXY and has no meaning; the message is for the client.

    ``unsupported``: it would have one with other SHOW statements.
    """

    def __init__(self, message: str, *, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


def request_in(text: bytes, *, backslash_escapes: bool = True) -> ProxyView | SwitchoverRequest:
    """What a text with a statement for the proxy asks for; raises WrongProxyStatement."""
    lexed = lex(text, backslash_escapes=backslash_escapes)
    if not lexed.tokens or lexed.tokens[0].text.upper() != b"PROXY":
        return view_in(text, backslash_escapes=backslash_escapes)
    tokens = list(lexed.tokens)
    while tokens[-1].text == b";":
        tokens.pop()
    if lexed.readable and b";" in [token.text for token in tokens]:
        raise WrongProxyStatement("PROXY SWITCHOVER must be sent alone, without other statements")
    request = _switchover(tokens) if lexed.readable else None
    if request is None:
        raise WrongProxyStatement(f"the form is {SWITCHOVER_FORM}")
    return request


def _switchover(tokens: Sequence[Token]) -> SwitchoverRequest | None:
    if [token.text.upper() for token in tokens[:3]] != _SWITCHOVER or len(tokens) not in (4, 6):
        return None
    name = tokens[3]
    if name.kind not in _QUOTED or b"\\" in name.text:
        return None
    quote = name.text[:1]
    target = name.text[1:-1].replace(quote + quote, quote).decode("utf-8", "replace")
    if len(tokens) == 4:
        return SwitchoverRequest(target)
    seconds = tokens[5].text
    if tokens[4].text.upper() != b"TIMEOUT" or _SECONDS.fullmatch(seconds) is None:
        return None
    if float(seconds) > MAX_TIMEOUT:
        raise WrongProxyStatement(f"the longest TIMEOUT is {MAX_TIMEOUT} seconds")
    return SwitchoverRequest(target, float(seconds))


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
