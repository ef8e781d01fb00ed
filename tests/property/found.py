"""Interleavings that once showed a client what it must not see, or failed to show it what is its own."""

from .channel import Flags

__all__ = ["FOUND", "TRACKING"]

TRACKING = Flags.DEPRECATE_EOF | Flags.SESSION_TRACK

FOUND = {
    "mariadb's status has a flag for ANSI_QUOTES": """
        c1> SET sql_mode = 'ANSI_QUOTES';
        c1> SELECT 1;
    """,
    "the collation of SET NAMES is in column definitions": """
        c1> SET NAMES utf8mb4 COLLATE utf8mb4_bin;
        c2> SELECT v FROM k;
        c1> SELECT v FROM k;
    """,
    "mariadb does not report a SET of a variable with a bare @@": """
        c1> SET @@autocommit = 0;
        c2> BEGIN;
        c2> SELECT @@autocommit;
    """,
    "a bare @@ among others": """
        c1> SET @a = 1, @@time_zone = '+01:00', sql_mode = '';
        c2> SELECT @@time_zone;
        c1> SELECT @@time_zone;
    """,
    "warnings outlive SET": """
        c2> DROP TABLE IF EXISTS made;
        c1> SET time_zone = '+01:00';
        c2> SET time_zone = '+01:00';
        c2> SET time_zone = '+01:00';
        c2> SHOW WARNINGS;
    """,
    "a user variable is its owner's": """
        c1> SET @a = 1;
        c2> SELECT @a;
        c1> SELECT @a;
    """,
    "reading variables back leaves FOUND_ROWS() alone": """
        c1> SELECT @c := v FROM k;
        c2> SELECT 1;
        c1> SELECT FOUND_ROWS();
    """,
    "a fetch without a cursor": """
        c1> COM_STMT_PREPARE p: SELECT ?
        c1> COM_STMT_FETCH p: 1 rows
    """,
    "a savepoint without a transaction": """
        c1> SET autocommit = 0;
        c1> SAVEPOINT s;
        c2> SELECT * FROM t;
        c1> SELECT * FROM t;
        c1> ROLLBACK TO s;
    """,
    "types are sent for each client's own statement": """
        c1> COM_STMT_PREPARE p: SELECT ?
        c2> COM_STMT_PREPARE p: SELECT ?
        c1> COM_STMT_EXECUTE p ('one')
        c2> COM_STMT_EXECUTE p (2)
        c1> COM_STMT_EXECUTE p ('three')
        c2> COM_STMT_EXECUTE p (4)
    """,
    "the insert id of a statement that is not the last of its text": """
        c1> INSERT INTO t (n) VALUES (1), (2); SELECT 3;
        c1> SELECT LAST_INSERT_ID();
    """,
    "mysql's CALL does not answer the rows of another client's statement": """
        c1> SELECT 1;
        c2> INSERT INTO t (n) VALUES (1), (2), (3);
        c1> CALL p_quiet();
        c1> SELECT ROW_COUNT();
    """,
    "an unknown statement's error is no condition of the one before": """
        c1> DROP TABLE IF EXISTS made;
        c1> COM_STMT_RESET p
        c1> SHOW WARNINGS;
    """,
    "mariadb's PREPARE leaves an error before it": """
        c1> EXECUTE s;
        c1> PREPARE s FROM 'SELECT 1';
        c1> SHOW WARNINGS;
    """,
    "mariadb's SELECT without tables leaves an error before it": """
        c2> INSERT INTO tp VALUES (1), (2);
        c1> CREATE TEMPORARY TABLE tp (x INT);
        c2> INSERT INTO tp VALUES (1), (2);
        c2> SELECT @`strange name`, @a.b$c, @ä, @never;
        c2> SHOW WARNINGS;
    """,
    "an error of the proxy's own is a failed statement": """
        c1> COM_STMT_RESET p
        c1> SELECT ROW_COUNT();
    """,
    "nobody knows whether a PREPARE has left the error before it": """
        c2> PREPARE s FROM 'SELEKT';
        c1> SELECT DATABASE();
        c2> PREPARE s FROM CONCAT('SELECT ', 4);
        c2> SHOW COUNT(*) WARNINGS;
    """,
    "the types of others' variables in the answer to a COM_STMT_PREPARE": """
        c2> SET @a = 1, @b = 'text';
        c2> COM_STMT_PREPARE p: SELECT @a, @b, @c
        c1> COM_STMT_PREPARE p: SELECT @a, @b, @c
    """,
    "the warnings of the replay are not the session's": """
        c1> SET @@session.sql_mode = 'STRICT_ALL_TABLES,ANSI';
        c2> SET sql_select_limit = 2;
        c1> SET time_zone = '+01:00';
        c2> SELECT 1;
        c1> SHOW COUNT(*) WARNINGS;
    """,
    "the session's own insert id before its connection is reset": """
        c2> SET sql_safe_updates = 0;
        c1> SELECT id, v FROM k WHERE id <= 2;
        c1> INSERT INTO t (n) VALUES (1), (2);
        c1> SET @saved = @@character_set_client;
        c1> SET sql_safe_updates = 0;
        c1> SELECT LAST_INSERT_ID(), @@identity;
    """,
    "variables that a procedure selects into": """
        c1> SET @a = 1;
        c2> CALL p_into();
        c1> SELECT @a, @b;
        c2> SELECT @a, @b;
    """,
    "FOUND_ROWS() after a CALL": """
        c2> SELECT id, v FROM k WHERE id <= 2;
        c1> SET sql_auto_is_null = 1;
        c2> CALL p_insert(5);
        c2> SELECT FOUND_ROWS();
    """,
    "a SET answered from memory has the flags of the session": """
        c1> SET time_zone = '+01:00';
        c1> SET sql_notes = 1;
        c1> SET sql_mode = 'ANSI';
        c1> SET time_zone = '+01:00';
    """,
    "a SET answered from memory outside autocommit": """
        c1> SET time_zone = '+01:00';
        c1> SET autocommit = 0, sql_mode = 'NO_BACKSLASH_ESCAPES';
        c1> SET time_zone = '+01:00';
        c2> SET time_zone = '+01:00';
    """,
}
"""Scripts by what they show."""
