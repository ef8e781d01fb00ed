"""A transaction's record, and the comparison of a replay with it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.transcript import Abandoned, Comparison, Transcript


def recorded(*answers: bytes, is_complete: bool = True) -> Transcript[str]:
    """A transaction with one statement for each answer."""
    transcript: Transcript[str] = Transcript()
    for number, answer in enumerate(answers):
        transcript.ask(f"statement {number}", 10)
        transcript.answer(answer)
        if is_complete or number + 1 < len(answers):
            transcript.answered()
    return transcript


def test_what_is_kept() -> None:
    transcript = recorded(b"one", b"two and more", is_complete=False)
    first, second = transcript.entries
    assert (first.payload, first.size, first.delivered, first.is_complete) == ("statement 0", 10, 3, True)
    assert (second.payload, second.delivered, second.is_complete) == ("statement 1", 12, False)
    assert first.checksum != second.checksum
    assert first.checksum == recorded(b"one").entries[0].checksum
    assert transcript.size == 20
    assert transcript.abandoned is None
    assert "statement" not in repr(first)


def test_too_many_bytes() -> None:
    transcript: Transcript[str] = Transcript(max_bytes=25)
    for _ in range(2):
        transcript.ask("x", 10)
    assert transcript.abandoned is None
    transcript.ask("x", 10)
    assert transcript.abandoned is Abandoned.TOO_LARGE
    assert transcript.entries == ()
    transcript.ask("x", 1)
    transcript.answer(b"late")
    transcript.answered()
    assert transcript.entries == ()


def test_too_many_statements() -> None:
    transcript: Transcript[str] = Transcript(max_statements=2)
    for _ in range(2):
        transcript.ask("x", 1)
    assert len(transcript.entries) == 2
    transcript.ask("x", 1)
    assert transcript.abandoned is Abandoned.TOO_MANY


def test_the_first_reason_stays() -> None:
    transcript = recorded(b"x")
    transcript.abandon(Abandoned.NOT_REPEATABLE)
    transcript.abandon(Abandoned.TOO_LARGE)
    assert transcript.abandoned is Abandoned.NOT_REPEATABLE
    assert (transcript.entries, transcript.size) == ((), 0)


@given(st.binary(max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_the_same_answer_in_other_pieces(answer: bytes, cuts: list[int]) -> None:
    comparison = Comparison(recorded(answer).entries[0])
    places = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    news = [comparison.take(answer[a:b]) for a, b in pairwise(places)]
    assert b"".join(news) == b""
    assert comparison.ends()


@given(st.binary(max_size=40), st.binary(max_size=20), st.integers(0, 60))
def test_what_goes_beyond_is_new(delivered: bytes, more: bytes, cut: int) -> None:
    comparison = Comparison(recorded(delivered, is_complete=False).entries[0])
    answer = delivered + more
    assert comparison.take(answer[:cut]) + comparison.take(answer[cut:]) == more
    assert comparison.ends()


@pytest.mark.parametrize("answer", [b"the sam3", b"the same and more", b"the sam", b"", b"something else"])
def test_another_answer(answer: bytes) -> None:
    comparison = Comparison(recorded(b"the same").entries[0])
    assert comparison.take(answer) == b""
    assert not comparison.ends()


def test_nothing_is_given_out_behind_a_difference() -> None:
    comparison = Comparison(recorded(b"some", is_complete=False).entries[0])
    assert comparison.take(b"so") == b""
    assert comparison.take(b"me") == b""
    assert not comparison.differs
    comparison = Comparison(recorded(b"some", is_complete=False).entries[0])
    assert comparison.take(b"same and more") == b""
    assert comparison.differs
    assert comparison.take(b"more") == b""
    assert not comparison.ends()


def test_a_statement_that_was_not_answered() -> None:
    comparison = Comparison(recorded(b"", is_complete=False).entries[0])
    assert comparison.take(b"all of it") == b"all of it"
    assert comparison.ends()
