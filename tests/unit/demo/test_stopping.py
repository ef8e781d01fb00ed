import signal

import pytest

from proxy.demo.stopping import StopRequest, StopRequestedError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noted_and_raised_when_asked_for(number: signal.Signals) -> None:
    with StopRequest() as stop:
        stop.check()
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(StopRequestedError):
            stop.check()


def test_afterwards_signals_do_what_they_did() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopRequest():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_an_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)
