"""Which kind of topology a server is of."""

import pytest

from proxy.mysql.topology.detect import AUTO, KINDS, kind_for

from .answers import MARIADB, MYSQL, facts

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
