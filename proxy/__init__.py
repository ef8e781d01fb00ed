"""rds-proxy: a MySQL-protocol database proxy that behaves like AWS RDS Proxy."""

from importlib import metadata

__all__ = ["__version__"]

__version__ = metadata.version("rds-proxy")
