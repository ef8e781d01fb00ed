"""What the documentation says of the drivers is what the tests have."""

from tests.drivers.other.programs import PROGRAMS
from tests.drivers.python.drivers import DRIVERS
from tests.drivers.summary import NAMES, PROGRAM_NAMES, SUBJECTS


def test_every_driver_of_the_tests_has_its_line() -> None:
    assert set(NAMES) == {driver.name for driver in DRIVERS}
    assert set(PROGRAM_NAMES) == set(PROGRAMS)
    names = [(subject.language, subject.name) for subject in SUBJECTS]
    assert len(set(names)) == len(names) == len(DRIVERS) + len(PROGRAMS) + 4
