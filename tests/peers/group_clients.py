"""Clients that keep a ledger of what they were told, to be compared with what the servers have.

Each statement gets exactly one answer; of each row that was written the client knows whether it was
committed, was not, or that nobody knows.
"""

import random
from typing import Any

from .group_world import GroupWorld

__all__ = ["ERRORS", "LedgerClient"]

#: All that a failover may tell a client, by number and a part of the text; what it says of a write.
ERRORS = (
    (1213, b"was not committed", "not"),
    (1213, b"rolled back", "not"),
    (2013, b"it is unknown whether", "unknown"),
    (2013, b"was committed", "committed"),
    (9501, b"", "not"),
)


class LedgerClient:
    """One client; ``rows`` has what it knows of each row it has sent."""

    #: Of all clients of a game.
    last_row = 0

    def __init__(self, world: GroupWorld, number: int) -> None:
        self.world, self.number = world, number
        self.peer = world.client()
        self.rows: dict[str, str] = {}
        #: Rows of the open transaction.
        self.pending: list[str] = []
        self.in_transaction = False
        #: What is under way: kind and row or value.
        self.asked: tuple[str, str] | None = None
        self.asked_at = 0.0
        self.has_logged_in = False
        self.log: list[Any] = []
        #: What its user variable may be; several after a SET that nobody knows of.
        self.variable: set[str | None] = {None}
        self._last_value = 0
        self.errors: list[bytes] = []
        self.must_roll_back = False
        self.last_written = ""

    # Speaking

    def ask(self, kind: str, detail: str = "") -> None:
        """Send a statement."""
        assert self.asked is None
        texts = {
            "insert": f"INSERT {detail}",
            "read": f"SELECT id FROM t WHERE id={detail}",
            "set": f"SET @u='{detail}'",
            "get": "SELECT @u",
        }
        self.asked, self.asked_at = (kind, detail), self.world.clock.seconds()
        self.log.append((round(self.asked_at, 3), kind, detail))
        if kind == "insert":
            self.rows[detail] = "sent"
        self.peer.query(texts.get(kind, kind.upper()))

    def ask_anything(self, chance: random.Random) -> None:
        """Send what comes to its mind."""
        if self.must_roll_back:
            self.ask("rollback")
            return
        kinds = ["insert", "insert", "read", "read", "set", "get"]
        kinds += ["insert", "commit", "commit", "rollback"] if self.in_transaction else ["begin"]
        self.ask_one(chance.choice(kinds))

    def ask_one(self, kind: str) -> None:
        """Send a statement of this kind."""
        if kind == "insert":
            LedgerClient.last_row += 1
            self.ask(kind, str(LedgerClient.last_row))
        elif kind == "read":
            self.ask(kind, self.last_written or "0")
        elif kind == "set":
            self._last_value += 1
            self.ask(kind, f"{self.number}-{self._last_value}")
        else:
            self.ask(kind)

    # Listening

    @property
    def is_idle(self) -> bool:
        return self.asked is None and self.has_logged_in

    def listen(self) -> None:
        """Take in what has come."""
        if self.peer.closed:
            self._come_again()
        payloads = _whole(self.peer.seen) if self.peer.greeting else None
        if payloads is None:
            return
        self.peer.take()
        if not self.has_logged_in:
            self.has_logged_in = True
            assert [payload[:1] for payload in payloads] == [b"\0"], f"log-in: {payloads}"
            return
        assert self.asked is not None, f"{self}: an answer nobody asked for: {payloads}"
        (kind, detail), self.asked = self.asked, None
        error = payloads[0] if payloads[0][:1] == b"\xff" else b""
        self.log.append((round(self.world.clock.seconds(), 3), error or payloads[-2:][0][:20]))
        if error:
            self._failed(kind, detail, error)
        else:
            self._succeeded(kind, detail, payloads)

    def _come_again(self) -> None:
        """Only in the middle of an answer may a socket end: the rest will not come."""
        assert self.asked is not None, f"{self} has lost its socket, idle"
        assert self.peer.seen, f"{self} has lost its socket without an answer to {self.asked}"
        assert self.asked[0] in ("read", "get"), f"{self} has lost its socket at {self.asked}"
        for row in self.pending:
            self.rows[row] = "not"
        self._end_transaction()
        self.peer, self.asked, self.variable, self.must_roll_back = self.world.client(), None, {None}, False
        self.has_logged_in = False
        self.log.append("its socket was closed in the middle of an answer")

    def _failed(self, kind: str, detail: str, error: bytes) -> None:
        errno, text = int.from_bytes(error[1:3], "little"), error[9:]
        fates = [fate for number, part, fate in ERRORS if number == errno and part in text]
        assert fates, f"{self}: an error that is not documented at {kind} {detail}: {error!r}"
        fate = fates[0]
        self.errors.append(error)
        rows = [*self.pending, *([detail] if kind == "insert" else [])]
        assert fate != "unknown" or kind in ("insert", "commit"), f"{self}: unknown {kind}: {error!r}"
        if fate == "unknown" and kind == "insert":
            assert not self.in_transaction, f"{self}: nothing was to be committed: {error!r}"
        for row in rows:
            self.rows[row] = fate
        if fate == "committed" and rows:
            self.last_written = rows[-1]
        if kind == "set":
            self.variable.add(detail)
        self.must_roll_back = kind != "rollback"
        self._end_transaction()

    def _succeeded(self, kind: str, detail: str, payloads: list[bytes]) -> None:
        if kind == "insert":
            self.last_written = detail
            self.rows[detail] = "pending" if self.in_transaction else "committed"
            if self.in_transaction:
                self.pending.append(detail)
        elif kind == "commit":
            for row in self.pending:
                self.rows[row] = "committed"
            self._end_transaction()
        elif kind == "rollback":
            for row in self.pending:
                self.rows[row] = "not"
            self.must_roll_back = False
            self._end_transaction()
        elif kind == "begin":
            self.in_transaction = True
        elif kind == "set":
            self.variable = {detail}
        elif kind == "get":
            value = payloads[-2]
            shown = None if value == b"\xfb" else value[1:].decode()
            assert shown in self.variable, f"{self}: its variable is {shown}, not {self.variable}"
            self.variable = {shown}
        elif kind == "read":
            self._check_read(detail, is_there=len(payloads) == 5)

    def _check_read(self, row: str, *, is_there: bool) -> None:
        known = self.rows.get(row, "not")
        if is_there:
            assert known != "not" or row in self.world.lost, f"{self}: {row} is there, but was not committed"
        elif known in ("committed", "pending"):
            assert row in self.world.lost, f"{self}: does not see its own {known} row {row}"

    def _end_transaction(self) -> None:
        self.in_transaction = False
        self.pending.clear()

    # Judging

    def judge(self, written: set[str]) -> None:
        """Compare with what the writer has."""
        for row, known in self.rows.items():
            assert known not in ("sent", "pending"), f"{self}: {row} is {known} at the end"
            if known == "committed":
                assert row in written or row in self.world.lost, f"{self}: the committed row {row} is lost"
            elif known == "not":
                assert row not in written or row in self.world.late, (
                    f"{self}: {row} is there, but it was told to be not committed"
                )

    def __repr__(self) -> str:
        return f"client {self.number}"


def _whole(data: bytes) -> list[bytes] | None:
    """The payloads of a response; None if it is not there as a whole."""
    payloads = []
    while len(data) >= 4 and len(data) >= (end := 4 + int.from_bytes(data[:3], "little")):
        payloads.append(data[4:end])
        data = data[end:]
    if data or not payloads:
        return None
    if payloads[0][:1] in (b"\0", b"\xff"):
        return payloads
    is_over = payloads[-1][:1] == b"\xff"
    ends = sum(payload[:1] == b"\xfe" and len(payload) < 9 for payload in payloads)
    return payloads if is_over or ends == 2 else None
