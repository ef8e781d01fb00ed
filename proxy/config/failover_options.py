"""Options of `[proxy]` that say what becomes of a client's work when its database is lost."""

import attrs

from .limit_options import KIBIBYTE, MEBIBYTE
from .options import option

__all__ = ["FailoverOptions"]


@attrs.frozen(kw_only=True, slots=False)
class FailoverOptions:
    """What is done for clients in a failover. Without slots, so that it can be a second base."""

    transaction_replay: str = option(
        "off",
        choices=("off", "safe"),
        description="Transactions whose target is lost. `off`: an error, as from RDS. `safe`: run again on "
        "the new writer, and go on if all results are the same.",
    )
    transaction_replay_max_size: int = option(
        MEBIBYTE,
        unit="bytes",
        minimum=KIBIBYTE,
        maximum=64 * MEBIBYTE,
        description="Most bytes of statements kept of one transaction; a longer one is not replayed.",
    )
    transaction_replay_timeout: float = option(
        30.0,
        unit="s",
        minimum=0.1,
        maximum=300,
        description="How long the replay of a transaction may take, the wait for a new writer included.",
    )
    in_doubt_timeout: float = option(
        10.0,
        unit="s",
        minimum=0,
        maximum=300,
        description="How long the proxy tries to find out whether a COMMIT or write whose answer was lost "
        "has happened. It is never run twice.",
    )
