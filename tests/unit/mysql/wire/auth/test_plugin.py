"""What plugins share."""

import pytest

from proxy.mysql.wire.auth.plugin import AuthRefused, Step, expect_nonce, known_or_dummy, same_secret, xor


def test_an_unknown_user_has_a_password_nobody_knows() -> None:
    assert known_or_dummy(b"secret") == b"secret"
    assert known_or_dummy(b"") == b""
    dummies = {known_or_dummy(None) for _ in range(20)}
    assert len(dummies) == 20
    assert all(dummies)


def test_same_secret() -> None:
    assert same_secret(b"secret", b"secret")
    assert same_secret(b"", b"")
    assert not same_secret(b"secret", b"secreT")
    assert not same_secret(b"secret", b"secret ")


def test_xor_repeats_its_key() -> None:
    assert xor(b"\x01\x02\x03", b"\xff\x00") == b"\xfe\x02\xfc"
    assert xor(xor(b"message", b"key"), b"key") == b"message"
    assert xor(b"", b"key") == b""


def test_expect_nonce() -> None:
    expect_nonce(b"n" * 20, 20)
    with pytest.raises(AuthRefused, match="20 bytes"):
        expect_nonce(b"n" * 19, 20)


def test_a_step_does_not_show_its_payload() -> None:
    assert "hunter2" not in repr(Step(b"hunter2"))
