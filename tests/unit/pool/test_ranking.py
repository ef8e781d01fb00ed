"""The order of waiting tenants."""

import random

import pytest

from proxy.pool.accounts import Account, NoShare
from proxy.pool.ranking import Ranking


def account(name, level=0.0, used=0, least=0):
    return Account(name, None, NoShare(), level=level, used=used, least=least)


@pytest.fixture
def ranking():
    return Ranking()


def test_nobody_comes_first_of_none(ranking):
    assert ranking.first(with_others=True) is None


def test_by_level_then_standing_then_number(ranking):
    fewest, used_less, older, younger = (account(name, level=1.0) for name in "abcd")
    fewest.level = 0.5
    ranking.enter(younger, 2.0, 9)
    ranking.enter(older, 2.0, 8)
    ranking.enter(used_less, 1.0, 10)
    ranking.enter(fewest, 3.0, 11)
    order = []
    while (first := ranking.first(with_others=True)) is not None:
        order.append(first)
        ranking.leave(first)
    assert order == [fewest, used_less, older, younger]


def test_only_those_below_their_minimum(ranking):
    owed, other = account("owed", level=2.0, used=2, least=3), account("other")
    ranking.enter(owed, 0.0, 2)
    ranking.enter(other, 0.0, 1)
    assert ranking.first(with_others=True) is other
    assert ranking.first(with_others=False) is owed


def test_a_new_place_replaces_the_old_one(ranking):
    mover, other = account("mover"), account("other", level=1.0)
    ranking.enter(mover, 0.0, 1)
    ranking.enter(other, 0.0, 2)
    mover.level = 2.0
    ranking.enter(mover, 0.0, 1)
    assert len(ranking) == 2
    assert ranking.first(with_others=True) is other


def test_who_has_left_is_not_found(ranking):
    gone = account("gone")
    ranking.enter(gone, 0.0, 1)
    ranking.leave(gone)
    ranking.leave(gone)
    assert len(ranking) == 0
    assert ranking.first(with_others=True) is None


def test_clear(ranking):
    accounts = [account(name) for name in "ab"]
    for each in accounts:
        ranking.enter(each, 0.0, 1)
    ranking.clear(accounts)
    assert len(ranking) == 0
    assert ranking.first(with_others=True) is None


def test_out_of_date_places_do_not_pile_up(ranking):
    accounts = [account(str(number)) for number in range(10)]
    chance = random.Random(1)
    for _ in range(20_000):
        each = chance.choice(accounts)
        each.level = chance.random()
        ranking.enter(each, 0.0, 1)
    assert len(ranking._others) < 200
    assert ranking.first(with_others=True) is min(accounts, key=lambda each: each.level)
