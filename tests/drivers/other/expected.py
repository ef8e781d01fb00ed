"""What each scenario must report: both being wrong in the same way must be noticed, too."""

import hashlib
from typing import Any

from tests.drivers.other.programs import Mode
from tests.drivers.other.runs import BIG_BYTES, EMOJI, INFILE_LINES
from tests.drivers.other.tables import COLUMNS
from tests.drivers.servers import Pair

__all__ = ["big_content", "expected"]

SLEEP_INTERRUPTED: dict[str, object] = {"mariadb": 1317, "mysql": [["1"]]}
"""The answer to SLEEP under KILL QUERY: MariaDB's is an error, MySQL's a row."""

# The two rows that are not NULL, as most drivers show them.
SHOWN = {
    "id": ("1", "2"),
    "tiny": ("-128", "127"),
    "tiny_positive": ("255", "0"),
    "small": ("-32768", "32767"),
    "medium": ("-8388608", "8388607"),
    "normal": ("-2147483648", "2147483647"),
    "padded": ("00000042", "00000000"),
    "large": ("-9223372036854775808", "9223372036854775807"),
    "large_positive": ("18446744073709551615", "0"),
    "bits": ("x0aaa", "x0000"),
    "single_": ("-1.5", "0"),
    "double_": ("0.1", "-1.25"),
    "exact": ("123456789012345678901234567890.0123456789", "0.0000000000"),
    "day": ("2024-02-29", "1000-01-01"),
    "moment": ("2024-02-29 23:59:59.123456", "9999-12-31 00:00:00.000000"),
    "stamp": ("2024-02-29 12:00:00.500", "2001-01-01 00:00:00.000"),
    "clock": ("-838:59:59", "00:00:00"),
    "fine_clock": ("12:34:56.000789", "00:00:00.000000"),
    "year_": ("2155", "1901"),
    "fixed": ("fixed", ""),
    "words": ("grüße 😀", ""),
    "western": ("Zürich", ""),
    "raw": ("x00ff1080", "x01020304"),
    "raw_words": ("x00", ""),
    "tiny_blob": ("", "tiny"),
    "some_blob": ("x0001020304", ""),
    "medium_text": ("medium", ""),
    "long_text": ("long", ""),
    "colour": ("green", "red"),
    "tags": ("a,c", ""),
    "document": ('{"a": [1, 2]}', "[]"),
    "place": (
        "x000000000101000000000000000000f03f0000000000000040",
        "x0000000001020000000200000000000000000000000000000000000000000000000000f03f000000000000f03f",
    ),
}
UNPADDED = {"padded": ("42", "0")}
PARSED_JSON = {"document": ('{"a":[1,2]}', "[]")}
PHP = {"bits": ("2730", "0")}
MYSQL2 = {
    **UNPADDED,
    **PARSED_JSON,
    "place": ('{"x":1,"y":2}', '[{"x":0,"y":0},{"x":1,"y":1}]'),
}
MARIADB = {
    **UNPADDED,
    "tags": ('["a","c"]', "[]"),
    "place": (
        '{"type":"Point","coordinates":[1,2]}',
        '{"type":"LineString","coordinates":[[0,0],[1,1]]}',
    ),
}
JAVA = {
    "exact": (SHOWN["exact"][0], "0E-10"),
    "moment": (SHOWN["moment"][0], "9999-12-31 00:00:00.0"),
    "stamp": ("2024-02-29 12:00:00.5", "2001-01-01 00:00:00.0"),
    "year_": ("2155-01-01", "1901-01-01"),
    "raw_words": ("x00", "x"),
    "tiny_blob": ("x", "x74696e79"),
    "some_blob": ("x0001020304", "x"),
}
NO_ZERO_FRACTION = {"fine_clock": ("12:34:56.000789", "00:00:00")}

# By program, and by program and protocol: how a driver shows some values otherwise.
OTHERWISE: dict[str, dict[str, tuple[str, str]]] = {
    "mysqli": PHP,
    "pdo": PHP,
    "go binary": UNPADDED,
    "mysql2": MYSQL2,
    "mysql2 binary": {
        **NO_ZERO_FRACTION,
        "moment": (SHOWN["moment"][0], "9999-12-31 00:00:00"),
        "stamp": (SHOWN["stamp"][0], "2001-01-01 00:00:00"),
    },
    "mariadb": MARIADB,
    "mariadb on mysql": PARSED_JSON,
    "mariadb binary": NO_ZERO_FRACTION,
    "java": JAVA,
    "java binary": {"clock": ("-838:59:59.000000", "00:00:00"), "single_": ("-1.5", "0.0")},
}

THREE_RESULTS = [[["1"]], [["2", "two"], ["3", "three"]], []]
BATCH = [200, True, "171", "200"]


def big_content(length: int = BIG_BYTES) -> bytes:
    """The bytes 0 to 250 over and over, as the programs make them."""
    return (bytes(range(251)) * (length // 251 + 1))[:length]


BIG_DIGEST = hashlib.sha256(big_content()).hexdigest()

EXPECTED: dict[str, object] = {
    "select": [["1", "two", None]],
    "emoji": [[EMOJI, EMOJI.encode().hex().upper()]],
    "transactions": [0, 1],
    "duplicate": {"code": 1062, "state": "23000", "after": "1"},
    "repeated": sum(range(2, 52)),
    "procedure": THREE_RESULTS,
    "multi": [[["1"]], [["1"]], {"code": 1054}],
    "infile": {"affected": len(INFILE_LINES), "rows": list(INFILE_LINES)},
    "big": {"length": BIG_BYTES, "stored": BIG_DIGEST, "fetched": BIG_DIGEST},
    "wrong_authority": "refused",
    "cursor": [1, 2, 3],
    "stream": [1, 2, 3],
    "long_data": [["a piece, another, end", "18"]],
    "unbuffered": [1, "2"],
    "statement_cache": 2 * sum(range(1, 31)) + 30,
    "pipelined": list(range(100)),
    "change_user": [["eve", "other", None]],
    "reset": [["app", None]],
    "batch": [[500, "428"], [500, "428"]],
    "batch_rewritten": BATCH,
    "batch_bulk": BATCH,
    "batch_pipelined": BATCH,
    "batch_single": BATCH,
    "batch_duplicate": [1062, "23000", "1"],
    "generated_keys": "1",
    "concurrent": sum(range(40)),
    "cancelled": [True, "1"],
    "killed_connection": [True, "1"],
    "parsed_time": [["2024-02-29T00:00:00Z", "2024-02-29T23:59:59.123456Z"]],
}
# OUT parameters are sent only to clients that offer CLIENT_PS_MULTI_RESULTS: mysqli and mysql2 do not.
OWN: dict[tuple[str, str], object] = {
    ("perl", "asynchronous"): [["0", "7"]],
    ("perl", "reset"): ["alive", "5", "app"],
    ("mysqli", "asynchronous"): [[["0", "0"]], [["0", "1"]]],
    ("mysqli", "out_parameters"): [[["21"]]],
    ("mysql2", "out_parameters"): [[["21"]]],
    ("mariadb", "out_parameters"): [[["21"]], [["142", "twice 21"]]],
    ("java", "out_parameters"): [[["21"]], 142, "twice 21"],
    ("go", "duplicate"): {"code": 1062, "after": "1"},
    # PDO shows the OK that ends the call as one more result.
    ("pdo binary", "procedure"): [*THREE_RESULTS, []],
}


def expected(program: str, mode: Mode, pair: Pair, scenario: str) -> Any:
    """The right report of a scenario."""
    vendor = pair.vendor
    protocol = f"{program} binary"
    if scenario == "types":
        return {"columns": COLUMNS, "rows": _rows(program, mode, vendor)}
    if scenario == "attributes":
        return [[["größer 😀", "17"] if pair.shows_attributes else ["none", "none"]]] * 2
    if scenario == "killed":
        return [True, SLEEP_INTERRUPTED[vendor], "3"]
    if scenario == "cancelled_statement":
        return [SLEEP_INTERRUPTED[vendor], "3"]
    if scenario == "timed_out":
        return [1969 if vendor == "mariadb" else 1317, "3"]
    if mode.prepared and (protocol, scenario) in OWN:
        return OWN[protocol, scenario]
    return OWN.get((program, scenario), EXPECTED.get(scenario))


def _rows(program: str, mode: Mode, vendor: str) -> list[list[str | None]]:
    keys = [program, f"{program} on {vendor}", *([f"{program} binary"] if mode.prepared else [])]
    shown = dict(SHOWN)
    for key in keys:
        shown |= OTHERWISE.get(key, {})
    nulls: list[str | None] = ["3", *[None] * (len(COLUMNS) - 1)]
    return [[shown[name][0] for name in COLUMNS], [shown[name][1] for name in COLUMNS], nulls]
