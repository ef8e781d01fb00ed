"""Galera clusters."""

from typing import Any

import pytest

from proxy.mysql.topology.galera import Galera
from proxy.mysql.topology.kind import Row
from proxy.targets.observation import Role

from .answers import MARIADB, facts, read, row

GALERA = Galera()
FACTS = facts(MARIADB, wsrep_on="ON", wsrep_provider="/lib/galera.so", wsrep_reject_queries="NONE")
SYNCED = {
    "wsrep_cluster_status": "Primary",
    "wsrep_connected": "ON",
    "wsrep_ready": "ON",
    "wsrep_local_state": "4",
    "wsrep_local_state_comment": "Synced",
    "wsrep_local_recv_queue": "0",
    "wsrep_incoming_addresses": "db3:3306,db1:3306,db2:3306",
}


def status(**changes: str) -> list[Row]:
    return [row(Variable_name=name, Value=value) for name, value in {**SYNCED, **changes}.items()]


def look(rows: Any, **more: Any) -> Any:
    server = row(read_only="0", log_bin="1", gtid_binlog_state="0-1-5", gtid_slave_pos="")
    return read(GALERA, FACTS, **{"server": server, "wsrep": rows, **more})


def test_a_synced_node() -> None:
    """Every one takes writes, and all name the same writer."""
    seen = look(status())
    assert (seen.role, seen.topology, seen.problem) == (Role.READ_WRITE, "galera", "")
    assert (seen.writer, seen.lag, seen.replicates) == ("db3:3306", 0.0, True)
    assert seen.position is None


def test_a_node_that_is_switched_to_read_only() -> None:
    assert look(status(), server=row(read_only="1")).role is Role.READ_ONLY


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"wsrep_cluster_status": "non-Primary"}, "not in the primary component (non-Primary)"),
        ({"wsrep_cluster_status": "Disconnected"}, "not in the primary component (Disconnected)"),
        ({"wsrep_ready": "OFF"}, "not ready"),
        ({"wsrep_connected": "OFF"}, "not ready"),
        ({"wsrep_local_state": "2", "wsrep_local_state_comment": "Donor/Desynced"}, "Donor/Desynced"),
        ({"wsrep_local_state": "1", "wsrep_local_state_comment": "Joining"}, "Joining"),
    ],
)
def test_a_node_that_must_not_be_used(changes: dict[str, str], problem: str) -> None:
    seen = look(status(**changes))
    assert problem in seen.problem
    assert (seen.replicates, seen.lag) == (False, None)


def test_a_node_that_says_nothing_must_not_be_used() -> None:
    assert "unknown" in look([]).problem
    assert "unknown" in look(1227).problem


@pytest.mark.parametrize(
    ("switch", "problem"),
    [
        ({"wsrep_reject_queries": "NONE"}, ""),
        ({"wsrep_reject_queries": "ALL"}, "wsrep_reject_queries is ALL"),
        ({"wsrep_reject_queries": "ALL_KILL"}, "wsrep_reject_queries is ALL_KILL"),
        ({"pxc_maint_mode": "DISABLED"}, ""),
        ({"pxc_maint_mode": "MAINTENANCE"}, "pxc_maint_mode is MAINTENANCE"),
    ],
)
def test_a_node_that_an_operator_keeps_clients_from(switch: dict[str, str], problem: str) -> None:
    assert look(status(), refuses=row(**switch)).problem == problem


def test_only_switches_that_the_node_has_are_asked_for() -> None:
    asked = [each.sql for each in GALERA.questions(facts(MARIADB, pxc_maint_mode="DISABLED"))]
    assert "SELECT @@global.pxc_maint_mode AS pxc_maint_mode" in asked
    assert not any("pxc" in each.sql for each in GALERA.questions(FACTS))


def test_a_queue_whose_age_nobody_knows() -> None:
    assert look(status(wsrep_local_recv_queue="7")).lag is None


@pytest.mark.parametrize("addresses", ["AUTO,AUTO", "", "AUTO,db1:3306"])
def test_a_writer_without_an_address(addresses: str) -> None:
    assert look(status(wsrep_incoming_addresses=addresses)).writer == ""
