"""What a tenant's limits mean for the commands of its sessions; docs/tenants.md says it for operators.

A command is looked at before anything is done about it. What a session has come to in some other way (a
function that sets a variable, a procedure that locks longer) is noticed before its next command, and undone.
What ends a transaction is always let through: refusing that would keep its locks.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ...errors import (
    ClientError,
    read_only_user,
    schema_denied,
    statement_rate_exceeded,
    value_refused,
)
from ...tenants.limits import NO_LIMITS, TenantLimits
from ...tenants.tenant import Tenant
from ..session.allowed_schemas import UNCERTAIN, is_allowed, schemas_used
from ..session.lock_waits import LOCK_WAITS, excess_in
from ..session.read_functions import read_functions
from ..session.read_only import ReadOnlyScreen
from ..session.screen import Dialect
from ..session.statement_kind import StatementKinds
from ..session.user_variables import Kind
from ..session.verdict import TextDeallocate, TextExecute, TextPrepare, TextStatement
from ..wire.commands import Command
from ..wire.execute_packets import statement_id
from ..wire.framing import HEADER
from ..wire.status import Status
from .context import EndpointContext
from .prepared_commands import EXECUTIONS, must_execute
from .registry import FIRST_CLIENT_NUMBER
from .transaction_ends import only_commits, only_rolls_back

if TYPE_CHECKING:
    from .limit_phase import LimitPhase

__all__ = ["Gate", "has_rules", "session_variables"]

_QUERY, _PREPARE, _INIT_DB = int(Command.QUERY), int(Command.STMT_PREPARE), int(Command.INIT_DB)
_KILL = int(Command.PROCESS_KILL)
#: Those that statements_per_second counts.
_COUNTED: Final = EXECUTIONS | {_QUERY, _PREPARE}
#: Those that are run in the session's schema.
_IN_SCHEMA: Final = _COUNTED | {int(Command.FIELD_LIST)}
#: FLUSH and the like.
_NOT_FOR_READERS: Final = frozenset({int(Command.REFRESH), int(Command.DEBUG)})
_IN_TRANSACTION, _IN_READ_ONLY = int(Status.IN_TRANS), int(Status.IN_TRANS_READONLY)
#: What most statements begin with, and neither COMMIT nor ROLLBACK.
_NO_END: Final = frozenset(bytes((byte,)) for byte in b"DISUWdisuw")
#: Session variables by which a server reads texts.
_OF_DIALECT: Final = frozenset({"sql_mode", "character_set_client"})
_VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")


def session_variables(
    tenant: Tenant | None, *, is_read_only: bool, is_mariadb: bool, version: str = ""
) -> tuple[tuple[str, str], ...]:
    """What a session begins with, and has again after a reset, as the variables of Settings."""
    limits = NO_LIMITS if tenant is None else tenant.limits
    found: list[tuple[str, str]] = []
    if limits.lock_wait_timeout:
        found += [(name, str(limits.lock_wait_timeout)) for name in LOCK_WAITS]
    if is_read_only or limits.read_only:
        found.append((_read_only_name(version, is_mariadb=is_mariadb), "ON"))
    return tuple(found)


def _read_only_name(version: str, *, is_mariadb: bool) -> str:
    found = _VERSION.match(version)
    number = tuple(map(int, found.groups())) if found is not None else ()
    if is_mariadb:
        return "transaction_read_only" if number >= (11, 1, 1) else "tx_read_only"
    return "tx_read_only" if number and number < (5, 7, 20) else "transaction_read_only"


@lru_cache(maxsize=16)
def _read_only_screen(functions: tuple[str, ...], version: str, is_mariadb: bool) -> ReadOnlyScreen:
    return ReadOnlyScreen(StatementKinds(read_functions(functions, [(version, is_mariadb)])))


def has_rules(limits: TenantLimits, *, is_read_only: bool) -> bool:
    """Whether commands have to be looked at."""
    return bool(
        is_read_only
        or limits.read_only
        or limits.statements_per_second
        or limits.lock_wait_timeout
        or limits.allowed_schemas
    )


class Gate:
    """Says of each command of one session whether the limits allow it; made anew when they change."""

    __slots__ = (
        "_context",
        "_is_read_only",
        "_is_spared",
        "_limits",
        "_phase",
        "_tenant",
        "_variables",
        "ends_session",
    )

    def __init__(self, phase: "LimitPhase", context: EndpointContext, limits: TenantLimits) -> None:
        self._phase = phase
        self._context = context
        self._limits = limits
        self._tenant: Tenant | None = phase.key.tenant
        self._is_read_only: bool = phase.key.is_read_only or limits.read_only
        #: The refusal is the last that the client hears.
        self.ends_session = False
        #: The present transaction is older than the rule that it may only read.
        self._is_spared = False
        facts = context.facts()
        self._variables = session_variables(
            self._tenant,
            is_read_only=self._is_read_only,
            is_mariadb=facts.is_mariadb,
            version=facts.version,
        )

    def follow(self, former: "Gate | None") -> None:
        """Take the place of another one. A transaction that was allowed to write then may still commit."""
        may_write = former is None or not former._is_read_only or former._is_spared
        self._is_spared = may_write and self._has_writing_transaction()

    def refusal(self, packet: bytes, text: bytes | None) -> ClientError | None:
        """Why the session may not run a command, or None.

        ``text``: that of a COM_QUERY or COM_STMT_PREPARE; None where it is not whole, or has none.
        """
        phase, code = self._phase, packet[HEADER]
        settings = phase.value.settings
        is_query = code == _QUERY and text is not None and text[:1] not in _NO_END
        if is_query and only_rolls_back(packet, settings):
            return None
        if not self._has_writing_transaction():
            self._is_spared = False
        elif self._is_read_only and not self._is_spared:
            # Something has lifted the server's rule: what it did is not to be committed.
            self.ends_session = True
            return self._no_write()
        if is_query and only_commits(packet, settings):
            return None
        if code in _COUNTED and self._limits.statements_per_second and self._is_too_fast(code, packet):
            limit = self._limits.statements_per_second
            return statement_rate_exceeded(phase.key.tenant.name, limit)
        self._bring_down()
        return (
            self._schema_refusal(code, packet, text)
            or self._lock_wait_refusal(text)
            or self._write_refusal(code, packet, text)
        )

    def _is_too_fast(self, code: int, packet: bytes) -> bool:
        if code in EXECUTIONS and must_execute(self._phase, packet):
            return False
        return self._tenant is not None and not self._tenant.statements.allows(self._phase.seconds())

    # What the session has come to

    def _bring_down(self) -> None:
        """See to it that the next statement finds the variables as they have to be."""
        value = self._phase.value
        variables = value.settings.variables
        wrong = [(name, most) for name, most in self._variables if _exceeds(variables.get(name), most)]
        if wrong:
            self._phase.tenancy.wanted_variables = wrong

    def _has_writing_transaction(self) -> bool:
        status = self._phase.value.status
        return bool(status & _IN_TRANSACTION) and not status & _IN_READ_ONLY

    # Schemas

    def _schema_refusal(self, code: int, packet: bytes, text: bytes | None) -> ClientError | None:
        allowed = self._limits.allowed_schemas
        if not allowed:
            return None
        if code == _INIT_DB:
            chosen = frozenset({packet[HEADER + 1 :].decode("utf-8", "surrogateescape")})
        else:
            used = () if text is None else [schemas_used(text, each) for each in self._dialects()]
            chosen = frozenset().union(*used)
        if not chosen and code in _IN_SCHEMA:
            # A procedure may have left it selected, or a reload may have changed what is allowed.
            chosen = frozenset({self._phase.value.settings.schema})
        denied = sorted(schema for schema in chosen if not is_allowed(schema, allowed))
        if not denied:
            return None
        if self._tenant is not None:
            self._tenant.refused_schemas += 1
        name = "" if denied[0] == UNCERTAIN else denied[0].encode("utf-8", "replace").decode()
        return schema_denied(self._phase.key.username, name)

    # Waits for locks

    def _lock_wait_refusal(self, text: bytes | None) -> ClientError | None:
        most = self._limits.lock_wait_timeout
        if not most or text is None:
            return None
        prepared = self._phase.screened(text).prepared
        source = None if prepared is None else self._source(prepared)
        texts = (text,) if source is None else (text, source)
        excesses = (excess_in(each, most, dialect) for each in texts for dialect in self._dialects())
        excess = next((each for each in excesses if each is not None), None)
        if excess is None:
            return None
        if self._tenant is not None:
            self._tenant.refused_settings += 1
        return value_refused(*excess)

    # Writes

    def _write_refusal(self, code: int, packet: bytes, text: bytes | None) -> ClientError | None:
        if not self._is_read_only or self._may_read(code, packet, text):
            return None
        if self._tenant is not None:
            self._tenant.refused_writes += 1
        return self._no_write()

    def _no_write(self) -> ClientError:
        return read_only_user(self._phase.key.username)

    def _may_read(self, code: int, packet: bytes, text: bytes | None) -> bool:
        if code in (_QUERY, _PREPARE):
            return text is not None and self._permits(text)
        if code in EXECUTIONS:
            statement = self._phase.value.statements.get(statement_id(packet)) if len(packet) > 8 else None
            prepared = None if statement is None else statement.prepared
            # One whose text is not known was looked at when it was prepared.
            return prepared is None or self._permits_text(prepared.text)
        if code == _KILL:
            return int.from_bytes(packet[HEADER + 1 :], "little") >= FIRST_CLIENT_NUMBER
        return code not in _NOT_FOR_READERS

    def _permits(self, text: bytes) -> bool:
        verdict = self._phase.screened(text)
        if verdict.shows_proxy:
            return True
        if verdict.kill is not None:
            return verdict.kill.is_for_client(FIRST_CLIENT_NUMBER)
        prepared = verdict.prepared
        if prepared is None or (b"\\" in text and len(self._dialects()) > 1):
            return self._permits_text(text)
        if isinstance(prepared, TextDeallocate):
            return True
        if isinstance(prepared, TextExecute) and prepared.name:
            # A name that is not known is that of a statement which was looked at when it was prepared.
            statement = self._phase.value.texts.shared.get(prepared.name)
            return statement is None or self._permits_text(statement.source)
        source = self._source(prepared)
        return source is not None and self._permits_text(source)

    def _permits_text(self, text: bytes) -> bool:
        facts = self._context.facts()
        functions = self._context.options.read_only_functions
        screen = _read_only_screen(functions, facts.version, facts.is_mariadb)
        return all(screen.permits(text, dialect) for dialect in self._dialects())

    def _dialects(self) -> Sequence[Dialect]:
        """How the server may read a text."""
        if self._phase.value.unreported.isdisjoint(_OF_DIALECT):
            return (self._phase.dialect(),)
        return tuple(Dialect)

    def _source(self, prepared: TextStatement) -> bytes | None:
        """The text that a PREPARE or an EXECUTE IMMEDIATE takes, where that is certain."""
        if isinstance(prepared, TextPrepare):
            source = prepared.source
        elif isinstance(prepared, TextExecute):
            source = prepared.immediate
        else:
            return None
        if source is not None or not prepared.variable:
            return source
        value = self._phase.value
        name, variables = prepared.variable, value.variables
        if value.is_doubtful or name in variables.asked or name in variables.not_held:
            return None
        held = variables.values.get(name)
        if held is None or held.kind is not Kind.STRING or held.value is None or not held.value.isascii():
            return None
        return held.value


def _exceeds(present: str | None, most: str) -> bool:
    """Whether a variable is not what it has to be, or is more than it may be."""
    if present is None or not most.isdecimal():
        return present != most
    try:
        return float(present) > int(most)
    except ValueError:
        return True
