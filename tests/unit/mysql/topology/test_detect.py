"""Which kind of topology a server is of."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.mysql.topology.detect import AUTO, KINDS, kind_for
from proxy.mysql.topology.kind import Refusal
from proxy.targets.observation import Observation

from .answers import MARIADB, MYSQL, UUID, facts

GROUP = {"group_replication_group_name": "aaaaaaaa-0000-0000-0000-000000000000"}
GALERA = {"wsrep_on": "ON", "wsrep_provider": "/usr/lib/galera/libgalera_smm.so"}
AURORA = {"aurora_version": "3.04.0", "aurora_server_id": "shop-1"}


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        (MYSQL, "replication"),
        (MARIADB, "replication"),
        ({}, "replication"),
        ({**MYSQL, **GROUP}, "group_replication"),
        ({**MYSQL, "group_replication_group_name": ""}, "replication"),
        ({**MARIADB, **GALERA}, "galera"),
        ({**MARIADB, "wsrep_on": "OFF", "wsrep_provider": "none"}, "replication"),
        ({**MARIADB, "wsrep_on": "ON", "wsrep_provider": "none"}, "replication"),
        ({**MYSQL, **AURORA}, "aurora"),
    ],
)
def test_by_what_it_says(variables: dict[str, str], name: str) -> None:
    assert kind_for(AUTO, facts(variables)).name == name


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_option_wins(name: str) -> None:
    assert kind_for(name, facts({**MYSQL, **AURORA})).name == name


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("variables", [{}, MYSQL, MARIADB])
def test_every_kind_makes_something_of_no_answers_at_all(name: str, variables: dict[str, str]) -> None:
    """Each question that is refused is left out, so the kind may be a wrong one."""
    about = facts(variables)
    kind = KINDS[name]
    names = [question.name for question in kind.questions(about)]
    assert len(names) == len(set(names))
    assert all(question.optional for question in kind.questions(about))
    assert kind.read({}, about).topology == name


COLUMNS = (
    *("read_only", "gtid_mode", "gtid_executed", "log_bin", "gtid_binlog_state", "gtid_slave_pos", "value"),
    *("variable_name", "source_host", "source_port", "replica_io_running", "replica_sql_running", "id"),
    *("seconds_behind_source", "channel_name", "server_id", "session_id", "replica_lag_in_milliseconds"),
    *("last_update_timestamp", "member_id", "member_host", "member_state", "member_role", "queued", "age"),
    *("status", "endpoint", "port", "wsrep_reject_queries"),
)
TEXTS = (
    *(
        None,
        "",
        "ON",
        "1",
        "nan",
        "inf",
        "-1",
        "1e999",
        "\N{SNOWMAN}",
        f"{UUID}:1-3",
        "0-1-7",
        "PRIMARY",
        "Yes",
    ),
    *("ONLINE", "UNREACHABLE", "MASTER_SESSION_ID", UUID, "wsrep_cluster_status", "wsrep_incoming_addresses"),
)
VALUES = st.sampled_from(TEXTS)
ROWS = st.lists(st.dictionaries(st.sampled_from(COLUMNS), VALUES), max_size=4).map(tuple)


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_a_server_says_makes_an_observation(name: str, data: Any) -> None:
    """The lag is a time, and the role is never unknown."""
    about = facts(data.draw(st.sampled_from([MYSQL, MARIADB])), basedir="/rdsdbbin/")
    kind = KINDS[name]
    answers = {
        question.name: data.draw(st.one_of(ROWS, st.builds(Refusal, st.just(1142))))
        for question in kind.questions(about)
    }
    seen = kind.read(answers, about)
    assert isinstance(seen, Observation)
    assert seen.lag is None or 0 <= seen.lag < float("inf")
    assert seen.uptime is None or 0 <= seen.uptime < float("inf")
    assert seen.role.value in ("READ_WRITE", "READ_ONLY")
