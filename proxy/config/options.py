"""What the model says about an option or a section, kept as metadata on the attrs field that holds its value.

The loader, the reload comparison, the reference and the sample file all read these; nothing is said twice.
"""

from collections.abc import Callable
from typing import Any

import attrs

__all__ = ["Number", "Option", "Spec", "Table", "TableList", "option", "spec_of", "table", "tables"]

Number = int | float

_KEY = "rds-proxy"


@attrs.frozen(kw_only=True)
class Option:
    """One option: what a user may write and what the reference says about it.

    `check` looks at a value of the right type and answers what is wrong with it, or None. `refused` maps a
    value that RDS knows to the reason it cannot be used here. `default_text` describes a default that depends
    on other options; `example` stands in the sample for an option without a fixed default.
    """

    description: str
    unit: str = ""
    minimum: Number | None = None
    maximum: Number | None = None
    choices: tuple[str, ...] = ()
    refused: dict[str, str] = attrs.field(factory=dict)
    max_length: int | None = None
    check: Callable[[Any], str | None] | None = None
    check_text: str = ""
    is_path: bool = False
    reloadable: bool = True
    rds_name: str = ""
    default_text: str = ""
    example: Any = None


@attrs.frozen
class Table:
    """A section of its own inside another one."""

    section: type
    description: str
    rds_name: str = ""


@attrs.frozen
class TableList:
    """A repeated section, written as `[[name]]`, with how often it may stand in a file.

    `key` names the options that tell which entry is which, when entries come, go or change places.
    """

    section: type
    description: str
    minimum: int
    maximum: int
    reloadable: bool
    rds_name: str = ""
    key: tuple[str, ...] = ()


Spec = Option | Table | TableList


def option(default: Any = attrs.NOTHING, **about: Any) -> Any:
    """Declare an option; without `default` a file must give it. `about` are the fields of `Option`."""
    return attrs.field(default=default, metadata={_KEY: Option(**about)})


def table(section: type, description: str, rds_name: str = "") -> Any:
    """Declare a nested section that takes its defaults when a file leaves it out."""
    return attrs.field(factory=section, metadata={_KEY: Table(section, description, rds_name)})


def tables(section: type, description: str, **about: Any) -> Any:
    """Declare a repeated section, held as a tuple. `about` are the fields of `TableList`."""
    return attrs.field(default=(), metadata={_KEY: TableList(section, description, **about)})


def spec_of(attribute: "attrs.Attribute[Any]") -> Spec:
    """What the model says about the field `attribute` of a section."""
    spec: Spec = attribute.metadata[_KEY]
    return spec
