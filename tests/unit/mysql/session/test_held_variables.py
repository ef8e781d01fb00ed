import pytest

from proxy.mysql.session.held_variables import NO_VARIABLES, HeldVariables
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.user_variables import MAX_VARIABLES, VARIABLES_LIMIT, Kind, NotHeld, Variable
from proxy.mysql.session.variable_literals import BareNull, TextLiteral
from proxy.mysql.session.variable_use import NO_USE, VariableUse

ONE, TWO = Variable(Kind.SIGNED, b"1"), Variable(Kind.SIGNED, b"2")
UTF8 = FRESH.changed(
    variables=[
        ("character_set_client", "utf8mb4"),
        ("collation_connection", "utf8mb4_bin"),
        ("sql_mode", ""),
    ]
)


@pytest.fixture
def held() -> HeldVariables:
    return HeldVariables()


def sets(**literals: Variable | TextLiteral | BareNull) -> VariableUse:
    """Of a SET with these values."""
    return VariableUse(frozenset(), frozenset(literals), literals)


def assigns(*names: str) -> VariableUse:
    """Of a text that tells no value."""
    return VariableUse(frozenset(names), frozenset(names))


def reads(*names: str) -> VariableUse:
    return VariableUse(frozenset(names))


class TestTexts:
    def test_a_literal_is_known(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        assert (dict(held.values), held.asked) == ({"a": ONE}, frozenset())

    def test_a_string_belongs_to_the_settings(self, held: HeldVariables) -> None:
        held.after(sets(a=TextLiteral(b"x")), UTF8, failed=False)
        assert held.values["a"] == Variable(Kind.STRING, b"x", "utf8mb4_bin")

    def test_without_them_it_is_asked_for(self, held: HeldVariables) -> None:
        held.after(sets(a=TextLiteral(b"x"), b=ONE), FRESH, failed=False)
        assert (dict(held.values), held.asked) == ({"b": ONE}, {"a"})

    def test_the_rest_is_asked_for(self, held: HeldVariables) -> None:
        held.after(assigns("a", "b"), FRESH, failed=False)
        assert held.asked == {"a", "b"}

    def test_after_an_error_nobody_knows(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        held.after(sets(a=TWO), FRESH, failed=True)
        assert (dict(held.values), held.asked) == ({"a": ONE}, {"a"})

    def test_a_literal_answers_for_what_was_asked(self, held: HeldVariables) -> None:
        held.after(assigns("a", "b"), FRESH, failed=False)
        held.after(sets(a=ONE), FRESH, failed=False)
        assert (dict(held.values), held.asked) == ({"a": ONE}, {"b"})

    @pytest.mark.parametrize("use", [NO_USE, reads("a")])
    def test_reading_changes_nothing(self, held: HeldVariables, use: VariableUse) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        before = held.values
        held.after(use, FRESH, failed=False)
        assert held.values is before
        assert not held.asked

    def test_a_value_that_is_the_same_leaves_the_mapping(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        before = held.values
        held.after(sets(a=ONE), FRESH, failed=False)
        assert held.values is before
        held.after(sets(a=TWO), FRESH, failed=False)
        assert held.values is not before
        assert before == {"a": ONE}, "a connection may have that one"


class TestNull:
    def test_it_keeps_the_type(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        held.after(sets(a=BareNull()), FRESH, failed=False)
        assert dict(held.values) == {"a": Variable(Kind.SIGNED, None)}

    def test_of_a_type_that_is_asked_for(self, held: HeldVariables) -> None:
        held.after(assigns("a"), FRESH, failed=False)
        held.after(sets(a=BareNull()), FRESH, failed=False)
        assert (dict(held.values), held.asked) == ({}, {"a"})

    def test_of_a_type_that_could_not_be_held(self, held: HeldVariables) -> None:
        held.after(assigns("a"), FRESH, failed=False)
        held.answered(["a"], {"a": NotHeld(100_000)})
        held.after(sets(a=BareNull()), FRESH, failed=False)
        assert (dict(held.values), held.asked) == ({}, {"a"})


class TestAnswers:
    def test_a_value_is_held(self, held: HeldVariables) -> None:
        held.after(sets(b=TWO), FRESH, failed=False)
        held.after(assigns("a"), FRESH, failed=False)
        held.answered(["a"], {"a": ONE})
        assert (dict(held.values), held.asked) == ({"a": ONE, "b": TWO}, frozenset())

    def test_one_that_was_never_set_is_none(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        held.after(assigns("a"), FRESH, failed=False)
        held.answered(["a"], {})
        assert (dict(held.values), held.asked, held.not_held) == ({}, frozenset(), frozenset())

    def test_one_that_cannot_be_held(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        held.after(assigns("a"), FRESH, failed=False)
        held.answered(["a"], {"a": NotHeld(100_000)})
        assert (dict(held.values), held.asked, held.not_held) == ({}, frozenset(), {"a"})

    @pytest.mark.parametrize("later", ["literal", "answer"])
    def test_later_it_can(self, held: HeldVariables, later: str) -> None:
        held.answered(["a"], {"a": NotHeld(100_000)})
        if later == "literal":
            held.after(sets(a=ONE), FRESH, failed=False)
        else:
            held.answered(["a"], {"a": ONE})
        assert (dict(held.values), held.not_held) == ({"a": ONE}, frozenset())

    def test_a_part_leaves_the_rest_to_be_asked(self, held: HeldVariables) -> None:
        held.after(assigns("a", "b"), FRESH, failed=False)
        held.answered(["a"], {"a": ONE})
        assert held.asked == {"b"}


class TestEnds:
    def test_code_that_is_not_seen_may_have_set_any(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE, b=TWO), FRESH, failed=False)
        held.ask_again(["c"])
        assert held.asked == {"a", "b", "c"}

    def test_a_lost_connection(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        held.answered(["b"], {"b": NotHeld()})
        held.ask_again(["c"])
        held.forget_asked()
        assert (dict(held.values), held.asked, held.not_held) == ({"a": ONE}, frozenset(), frozenset())

    def test_a_session_that_starts_over(self, held: HeldVariables) -> None:
        held.after(sets(a=ONE), FRESH, failed=False)
        held.ask_again()
        held.clear()
        assert held.values is NO_VARIABLES
        assert not held.asked


class TestRoom:
    def test_a_number_of_them(self, held: HeldVariables) -> None:
        held.after(sets(**{f"a{number}": ONE for number in range(MAX_VARIABLES)}), FRESH, failed=False)
        assert not held.are_too_many
        held.after(sets(one_more=ONE), FRESH, failed=False)
        assert held.are_too_many

    def test_their_bytes(self, held: HeldVariables) -> None:
        held.after(sets(a=Variable(Kind.STRING, b"x" * (VARIABLES_LIMIT - 1))), FRESH, failed=False)
        held.after(sets(b=ONE), FRESH, failed=False)
        assert not held.are_too_many
        held.after(sets(c=ONE), FRESH, failed=False)
        assert held.are_too_many
