"""All scenarios: importing this enters them."""

from . import results, sessions, values
from .stage import SCENARIOS, SPEECHES, Scenario, Setting, Stage, play

__all__ = ["SCENARIOS", "SPEECHES", "Scenario", "Setting", "Stage", "play", "results", "sessions", "values"]
