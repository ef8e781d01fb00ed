import pytest

from proxy.mysql.backend.set_up import ALL_VARIABLES, SetUp, variables_to_track


def test_settings_are_tracked_in_their_order() -> None:
    assert variables_to_track(["time_zone", "autocommit", "sql_mode"]) == "time_zone,autocommit,sql_mode"


@pytest.mark.parametrize(
    "name",
    [
        "statement_id", "last_insert_id", "identity", "insert_id", "timestamp", "rand_seed1", "rand_seed2",
        "pseudo_thread_id", "session_track_schema", "session_track_gtids", "gtid_next", "warning_count",
        "error_count", "proxy_user", "external_user", "performance_schema_digests_size", "ssl_ca",
    ],
)  # fmt: skip
def test_what_says_something_of_one_statement_or_of_the_server_is_not(name: str) -> None:
    assert variables_to_track(["sql_mode", name]) == "sql_mode"


@pytest.mark.parametrize(
    "name",
    [
        "timestamp_x", "explicit_defaults_for_timestamp", "identity_insert", "auto_increment_increment",
        "sql_log_bin", "transaction_isolation", "sql_select_limit", "character_set_client", "sql_warnings",
        "foreign_key_checks", "rand_seedling", "default_collation_for_utf8mb4",
    ],
)  # fmt: skip
def test_a_name_that_only_resembles_one_of_them_is_tracked(name: str) -> None:
    assert variables_to_track([name]) == name


def test_an_iterator_will_do_and_nothing_gives_nothing() -> None:
    assert variables_to_track(iter(("a", "b"))) == "a,b"
    assert variables_to_track([]) == ""


def test_unless_a_server_needs_a_list_everything_is_tracked() -> None:
    assert SetUp() == SetUp("", ALL_VARIABLES)
    assert ALL_VARIABLES == "*"
