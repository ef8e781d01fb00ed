"""What plugins share."""

import pytest

from proxy.mysql.wire.auth.plugin import (
    CANDIDATES,
    MAX_PASSWORD_BYTES,
    AuthRefused,
    Step,
    any_proves,
    expect_nonce,
    said_password,
    same_secret,
    xor,
)


def tried(passwords: list[bytes], right: bytes) -> tuple[bool, list[bytes]]:
    """The verdict, and every password that was weighed."""
    seen: list[bytes] = []

    def proves(password: bytes) -> bool:
        seen.append(password)
        return password == right

    return any_proves(passwords, proves), seen


@pytest.mark.parametrize("passwords", [[], [b"one"], [b"one", b"two"], [b"one", b"two", b"three"]])
@pytest.mark.parametrize("right", [b"one", b"two", b"three", b"four"])
def test_as_many_are_tried_whoever_logs_in_and_whichever_is_right(
    passwords: list[bytes], right: bytes
) -> None:
    proven, seen = tried(passwords, right)
    assert proven is (right in passwords)
    assert seen[: len(passwords)] == passwords
    assert len(seen) == CANDIDATES


def test_more_passwords_than_usual_are_all_tried() -> None:
    many = [str(number).encode() for number in range(CANDIDATES + 2)]
    assert tried(many, many[-1]) == (True, many)


def test_an_unknown_user_has_a_password_nobody_knows() -> None:
    dummies = {tried([], b"x")[1][0] for _ in range(20)}
    assert len(dummies) == 20
    assert all(dummies)


def test_dummies_and_empty_passwords_prove_nothing() -> None:
    assert not any_proves([], lambda _: True)
    assert not any_proves([b""], lambda _: True)
    assert any_proves([b"", b"secret"], lambda _: True)


def test_said_password() -> None:
    assert said_password(b"secret\0") == b"secret"
    assert said_password(b"secret\0more\0") is None
    assert said_password(b"\0") == b""
    assert said_password(b"") is None
    assert said_password(b"secret") is None
    longest = b"x" * MAX_PASSWORD_BYTES
    assert said_password(longest + b"\0") == longest
    assert said_password(longest + b"x\0") is None


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
