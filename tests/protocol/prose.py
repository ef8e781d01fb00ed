"""The paragraphs of docs/protocol.md that no table holds."""

__all__ = [
    "AUTHENTICATION",
    "CAPABILITIES",
    "COMMANDS",
    "COMPRESSION",
    "DIFFERENCES",
    "DRIVERS",
    "KILL",
    "LIMITS",
    "NOT_COVERED",
    "PREAMBLE",
    "SIZES",
]

PREAMBLE = """\
# Protocol

<!-- Made by `python -m tests.protocol --write` from tests/protocol; edit that, not this page. -->

What of the MySQL protocol works through the proxy, what is changed on the way, and what is not covered. The
tables are those that the tests walk: each response, with each combination of capabilities that matters to
it, is sent by a scripted database and compared with what a scripted client gets. It is delivered whole,
byte by byte, cut anywhere, and with data behind it that nobody asked for.

Bytes of the database reach the client unchanged, except for the ids of prepared statements, and for what a
client without `DEPRECATE_EOF` or `SESSION_TRACK` must get in another form. Errors, warnings, affected rows,
insert ids, info strings and status flags are the database's, also where the proxy answers from what it knows.
A database that says more than it was asked, or something else, is disconnected, and the client gets the right
answer or an error.
"""

COMMANDS = """\
A command is answered by the database, on a connection that the session borrows, or by the proxy itself.
*Cases* counts the responses that the tests have; [below](#responses-covered) they are listed.
"""

CAPABILITIES = """\
Names are the manuals' without `CLIENT_` and `MARIADB_CLIENT_`; bits from {first} up are MariaDB's. *As the
client* means that database connections with and without the bit are kept apart, and a client gets one of
its kind.
"""

AUTHENTICATION = """\
| Plugin | Clients to the proxy | The proxy to targets |
| --- | --- | --- |
| `mysql_native_password` | yes | yes |
| `caching_sha2_password` | yes; the first time over TLS, a Unix socket, or with the RSA key | yes |
| `client_ed25519` | no | yes |
| `mysql_clear_password` | over TLS, see [iam.md](iam.md) and [credentials.md](credentials.md) | over TLS |
| `sha256_password`, PAM, Kerberos, LDAP, FIDO, `parsec` | no | no |

The greeting names the plugin of `default_client_password_auth_type`, or that of the target's make; a user
who logs in otherwise is switched. `COM_CHANGE_USER` authenticates anew, with the challenge that the
client was given last, and starts the session over; a refused one ends the connection.
"""

SIZES = """\
Packets over 16 MiB pass in both directions; rows and files as they come. A statement of up to an eighth of
`session_memory_limit` (128 KiB by default) is read as a whole before it is sent. A longer one is passed on
as it arrives and watched for words that [pin](pinning.md). `max_statement_size` bounds statements, and so
does the target's `max_allowed_packet`. An OK packet of the database, with its session state, may have a
quarter of `session_memory_limit`.
"""

COMPRESSION = """\
zlib and zstd, towards clients ([`compression_algorithms`](configuration.md#proxy)) and towards the database
([`compression`](configuration.md#target_grouptargets)), each side by itself. A client that offers both gets
zlib. A target that does not offer what is configured is used without compression, and the log says so.
"""

LIMITS = """\
At most 1024 query attributes come with a statement. Commands that a client sends ahead, while another one
runs, wait in a sixteenth of `session_memory_limit`; then the proxy stops reading. Those with an option:
[operations.md](operations.md#limits), with their defaults in [configuration.md](configuration.md#proxy).
"""

KILL = """\
The connection id in the greeting is the proxy's own, from 2^30 to 2^31-1, so that no database has the same.
`KILL`, `KILL CONNECTION`, `KILL QUERY` and `COM_PROCESS_KILL` with such an id end that client's connection,
or its statement, on whatever database connection it runs, and also while the client waits for one. Other
numbers are the database's own and go there as they are. A client may end those of its own user; another
user's only with the right to do so at the database (`SUPER`, `CONNECTION_ADMIN`, MariaDB's `CONNECTION
ADMIN`). Where the database refuses plain `KILL`, as RDS does, `mysql.rds_kill` and `mysql.rds_kill_query`
are called instead.

`CONNECTION_ID()` tells the client's own id: it is replaced in the text before a statement is sent or
prepared. It is left alone, and tells the database's id,

- inside stored procedures, functions, triggers and views, and in `CREATE` and `ALTER`, which would store it;
- in statements of more than 16 KiB, and where the client's character set (`gbk`, `big5`, `sjis`, `cp932` and
  the like) leaves open where a literal ends; a `KILL` in such a text goes to the database, too;
- in statements that name `PROCESSLIST`, `INNODB_TRX`, `PERFORMANCE_SCHEMA`, `SYS`, `IS_USED_LOCK` or
  another list of the server's own ids, because it is compared with those.

`SHOW PROCESSLIST` and `@@pseudo_thread_id` have the database's ids.
"""

NOT_COVERED = """\
- Replication (`COM_BINLOG_DUMP`, `COM_BINLOG_DUMP_GTID`, `COM_REGISTER_SLAVE`), `COM_CLONE` and
  `COM_SHUTDOWN` are refused with error 1235. Tools that read the binary log connect to the database itself.
- Commands that servers have dropped or use among themselves get error 1047, as from a server.
- The X Protocol (port 33060), and the protocol from before MySQL 4.1.
- Multi-factor authentication, the sandbox of users with an expired password, proxy users (`GRANT PROXY`).
"""

DIFFERENCES = """\
- `wait_timeout` and `interactive_timeout` do not disconnect a client; `idle_client_timeout` does, as on
  RDS.
- `SHOW PROCESSLIST`, and tables like it, list the database's connections.
- State that only a connection can hold pins the session to it: [pinning.md](pinning.md).
- A client without `DEPRECATE_EOF` finds no number of warnings in the EOF packet behind the column
  definitions, only in the one behind the rows. Whether more results follow is said there by the statement's
  text.
- `session_track_system_variables` and `session_track_schema` work as at the database; a client that turns on
  other trackers by itself pins its session.
- MariaDB's `CACHE_METADATA` is not offered: with it a server leaves out column definitions that it has sent
  before, and the next execution may be on a connection on which it has sent them to somebody else.
- `COM_STMT_PREPARE` of a text that another client has prepared may be answered with what a database said of
  its columns up to 60 s ago, if a table was changed past this proxy. The execution tells them as they are.
- `max_prepared_stmt_count` of the database counts what all its connections have prepared, so error 1461 may
  come sooner than on a direct connection, if it is small.
- A statement that was prepared with no schema selected has the session's later one in `DATABASE()` when it is
  executed on another connection.
- The collation of a `SET collation_connection` may show in column definitions, where a server shows the one
  of `SET NAMES`.
- `COM_PING` and `COM_SET_OPTION` answered by the proxy do not repeat the number of warnings of the statement
  before, as MySQL does.
- After `COM_CHANGE_USER` to a schema that does not exist the connection is closed, as by MySQL; MariaDB keeps
  it.
- Only users with a secret can log in, or be changed to.

Tests of other projects that pass at the database and not through the proxy, with the reason; `make suites`
runs them:
"""

DRIVERS = """\
`make test` runs these drivers at the database and through the proxy and compares what they see: with and
without TLS, every column type, NULL, characters of four bytes, values of 20 MB, transactions, errors and
several results, and what the table says. Where a driver cannot be installed its tests say so. Towards clients
that compress, a packet over 64 KiB is sent as it is.
"""
