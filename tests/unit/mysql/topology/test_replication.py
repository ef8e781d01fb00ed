"""Primaries and replicas."""

from typing import Any

import pytest

from proxy.mysql.topology.kind import Row
from proxy.mysql.topology.replication import Replication
from proxy.targets.observation import Role

from .answers import MARIADB, MYSQL, facts, read, row

REPLICATION = Replication()
RDS = {**MYSQL, "basedir": "/rdsdbbin/mysql-8.0.36.R1/"}
READ_ONLY = row(read_only="1")


def channel(**changes: str | None) -> Row:
    values: dict[str, Any] = {
        "Source_Host": "db0",
        "Source_Port": "3307",
        "Source_Server_Id": "11",
        "Replica_IO_Running": "Yes",
        "Replica_SQL_Running": "Yes",
        "Seconds_Behind_Source": "3",
        "Channel_Name": "",
    }
    return row(**{**values, **changes})


def statement(**variables: str) -> str:
    base = MARIADB if "MariaDB" in variables.get("version", "") else MYSQL
    return next(
        each.sql for each in REPLICATION.questions(facts({**base, **variables})) if "STATUS" in each.sql[-7:]
    )


@pytest.mark.parametrize(
    ("version", "sql"),
    [
        ("5.7.44", "SHOW SLAVE STATUS"),
        ("8.0.21", "SHOW SLAVE STATUS"),
        ("8.0.mysql_aurora.3.04.0", "SHOW SLAVE STATUS"),
        ("8.0.22", "SHOW REPLICA STATUS"),
        ("9.7.0", "SHOW REPLICA STATUS"),
        ("10.3.39-MariaDB", "SHOW ALL SLAVES STATUS"),
    ],
)
def test_the_statement(version: str, sql: str) -> None:
    assert statement(version=version) == sql


def test_a_server_alone() -> None:
    seen = read(REPLICATION, facts(MYSQL))
    assert (seen.role, seen.source, seen.replicates, seen.lag) == (Role.READ_WRITE, "", None, None)
    assert (seen.problem, seen.writer, seen.in_transition) == ("", "", False)


def test_a_replica() -> None:
    seen = read(REPLICATION, facts(MYSQL), server=READ_ONLY, replica=channel())
    assert (seen.role, seen.source, seen.replicates, seen.lag) == (Role.READ_ONLY, "db0:3307", True, 3.0)


def test_a_replica_in_the_words_of_mariadb() -> None:
    seen = read(
        REPLICATION,
        facts(MARIADB),
        server=READ_ONLY,
        replica=row(
            Connection_name="",
            Master_Host="db0",
            Master_Port="3307",
            Slave_IO_Running="Yes",
            Slave_SQL_Running="Yes",
            Seconds_Behind_Master="0",
        ),
    )
    assert (seen.role, seen.source, seen.replicates, seen.lag) == (Role.READ_ONLY, "db0:3307", True, 0.0)


@pytest.mark.parametrize(
    "changes",
    [{"Replica_IO_Running": "Connecting"}, {"Replica_IO_Running": "No"}, {"Replica_SQL_Running": "No"}],
)
def test_replication_that_does_not_run(changes: dict[str, str]) -> None:
    seen = read(REPLICATION, facts(MYSQL), replica=channel(Seconds_Behind_Source=None, **changes))
    assert (seen.replicates, seen.lag) == (False, None)


def test_one_that_replicates_and_takes_writes_says_both() -> None:
    """The active one of a ring; or a replica on which somebody forgot the switch."""
    seen = read(REPLICATION, facts(MYSQL), server=row(read_only="0"), replica=channel())
    assert (seen.role, seen.source, seen.replicates) == (Role.READ_WRITE, "db0:3307", True)


def test_several_sources() -> None:
    """The slowest counts, and one that stands still."""
    rows = [channel(Channel_Name="a"), channel(Channel_Name="b", Seconds_Behind_Source="9")]
    assert read(REPLICATION, facts(MYSQL), replica=rows).lag == 9.0
    rows.append(channel(Channel_Name="c", Replica_SQL_Running="No", Seconds_Behind_Source=None))
    seen = read(REPLICATION, facts(MYSQL), replica=rows)
    assert (seen.replicates, seen.lag) == (False, None)


def test_what_a_reset_leaves_is_no_replication() -> None:
    assert read(REPLICATION, facts(MYSQL), replica=channel(Source_Host="")).replicates is None


def test_channels_of_a_group_are_its_own_affair() -> None:
    seen = read(REPLICATION, facts(MYSQL), replica=channel(Channel_Name="group_replication_recovery"))
    assert (seen.source, seen.replicates) == ("", None)


@pytest.mark.parametrize("errno", [1227, 1045, 1064, 1142])
def test_without_privileges_the_rest_is_known(errno: int) -> None:
    seen = read(REPLICATION, facts(MYSQL), server=READ_ONLY, replica=errno)
    assert (seen.role, seen.source, seen.replicates, seen.lag) == (Role.READ_ONLY, "", None, None)
    assert seen.uptime == 100.0


class TestRds:
    def test_is_asked_only_there(self) -> None:
        assert not any("rds_topology" in each.sql for each in REPLICATION.questions(facts(MYSQL)))
        assert any("rds_topology" in each.sql for each in REPLICATION.questions(facts(RDS)))

    @pytest.mark.parametrize(
        ("status", "switching"),
        [
            ("AVAILABLE", False),
            ("SWITCHOVER_INITIATED", True),
            ("SWITCHOVER_IN_PROGRESS", True),
            ("SWITCHOVER_IN_POST_PROCESSING", True),
            ("SWITCHOVER_COMPLETED", False),
        ],
    )
    def test_a_blue_green_switch(self, status: str, switching: bool) -> None:
        rows = [
            row(id="1", endpoint="blue", port="3306", role="BLUE_GREEN_DEPLOYMENT_SOURCE", status=status),
            row(id="2", endpoint="green", port="3306", role="BLUE_GREEN_DEPLOYMENT_TARGET", status=status),
        ]
        seen = read(REPLICATION, facts(RDS), rds_topology=rows)
        assert (seen.in_transition, seen.writer) == (switching, "")

    def test_the_writer_of_a_multi_az_cluster(self) -> None:
        rows = [row(id="11", endpoint="a.rds", port="3306"), row(id="12", endpoint="b.rds", port="3306")]
        seen = read(REPLICATION, facts(RDS), server=READ_ONLY, replica=channel(), rds_topology=rows)
        assert seen.writer == "a.rds:3306"

    def test_without_the_privilege(self) -> None:
        seen = read(REPLICATION, facts(RDS), rds_topology=1142)
        assert (seen.in_transition, seen.writer, seen.role) == (False, "", Role.READ_WRITE)
