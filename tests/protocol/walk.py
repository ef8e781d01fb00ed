"""Walks one case: a client logs in, does what comes before, sends the command, and is checked."""

from collections.abc import Sequence

import attrs

from tests.peers import packets as p

from . import bits
from .case import Answerer, Case, Effect, Profile, Step, query
from .responses import Rows, View, files, turns
from .stage import ABOUT_STATEMENTS, Cut, Stage, whole

__all__ = ["Delivery", "walk"]

_QUERY, _EXECUTE = 0x03, 0x17
#: Commands that are no statements and change nothing that outlives their connection unseen.
_HARMLESS = frozenset({0x02, 0x04, 0x09, 0x0E, 0x16})
_READS = frozenset({b"SELECT", b"SHOW", b"DESC", b"EXPLAIN", b"BEGIN", b"ROLLBACK", b"START", b"USE", b"SET"})
_LOST, _ROLLED_BACK = 2013, 1213

#: Longer than a connection is kept for SHOW WARNINGS.
_HOLD = 0.3

_INNOCENT = query(b"SELECT 'innocent'", Rows(1, [p.row([b"innocent"])]))


@attrs.frozen
class Delivery:
    """How bytes arrive, on both sides, and what the database says behind its response."""

    name: str
    cut: Cut = whole
    extra: bytes = b""
    together: bool = False
    #: The client sends its next command at once.
    pipelined: bool = False


class _Visit:
    """One client's stay."""

    def __init__(self, stage: Stage, profile: Profile) -> None:
        self.stage = stage
        self.peer = stage.connect(profile)
        self.view = View(profile.agreed, False, bits.AUTOCOMMIT, statement=1)
        #: Texts of statements that it has been told of, by id.
        self.opened: dict[int, bytes] = {}
        self.nonce = self.peer.nonce
        self.got = b""

    def send(self, payloads: Sequence[bytes], first: int) -> None:
        for piece in self.stage.cut(p.packets(payloads, first)):
            self.peer.send(piece)
        self.stage.settle()

    def perform(self, step: Step, password: bytes | None = None, following: Step | None = None) -> bytes:
        """Send a command, and a file where one is asked for; returns what the client must get."""
        # The proxy's own commands may be the same as those it answers by itself.
        by_database = [each for each in (step, following) if each and each.by is Answerer.DATABASE]
        self.stage.steps, self.stage.step = by_database, None
        self.stage.reached = []
        self.stage.heard = []
        self.stage.opened = self.opened
        self.got = b""
        payload = step.encoded(self.view.capabilities)
        self.peer.begin_command()
        if following is None:
            self.send([payload], 0)
        else:
            next_payload = following.encoded(self.view.capabilities)
            self.peer.send(p.packet(payload) + p.packet(next_payload))
            self.stage.settle()
        self._take()
        first = len(payload) // p.LIMIT + 1
        if password is not None:
            first = self._answer_challenge(password)
        expected = self._converse(step, first) + (self._converse(following, 1) if following else b"")
        if step.prepares is not None:
            self.opened[self.view.statement] = step.prepares
            self.view.statement += 1
        return expected

    def _take(self) -> bytes:
        taken = self.peer.take()
        self.got += taken
        return taken

    def _answer_challenge(self, password: bytes) -> int:
        [(sequence, switch)] = p.split(self.got)
        self.got = b""
        plugin = b"\xfemysql_native_password\0"
        assert sequence == 1
        assert switch == plugin + self.nonce + b"\0", "another challenge than the client's last"
        self.send([p.native(password, self.nonce)], 2)
        self._take()
        return 3

    def _converse(self, step: Step, sequence: int) -> bytes:
        expected = b""
        contents = files(step.response)
        for payloads in turns(step.response, self.view):
            said = p.packets(payloads, sequence)
            sequence += len(p.split(said))
            expected += said
            if contents and self.got == expected:
                content = contents.pop(0)
                self.send([*content, b""], sequence & 0xFF)
                sequence += len(content) + 1
                self._take()
        return expected


def walk(stage: Stage, case: Case, profile: Profile, delivery: Delivery) -> None:
    """The case, with these capabilities, delivered like this; afterwards another client is served."""
    stage.forget()
    visit = _Visit(stage, profile)
    for step in case.before:
        expected = visit.perform(step)
        _same(visit.got, expected, "a step before")
    if case.elsewhere:
        for server in stage.reached:
            server.kill()
        stage.settle()
    stage.cut, stage.extra, stage.together = delivery.cut, delivery.extra, delivery.together
    following = _INNOCENT if delivery.pipelined else None
    expected = visit.perform(case.step, case.password, following)
    stage.cut, stage.extra = whole, b""
    if delivery.pipelined:
        _same(visit.got, expected, "the answer to two commands")
    elif delivery.extra and stage.reached:
        _check_cut(visit, stage, case, profile, expected)
    else:
        _same(visit.got, expected, "the answer")
        _check_effect(visit, stage, case, profile)
    for _ in range(1 + bool(delivery.extra)):
        _serve_another(stage, profile)
    visit.peer.line.hang_up()
    stage.settle()


def _same(got: bytes, expected: bytes, what: str) -> None:
    assert got == expected, f"{what} is {got[:2000]!r}, not {expected[:2000]!r}"


def _check_effect(visit: _Visit, stage: Stage, case: Case, profile: Profile) -> None:
    by_database = case.step.by is Answerer.DATABASE
    assert len(stage.reached) == by_database, f"came to {len(stage.reached)} databases"
    if not by_database and case.code in ABOUT_STATEMENTS:
        assert case.code not in [command[0] for command in stage.heard], "sent to the database all the same"
    assert visit.peer.closed == case.closes
    commands = visit.peer.line.protocol.commands
    if commands is None:
        return
    if commands.tenancy.connection is not None and case.effect is not Effect.KEPT:
        stage.advance(_HOLD)
    pins = {reason.value for reason in commands.value.pins}
    assert pins == case.pins
    is_kept = commands.tenancy.connection is not None
    assert is_kept == (case.effect is Effect.KEPT), f"kept: {is_kept}"
    for server in stage.reached:
        different = (server.agreed ^ profile.agreed) & bits.AGREED
        assert not different, f"the database was asked for other capabilities: {different:#x}"
        assert server.agreed & bits.DEPRECATE_EOF, "EOF packets cannot tell what trackers do"
        assert server.agreed & bits.SESSION_TRACK, "nobody tells what statements change"
        assert server.line.connected == (case.effect is not Effect.GONE)


def _check_cut(visit: _Visit, stage: Stage, case: Case, profile: Profile, expected: bytes) -> None:
    """More than the response came: the answer is right or an error, and the connection is gone.

    What only reads may have been asked of another database, which has answered well.
    """
    liar, *others = stage.reached
    assert not liar.line.connected, "the connection was not cut"
    assert not others or _may_be_run_again(visit, case), "run a second time"
    got = visit.got + visit.peer.take()
    if got == expected:
        return
    if visit.peer.closed:
        # Towards a client that compresses, a packet that is not whole is not sent.
        assert got or profile.squeezed[0], "closed without a word"
        assert expected.startswith(got), "a wrong answer"
        return
    [(_, payload)] = p.split(got)
    is_rolled_back = case.is_in_transaction and b"it is unknown" not in payload
    number = _ROLLED_BACK if is_rolled_back else _LOST
    assert payload[:3] == b"\xff" + number.to_bytes(2, "little"), "a wrong answer"
    assert is_rolled_back or case.code in (_QUERY, _EXECUTE) or not case.is_in_transaction, "no doubt there"


def _may_be_run_again(visit: _Visit, case: Case) -> bool:
    """Whether it changes nothing, neither at the database nor of what a client has open there."""
    if case.is_in_transaction:
        return False
    text = case.step.payload[1:]
    if case.code == _EXECUTE:
        text = visit.opened[int.from_bytes(text[:4], "little")]
    elif case.code != _QUERY:
        return case.code in _HARMLESS
    return text.split(maxsplit=1)[0].upper() in _READS


def _serve_another(stage: Stage, profile: Profile) -> None:
    """The next client, which stays, gets the answer to its own question."""
    other = stage.others.get(profile)
    if other is None or other.peer.closed:
        other = stage.others[profile] = _Visit(stage, profile)
    expected = other.perform(_INNOCENT)
    _same(other.got, expected, "the next client's answer")
