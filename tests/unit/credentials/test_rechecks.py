"""Who asks again as soon as it is answered; the rest is in test_suspects."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from proxy.credentials.options import StoreOptions
from proxy.credentials.rechecks import Rechecks

CLIENTS = 5


def test_nobody_is_lost_who_asks_again_at_once() -> None:
    """A log-in is told of something new, which is not enough for it yet, and so asks for the next look."""
    clock = Clock()
    looks: list[Deferred[bool]] = []
    changes = 0

    def look() -> Deferred[bool]:
        looks.append(Deferred())
        return looks[-1]

    def change() -> None:
        nonlocal changes
        changes += 1
        looks.pop(0).callback(True)

    rechecks = Rechecks(clock, StoreOptions, look, lambda: (changes, clock.seconds()))
    answered: list[bool] = []

    def ask(times: int) -> None:
        def told(changed: bool) -> None:
            if times > 1:
                ask(times - 1)
            else:
                answered.append(changed)

        rechecks.ask("app").addCallback(told)

    ask(1)
    # These come during the look, and are told when it ends.
    for _ in range(CLIENTS):
        ask(2)
    change()
    assert answered == [True]
    while looks:
        change()
    assert answered == [True] * (CLIENTS + 1)
