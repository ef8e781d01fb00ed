"""Functions that a statement may call and still only read (MySQL manual, "Built-In Function Reference").

A function is known by its name, so a name counts only where the servers in question certainly have it built
in: where one of them lacks it, it may be a stored function there, which can do anything. The lists of later
versions are therefore used only if every server that is named has that version. Not among them are functions
that do something (GET_LOCK), that an application waits in (MASTER_POS_WAIT), that read what an earlier
statement left on its connection (FOUND_ROWS), and LAST_INSERT_ID, which with an argument sets it.
"""

import re
from collections.abc import Iterable
from functools import reduce
from typing import Final

import attrs

from .functions import BUILT_INS, BUILT_INS_WITHOUT_BLANK, WORDS_BEFORE_LISTS

__all__ = ["BOUND_TO_SERVER", "BUILT_INS_ONLY", "ReadFunctions", "read_functions"]

#: What these answer is not the same on two servers with the same data.
BOUND_TO_SERVER: Final = frozenset(
    b"CONNECTION_ID ICU_VERSION IS_FREE_LOCK IS_USED_LOCK LOAD_FILE VALIDATE_PASSWORD_STRENGTH "
    b"VERSION".split()
)
_NOT_READING = frozenset(
    b"FOUND_ROWS GET_LOCK LAST_INSERT_ID RELEASE_ALL_LOCKS RELEASE_LOCK ROW_COUNT".split()
)
_COMMON = (BUILT_INS | WORDS_BEFORE_LISTS) - _NOT_READING
_WINDOW = (
    b"CUME_DIST DENSE_RANK FIRST_VALUE LAG LAST_VALUE LEAD NTH_VALUE NTILE PERCENT_RANK RANK ROW_NUMBER "
)
_SPATIAL = (
    b"LINESTRING MBRCONTAINS MBRINTERSECTS MBRWITHIN POLYGON ST_AREA ST_BUFFER ST_CENTROID "
    b"ST_CONVEXHULL ST_CROSSES ST_DIFFERENCE ST_DIMENSION ST_DISJOINT ST_ENDPOINT ST_ENVELOPE ST_EQUALS "
    b"ST_EXTERIORRING ST_GEOMETRYN ST_GEOMETRYTYPE ST_INTERIORRINGN ST_INTERSECTION ST_ISCLOSED ST_ISEMPTY "
    b"ST_ISSIMPLE ST_LENGTH ST_NUMGEOMETRIES ST_NUMINTERIORRINGS ST_NUMPOINTS ST_OVERLAPS ST_POINTN ST_SRID "
    b"ST_STARTPOINT ST_SYMDIFFERENCE ST_TOUCHES ST_UNION "
)
_Version = tuple[int, int, int]
#: From which version on, before which one, and what.
_MARIADB: tuple[tuple[_Version, _Version | None, bytes], ...] = (
    (
        (10, 2, 1),
        None,
        _WINDOW
        + _SPATIAL
        + b"COLUMN_ADD COLUMN_CHECK COLUMN_CREATE COLUMN_DELETE COLUMN_EXISTS COLUMN_JSON COLUMN_LIST DECODE "
        b"ENCODE MD5 REGEXP_INSTR REGEXP_REPLACE REGEXP_SUBSTR SHA SHA1",
    ),
    ((10, 2, 7), None, b"JSON_COMPACT JSON_DETAILED JSON_EXISTS JSON_LOOSE JSON_MERGE JSON_QUERY JSON_VALUE"),
    ((10, 3, 3), None, b"CHR LENGTHB NVL NVL2"),
    ((10, 5, 0), None, b"JSON_ARRAYAGG JSON_MERGE_PATCH JSON_MERGE_PRESERVE JSON_OBJECTAGG"),
    ((10, 6, 1), None, b"ADD_MONTHS JSON_TABLE SYS_GUID TO_CHAR"),
    ((10, 7, 1), None, b"JSON_EQUALS JSON_NORMALIZE NATURAL_SORT_KEY SFORMAT"),
    ((10, 9, 1), None, b"CRC32C JSON_OVERLAPS"),
    ((10, 11, 2), None, b"JSON_PRETTY RANDOM_BYTES"),
)
_MYSQL: tuple[tuple[_Version, _Version | None, bytes], ...] = (
    ((5, 7, 9), (9, 0, 0), b"MD5 SHA SHA1"),
    ((5, 7, 9), None, _SPATIAL + b"ANY_VALUE GTID_SUBSET GTID_SUBTRACT RANDOM_BYTES ST_DISTANCE_SPHERE"),
    (
        (8, 0, 11),
        None,
        _WINDOW + b"BIN_TO_UUID GROUPING ICU_VERSION IS_UUID JSON_ARRAYAGG JSON_MERGE_PATCH "
        b"JSON_MERGE_PRESERVE JSON_OBJECTAGG JSON_PRETTY JSON_STORAGE_FREE JSON_STORAGE_SIZE JSON_TABLE "
        b"REGEXP_INSTR REGEXP_LIKE REGEXP_REPLACE REGEXP_SUBSTR STATEMENT_DIGEST STATEMENT_DIGEST_TEXT "
        b"UUID_TO_BIN VALIDATE_PASSWORD_STRENGTH",
    ),
    ((8, 0, 17), None, b"JSON_OVERLAPS JSON_SCHEMA_VALID JSON_SCHEMA_VALIDATION_REPORT"),
    ((8, 0, 21), None, b"JSON_VALUE"),
)
_VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")


@attrs.frozen
class ReadFunctions:
    """Which calls only read. Names in capitals; ``stored`` as (schema or nothing, name)."""

    built_in: frozenset[bytes] = _COMMON
    stored: frozenset[tuple[bytes, bytes]] = frozenset()

    def has(self, name: bytes, *, is_glued: bool) -> bool:
        """Whether a bare, unqualified name in front of a parenthesis is known.

        ``is_glued``: the parenthesis follows at once.
        """
        if name in self.built_in or (b"", name) in self.stored:
            return True
        return is_glued and name in BUILT_INS_WITHOUT_BLANK

    def has_stored(self, schema: bytes, name: bytes) -> bool:
        """Whether a quoted or qualified name is a configured one; ``schema`` is empty where none is given."""
        return (b"", name) in self.stored or (bool(schema) and (schema, name) in self.stored)


BUILT_INS_ONLY: Final = ReadFunctions()
"""Those that every server has built in."""


def read_functions(configured: Iterable[str] = (), servers: Iterable[tuple[str, bool]] = ()) -> ReadFunctions:
    """The functions of all these servers, each given as (version, whether it is MariaDB), and stored ones.

    ``configured``: `name`, which stands for the functions of that name in every schema, or `schema.name`,
    which counts only where a statement names the schema, too.
    """
    lists = [_of_server(version, is_mariadb) for version, is_mariadb in servers]
    more = reduce(frozenset.__and__, lists) if lists else frozenset()
    return ReadFunctions(_COMMON | more, frozenset(map(_stored, configured)))


def _stored(name: str) -> tuple[bytes, bytes]:
    schema, _, bare = name.upper().rpartition(".")
    return schema.encode(), bare.encode()


def _of_server(version: str, is_mariadb: bool) -> frozenset[bytes]:
    found = _VERSION.match(version)
    if found is None:
        return frozenset()
    number = (int(found[1]), int(found[2]), int(found[3]))
    return frozenset(
        name
        for since, until, names in (_MARIADB if is_mariadb else _MYSQL)
        if since <= number and (until is None or number < until)
        for name in names.split()
    )
