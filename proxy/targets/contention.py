"""Several targets take writes: which of them is the writer.

Where a cluster has a consensus of its own this is a choice of convenience. Elsewhere it is a split brain,
and one is chosen only for a reason that is in the servers' own words: it has all that each other one has,
and more; it was seen to be promoted; or the replicas follow it. Positions are those of two moments, so a
target that still counts as a replica is never compared with its source: it would win by having been asked
later.
"""

from collections.abc import Collection, Mapping, Sequence

from .candidates import Candidate, covers, has_consensus, position_of, strictly_covers

__all__ = ["choose"]


def choose(
    contenders: Sequence[Candidate],
    leader: str | None,
    risen: Mapping[str, int],
    heirs: Collection[str],
    replicas: Sequence[Candidate],
) -> Candidate | None:
    """The one that is to write, None if nothing tells.

    ``leader`` is the present writer, ``risen`` numbers by order those that were readers before they took
    writes; ``heirs`` are those of them that rose after the leader's last word.
    """
    if len(contenders) < 2:
        return contenders[0] if contenders else None
    present = next((each for each in contenders if each.name == leader), None)
    if all(has_consensus(each) for each in contenders):
        return _of_cluster(contenders, present, risen)
    if present is not None and _has_been_replaced(present, contenders, risen):
        present = None
    ranked = [each for each in contenders if not each.source or each is present] or list(contenders)
    if len(ranked) == 1:
        return ranked[0]
    if present is not None:
        return _challenged(present, ranked, heirs)
    return _ahead_of_all(ranked) or _only_risen(ranked, risen) or _followed(ranked, replicas)


def _of_cluster(
    contenders: Sequence[Candidate], present: Candidate | None, risen: Mapping[str, int]
) -> Candidate:
    contenders = sorted(contenders, key=lambda each: each.name)
    if present is None:
        named = [each.observation.writer.lower() for each in contenders if each.observation is not None]
        return max(contenders, key=lambda each: named.count(each.name.lower()))
    latest = max(contenders, key=lambda each: risen.get(each.name, 0))
    is_aurora = present.observation is not None and present.observation.topology == "aurora"
    # Aurora has one writer at a time: if two say so, the older word has been overtaken.
    if latest.name in risen and (is_aurora or present.suspect) and not latest.suspect:
        return latest
    return present


def _has_been_replaced(present: Candidate, contenders: Sequence[Candidate], risen: Mapping[str, int]) -> bool:
    """Whether the present writer follows one that follows nobody: demoted, but it takes writes still."""
    if present.observation is None or not (present.source and present.observation.replicates):
        return False
    free = [each for each in contenders if not each.source]
    return any(each.name.lower() == present.source or each.name in risen for each in free)


def _challenged(present: Candidate, ranked: Sequence[Candidate], heirs: Collection[str]) -> Candidate | None:
    ahead = _ahead_of_all(ranked)
    if ahead is not None and not ahead.suspect:
        return ahead
    if not present.suspect:
        return present
    # The present writer does not answer, and one with all that it had has been promoted since its last word.
    # Had it answered after that, it would be alive, and only slow now.
    found = [each for each in ranked if each.name in heirs and not each.suspect]
    if len(found) == 1 and covers(position_of(found[0]), position_of(present)):
        return found[0]
    return present


def _ahead_of_all(ranked: Sequence[Candidate]) -> Candidate | None:
    for one in ranked:
        others = [each for each in ranked if each is not one]
        if all(strictly_covers(position_of(one), position_of(other)) for other in others):
            return one
    return None


def _only_risen(ranked: Sequence[Candidate], risen: Mapping[str, int]) -> Candidate | None:
    found = [each for each in ranked if each.name in risen]
    return found[0] if len(found) == 1 else None


def _followed(ranked: Sequence[Candidate], replicas: Sequence[Candidate]) -> Candidate | None:
    sources = {each.source for each in replicas if each.observation and each.observation.replicates}
    found = [each for each in ranked if each.name.lower() in sources]
    return found[0] if len(found) == 1 else None
