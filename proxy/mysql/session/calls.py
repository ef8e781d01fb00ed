"""Which statements of a text call a procedure, and so have results of their own number."""

from .lexer import Kind, pieces

__all__ = ["calls_in"]


def calls_in(text: bytes) -> tuple[bool, ...]:
    """For each statement of a text whether it is a CALL; so is a prepared one, whose text is not here.

    A compound statement counts as the statements it seems to hold.
    """
    calls: list[bool] = []
    at_start, has_comment = True, False
    for piece in pieces(text, backslash_escapes=True):
        if piece.kind is Kind.COMMENT:
            has_comment = at_start and bool(calls)
        elif piece.kind in (Kind.BLANK, Kind.OPENER):
            continue
        elif piece.kind is Kind.MARK and piece.text == b";":
            calls += (False,) * has_comment
            at_start, has_comment = True, False
        elif at_start:
            calls.append(piece.word == b"CALL")
            at_start = has_comment = False
    # Servers answer a comment behind the last semicolon, too.
    calls += (False,) * has_comment
    return tuple(calls) or (True,)
