"""Tokens of boto3 and of the AWS command line, changed in every place and every field: all are refused.

What remains the same token to AWS, too, is let in: its parameters in another order, its host in another case
where the signer took the lower one.
"""

import functools
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from .signing import (
    HOST,
    LONG_LIVED,
    TEMPORARY,
    Signer,
    boto3_token,
    command_line_token,
    issued_at,
    verifier_at,
)

Maker = Callable[..., bytes]
USER = "app"
ENDPOINT = f"{HOST}:3306"
# Every name that somebody who tampers could hope for, so that it is not this list that refuses a token.
NAMES = frozenset([ENDPOINT, f"{HOST}:443", f"{HOST}:3307", "other.example.com:3306", f"x{HOST}:3306"])
ADDRESS = "192.0.2.1"
FIELDS = (
    "Action",
    "DBUser",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
)
PLAUSIBLE = (
    "connect",
    "Connect",
    "*",
    USER,
    "App",
    "root",
    "app%00",
    "app%20",
    "AWS4-HMAC-SHA256",
    "AWS4-HMAC-SHA1",
    "none",
    "900",
    "0900",
    "901",
    "1",
    "0",
    "-1",
    "1e9",
    "604800",
    "host",
    "host%3Bx-amz-date",
    "Host",
    "99991231T235959Z",
    "20261122T111108Z",
    "0" * 64,
    "",
    "%",
    "%%",
    "%zz",
    "%C3",
    "a=b",
)

tampering = settings(deadline=None, max_examples=100)
# For each field of each token.
of_each_field = settings(deadline=None, max_examples=30)


@functools.cache
def original(make: Maker, signer: Signer) -> bytes:
    return make(signer)


@functools.cache
def other_tokens() -> tuple[bytes, ...]:
    """None of them is good here as it is."""
    return (
        boto3_token(TEMPORARY, port=3307),
        boto3_token(LONG_LIVED, user="root"),
        boto3_token(LONG_LIVED, port=3307),
        boto3_token(LONG_LIVED, region="us-east-1"),
        boto3_token(Signer("AKIAOTHER", "other")),
    )


def is_let_in(token: bytes, now: float, username: str = USER) -> bool:
    verdict = verifier_at(now).verify(token, username, NAMES, ADDRESS, True)
    for part in (token, token.partition(b"?")[2], token[-64:]):
        # A few characters are in any sentence.
        assert len(part) < 8 or part.decode("latin-1") not in verdict.reason
    assert verdict.allowed == (not verdict.reason)
    return verdict.allowed


def pairs_of(token: bytes) -> tuple[str, list[list[str]]]:
    place, _, query = token.decode().partition("?")
    return place, [pair.split("=", 1) for pair in query.split("&")]


def joined(place: str, pairs: list[list[str]]) -> bytes:
    return f"{place}?{'&'.join('='.join(pair) for pair in pairs)}".encode()


def meaning(token: bytes) -> tuple[bytes, list[bytes]]:
    """What AWS itself would not tell apart."""
    place, _, query = token.partition(b"?")
    return place.lower(), sorted(query.split(b"&"))


@pytest.fixture(scope="module", params=[boto3_token, command_line_token], ids=["boto3", "command line"])
def make(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.param
    return maker


@pytest.fixture(scope="module", params=[LONG_LIVED, TEMPORARY], ids=["long-lived", "temporary"])
def token(make: Maker, request: pytest.FixtureRequest) -> bytes:
    return original(make, request.param)


def test_as_it_was_made_it_lets_in_again_and_again(token: bytes) -> None:
    made = issued_at(token)
    for now in (made - 300, made, made + 1, made + 450, made + 899.9):
        assert is_let_in(token, now)


def test_before_and_after_its_time_it_does_not(token: bytes) -> None:
    made = issued_at(token)
    for now in (made - 1e6, made - 300.1, made + 900, made + 901, made + 1e6, made + 86_400):
        assert not is_let_in(token, now)


def test_as_another_user_it_does_not(token: bytes) -> None:
    for name in ("App", "app ", "app\0", "ap", "apq", "", "root", "\u0430pp", "app%"):
        assert not is_let_in(token, issued_at(token), name)


def test_it_belongs_to_its_endpoint(token: bytes) -> None:
    verifier = verifier_at(issued_at(token))
    for names in (frozenset[str](), frozenset([f"{HOST}:3307"]), NAMES - {ENDPOINT}, frozenset([HOST])):
        assert not verifier.verify(token, USER, names, ADDRESS, True).allowed


def test_on_a_connection_that_others_can_read_it_is_refused(token: bytes) -> None:
    verdict = verifier_at(issued_at(token)).verify(token, USER, NAMES, ADDRESS, False)
    assert (verdict.allowed, verdict.reason) == (False, "the connection is not encrypted")


def test_cut_short_anywhere_it_is_refused(token: bytes) -> None:
    made = issued_at(token)
    for length in range(len(token)):
        assert not is_let_in(token[:length], made)


@tampering
@given(data=st.data())
def test_every_byte_counts(token: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(token) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = token[:at] + bytes([byte]) + token[at + 1 :]
    assume(meaning(changed) != meaning(token))
    assert not is_let_in(changed, issued_at(token))


def test_no_bit_can_be_flipped(token: bytes) -> None:
    made = issued_at(token)
    for at in range(len(token)):
        for bit in range(8):
            changed = token[:at] + bytes([token[at] ^ (1 << bit)]) + token[at + 1 :]
            if meaning(changed) != meaning(token):
                assert not is_let_in(changed, made), (at, bit)


@tampering
@given(data=st.data())
def test_nothing_can_be_put_in_or_taken_out(token: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 20)))
    inserted = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"\0", b"\n", b" ", b"&", b"=", b"%00", b"+"])
    )
    changed = token[:start] + inserted + token[end:]
    assume(meaning(changed) != meaning(token))
    assert not is_let_in(changed, issued_at(token))


values = (
    st.sampled_from(PLAUSIBLE)
    | st.text(max_size=80)
    | st.text("0123456789abcdefABCDEF%TZ/", max_size=80)
    | st.text("%0123456789ABCDEF", max_size=30)
)


@pytest.mark.parametrize("field", FIELDS)
@of_each_field
@given(data=st.data())
def test_no_field_can_have_another_value(field: str, token: bytes, data: st.DataObject) -> None:
    place, pairs = pairs_of(token)
    pair = next((each for each in pairs if each[0] == field), None)
    value = data.draw(values | st.just("same, in other letters"))
    if pair is None:
        pairs.insert(data.draw(st.integers(0, len(pairs))), [field, value])
    else:
        value = pair[1].swapcase() if value == "same, in other letters" else value
        assume(value != pair[1])
        pair[1] = value
    assert not is_let_in(joined(place, pairs), issued_at(token))


@pytest.mark.parametrize("field", FIELDS)
@of_each_field
@given(data=st.data())
def test_no_field_can_be_there_twice(field: str, token: bytes, data: st.DataObject) -> None:
    place, pairs = pairs_of(token)
    present = [pair[1] for pair in pairs if pair[0] == field]
    if not present:
        pytest.skip("the token has no such field")
    value = data.draw(values | st.sampled_from(present))
    pairs.insert(data.draw(st.integers(0, len(pairs))), [field, value])
    assert not is_let_in(joined(place, pairs), issued_at(token))


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_can_be_missing_or_have_another_name(field: str, token: bytes) -> None:
    place, pairs = pairs_of(token)
    at = next((number for number, pair in enumerate(pairs) if pair[0] == field), None)
    if at is None:
        pytest.skip("the token has no such field")
    made = issued_at(token)
    assert not is_let_in(joined(place, pairs[:at] + pairs[at + 1 :]), made)
    for name in ("", field.lower(), field.upper(), f"{field}%20", f" {field}", f"{field}[]", f"x-{field}"):
        renamed = [*pairs[:at], [name, pairs[at][1]], *pairs[at + 1 :]]
        if name != field:
            assert not is_let_in(joined(place, renamed), made)


@tampering
@given(
    name=st.sampled_from(["x", "X-Amz-Content-Sha256", "Version", "DBName", ""]) | st.text(max_size=9),
    data=st.data(),
)
def test_no_field_can_be_added(token: bytes, name: str, data: st.DataObject) -> None:
    place, pairs = pairs_of(token)
    pairs.insert(data.draw(st.integers(0, len(pairs))), [name, data.draw(values)])
    assert not is_let_in(joined(place, pairs), issued_at(token))


@tampering
@given(data=st.data())
def test_no_field_can_be_another_tokens(make: Maker, data: st.DataObject) -> None:
    """One that was made for another user, endpoint, region or key."""
    token = original(make, LONG_LIVED)
    place, pairs = pairs_of(token)
    _, foreign = pairs_of(data.draw(st.sampled_from(other_tokens())))
    taken = data.draw(
        st.lists(st.sampled_from(foreign), min_size=1, max_size=5, unique_by=lambda pair: pair[0])
    )
    assume(any(pair not in pairs for pair in taken))
    names = {pair[0] for pair in taken}
    mixed = [pair for pair in pairs if pair[0] not in names] + taken
    assert not is_let_in(joined(place, mixed), issued_at(token))


@tampering
@given(
    place=st.sampled_from(
        [f"{HOST}:3307/", f"{HOST}:443/", "other.example.com:3306/", f"x{HOST}:3306/", "/", ""]
    )
)
def test_it_cannot_be_sent_to_another_endpoint(token: bytes, place: str) -> None:
    _, _, query = token.partition(b"?")
    assert not is_let_in(place.encode() + b"?" + query, issued_at(token))


@pytest.mark.parametrize(
    "form", ["https://{}", "//{}", " {}", "{} ", "{}\n", "{}\0", "{}#", "{}&", "{}?", "x@{}", "\ufeff{}"]
)
def test_nothing_stands_around_it(token: bytes, form: str) -> None:
    assert not is_let_in(form.format(token.decode()).encode(), issued_at(token))


@tampering
@given(data=st.data())
def test_the_order_of_its_fields_does_not_matter(token: bytes, data: st.DataObject) -> None:
    """SDKs differ in it."""
    place, pairs = pairs_of(token)
    assert is_let_in(joined(place, data.draw(st.permutations(pairs))), issued_at(token))


def test_the_case_of_its_host_does_not_matter(token: bytes) -> None:
    """botocore signs the host in lower case, however it was given."""
    assert is_let_in(token.replace(HOST.encode(), HOST.title().encode()), issued_at(token))


@tampering
@given(sent=st.binary(max_size=600) | st.text(max_size=300).map(str.encode))
def test_anything_can_be_sent(sent: bytes) -> None:
    assert not is_let_in(sent, 0.0)


pieces = st.sampled_from(
    [
        f"{HOST}:3306",
        "/?",
        "&",
        "=",
        "%",
        "%2F",
        "Action",
        "connect",
        "DBUser",
        USER,
        *FIELDS,
        *PLAUSIBLE,
        "é",
        "\0",
    ]
)


@tampering
@given(parts=st.lists(pieces, max_size=60))
def test_anything_that_looks_like_one_can_be_sent(parts: list[str]) -> None:
    assert not is_let_in("".join(parts).encode(), 0.0)


@pytest.mark.parametrize(
    "filler", ["&", "=", "%41", "a", "&a=b", "&X-Amz-Date=1", "%2F", "/?", "?", ":", "["]
)
def test_a_long_one_is_read_in_no_time(filler: str) -> None:
    """Not by a clock: something quadratic would take minutes here."""
    text = f"{HOST}:3306/?Action=connect" + filler * (8192 // len(filler))
    for sent in (text, filler * (8192 // len(filler))):
        for _ in range(200):
            assert not is_let_in(sent.encode()[:8192], 0.0)
