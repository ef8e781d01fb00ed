"""The corpus once more, and all that was ever found: `finds` has a file for each bug that was fixed."""

from pathlib import Path

import pytest

from tests.fuzz import targets

#: Bytes of all seeds together: enough to start from, not a burden on the repository.
MOST_CORPUS = 300 * 1024
_FINDS = [(path.parent.name, path) for path in sorted(targets.FINDS.glob("*/*"))]


@pytest.mark.parametrize("name", targets.NAMES)
def test_the_corpus_is_clean(name: str) -> None:
    fuzz = targets.load(name)
    found = sorted((targets.CORPUS / name).glob("*"))
    assert found, "a target without a seed"
    for path in found:
        try:
            fuzz(path.read_bytes())
        except Exception as problem:
            raise AssertionError(f"{path.name}: {problem}") from problem


@pytest.mark.parametrize(("name", "path"), _FINDS, ids=[f"{name}-{path.name}" for name, path in _FINDS])
def test_a_find_stays_fixed(name: str, path: Path) -> None:
    targets.load(name)(path.read_bytes())


@pytest.mark.parametrize("name", targets.NAMES)
def test_nothing_at_all_is_an_input_too(name: str) -> None:
    targets.load(name)(b"")


def test_the_corpus_is_small() -> None:
    files = [path for path in targets.CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_CORPUS
    assert {path.parent.name for path in files} == set(targets.NAMES)
