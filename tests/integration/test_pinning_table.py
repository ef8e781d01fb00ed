"""Each row of the table in docs/pinning.md: the proxy does what its column "here" says."""

from collections.abc import Iterator

import pytest

from tests.pinning_table.case import MARIADB, MYSQL, Answer, Case
from tests.pinning_table.observe import pins_after_each_step
from tests.pinning_table.table import CASES, rds, read_seen

from .conftest import _stop_all
from .daemon import ProxyDaemon
from .databases import Target

SEEN = read_seen()


def before(server: str) -> list[Case]:
    return [case for case in CASES if server in case.servers]


@pytest.fixture(scope="module")
def mysql_proxy(mysql_target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), mysql_target.port, mysql_target.users)
    daemon.start()
    yield daemon
    _stop_all([daemon])


@pytest.mark.parametrize("case", before(MARIADB), ids=lambda case: case.name)
def test_before_mariadb(proxy: ProxyDaemon, case: Case) -> None:
    assert pins_after_each_step(proxy, case) == SEEN[case.name][MARIADB]


@pytest.mark.parametrize("case", before(MYSQL), ids=lambda case: case.name)
def test_before_mysql(mysql_proxy: ProxyDaemon, case: Case) -> None:
    assert pins_after_each_step(mysql_proxy, case) == SEEN[case.name][MYSQL]


def test_every_row_was_seen() -> None:
    assert {name: set(by) for name, by in SEEN.items()} == {case.name: set(case.servers) for case in CASES}


@pytest.fixture(scope="module")
def rds_proxy(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    folder = tmp_path_factory.mktemp("proxy")
    daemon = ProxyDaemon(folder, target.port, target.users, proxy={"pinning": "rds"})
    daemon.start()
    yield daemon
    _stop_all([daemon])


@pytest.mark.parametrize("case", before(MARIADB), ids=lambda case: case.name)
def test_rds_mode(rds_proxy: ProxyDaemon, case: Case) -> None:
    pins = pins_after_each_step(rds_proxy, case)
    if rds(case) is Answer.PINS:
        first = next(at for at, reasons in enumerate(pins) if reasons)
        assert all(pins[first:])
    elif rds(case) is Answer.UNPINS:
        assert any(pins)
        assert not pins[-1]
    else:
        assert pins == SEEN[case.name][MARIADB]


def test_rds_mode_logs_in_the_words_of_rds(rds_proxy: ProxyDaemon) -> None:
    mark = rds_proxy.mark()
    with rds_proxy.connect() as client, client.cursor() as cursor:
        cursor.execute("SET SESSION group_concat_max_len = 4711")
        line = rds_proxy.wait_for_log("The client session was pinned", mark)
        cursor.execute("SET SESSION group_concat_max_len = DEFAULT")
    assert line.endswith(
        "until the session ends. Reason: SQL changed session settings that the proxy doesn't track. Consider"
        " moving session configuration to the proxy's initialization query."
        ' Digest: "SET SESSION group_concat_max_len = ?".'
    )
