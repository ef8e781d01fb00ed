import pytest

from proxy.targets.damping import FLAP_WINDOW, MOST_PATIENCE, Damping, Evidence, Timing

TIMING = Timing(unhealthy_threshold=3, healthy_threshold=2)


def fit() -> Damping:
    damping = Damping()
    damping.answered(0.0, TIMING)
    return damping


def answers_needed(damping: Damping, now: float) -> int:
    count = 0
    while not damping.is_fit:
        damping.answered(now, TIMING)
        count += 1
    return count


def fall(damping: Damping, now: float) -> None:
    damping.failed(now, TIMING, Evidence.GONE)
    damping.failed(now, TIMING, Evidence.GONE)
    assert damping.is_fit is False


def test_the_first_answer_and_the_first_refusal_decide_at_once() -> None:
    assert fit().is_fit
    damping = Damping()
    damping.failed(0.0, TIMING, Evidence.GONE)
    assert damping.is_fit is False


def test_a_slow_start_is_no_verdict_yet() -> None:
    damping = Damping()
    damping.failed(0.0, TIMING, Evidence.SLOW)
    assert damping.is_fit is None
    damping.answered(1.0, TIMING)
    assert damping.is_fit


def test_slow_answers_count_only_in_a_row() -> None:
    damping = fit()
    for _ in range(5):
        damping.failed(0.0, TIMING, Evidence.SLOW)
        damping.failed(0.0, TIMING, Evidence.SLOW)
        assert damping.is_fit
        assert damping.is_suspect
        damping.answered(0.0, TIMING)
        assert not damping.is_suspect
    for _ in range(3):
        damping.failed(0.0, TIMING, Evidence.SLOW)
    assert damping.is_fit is False


def test_a_refusal_is_believed_when_it_is_confirmed() -> None:
    damping = fit()
    damping.failed(0.0, TIMING, Evidence.GONE)
    assert damping.is_fit
    assert damping.awaits_confirmation
    damping.failed(0.0, TIMING, Evidence.GONE)
    assert damping.is_fit is False
    assert not damping.awaits_confirmation


def test_a_lost_connection_that_can_be_made_again_is_nothing() -> None:
    damping = fit()
    for _ in range(10):
        damping.failed(0.0, TIMING, Evidence.GONE)
        damping.answered(0.0, TIMING)
    assert damping.is_fit


def test_a_target_that_refuses_the_probe_stays_what_it_was() -> None:
    damping = fit()
    for _ in range(10):
        damping.failed(0.0, TIMING, Evidence.ALIVE)
    assert damping.is_fit
    unknown = Damping()
    unknown.failed(0.0, TIMING, Evidence.ALIVE)
    assert unknown.is_fit is False


def test_a_return_needs_answers_in_a_row() -> None:
    damping = fit()
    fall(damping, 1.0)
    damping.answered(1.0, TIMING)
    damping.failed(1.0, TIMING, Evidence.SLOW)
    assert answers_needed(damping, 1.0) == 2


def test_a_flapping_target_needs_more_and_more_answers_to_a_limit() -> None:
    damping = fit()
    needed = []
    for _ in range(6):
        fall(damping, 1.0)
        needed.append(answers_needed(damping, 1.0))
    assert needed == [2, 4, 8, 2 * MOST_PATIENCE, 2 * MOST_PATIENCE, 2 * MOST_PATIENCE]


def test_old_falls_are_forgotten() -> None:
    damping = fit()
    for _ in range(4):
        fall(damping, 1.0)
        answers_needed(damping, 1.0)
    fall(damping, 2.0 + FLAP_WINDOW)
    assert answers_needed(damping, 2.0 + FLAP_WINDOW) == 2


@pytest.mark.parametrize("evidence", [Evidence.GONE, Evidence.SLOW])
def test_it_is_settled_only_where_the_next_question_can_change_nothing(evidence: Evidence) -> None:
    damping = Damping()
    assert not damping.is_settled
    damping.answered(0.0, TIMING)
    assert damping.is_settled
    damping.failed(0.0, TIMING, evidence)
    assert not damping.is_settled
    damping.failed(0.0, TIMING, Evidence.GONE)
    damping.failed(0.0, TIMING, Evidence.GONE)
    assert damping.is_settled
    damping.answered(0.0, TIMING)
    assert not damping.is_settled
