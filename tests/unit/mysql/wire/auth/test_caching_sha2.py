"""caching_sha2_password in both roles, against PyMySQL's implementation."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql import _auth

from proxy.mysql.wire.auth.caching_sha2 import CachingSha2Client, CachingSha2Server, scramble
from proxy.mysql.wire.auth.native import NativeDigest
from proxy.mysql.wire.auth.plugin import MAX_PASSWORD_BYTES, AuthRefused, Channel, Step
from proxy.mysql.wire.auth.rsa import RsaKeyPair

NONCE = b"0123456789abcdefghij"
INSECURE = Channel(secure=False)
SECURE = Channel(secure=True)
PASSWORDS = [b"", b"secret", "pässwörd 🔑".encode(), b"x" * 200, b" "]
WRONG = b"w" * 32

#: Full authentication and its messages, as they stand in packets.
FULL = b"\x01\x04"
FAST = b"\x01\x03"


def one_or_none(known: bytes | None) -> list[bytes]:
    """The passwords of a user who has one, or is unknown."""
    return [] if known is None else [known]


def ended(exchange: Generator[Step, bytes, bool], reply: bytes | None = None) -> bool:
    """The verdict of an exchange that ends with this reply."""
    with pytest.raises(StopIteration) as end:
        exchange.send(reply)  # type: ignore[arg-type]
    return end.value.value is True


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=20, max_size=20))
def test_scrambles_as_pymysql_does(password: bytes, nonce: bytes) -> None:
    assert scramble(password, nonce) == _auth.scramble_caching_sha2(password, nonce)


class TestServer:
    @pytest.mark.parametrize("password", PASSWORDS[1:])
    @pytest.mark.parametrize("channel", [SECURE, INSECURE])
    def test_fast_path_for_what_pymysql_sends(self, password: bytes, channel: Channel) -> None:
        response = _auth.scramble_caching_sha2(password, NONCE)
        exchange = CachingSha2Server().authenticate([password], NONCE, response, channel)
        assert next(exchange) == Step(FAST, awaits_reply=False)
        assert ended(exchange, b"")

    @pytest.mark.parametrize("response", [b"", b"\0"])
    def test_an_empty_password_takes_no_message(self, response: bytes) -> None:
        server = CachingSha2Server()
        assert ended(server.authenticate([b""], NONCE, response, SECURE))
        assert not ended(server.authenticate([b"secret"], NONCE, response, SECURE))
        assert not ended(server.authenticate([], NONCE, response, SECURE))

    @pytest.mark.parametrize("known", [b"secret", b"", None])
    def test_a_wrong_scramble_leads_to_full_authentication(self, known: bytes | None) -> None:
        exchange = CachingSha2Server().authenticate(one_or_none(known), NONCE, WRONG, SECURE)
        assert next(exchange) == Step(FULL)
        assert not ended(exchange, b"wrong\0")

    def test_the_password_in_clear_on_a_secure_channel(self) -> None:
        exchange = CachingSha2Server().authenticate([b"secret"], NONCE, WRONG, SECURE)
        next(exchange)
        assert ended(exchange, b"secret\0")

    @pytest.mark.parametrize("reply", [b"", b"\0", b"secret", b"secret\0\0", b"\x02", b"secreT\0"])
    def test_what_is_not_the_password(self, reply: bytes) -> None:
        exchange = CachingSha2Server().authenticate([b"secret"], NONCE, WRONG, SECURE)
        next(exchange)
        assert not ended(exchange, reply)

    @pytest.mark.parametrize("reply", [b"", b"\0"])
    def test_full_authentication_never_proves_the_empty_password(self, reply: bytes) -> None:
        exchange = CachingSha2Server().authenticate([b""], NONCE, WRONG, SECURE)
        next(exchange)
        assert not ended(exchange, reply)

    @pytest.mark.parametrize("known", [b"secret", None])
    def test_without_key_and_tls_a_wrong_scramble_ends_it(self, known: bytes | None) -> None:
        assert not ended(CachingSha2Server().authenticate(one_or_none(known), NONCE, WRONG, INSECURE))

    @pytest.mark.parametrize("password", PASSWORDS[1:])
    def test_takes_what_pymysql_encrypts(self, password: bytes, rsa_key: RsaKeyPair) -> None:
        channel = Channel(secure=False, rsa_key=rsa_key)
        exchange = CachingSha2Server().authenticate([password], NONCE, WRONG, channel)
        assert next(exchange) == Step(FULL)
        answer = exchange.send(b"\x02").payload
        assert answer[:1] == b"\x01"
        assert ended(exchange, _auth.sha2_rsa_encrypt(password, NONCE, answer[1:]))

    def test_a_client_may_know_the_key_already(self, rsa_key: RsaKeyPair) -> None:
        channel = Channel(secure=False, rsa_key=rsa_key)
        exchange = CachingSha2Server().authenticate([b"secret"], NONCE, WRONG, channel)
        next(exchange)
        assert ended(exchange, _auth.sha2_rsa_encrypt(b"secret", NONCE, rsa_key.public_pem))

    def test_refuses_what_it_cannot_decrypt(self, rsa_key: RsaKeyPair) -> None:
        channel = Channel(secure=False, rsa_key=rsa_key)
        other_nonce = _auth.sha2_rsa_encrypt(b"secret", NONCE[::-1], rsa_key.public_pem)
        wrong = _auth.sha2_rsa_encrypt(b"wrong", NONCE, rsa_key.public_pem)
        for reply in (b"", b"secret\0", b"g" * 256, other_nonce, wrong):
            exchange = CachingSha2Server().authenticate([b"secret"], NONCE, WRONG, channel)
            next(exchange)
            assert not ended(exchange, reply)

    def test_the_key_is_sent_once(self, rsa_key: RsaKeyPair) -> None:
        channel = Channel(secure=False, rsa_key=rsa_key)
        exchange = CachingSha2Server().authenticate([b"secret"], NONCE, WRONG, channel)
        next(exchange)
        exchange.send(b"\x02")
        assert not ended(exchange, b"\x02")

    def test_slow_on_request(self) -> None:
        response = scramble(b"secret", NONCE)
        exchange = CachingSha2Server(fast=False).authenticate([b"secret"], NONCE, response, SECURE)
        assert next(exchange) == Step(FULL)
        assert ended(exchange, b"secret\0")

    @given(st.binary(max_size=64), st.binary(max_size=64))
    def test_garbage_proves_nothing(self, response: bytes, reply: bytes) -> None:
        for known in (b"secret", None):
            exchange = CachingSha2Server().authenticate(one_or_none(known), NONCE, response, SECURE)
            if response not in (b"", b"\0"):
                assert next(exchange) == Step(FULL)
            assert not ended(exchange, reply if response not in (b"", b"\0") else None)


class TestManyPasswords:
    PASSWORDS = (b"new", b"coming", b"old")

    @pytest.mark.parametrize("said", PASSWORDS)
    def test_the_scramble_of_any(self, said: bytes) -> None:
        exchange = CachingSha2Server().authenticate(self.PASSWORDS, NONCE, scramble(said, NONCE), INSECURE)
        assert next(exchange) == Step(FAST, awaits_reply=False)
        assert ended(exchange, b"")

    @pytest.mark.parametrize("said", PASSWORDS)
    def test_any_in_clear(self, said: bytes) -> None:
        exchange = CachingSha2Server(fast=False).authenticate(self.PASSWORDS, NONCE, WRONG, SECURE)
        assert next(exchange) == Step(FULL)
        assert ended(exchange, said + b"\0")

    def test_none_of_them(self) -> None:
        exchange = CachingSha2Server().authenticate(self.PASSWORDS, NONCE, scramble(b"x", NONCE), SECURE)
        assert next(exchange) == Step(FULL)
        assert not ended(exchange, b"older\0")


class TestAsking:
    def asked(
        self, channel: Channel, reply: bytes, response: bytes = WRONG
    ) -> tuple[list[Step], bytes | None]:
        """What the server sends to a client that replies so to each step, and what it learns."""
        exchange = CachingSha2Server().ask(NONCE, response, channel)
        steps: list[Step] = []
        try:
            while True:
                steps.append(exchange.send(reply) if steps else next(exchange))
        except StopIteration as end:
            return steps, end.value

    @pytest.mark.parametrize("password", [b"secret", b"x" * MAX_PASSWORD_BYTES])
    def test_the_password_in_clear_on_a_secure_channel(self, password: bytes) -> None:
        assert self.asked(SECURE, password + b"\0") == ([Step(FULL)], password)

    def test_a_right_scramble_is_asked_all_the_same(self) -> None:
        response = scramble(b"secret", NONCE)
        assert self.asked(SECURE, b"secret\0", response) == ([Step(FULL)], b"secret")

    @pytest.mark.parametrize("channel", [SECURE, INSECURE])
    @pytest.mark.parametrize("response", [b"", b"\0"])
    def test_who_says_that_it_has_none_is_believed(self, channel: Channel, response: bytes) -> None:
        assert self.asked(channel, b"secret\0", response) == ([], b"")

    @pytest.mark.parametrize("reply", [b"", b"secret", b"x" * MAX_PASSWORD_BYTES + b"x\0"])
    def test_what_is_no_password(self, reply: bytes) -> None:
        assert self.asked(SECURE, reply) == ([Step(FULL)], None)

    def test_nobody_is_asked_over_an_insecure_channel_without_a_key(self) -> None:
        assert self.asked(INSECURE, b"secret\0") == ([], None)

    def test_under_the_key_on_an_insecure_channel(self, rsa_key: RsaKeyPair) -> None:
        channel = Channel(secure=False, rsa_key=rsa_key)
        exchange = CachingSha2Server().ask(NONCE, WRONG, channel)
        assert next(exchange) == Step(FULL)
        pem = exchange.send(b"\x02").payload[1:]
        with pytest.raises(StopIteration) as end:
            exchange.send(_auth.sha2_rsa_encrypt(b"secret", NONCE, pem))
        assert end.value.value == b"secret"

    def test_the_password_in_clear_on_an_insecure_channel_is_not_taken(self, rsa_key: RsaKeyPair) -> None:
        assert self.asked(Channel(secure=False, rsa_key=rsa_key), b"secret\0") == ([Step(FULL)], None)


class TestClient:
    def test_responds_as_pymysql_does(self) -> None:
        for password in PASSWORDS:
            response = next(CachingSha2Client().respond(password, NONCE, INSECURE))
            assert response == _auth.scramble_caching_sha2(password, NONCE)

    def test_waits_after_the_fast_path(self) -> None:
        exchange = CachingSha2Client().respond(b"secret", NONCE, INSECURE)
        next(exchange)
        assert exchange.send(b"\x03") is None
        with pytest.raises(AuthRefused, match="more data"):
            exchange.send(b"\x04")

    def test_sends_the_password_only_when_secure(self) -> None:
        exchange = CachingSha2Client().respond(b"secret", NONCE, SECURE)
        next(exchange)
        assert exchange.send(b"\x04") == b"secret\0"

    def test_asks_for_the_key_when_insecure(self, rsa_key: RsaKeyPair) -> None:
        exchange = CachingSha2Client().respond(b"secret", NONCE, INSECURE)
        next(exchange)
        assert exchange.send(b"\x04") == b"\x02"
        ciphertext = exchange.send(rsa_key.public_pem)
        assert ciphertext is not None
        masked = rsa_key.decrypt(ciphertext)
        assert bytes(left ^ right for left, right in zip(masked, NONCE, strict=False)) == b"secret\0"

    def test_does_not_ask_for_the_key_when_that_is_not_allowed(self) -> None:
        exchange = CachingSha2Client(allow_public_key_retrieval=False).respond(b"secret", NONCE, INSECURE)
        next(exchange)
        with pytest.raises(AuthRefused, match="insecure channel"):
            exchange.send(b"\x04")

    @pytest.mark.parametrize("pem", [b"", b"no key", b"x" * 10_000])
    def test_refuses_what_is_no_key(self, pem: bytes) -> None:
        exchange = CachingSha2Client().respond(b"secret", NONCE, INSECURE)
        next(exchange)
        exchange.send(b"\x04")
        with pytest.raises(AuthRefused, match="encrypted"):
            exchange.send(pem)

    def test_a_password_too_long_for_the_key_is_refused_unseen(self, rsa_key: RsaKeyPair) -> None:
        exchange = CachingSha2Client().respond(b"hunter2" * 100, NONCE, INSECURE)
        next(exchange)
        exchange.send(b"\x04")
        with pytest.raises(AuthRefused) as refusal:
            exchange.send(rsa_key.public_pem)
        assert "hunter2" not in str(refusal.value)
        assert refusal.value.__suppress_context__

    @pytest.mark.parametrize("verdict", [b"", b"\x00", b"\x05", b"\x03\x03"])
    def test_refuses_an_unknown_verdict(self, verdict: bytes) -> None:
        exchange = CachingSha2Client().respond(b"secret", NONCE, SECURE)
        next(exchange)
        with pytest.raises(AuthRefused, match="verdict"):
            exchange.send(verdict)

    @pytest.mark.parametrize("verdict", [b"\x03", b"\x04"])
    def test_has_nothing_to_add_to_an_empty_password(self, verdict: bytes) -> None:
        exchange = CachingSha2Client().respond(b"", NONCE, SECURE)
        assert next(exchange) == b""
        with pytest.raises(AuthRefused, match="empty password"):
            exchange.send(verdict)

    def test_refuses_a_nonce_of_another_length(self) -> None:
        with pytest.raises(AuthRefused, match="nonce"):
            next(CachingSha2Client().respond(b"secret", b"", SECURE))

    def test_has_no_use_for_a_digest(self) -> None:
        with pytest.raises(AuthRefused, match="digest"):
            next(CachingSha2Client().respond(NativeDigest(bytes(20)), NONCE, SECURE))


class TestBothSides:
    @pytest.mark.parametrize("password", PASSWORDS)
    @pytest.mark.parametrize("fast", [True, False])
    @pytest.mark.parametrize("secure", [True, False])
    def test_agree(
        self, password: bytes, fast: bool, secure: bool, converse: Callable[..., Any], rsa_key: RsaKeyPair
    ) -> None:
        outcome = converse(
            CachingSha2Server(fast=fast),
            CachingSha2Client(),
            known=password,
            said=password,
            nonce=NONCE,
            channel=Channel(secure, rsa_key),
        )
        assert outcome.proven
        if len(password) > 1 and not secure:
            assert not any(password in payload for payload in outcome.transcript)

    @pytest.mark.parametrize("known", [b"secret", b"", None])
    @pytest.mark.parametrize("secure", [True, False])
    def test_a_wrong_password_and_an_unknown_user_look_alike(
        self, known: bytes | None, secure: bool, converse: Callable[..., Any], rsa_key: RsaKeyPair
    ) -> None:
        outcome = converse(
            CachingSha2Server(),
            CachingSha2Client(),
            known=known,
            said=b"wrong",
            nonce=NONCE,
            channel=Channel(secure, rsa_key),
        )
        assert not outcome.proven
        assert outcome.transcript[1] == FULL
        assert len(outcome.transcript) == (3 if secure else 5)
