from proxy.targets.health import HealthReason, HealthState


def test_the_words_are_rds() -> None:
    assert {state.value for state in HealthState} == {"REGISTERING", "AVAILABLE", "UNAVAILABLE", "UNUSED"}
    assert {reason.value for reason in HealthReason} == {
        "UNREACHABLE",
        "CONNECTION_FAILED",
        "AUTH_FAILURE",
        "PENDING_PROXY_CAPACITY",
        "INVALID_REPLICATION_STATE",
        "PROMOTED",
    }
