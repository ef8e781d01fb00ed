"""The short suites: what passes directly passes through the proxy, or known.toml says why not."""

import pytest

from proxy.demo.private_server import find_server
from tests.suites.__main__ import CACHE
from tests.suites.comparison import compare
from tests.suites.known import load_known
from tests.suites.outcomes import Outcome, Unavailable, count
from tests.suites.registry import suite_named
from tests.suites.report import details


@pytest.mark.parametrize("name", ["pymysql", "mysqlclient"])
def test_it_ends_through_the_proxy_as_it_does_directly(name: str) -> None:
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    try:
        comparison = compare(suite_named(name), CACHE, load_known().get(name, {}))
    except Unavailable as error:
        pytest.skip(f"the suite of {name} cannot be had here: {error}")
    print(details(comparison, verbose=True))
    assert count(comparison.direct, Outcome.PASSED) > 100
    assert comparison.fault == ""
    assert [each.name for each in comparison.unexplained] == []
    assert comparison.not_needed == []
