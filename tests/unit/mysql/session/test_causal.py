"""The question that waits for a transaction, and its answer."""

import pytest

from proxy.mysql.session.causal import LONGEST_WAIT, Arrival, arrival, wait_for

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
OTHER = "3E11FA47-71CA-11E1-9E33-C80AA9429563"


@pytest.mark.parametrize(
    "gtids",
    [
        f"{UUID}:5",
        f"{UUID}:1-5:7",
        f"{UUID}:1-5:tag:3:_t2:4-9",
        f"{UUID}:tag:3",
        f"{UUID}:1-5,\n{OTHER}:7",
    ],
)
def test_mysql(gtids: str) -> None:
    expected = f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtids}',0.250)".encode()
    assert wait_for(gtids, 0.25, is_mariadb=False) == expected


@pytest.mark.parametrize("gtids", ["0-1-100", "0-1-100,1-4294967295-18446744073709551615"])
def test_mariadb(gtids: str) -> None:
    assert wait_for(gtids, 2, is_mariadb=True) == f"SELECT MASTER_GTID_WAIT('{gtids}',2.000)".encode()


@pytest.mark.parametrize(
    "gtids",
    ["", "'", f"{UUID}", f"{UUID}:0", f"{UUID}:5'); DROP TABLE t -- ", f"{UUID}:5,", "0-1-100", "x:5"],
)
def test_no_other_text_gets_into_the_statement(gtids: str) -> None:
    with pytest.raises(ValueError, match="GTID"):
        wait_for(gtids, 1, is_mariadb=False)


@pytest.mark.parametrize("gtids", ["", "0-1", "0-1-1,", f"{UUID}:5", "0-1-1'"])
def test_nor_on_mariadb(gtids: str) -> None:
    with pytest.raises(ValueError, match="GTID"):
        wait_for(gtids, 1, is_mariadb=True)


def test_no_wait_is_without_end() -> None:
    assert wait_for("0-1-1", -5, is_mariadb=True).endswith(b",0.001)")
    assert wait_for(f"{UUID}:1", 0, is_mariadb=False).endswith(b",0.001)")
    assert wait_for("0-1-1", float("inf"), is_mariadb=True).endswith(b",%.3f)" % LONGEST_WAIT)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("0", Arrival.ARRIVED),
        ("1", Arrival.TIMED_OUT),
        ("-1", Arrival.TIMED_OUT),
        (None, Arrival.UNKNOWN),
        ("", Arrival.UNKNOWN),
        ("2", Arrival.UNKNOWN),
    ],
)
def test_the_answer(answer: str | None, expected: Arrival) -> None:
    assert arrival(answer) is expected
