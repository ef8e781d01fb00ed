"""The rules of ProxySQL and MySQL Router that the table names, each with where it comes from.

ProxySQL: its documentation, "Multiplexing" (proxysql.com/documentation/multiplexing), and for what that
leaves open `lib/MySQL_Session.cpp` and `lib/mysql_connection.cpp` of its sources. MySQL Router: its manual,
"Connection Sharing and Pooling", and `classic_query_forwarder.cc` of its sources.
"""

from .case import Answer, Peer

__all__ = ["PROXYSQL", "ROUTER", "ProxySql", "Router"]

PROXYSQL = "Multiplexing"
ROUTER = "Connection Sharing"


class ProxySql:
    """Rules of ProxySQL."""

    NEVER = Peer(Answer.NEVER, f"{PROXYSQL}: none of its conditions")
    TRACKED = Peer(Answer.NEVER, f"{PROXYSQL}: among the variables that are compared and set again")
    TRANSACTION = Peer(Answer.NEVER, f"{PROXYSQL}: off for the transaction only")
    AT_SIGN = Peer(Answer.PINS, f"{PROXYSQL}: a digest with @, but for a list of exceptions")
    UNPARSED_SET = Peer(Answer.PINS, f"{PROXYSQL}: a SET that is not parsed locks the hostgroup")
    PREPARE = Peer(Answer.PINS, f"{PROXYSQL}: text PREPARE; nothing turns it on again")
    BINARY = Peer(Answer.NEVER, "Prepared statements: shared by a cache of the process")
    TEMPORARY = Peer(Answer.PINS, f"{PROXYSQL}: CREATE TEMPORARY TABLE; DROP is not looked at")
    LOCK_TABLES = Peer(Answer.UNPINS, f"{PROXYSQL}: both kinds of lock, until UNLOCK TABLES")
    GET_LOCK = Peer(Answer.PINS, f"{PROXYSQL}: GET_LOCK(; RELEASE_LOCK is not looked at")
    FOUND_ROWS = Peer(Answer.PINS, f"{PROXYSQL}: SQL_CALC_FOUND_ROWS; nothing turns it on again")
    WARNINGS = Peer(Answer.UNPINS, f"{PROXYSQL}: until a statement other than SHOW WARNINGS")
    INSERT_ID = Peer(Answer.UNPINS, f"{PROXYSQL}: mysql-auto_increment_delay_multiplex, five statements")
    UNKNOWN = Peer(Answer.UNKNOWN, "not documented")


class Router:
    """Rules of MySQL Router, with connection sharing on."""

    NEVER = Peer(Answer.NEVER, f"{ROUTER}: none of its conditions")
    TRACKED = Peer(Answer.NEVER, f"{ROUTER}: all variables are tracked by value and set again")
    TRANSACTION = Peer(Answer.NEVER, f"{ROUTER}: not shared during the transaction only")
    NEXT_TRANSACTION = Peer(Answer.UNPINS, f"{ROUTER}: not shared until its transaction has ended")
    USER_VARIABLE = Peer(Answer.PINS, f"{ROUTER}: user variables, until close or reset")
    PREPARED = Peer(Answer.PINS, f"{ROUTER}: prepared statements, until close or reset")
    TEMPORARY = Peer(Answer.PINS, f"{ROUTER}: temporary tables, until close or reset")
    LOCK_TABLES = Peer(Answer.UNPINS, f"{ROUTER}: LOCK TABLES, until their end")
    FLUSH_TABLES = Peer(Answer.PINS, "classic_query_forwarder.cc: FLUSH TABLES WITH is not sharable")
    GET_LOCK = Peer(Answer.PINS, f"{ROUTER}: GET_LOCK, until close or reset")
    FOUND_ROWS = Peer(Answer.PINS, f"{ROUTER}: SQL_CALC_FOUND_ROWS, until close or reset")
    STATE_CHANGE = Peer(Answer.PINS, f"{ROUTER}: the server reports a changed session state")
    WARNINGS = Peer(Answer.NEVER, "classic_query_forwarder.cc: SHOW WARNINGS is answered from a copy")
    REFUSED = Peer(Answer.ERROR, "classic_query_forwarder.cc: refused while sharing")
    RESET = Peer(Answer.UNPINS, f"{ROUTER}: until close or reset")
    UNKNOWN = Peer(Answer.UNKNOWN, "not documented")
