"""What pins a session under RDS Proxy, ProxySQL, MySQL Router and here: the table of docs/pinning.md."""
