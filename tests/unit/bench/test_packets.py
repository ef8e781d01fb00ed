"""The benchmark's own client: what it takes for a right answer."""

from collections.abc import Sequence

import pytest

from tests.bench.packets import Account, WrongResponse, log_in, query, rows

ACCOUNT = Account("app", "secret", "shop")
GREETING = (
    b"\x0a10.11.9-MariaDB\0"
    + b"\1\0\0\0"
    + b"12345678"
    + b"\0"
    + bytes(18)
    + b"abcdefghijkl\0"
    + b"mysql_native_password\0"
)
OK = b"\0\0\0\2\0\0\0"


def packets(*payloads: bytes, first: int = 1) -> bytes:
    return b"".join(
        len(payload).to_bytes(3, "little") + bytes((number,)) + payload
        for number, payload in enumerate(payloads, first)
    )


def replies(arriving: Sequence[bytes]) -> list[bytes]:
    """Hold the log-in dialogue to its end; return what the client sent."""
    dialogue = log_in(ACCOUNT)
    sent = [next(dialogue)]
    try:
        for data in arriving:
            sent.append(dialogue.send(data))
    except StopIteration:
        return [each for each in sent if each]
    raise AssertionError("the log-in has not ended")


class TestLogIn:
    def test_answers_the_greeting_with_a_scrambled_password(self) -> None:
        (answer,) = replies([packets(GREETING, first=0), packets(OK, first=2)])
        assert answer[3] == 1
        assert b"app\0\x14" in answer
        assert b"secret" not in answer
        assert answer.endswith(b"shop\0mysql_native_password\0")

    def test_can_be_cut_anywhere(self) -> None:
        stream = packets(GREETING, first=0)
        whole = replies([stream, packets(OK, first=2)])
        assert replies([*(bytes((byte,)) for byte in stream), packets(OK, first=2)]) == whole

    def test_follows_a_switch_to_its_plugin_with_the_new_scramble(self) -> None:
        def switch(scramble: bytes) -> bytes:
            return packets(b"\xfemysql_native_password\0" + scramble + b"\0", first=2)

        answers = [
            replies([packets(GREETING, first=0), switch(scramble), packets(OK, first=4)])[1]
            for scramble in (b"A" * 20, b"B" * 20)
        ]
        assert [answer[:4] for answer in answers] == [b"\x14\0\0\3"] * 2
        assert answers[0] != answers[1]

    def test_a_refusal_is_an_error_with_the_server_s_words(self) -> None:
        refusal = packets(b"\xff\x15\x04#28000Access denied", first=2)
        with pytest.raises(WrongResponse, match=r"error 1045: .*Access denied"):
            replies([packets(GREETING, first=0), refusal])


class TestRows:
    END = b"\xfe\0\0\2\0\0\0"
    EOF = b"\xfe\0\0\2\0"

    def test_reads_values_behind_the_column_definitions(self) -> None:
        response = packets(b"\2", b"def 1", b"def 2", b"\x011\x02ab", b"\x012\x00", self.END)
        assert rows(response, legacy_eof=False) == [[b"1", b"ab"], [b"2", b""]]

    def test_knows_the_older_form_with_two_eof_packets(self) -> None:
        response = packets(b"\1", b"def", self.EOF, b"\x011", self.EOF)
        assert rows(response, legacy_eof=True) == [[b"1"]]

    def test_reads_values_of_more_than_250_bytes(self) -> None:
        response = packets(b"\1", b"def", b"\xfc\x2c\x01" + b"x" * 300, self.END)
        assert rows(response, legacy_eof=False) == [[b"x" * 300]]

    @pytest.mark.parametrize(
        "response", [b"", packets(b"\1", b"def"), packets(b"\1", b"def", END)[:-1], packets(OK)]
    )
    def test_what_is_no_whole_result_set_is_refused(self, response: bytes) -> None:
        with pytest.raises(WrongResponse):
            rows(response, legacy_eof=False)


def test_a_query_is_one_packet_with_its_command() -> None:
    assert query("SELECT 1") == b"\x09\0\0\0\x03SELECT 1"
