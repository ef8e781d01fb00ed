"""Numbers that a prepared statement asks for, of an earlier statement that may have run elsewhere.

The text that is prepared has a user variable of the proxy in the place of each function or variable, and the
connection is given the numbers right before an execution (MySQL manual, "Information Functions", "Server
System Variables": warning_count). Where a number is not known the variable is NULL, and the server itself
answers. Type, length and nullability of the expressions are those of what they stand for on MySQL 9 and
MariaDB 10.11, whatever the variable is when the text is prepared.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .verdict_parts import Ask

__all__ = ["NO_NUMBERS", "RESERVED", "GivenNumbers", "assigned", "given", "places"]

#: By the name of the variable; None is not known.
GivenNumbers = Mapping[str, int | None]

NO_NUMBERS: Final[GivenNumbers] = MappingProxyType({})

#: The names of all variables that the proxy sets for itself begin with this.
RESERVED = "rds_proxy_"

_NAMES = {
    Ask.ROW_COUNT: "rds_proxy_row_count",
    Ask.FOUND_ROWS: "rds_proxy_found_rows",
    Ask.WARNING_COUNT: "rds_proxy_warning_count",
    Ask.ERROR_COUNT: "rds_proxy_error_count",
}
_PLACES = {
    Ask.ROW_COUNT: b"IFNULL(CAST(LEFT(@rds_proxy_row_count,20) AS SIGNED),ROW_COUNT())",
    Ask.FOUND_ROWS: b"IFNULL(CAST(LEFT(@rds_proxy_found_rows,20) AS SIGNED),FOUND_ROWS())",
    Ask.WARNING_COUNT: b"IFNULL(CAST(LEFT(@rds_proxy_warning_count,20) AS UNSIGNED),@@warning_count)",
    Ask.ERROR_COUNT: b"IFNULL(CAST(LEFT(@rds_proxy_error_count,20) AS UNSIGNED),@@error_count)",
}


def places(asks: Ask) -> dict[Ask, bytes]:
    """What a text to be prepared has in the places where it asks; CONNECTION_ID is not among them."""
    return {ask: place for ask, place in _PLACES.items() if ask in asks}


def given(asks: Ask, numbers: Mapping[Ask, int | None]) -> GivenNumbers:
    """What an execution of such a text is to be given."""
    return {name: numbers.get(ask) for ask, name in _NAMES.items() if ask in asks}


def assigned(numbers: GivenNumbers) -> list[str]:
    """Parts of a SET statement that give them to a connection."""
    return [f"@{name}={'NULL' if number is None else number}" for name, number in numbers.items()]
