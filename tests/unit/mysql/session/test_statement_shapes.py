"""Queries that differ in nothing but literals have one shape."""

import pytest

from proxy.mysql.session.statement_shapes import shape_of


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        (b"SELECT a FROM t WHERE b = 5", b"SELECT a FROM t WHERE b = ''"),
        (b"SELECT a FROM t WHERE b = 'it''s'", b"SELECT a FROM t WHERE b = ''"),
        (b"SELECT a IN (1, -2, 'x' , 1.5)", b"SELECT a IN ('')"),
        (b"SELECT 8/2*3, a-1, b, -5", b"SELECT ''/''*'', a-'', b, -''"),
        (b'SELECT t.1, 1a, 0x1F, 1e5, `1`, "2", @a, @@b', b'SELECT t.1, 1a, 0x1F, 1e5, `1`, "2", @a, @@b'),
        (b"SELECT x'41', a, 1/* 'c' 2 */", b"SELECT x'', a, ''/* 'c' 2 */"),
        (b"SELECT 1, 'a\\'b', 2", b"SELECT '', 'a\\'b', 2"),
        (b"SELECT 1 -- 2\n, 3", b"SELECT '' -- 2\n, 3"),
        (b"SELECT 1 # 2\n, 3", b"SELECT '' # 2\n, 3"),
        (b"SELECT 1 /*! 2 */, 3", b"SELECT '' /*! 2 */, 3"),
        (b"SELECT 1 /*+ 2 */, 3", b"SELECT '' /*+ 2 */, 3"),
        (b"SELECT 1, @'2', 3", b"SELECT '', @'2', 3"),
        (b"SELECT 1, [2], 3", b"SELECT '', [2], 3"),
        (b"SELECT 1, 'open", b"SELECT '', 'open"),
        (b"", b""),
    ],
)
def test_shapes(query: bytes, shape: bytes) -> None:
    assert shape_of(query) == shape
    assert shape_of(shape) == shape
