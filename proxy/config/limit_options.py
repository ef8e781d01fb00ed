"""Options of `[proxy]` that bound what clients may take: connections, time, bytes, entries."""

import attrs

from .options import option

__all__ = ["LimitOptions"]

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
GIBIBYTE = 1024 * MEBIBYTE


@attrs.frozen(kw_only=True, slots=False)
class LimitOptions:
    """What clients may take. Without slots, so that `ProxyConfig` can have a second base."""

    max_client_connections: int = option(
        10_000,
        minimum=1,
        maximum=1_000_000,
        description="Most client connections at a time; further ones are refused.",
    )
    max_client_connections_per_address: int = option(
        0,
        minimum=0,
        maximum=1_000_000,
        description="Most client connections at a time from one address, the one in the PROXY header where "
        "there is one. 0 sets no limit. Clients of the Unix socket have no address.",
    )
    max_client_connections_per_user: int = option(
        0,
        minimum=0,
        maximum=1_000_000,
        description="Most client connections at a time that are logged in as one user. 0 sets no limit.",
    )
    client_connection_rate_limit: int = option(
        1000,
        unit="connections/s",
        minimum=0,
        maximum=1_000_000,
        description="New client connections per second, as many of them at once; further ones are refused. "
        "0 sets no limit.",
    )
    handshake_timeout: float = option(
        10.0,
        unit="s",
        minimum=0.1,
        maximum=300,
        description="A client that has not logged in after this long is disconnected.",
    )
    max_login_packet_size: int = option(
        128 * KIBIBYTE,
        unit="bytes",
        minimum=4 * KIBIBYTE,
        maximum=16 * MEBIBYTE,
        description="Longest packet a client may send before it has logged in.",
    )
    max_statement_size: int = option(
        64 * MEBIBYTE,
        unit="bytes",
        minimum=KIBIBYTE,
        maximum=GIBIBYTE,
        description="Longest statement a client may send; a longer one is refused.",
    )
    session_memory_limit: int = option(
        MEBIBYTE,
        unit="bytes",
        minimum=256 * KIBIBYTE,
        maximum=64 * MEBIBYTE,
        description="Most memory for the bytes of one session: an eighth for a statement to be screened, a "
        "quarter for a packet that ends a response, a sixteenth for what a client sends ahead.",
    )
    max_prepared_statements_per_client: int = option(
        16_382,
        minimum=1,
        maximum=1_048_576,
        description="Most prepared statements that one client may have at a time.",
    )
    max_prepared_statements_per_connection: int = option(
        100,
        minimum=1,
        maximum=65_535,
        description="Most statements that stay prepared on one database connection; the one not used for "
        "longest is closed for another. Fewer where all connections could use up the target's "
        "`max_prepared_stmt_count`.",
    )
    statement_cache_entries: int = option(
        1000,
        unit="statements",
        minimum=0,
        maximum=1_000_000,
        description="Statements whose screening is remembered, for all clients together and for each way of "
        "reading string literals. 0 remembers none.",
    )
