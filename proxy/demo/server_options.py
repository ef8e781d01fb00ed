"""How a private MariaDB is set up where its starter does not say otherwise."""

from .child import LOOPBACK

__all__ = ["CLEAN_ACCOUNTS", "SERVER_OPTIONS", "STORAGE_OPTIONS"]

# The data are thrown away with the folder, so durability is traded for a start within a second.
STORAGE_OPTIONS = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-innodb-doublewrite",
)
SERVER_OPTIONS = (
    f"--bind-address={LOOPBACK}",
    "--skip-name-resolve",
    "--performance-schema=OFF",
    "--sync-binlog=0",
    "--local-infile=1",
    "--character-set-server=utf8mb4",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
)
# An anonymous account on localhost shadows named ones, and root without a password must not be had over TCP.
CLEAN_ACCOUNTS = (
    "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');"
    "FLUSH PRIVILEGES;"
)
