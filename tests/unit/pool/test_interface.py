from proxy.pool.interface import OpenRequest


def test_equal_requests_are_two_slots():
    first, second = OpenRequest("app", None), OpenRequest("app", None)
    assert first != second
    assert len({first, second}) == 2


def test_context_is_not_shown():
    assert "hidden" not in repr(OpenRequest("app", None, context="hidden"))
