"""What every kind of topology asks a server, and reads of it."""

import pytest

from proxy.mysql.topology.server import common_questions
from proxy.mysql.topology.static import Static
from proxy.mysql.wire.gtid import GtidSet
from proxy.targets.observation import Observation, Role

from .answers import MARIADB, MYSQL, UUID, facts, read, row

STATIC = Static()
NEW = "4f11fa47-71ca-11e1-9e33-c80aa9429562"


def test_only_known_variables_are_asked_for() -> None:
    server, uptime = common_questions(facts({"version": "5.6.1", "read_only": "OFF"}))
    assert server.sql == "SELECT @@global.read_only AS read_only"
    assert "Uptime" in uptime.sql
    assert "gtid_executed" in common_questions(facts(MYSQL))[0].sql
    assert "super_read_only" not in common_questions(facts(MARIADB))[0].sql


def test_of_a_server_that_tells_nothing_the_one_switch_is_asked() -> None:
    assert "read_only" in common_questions(facts({}))[0].sql


@pytest.mark.parametrize("switch", ["read_only", "super_read_only", "innodb_read_only"])
@pytest.mark.parametrize("value", ["1", "ON", "NO_LOCK", "NO_LOCK_NO_ADMIN"])
def test_read_only(switch: str, value: str) -> None:
    assert read(STATIC, facts(MYSQL), server=row(**{switch: value})).role is Role.READ_ONLY


@pytest.mark.parametrize("value", ["0", "OFF", None])
def test_writable(value: str | None) -> None:
    assert read(STATIC, facts(MYSQL), server=row(read_only=value)).role is Role.READ_WRITE


def test_one_that_does_not_tell_takes_writes() -> None:
    seen = read(STATIC, facts({}), server=1193, uptime=1064)
    assert seen == Observation(Role.READ_WRITE, topology="static")


def test_uptime() -> None:
    assert read(STATIC, facts(MYSQL)).uptime == 100.0
    assert read(STATIC, facts(MYSQL), uptime=()).uptime is None
    assert read(STATIC, facts(MYSQL), uptime=row(Variable_name="Uptime", Value="?")).uptime is None


def test_offline_mode_is_a_problem() -> None:
    assert read(STATIC, facts(MYSQL), server=row(offline_mode="1")).problem == "offline_mode is on"
    assert read(STATIC, facts(MYSQL), server=row(offline_mode="0")).problem == ""


class TestPosition:
    def test_of_mysql(self) -> None:
        seen = read(STATIC, facts(MYSQL), server=row(gtid_mode="ON", gtid_executed=f"{UUID}:1-5,\n{NEW}:1"))
        assert seen.position == GtidSet.parse(f"{UUID}:1-5,{NEW}:1", False)

    def test_of_mysql_with_nothing_executed(self) -> None:
        seen = read(STATIC, facts(MYSQL), server=row(gtid_mode="ON", gtid_executed=""))
        assert seen.position is not None
        assert not seen.position

    @pytest.mark.parametrize("mode", ["OFF", "OFF_PERMISSIVE", None])
    def test_without_gtids(self, mode: str | None) -> None:
        assert (
            read(STATIC, facts(MYSQL), server=row(gtid_mode=mode, gtid_executed=f"{UUID}:1")).position is None
        )

    def test_that_makes_no_sense(self) -> None:
        assert read(STATIC, facts(MYSQL), server=row(gtid_mode="ON", gtid_executed="what")).position is None
        seen = read(STATIC, facts(MARIADB), server=row(log_bin="1", gtid_binlog_state="what"))
        assert seen.position is None

    def test_of_a_mariadb_primary_that_once_was_a_replica(self) -> None:
        seen = read(
            STATIC,
            facts(MARIADB),
            server=row(log_bin="1", gtid_binlog_state="0-1-50,0-2-80", gtid_slave_pos="0-1-50"),
        )
        assert seen.position is not None
        assert seen.position.covers(GtidSet.parse("0-2-80", True))
        assert seen.position.covers(GtidSet.parse("0-1-50", True))
        assert not seen.position.covers(GtidSet.parse("0-2-81", True))

    def test_of_a_mariadb_replica_without_a_log(self) -> None:
        seen = read(STATIC, facts(MARIADB), server=row(log_bin="0", gtid_slave_pos="0-1-50"))
        assert seen.position == GtidSet.parse("0-1-50", True)

    def test_of_a_mariadb_without_a_log(self) -> None:
        seen = read(STATIC, facts(MARIADB), server=row(log_bin="0", gtid_slave_pos=""))
        assert seen.position is None
