from proxy.mysql.frontend.recent import Recent


def test_what_was_put_is_there() -> None:
    recent = Recent()
    recent.put("a", 1)
    recent.put("a", 2)
    assert (recent.get("a"), recent.get("b")) == (2, None)


def test_what_was_not_used_for_longest_goes_first() -> None:
    recent = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(key) for key in "abc"] == [1, None, 3]


def test_putting_is_a_use() -> None:
    recent = Recent(2)
    for key in ("a", "b", "a", "c"):
        recent.put(key, key)
    assert [recent.get(key) for key in "abc"] == ["a", None, "c"]


def test_forgetting() -> None:
    recent = Recent()
    recent.put("a", 1)
    recent.forget("a")
    recent.forget("a")
    assert recent.get("a") is None
