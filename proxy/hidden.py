"""Bytes that are as good as a password."""

__all__ = ["HiddenBytes"]

_HIDDEN = "<hidden>"


class HiddenBytes(bytes):
    """Usable as `bytes`; never shows itself when printed or formatted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _HIDDEN

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, format_spec: str) -> str:
        return _HIDDEN
