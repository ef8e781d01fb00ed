"""One module for each thing that is fuzzed, each with ``fuzz(data)``: it returns, or raises what it found."""

import importlib
from collections.abc import Callable
from pathlib import Path

__all__ = ["CORPUS", "FINDS", "NAMES", "SESSIONS", "load", "seeds"]

_HERE = Path(__file__).parent
CORPUS = _HERE.parent / "corpus"
FINDS = _HERE.parent / "finds"

NAMES = tuple(sorted(path.stem for path in _HERE.glob("*.py") if path.stem != "__init__"))
#: Targets that play whole sessions: slow ones, worth more of the time.
SESSIONS = ("hostile_client", "hostile_target")


def load(name: str) -> Callable[[bytes], None]:
    """A target's function."""
    module = importlib.import_module(f"{__name__}.{name}")
    fuzz: Callable[[bytes], None] = module.fuzz
    return fuzz


def seeds(name: str) -> list[Path]:
    """The inputs kept for a target: its corpus, then what was found with it."""
    corpus = sorted((CORPUS / name).glob("*"))
    return corpus + sorted((FINDS / name).glob("*"))
