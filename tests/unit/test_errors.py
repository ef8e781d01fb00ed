"""Error numbers, states and texts as RDS Proxy and MySQL have them."""

import pytest

from proxy import errors


@pytest.mark.parametrize(
    ("error", "errno", "sqlstate", "message"),
    [
        (errors.borrow_timeout(), 9501, "HY000", "Timed-out waiting to acquire database connection"),
        (errors.tls_required(), 3159, "HY000", "This RDS Proxy requires TLS connections."),
        (errors.internal_error(), 1105, "HY000", "Unknown error"),
        (errors.wrong_sequence(), 1156, "08S01", "Got packets out of order"),
        (errors.packet_too_large(), 1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes"),
        (errors.unknown_command(), 1047, "08S01", "Unknown command"),
        (errors.too_many_clients(3), 1040, "HY000", "Number simultaneous connections exceeded (3)"),
        (errors.rate_limit_exceeded(3), 1040, "HY000", "Connections rate limit exceeded (3)"),
        (
            errors.too_many_of_user("app"),
            1203,
            "42000",
            "User app already has more than 'max_client_connections_per_user' active connections",
        ),
        (
            errors.too_many_from_address("192.0.2.1", 3),
            1040,
            "HY000",
            "rds-proxy: Number simultaneous connections from 192.0.2.1 exceeded (3)",
        ),
        (
            errors.too_many_statements(3),
            1461,
            "42000",
            "Can't create more than max_prepared_stmt_count statements"
            " (current value: 3; rds-proxy: max_prepared_statements_per_client)",
        ),
        (errors.proxy_header_refused("x"), 1130, "HY000", "rds-proxy: x"),
        (
            errors.rolled_back("the transaction is rolled back"),
            1213,
            "40001",
            "rds-proxy: the transaction is rolled back; try restarting transaction",
        ),
        (
            errors.connection_lost("the temporary table t is lost"),
            2013,
            "HY000",
            "Lost connection to MySQL server during query (rds-proxy: the temporary table t is lost)",
        ),
        (
            errors.no_reader(),
            9501,
            "HY000",
            "rds-proxy: The target group doesn't have any associated read-only instances",
        ),
        (
            errors.in_transaction(),
            1192,
            "HY000",
            "Can't execute the given command because you have active locked tables or an active transaction",
        ),
        (
            errors.switchover_failed("db2:3306", "was refused", "it lags"),
            1105,
            "HY000",
            "rds-proxy: switchover to db2:3306 was refused: it lags",
        ),
        (errors.shutting_down(), 1053, "08S01", "Server shutdown in progress"),
        (
            errors.privilege_needed(),
            1227,
            "42000",
            "Access denied; you need (at least one of) the rds-proxy admin_users privilege(s) for this"
            " operation",
        ),
        (
            errors.unpreparable(),
            1295,
            "HY000",
            "This command is not supported in the prepared statement protocol yet (rds-proxy)",
        ),
    ],
)
def test_texts_are_word_for_word(error: errors.ClientError, errno: int, sqlstate: str, message: str) -> None:
    assert (error.errno, error.sqlstate, error.message) == (errno, sqlstate, message)


def test_a_refused_log_in_says_whether_a_password_came() -> None:
    assert "(using password: YES)" in errors.access_denied("app", using_password=True).message
    assert "(using password: NO)" in errors.access_denied("app", using_password=False).message


def test_every_error_has_a_sqlstate_of_five_characters() -> None:
    made = [
        errors.access_denied("a", using_password=True),
        errors.borrow_timeout(),
        errors.queue_full(),
        errors.too_many_clients(3),
        errors.tls_required(),
        errors.internal_error(),
        errors.connection_lost("x"),
        errors.diagnostics_gone("x"),
        errors.wrong_sequence(),
        errors.packet_too_large(),
        errors.malformed("x"),
        errors.unknown_command(),
        errors.refused_command("x"),
        errors.shutting_down(),
    ]
    assert {len(error.sqlstate) for error in made} == {5}
    assert all(str(error) == f"{error.errno} ({error.sqlstate}): {error.message}" for error in made)
