"""Fuzzing of every parser and of whole sessions; `python -m tests.fuzz` runs it, pytest replays it."""
