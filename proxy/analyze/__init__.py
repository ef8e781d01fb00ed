"""`rds-proxy analyze`: what of a general query log would pin under RDS Proxy, and what here."""
