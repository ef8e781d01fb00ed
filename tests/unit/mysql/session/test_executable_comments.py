"""The texts that one with executable comments may stand for."""

import pytest

from proxy.mysql.session.executable_comments import readings_of_comments


def readings(text: bytes) -> list[bytes]:
    """With blanks as one."""
    return [b" ".join(each.split()) for each in readings_of_comments(text, backslash_escapes=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"SELECT 'open", [b"SELECT 'open"]),
        (b"SELECT '/*x*/' /* y */", [b"SELECT '/*x*/' /* y */"]),
        (b"SELECT 1 /*!40001 + 2 */", [b"SELECT 1 + 2", b"SELECT 1"]),
        (b"a/*!b*/c", [b"a b c", b"a c"]),
        (b"/*! a */ b /*M!50000c*/", [b"a b c", b"a b", b"b c", b"b"]),
        (b"/*! 'x */' */", []),
        (b"/*!500001 a */", []),
        (b"/*!100100 a */", []),
        (b"/*! a", []),
        (b"/*! a /* b */ */", []),
        (b"/*! a -- */\n b */", []),
        (b"/*!1*//*!2*//*!3*//*!4*/", []),
        (b"/*! a *//*! b *//*! c *//*! d */", []),
    ],
)
def test_readings(text: bytes, expected: list[bytes]) -> None:
    assert readings(text) == expected
