"""Prepared statements as values."""

import gc

import pytest

from proxy.mysql.session.prepared import (
    LONGEST_HISTORY,
    METADATA_LIFETIME,
    NOT_EXECUTED,
    History,
    OpenStatement,
    PreparedTexts,
    classes_of,
    history_after,
)
from proxy.mysql.session.settings import FRESH, settings
from proxy.mysql.session.user_variables import Kind, Variable
from proxy.mysql.session.verdict import PLAIN
from proxy.mysql.wire.execute_packets import ParameterTypes
from proxy.mysql.wire.prepare_response import PrepareResponse
from tests.peers import packets as p

TINY, LONG, DOUBLE, NULL, LONGLONG, DATE, BLOB, STRING = 1, 3, 5, 6, 8, 10, 0xFC, 0xFD
UNSIGNED = 0x8000


def types(*kinds: int) -> ParameterTypes:
    return ParameterTypes(b"".join(kind.to_bytes(2, "little") for kind in kinds))


def history(*executions: tuple[int, ...]) -> History:
    found = NOT_EXECUTED
    for kinds in executions:
        found = history_after(found, classes_of(types(*kinds)))
    return found


def response(columns: int = 1, parameters: int = 0, warnings: int = 0) -> PrepareResponse:
    payloads = [p.prepared(9, columns, parameters, warnings), *[p.column()] * (columns + parameters)]
    return PrepareResponse.decode(p.packets(payloads))


class TestHistory:
    def test_sizes_of_integers_do_not_matter(self) -> None:
        assert history((TINY,)) == history((LONGLONG,)) == history((LONG,), (TINY,)) != NOT_EXECUTED

    def test_signs_do(self) -> None:
        assert history((LONGLONG,)) != history((LONGLONG | UNSIGNED,))

    @pytest.mark.parametrize("kind", [STRING, BLOB, NULL])
    def test_strings_and_null_leave_what_was(self, kind: int) -> None:
        assert history((kind,)) == NOT_EXECUTED
        assert history((DOUBLE,), (kind,)) == history((DOUBLE,))

    def test_the_order_matters(self) -> None:
        assert history((DOUBLE,), (DATE,)) != history((DATE,), (DOUBLE,))
        assert history((DOUBLE,), (DATE,)) != history((DATE,))

    def test_what_was_open_is_filled_in(self) -> None:
        assert history((DOUBLE, NULL), (DOUBLE, DATE)) == history((DOUBLE, DATE))

    def test_nothing_without_parameters(self) -> None:
        assert history((), ()) == NOT_EXECUTED

    def test_a_long_one_is_like_no_other(self) -> None:
        changes = [(DOUBLE,), (DATE,)] * LONGEST_HISTORY
        long = history(*changes)
        assert len(long) == LONGEST_HISTORY
        assert long != history(*changes)
        assert history_after(long, classes_of(types(LONG))) == long


class TestTexts:
    def test_one_object_for_one_text(self) -> None:
        texts = PreparedTexts()
        one = texts.text("key", FRESH, b"SELECT 1")
        assert texts.text("key", FRESH, b"SELECT 1") is one
        others = [
            texts.text("other", FRESH, b"SELECT 1"),
            texts.text("key", settings("shop", {}), b"SELECT 1"),
            texts.text("key", FRESH, b"SELECT 2"),
            texts.text("key", FRESH, b"SELECT 1", ("x", 1)),
        ]
        assert len({one, *others}) == 5
        assert len(texts) == 5

    def test_nobody_keeps_what_nobody_uses(self) -> None:
        texts = PreparedTexts()
        texts.text("key", FRESH, b"SELECT 1")
        gc.collect()
        assert len(texts) == 0

    def test_an_answer_is_known_for_a_while(self) -> None:
        text = PreparedTexts().text("key", FRESH, b"SELECT ?")
        assert not text.is_known(0.0)
        text.executed(0.0)
        assert not text.is_known(0.0)
        text.prepared(response(1, 2), text.version, 100.0)
        assert (text.parameters, text.columns) == (2, 1)
        assert text.is_known(100.0 + METADATA_LIFETIME - 1)
        assert not text.is_known(100.0 + METADATA_LIFETIME)
        text.executed(150.0)
        assert text.is_known(150.0 + METADATA_LIFETIME - 1)

    def test_doubt(self) -> None:
        text = PreparedTexts().text("key", FRESH, b"SELECT 1")
        text.prepared(response(), text.version, 0.0)
        text.doubt()
        text.executed(1.0)
        assert not text.is_known(1.0)

    def test_a_table_has_changed(self) -> None:
        texts = PreparedTexts()
        text = texts.text("key", FRESH, b"SELECT 1")
        before = text.version
        text.prepared(response(), before, 0.0)
        texts.doubt_all()
        assert not text.is_known(0.0)
        text.prepared(response(), before, 0.0)
        assert not text.is_known(0.0), "it was asked before the change"
        text.prepared(response(), text.version, 0.0)
        assert text.is_known(0.0)

    @pytest.mark.parametrize("answer", [None, response(warnings=1)])
    def test_an_answer_that_is_not_kept(self, answer: PrepareResponse | None) -> None:
        text = PreparedTexts().text("key", FRESH, b"SELECT 1")
        text.prepared(answer, text.version, 0.0)
        assert not text.is_known(0.0)


class TestOpenStatement:
    def test_variables_have_the_types_of_then(self) -> None:
        number, string = Variable(Kind.SIGNED, b"5"), Variable(Kind.STRING, b"x", "utf8mb4_bin")
        statement = OpenStatement(1, None, PLAIN)
        now = {"a": string, "b": string, "c": string}
        assert statement.variables_to_prepare(now) is now
        statement.variables, statement.unset = {"a": number}, frozenset({"b"})
        assert statement.variables_to_prepare(now) == {"a": number, "c": string}

    def test_its_size_is_that_of_its_text(self) -> None:
        text = PreparedTexts().text("key", FRESH, b"SELECT 1")
        assert OpenStatement(1, text, PLAIN).size == 8
        assert OpenStatement(1, None, PLAIN).size == 0
        assert OpenStatement(1, None, PLAIN).bound
