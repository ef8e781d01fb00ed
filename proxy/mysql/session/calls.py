"""Which statements of a text call a procedure, and so have results of their own number."""

from .lexer import Kind, pieces

__all__ = ["calls_in"]


def calls_in(text: bytes) -> tuple[bool, ...]:
    """For each statement of a text whether it is a CALL; so is a prepared one, whose text is not here.

    A compound statement counts as the statements it seems to hold.
    """
    calls: list[bool] = []
    at_start = True
    for piece in pieces(text, backslash_escapes=True):
        if piece.kind in (Kind.BLANK, Kind.COMMENT):
            continue
        if piece.kind is Kind.MARK and piece.text == b";":
            at_start = True
        elif at_start:
            calls.append(piece.word == b"CALL")
            at_start = False
    return tuple(calls) or (True,)
