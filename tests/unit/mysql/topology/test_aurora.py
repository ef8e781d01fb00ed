"""Aurora MySQL, from the answers that AWS's guide and its drivers document; no Aurora runs here."""

from proxy.mysql.topology.aurora import Aurora
from proxy.mysql.topology.kind import Row
from proxy.targets.observation import Role

from .answers import MYSQL, UUID, facts, read, row

AURORA = Aurora()
VARIABLES = {
    **MYSQL,
    "version": "8.0.mysql_aurora.3.04.0",
    "aurora_version": "3.04.0",
    "aurora_server_id": "shop-1",
    "basedir": "/rdsdbbin/oscar-8.0.mysql_aurora.3.04.0/",
}
HOST = "shop-1.abc.eu-west-1.rds.amazonaws.com"
WRITER = row(innodb_read_only="0", gtid_mode="ON", gtid_executed=f"{UUID}:1-3")
READER = row(innodb_read_only="1", gtid_mode="ON", gtid_executed=f"{UUID}:1-3")


def member(name: str, lag: str = "0", *, writes: bool = False, at: str = "2026-01-01 00:00:00") -> Row:
    return row(
        SERVER_ID=name,
        SESSION_ID="MASTER_SESSION_ID" if writes else "d4c5-uuid",
        REPLICA_LAG_IN_MILLISECONDS=lag,
        LAST_UPDATE_TIMESTAMP=at,
    )


def test_the_writer() -> None:
    hosts = [member("shop-1", writes=True), member("shop-2", "18.5")]
    seen = read(AURORA, facts(VARIABLES, HOST), server=WRITER, hosts=hosts)
    assert (seen.role, seen.topology, seen.lag, seen.replicates) == (Role.READ_WRITE, "aurora", None, None)
    assert (seen.writer, seen.source) == (f"{HOST}:3306", "")
    assert str(seen.position) == f"{UUID}:1-3"


def test_a_reader() -> None:
    hosts = [member("shop-1", "18.5"), member("shop-2", writes=True)]
    seen = read(AURORA, facts(VARIABLES, HOST), server=READER, hosts=hosts)
    assert (seen.role, seen.lag, seen.replicates) == (Role.READ_ONLY, 0.0185, True)
    assert seen.writer == seen.source == "shop-2.abc.eu-west-1.rds.amazonaws.com:3306"
    assert seen.position is None, "a reader's GTIDs do not follow its data"


def test_a_former_writer_whose_cluster_has_not_been_told_yet() -> None:
    hosts = [member("shop-1", writes=True), member("shop-2", "20")]
    seen = read(AURORA, facts(VARIABLES, HOST), server=READER, hosts=hosts)
    assert seen.role is Role.READ_ONLY


def test_the_latest_of_two_writers_rows_is_right() -> None:
    hosts = [
        member("shop-1", writes=True, at="2026-01-01 00:00:05"),
        member("shop-2", writes=True, at="2026-01-01 00:00:09"),
    ]
    seen = read(AURORA, facts(VARIABLES, HOST), server=READER, hosts=hosts)
    assert seen.writer.startswith("shop-2.")


def test_the_writers_address_is_not_guessed_from_a_cluster_name() -> None:
    hosts = [member("shop-1", writes=True)]
    host = "shop.cluster-abc.eu-west-1.rds.amazonaws.com"
    assert read(AURORA, facts(VARIABLES, host), server=WRITER, hosts=hosts).writer == ""


def test_what_is_not_known() -> None:
    seen = read(AURORA, facts(VARIABLES, HOST), server=READER, hosts=1109, rds_topology=1142)
    assert (seen.role, seen.lag, seen.replicates, seen.writer) == (Role.READ_ONLY, None, None, "")
    seen = read(AURORA, facts(VARIABLES, HOST), server=READER, hosts=[member("shop-9", writes=True)])
    assert (seen.lag, seen.replicates) == (None, None)


def test_a_blue_green_switch() -> None:
    rows = row(id="1", endpoint="x", port="3306", role="?", status="SWITCHOVER_IN_PROGRESS")
    assert read(AURORA, facts(VARIABLES, HOST), server=WRITER, rds_topology=rows).in_transition
