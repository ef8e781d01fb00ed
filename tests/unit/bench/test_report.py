import attrs
import pytest

from tests.bench.cases import CASES, Case, Kind, Way
from tests.bench.machine import Machine
from tests.bench.report import absolute_lines, document, table
from tests.bench.rounds import Pace, Results
from tests.bench.statistics import Measurement

CASE = Case("point-16", "Point select, 16 connections", Kind.POINT_SELECT, 16)
PACE = Pace(rounds=3, seconds=1.5, warm_up=0.25)
MACHINE = Machine(
    cores=2,
    processor="Some Processor",
    kernel="Linux 6.1",
    python="CPython 3.11.2",
    twisted="25.5.0",
    mariadb="10.11.9",
    haproxy="2.6.12",
)
DIRECT = Measurement(1000, 1.0, p50=0.001, p99=0.002, generator_seconds=0.4)
HAPROXY = Measurement(800, 1.0, p50=0.002, p99=0.005, relay_seconds=0.008, generator_seconds=0.3)
PROXY = Measurement(250, 1.0, p50=0.004, p99=0.025, relay_seconds=0.01, generator_seconds=0.1)


@pytest.fixture
def results() -> Results:
    return {CASE: {Way.DIRECT: [DIRECT], Way.HAPROXY: [HAPROXY], Way.PROXY: [PROXY]}}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


class TestTable:
    def test_has_a_line_for_each_case_with_ratios_to_direct(self, results: Results) -> None:
        assert cells(table(results).splitlines()[2]) == [
            "Point select, 16 connections",
            "0.80 (0.80 to 0.80)",
            "0.25 (0.25 to 0.25)",
            "2.00",
            "4.00",
            "2.50",
            "12.5",
            "4.00 (4.00 to 4.00)",
        ]

    def test_is_the_median_of_the_rounds_and_their_range(self, results: Results) -> None:
        slow, fast = attrs.evolve(PROXY, operations=100), attrs.evolve(PROXY, operations=500)
        ways = results[CASE]
        ways[Way.DIRECT] *= 3
        ways[Way.HAPROXY] *= 3
        ways[Way.PROXY] = [slow, PROXY, fast]
        assert cells(table(results).splitlines()[2])[2] == "0.25 (0.10 to 0.50)"

    def test_shows_a_dash_where_there_were_too_few_operations(self, results: Results) -> None:
        results[CASE][Way.DIRECT] = [attrs.evolve(DIRECT, p99=None)]
        line = cells(table(results).splitlines()[2])
        assert line[5:7] == ["-", "-"]
        assert line[3:5] == ["2.00", "4.00"]

    def test_columns_are_aligned(self, results: Results) -> None:
        other = attrs.evolve(CASE, name="x", title="A case whose title is longer than the other one's")
        results[other] = results[CASE]
        lines = table(results).splitlines()
        assert len(lines) == 4
        assert len({len(line) for line in lines}) == 1


class TestDocument:
    def test_names_the_command_the_machine_and_the_table(self, results: Results) -> None:
        text = document(results, MACHINE, PACE, legacy_eof=False)
        assert "    make bench\n" in text
        assert table(results) in text
        for value in (
            MACHINE.processor,
            "2 cores",
            "Linux 6.1",
            "CPython 3.11.2",
            "25.5.0",
            "10.11.9",
            "2.6.12",
        ):
            assert value in text

    def test_says_how_busy_the_load_generator_was_at_the_most(self, results: Results) -> None:
        assert "at the most 40% of one core" in document(results, MACHINE, PACE, legacy_eof=False)

    def test_another_kind_of_client_shows_in_the_command_and_the_text(self, results: Results) -> None:
        text = document(results, MACHINE, PACE, legacy_eof=True)
        assert '    make bench ARGS="--legacy-eof"\n' in text
        assert "without\n  `CLIENT_DEPRECATE_EOF`" in text

    def test_holds_no_absolute_number_of_the_run(self, results: Results) -> None:
        before = document(results, MACHINE, PACE, legacy_eof=False)
        twice_as_fast = {
            CASE: {
                way: [
                    attrs.evolve(
                        each,
                        operations=each.operations * 2,
                        p50=each.p50 / 2,
                        p99=None if each.p99 is None else each.p99 / 2,
                    )
                    for each in measurements
                ]
                for way, measurements in results[CASE].items()
            }
        }
        assert document(twice_as_fast, MACHINE, PACE, legacy_eof=False) == before


def test_absolute_lines_are_there_for_every_way(results: Results) -> None:
    lines = absolute_lines(results).splitlines()
    assert [line.split()[1] for line in lines] == [way.value for way in Way]
    assert "relay 40.0 us each" in lines[2]
    assert "relay" not in lines[0]


def test_the_names_of_the_cases_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
