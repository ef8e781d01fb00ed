"""A whole proxy, innocent clients and a hostile one: only the hostile one may come to harm.

Each innocent client gets, byte for byte, what its own session of the model database would have answered.
"""

from collections import Counter

from tests.fuzz.actors import Innocent, Model
from tests.fuzz.choices import Choices
from tests.fuzz.hostile import Hostile
from tests.fuzz.play import Step, play, server_tls, table


def fuzz(data: bytes) -> None:
    """All of it are decisions."""
    choices = Choices(data)
    tls = server_tls() if choices.below(4) == 3 else None
    with table(Model, cap=1 + choices.below(2), tls=tls, max_statement_size=1 << 20) as world:
        hostile = Hostile(world, choices)
        hostile_first = choices.flag()
        if hostile_first:
            world.settle()
        innocents = [Innocent(world, choices) for _ in range(1 + choices.below(2))]

        def steps() -> list[Step]:
            found = [each.speak for each in innocents if each.can_speak]
            for each in innocents:
                each.check()
            if hostile.can_act:
                found.append(hostile.act)
            elif not found and not any(line.has_work for line in world.lines):
                # It may have a connection that somebody waits for.
                return [hostile.leave] if hostile.line.connected else []
            return found

        play(world, choices, steps, lambda: all(each.finished for each in innocents))
        while hostile.can_act:
            hostile.act()
            world.settle()
        for each in innocents:
            each.check()
        wanted = Counter(row for each in innocents for row in each.alone.database.committed)
        assert wanted <= Counter(world.database.committed), "an innocent client's row is lost"
