"""The proxy's own errors as MySQL clients see them (AWS's guide, "Troubleshooting for RDS Proxy").

Texts are RDS Proxy's, word for word, where it has one; others name the proxy, so that nobody looks for them
in the database.
"""

import attrs

__all__ = [
    "ClientError",
    "access_denied",
    "borrow_timeout",
    "compression_refused",
    "connection_lost",
    "diagnostics_gone",
    "iam_rate_exceeded",
    "idle_in_transaction",
    "in_transaction",
    "internal_error",
    "interrupted",
    "malformed",
    "no_reader",
    "not_owner",
    "packet_too_large",
    "privilege_needed",
    "proxy_header_refused",
    "queue_full",
    "rate_limit_exceeded",
    "read_only_user",
    "refused_command",
    "rolled_back",
    "schema_denied",
    "shutting_down",
    "statement_rate_exceeded",
    "statement_too_slow",
    "switchover_failed",
    "tenant_queue_full",
    "tenant_timeout",
    "tls_required",
    "too_many_clients",
    "too_many_failed_log_ins",
    "too_many_from_address",
    "too_many_of_tenant",
    "too_many_of_user",
    "too_many_statements",
    "unknown_command",
    "unknown_statement",
    "unknown_thread",
    "unpreparable",
    "unsupported_clause",
    "value_refused",
    "variables_gone",
    "wrong_proxy_statement",
    "wrong_sequence",
]


@attrs.frozen
class ClientError(Exception):
    """An error for one client: its MySQL error number, SQL state and text."""

    errno: int
    sqlstate: str
    message: str

    def __str__(self) -> str:
        return f"{self.errno} ({self.sqlstate}): {self.message}"


def access_denied(username: str, *, using_password: bool) -> ClientError:
    """Wrong password, unknown user: never which of them."""
    using = "YES" if using_password else "NO"
    return ClientError(1045, "28000", f"Access denied for user '{username}'@'%' (using password: {using})")


def borrow_timeout() -> ClientError:
    """connection_borrow_timeout is over."""
    return ClientError(9501, "HY000", "Timed-out waiting to acquire database connection")


def no_reader() -> ClientError:
    """A READ_ONLY endpoint without any registered reader, where nothing else is to serve."""
    return ClientError(
        9501, "HY000", "rds-proxy: The target group doesn't have any associated read-only instances"
    )


def queue_full() -> ClientError:
    """Load beyond the borrow queue's length is shed."""
    return ClientError(9501, "HY000", "rds-proxy: the queue for database connections is full")


def tenant_queue_full(tenant: str, limit: int, used: int, most: int) -> ClientError:
    """The tenant has all connections it may have, and its connection_borrow_queue_length is reached."""
    return ClientError(
        9501,
        "HY000",
        f"rds-proxy: tenant {tenant[:64]} uses {used} of at most {most} database connections,"
        f" and {limit} of its clients wait for one, as many as may",
    )


def tenant_timeout(tenant: str, seconds: float) -> ClientError:
    """The tenant's own connection_borrow_timeout is over."""
    return ClientError(
        9501,
        "HY000",
        "Timed-out waiting to acquire database connection"
        f" (rds-proxy: connection_borrow_timeout of tenant {tenant[:64]}, {seconds:g} s)",
    )


def too_many_clients(limit: int) -> ClientError:
    """max_client_connections is reached."""
    return ClientError(1040, "HY000", f"Number simultaneous connections exceeded ({limit})")


def too_many_failed_log_ins() -> ClientError:
    """failed_login_max_waiting is reached, and the client would have to wait."""
    return ClientError(1040, "HY000", "rds-proxy: Number simultaneous failed log-ins exceeded")


def iam_rate_exceeded() -> ClientError:
    """iam_authentication_rate_limit is exceeded."""
    return ClientError(1040, "HY000", "IAM authentication rate limit exceeded")


def too_many_from_address(address: str, limit: int) -> ClientError:
    """max_client_connections_per_address is reached."""
    return ClientError(
        1040, "HY000", f"rds-proxy: Number simultaneous connections from {address} exceeded ({limit})"
    )


def too_many_of_user(username: str) -> ClientError:
    """max_client_connections_per_user is reached; MySQL's ER_TOO_MANY_USER_CONNECTIONS."""
    return ClientError(
        1203,
        "42000",
        f"User {username[:64]} already has more than 'max_client_connections_per_user' active connections",
    )


def schema_denied(username: str, schema: str) -> ClientError:
    """A schema that is not among the tenant's ``allowed_schemas``; MySQL's ER_DBACCESS_DENIED_ERROR."""
    return ClientError(
        1044, "42000", f"Access denied for user '{username[:64]}'@'%' to database '{schema[:64]}'"
    )


def too_many_of_tenant(tenant: str, limit: int) -> ClientError:
    """The tenant's max_client_connections is reached; MySQL's ER_USER_LIMIT_REACHED."""
    return _exceeded(tenant, "max_client_connections", limit)


def statement_rate_exceeded(tenant: str, limit: float) -> ClientError:
    """The tenant's statements_per_second and its burst are used up; the statement was not run."""
    return _exceeded(tenant, "statements_per_second", limit)


def _exceeded(who: str, resource: str, limit: float) -> ClientError:
    return ClientError(
        1226, "42000", f"User '{who[:128]}' has exceeded the '{resource}' resource (current value: {limit:g})"
    )


def read_only_user(username: str) -> ClientError:
    """A statement that is not certain to only read, of a user or tenant that may only read."""
    return ClientError(
        1290,
        "HY000",
        f"The rds-proxy is running user '{username[:64]}' with the read_only option so it cannot execute this"
        " statement",
    )


def statement_too_slow(*, is_mariadb: bool) -> ClientError:
    """The tenant's max_execution_time is over: the vendor's own error for its own limit."""
    if is_mariadb:
        return ClientError(1969, "70100", "Query execution was interrupted (max_statement_time exceeded)")
    return ClientError(
        3024, "HY000", "Query execution was interrupted, maximum statement execution time exceeded"
    )


def idle_in_transaction() -> ClientError:
    """The tenant's idle_in_transaction_timeout is over; MySQL's ER_CLIENT_INTERACTION_TIMEOUT."""
    return ClientError(
        4031,
        "HY000",
        "The client was disconnected by the server because of inactivity. See idle_in_transaction_timeout of"
        " rds-proxy for configuring this behavior.",
    )


def value_refused(name: str, value: str) -> ClientError:
    """A session variable beyond what the tenant may have; MySQL's ER_WRONG_VALUE_FOR_VAR."""
    return ClientError(1231, "42000", f"Variable '{name}' can't be set to the value of '{value[:64]}'")


def rate_limit_exceeded(limit: int) -> ClientError:
    """client_connection_rate_limit is exceeded."""
    return ClientError(1040, "HY000", f"Connections rate limit exceeded ({limit})")


def too_many_statements(limit: int) -> ClientError:
    """max_prepared_statements_per_client is reached; MySQL's ER_MAX_PREPARED_STMT_COUNT_REACHED."""
    return ClientError(
        1461,
        "42000",
        "Can't create more than max_prepared_stmt_count statements"
        f" (current value: {limit}; rds-proxy: max_prepared_statements_per_client)",
    )


def unknown_statement(number: int, function: str) -> ClientError:
    """A prepared statement that the client does not have; MySQL's ER_UNKNOWN_STMT_HANDLER."""
    return ClientError(1243, "HY000", f"Unknown prepared statement handler ({number}) given to {function}")


def proxy_header_refused(problem: str) -> ClientError:
    """A PROXY header from an address that is not listed, or a malformed one; ER_HOST_NOT_PRIVILEGED."""
    return ClientError(1130, "HY000", f"rds-proxy: {problem}")


def compression_refused(why: str) -> ClientError:
    """compression_algorithms leaves the client nothing it wants; MySQL's error."""
    return ClientError(3922, "HY000", why)


def tls_required() -> ClientError:
    """require_tls, and the client did not ask for TLS."""
    return ClientError(3159, "HY000", "This RDS Proxy requires TLS connections.")


def internal_error() -> ClientError:
    """A fault of the proxy; the log has it."""
    return ClientError(1105, "HY000", "Unknown error")


def connection_lost(lost: str) -> ClientError:
    """The database connection went away; ``lost`` says what the session lost with it."""
    return ClientError(2013, "HY000", f"Lost connection to MySQL server during query (rds-proxy: {lost})")


def rolled_back(what: str) -> ClientError:
    """Nothing of a transaction or write has happened: ER_LOCK_DEADLOCK, after which retrying is right."""
    return ClientError(1213, "40001", f"rds-proxy: {what}; try restarting transaction")


def diagnostics_gone(what: str) -> ClientError:
    """A statement reads what another statement left on a connection that has served someone else since."""
    return ClientError(
        1105,
        "HY000",
        f"rds-proxy: {what} of the previous statement is no longer available, its database connection has"
        " been reused; ask within the same transaction",
    )


def variables_gone(names: frozenset[str]) -> ClientError:
    """A variable that a procedure or function may have set on a connection that has been reused since."""
    listed = ", ".join(f"@{name}" for name in sorted(names)[:3])
    return ClientError(
        1105,
        "HY000",
        f"rds-proxy: {listed} may have been set by a stored procedure or function, whose database connection"
        " has been reused; read it within the same transaction. It will be kept from now on",
    )


def wrong_sequence() -> ClientError:
    """The client's packets are out of order."""
    return ClientError(1156, "08S01", "Got packets out of order")


def packet_too_large() -> ClientError:
    """A statement beyond max_statement_size, or a log-in packet beyond its limit."""
    return ClientError(1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes")


def malformed(problem: str) -> ClientError:
    """The client broke the protocol."""
    return ClientError(1835, "HY000", f"Malformed communication packet (rds-proxy: {problem})")


def unknown_command() -> ClientError:
    """A command byte nobody knows."""
    return ClientError(1047, "08S01", "Unknown command")


def refused_command(why: str) -> ClientError:
    """A command with no place behind a proxy."""
    return ClientError(1235, "42000", why)


def unknown_thread(number: int) -> ClientError:
    """KILL of a connection id that no client has."""
    return ClientError(1094, "HY000", f"Unknown thread id: {number}")


def not_owner(number: int) -> ClientError:
    """KILL of another user's connection without the right to do so."""
    return ClientError(1095, "HY000", f"You are not owner of thread {number}")


def privilege_needed() -> ClientError:
    """A statement about the whole proxy, by a user who is not in admin_users; MySQL's words."""
    return ClientError(
        1227,
        "42000",
        "Access denied; you need (at least one of) the rds-proxy admin_users privilege(s) for this operation",
    )


def wrong_proxy_statement(problem: str) -> ClientError:
    """SHOW PROXY with something behind it that has no meaning."""
    return ClientError(1064, "42000", f"You have an error in your SQL syntax; rds-proxy: {problem}")


def in_transaction() -> ClientError:
    """PROXY SWITCHOVER by a session that would keep it from ending; MySQL's ER_LOCK_OR_ACTIVE_TRANSACTION."""
    return ClientError(
        1192,
        "HY000",
        "Can't execute the given command because you have active locked tables or an active transaction",
    )


def switchover_failed(target: str, outcome: str, why: str) -> ClientError:
    """PROXY SWITCHOVER was refused, has gone back, or nobody knows who is the writer."""
    return ClientError(1105, "HY000", f"rds-proxy: switchover to {target} {outcome}: {why}")


def unsupported_clause(what: str) -> ClientError:
    """SHOW PROXY with LIKE or WHERE."""
    return ClientError(1235, "42000", f"This version of rds-proxy doesn't yet support '{what}'")


def unpreparable() -> ClientError:
    """SHOW PROXY as a prepared statement; MySQL's ER_UNSUPPORTED_PS."""
    return ClientError(
        1295, "HY000", "This command is not supported in the prepared statement protocol yet (rds-proxy)"
    )


def interrupted() -> ClientError:
    """KILL has ended the statement before it reached the database, or the sender has killed itself."""
    return ClientError(1317, "70100", "Query execution was interrupted")


def shutting_down() -> ClientError:
    """The proxy drains."""
    return ClientError(1053, "08S01", "Server shutdown in progress")
